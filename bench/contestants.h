/* contestants.h: the list; entries are ONE(name) or SOME(name, count). No guard: read twice. */
ONE(limit_mailbox)
ONE(limit_one_buffer)
ONE(limit_hand_off)
ONE(limit_futex)
ONE(limit_futex_asleep)
ONE(limit_eventfd)
ONE(limit_eventfd_asleep)
ONE(limit_ring)
ONE(limit_ring_patient)
ONE(limit_ring_batched)
ONE(limit_hand_over)
ONE(limit_bytes)
ONE(limit_bytes_patient)
ONE(limit_claim_2)
ONE(limit_claim_4)
ONE(limit_copy)

ONE(topic_polling)
ONE(topic_spinning)
ONE(topic_waiting)
ONE(topic_asleep)
ONE(topic_poll)
ONE(topic_poll_asleep)
ONE(topic_hand_off)
ONE(topic_one_way)
ONE(topic_batched)
ONE(topic_one_way_16)
ONE(topic_in_slots)
ONE(topic_hand_over)
ONE(topic_two_publishers)
ONE(topic_four_publishers)
ONE(topic_fan_out)
ONE(cell_alone)
ONE(cell_disturbed)
ONE(stream_bytes)
ONE(stream_in_place)
ONE(queue_polling)
ONE(queue_asleep)
ONE(queue_one_way)
ONE(service_polling)
ONE(service_waiting)
ONE(service_asleep)

ONE(peer_plain_queue)
SOME(peer_pipes, 5)
SOME(peer_streams, 5)
SOME(peer_packets, 5)
SOME(peer_tcp, 5)
SOME(peer_mq, 4)
SOME(peer_sysv, 4)
#ifdef WITH_BOOST
SOME(peer_boost, 4)
#endif
#ifdef WITH_ZEROMQ
SOME(peer_zeromq, 3)
#endif
#ifdef WITH_NNG
SOME(peer_nng, 3)
#endif
#ifdef NATS_SERVER
SOME(peer_nats, 3)
#endif
#ifdef WITH_UCX
SOME(peer_ucx, 4)
#endif
#ifdef MPIRUN
SOME(peer_mpi, 2)
#endif
#ifdef WITH_CYCLONE
SOME(peer_cyclone, 3)
#endif
#ifdef WITH_FASTDDS
SOME(peer_fastdds, 6)
#endif
#ifdef WITH_ICEORYX2
SOME(peer_iceoryx2, 6)
#endif
#ifdef AERON_JAR
SOME(peer_aeron, 2)
#endif
