/* contestants.c: all there are, the limits first. What is not on the machine was left out by CMake,
 * and is named in the table. */
#include "contest.h"

#define ONE(NAME) extern const struct contestant NAME;
#define SOME(NAME, COUNT) extern const struct contestant NAME[COUNT];
#include "contestants.h"
#undef ONE
#undef SOME

#define ONE(NAME) &NAME,
#define SOME(NAME, COUNT) SOME_##COUNT(NAME)
#define SOME_2(NAME) &NAME[0], &NAME[1],
#define SOME_3(NAME) &NAME[0], &NAME[1], &NAME[2],
#define SOME_4(NAME) SOME_3(NAME) & NAME[3],
#define SOME_5(NAME) SOME_4(NAME) & NAME[4],
#define SOME_6(NAME) SOME_5(NAME) & NAME[5],
const struct contestant *const contestants[] = {
#include "contestants.h"
};
const int contestant_count = sizeof contestants / sizeof contestants[0];

static const char missing[] = ""
#ifndef AERON_JAR
                              ", Aeron (aeron-all by Maven, a JDK)"
#endif
#ifndef WITH_ICEORYX2
                              ", iceoryx2 (its crate by cargo)"
#endif
#ifndef WITH_UCX
                              ", UCX (libucx-dev)"
#endif
#ifndef MPIRUN
                              ", Open MPI (libopenmpi-dev, openmpi-bin)"
#endif
#ifndef WITH_CYCLONE
                              ", Cyclone DDS (cyclonedds-dev, cyclonedds-tools)"
#endif
#ifndef WITH_FASTDDS
                              ", Fast DDS (libfastrtps-dev)"
#endif
#ifndef WITH_BOOST
                              ", Boost.Interprocess (libboost-dev)"
#endif
#ifndef WITH_ZEROMQ
                              ", ZeroMQ (libzmq3-dev)"
#endif
#ifndef WITH_NNG
                              ", nng (libnng-dev)"
#endif
#ifndef NATS_SERVER
                              ", NATS (nats-server, libnats-dev)"
#endif
    ;
const char *const left_out = sizeof missing > 1 ? missing + 2 : "nothing";
