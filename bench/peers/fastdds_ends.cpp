// fastdds_ends.cpp: a writer and a reader of Fast DDS that share their samples in memory and lend
// them ("data-sharing" with a plain type, which its documentation calls zero copy). Discovery and
// acknowledgements go over its shared-memory transport, nothing over a network.
#include "fastdds_ends.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fastdds/dds/core/LoanableSequence.hpp>
#include <fastdds/dds/domain/DomainParticipant.hpp>
#include <fastdds/dds/domain/DomainParticipantFactory.hpp>
#include <fastdds/dds/publisher/DataWriter.hpp>
#include <fastdds/dds/publisher/Publisher.hpp>
#include <fastdds/dds/subscriber/DataReader.hpp>
#include <fastdds/dds/subscriber/SampleInfo.hpp>
#include <fastdds/dds/subscriber/Subscriber.hpp>
#include <fastdds/dds/topic/TopicDataType.hpp>
#include <fastdds/dds/topic/TypeSupport.hpp>
#include <fastdds/rtps/transport/shared_mem/SharedMemTransportDescriptor.h>

#include "bench.h"

using namespace eprosima::fastdds::dds;
using eprosima::fastdds::rtps::SharedMemTransportDescriptor;
using eprosima::fastrtps::c_TimeInfinite;
using eprosima::fastrtps::rtps::InstanceHandle_t;
using eprosima::fastrtps::rtps::PREALLOCATED_MEMORY_MODE;
using eprosima::fastrtps::rtps::SerializedPayload_t;

// A sample that is read must not be written anew: it is acknowledged when it is taken. The one that
// the writer has filled, and one more that it lends next, come before it.
enum { EXTRA_SAMPLES = 3, MATCH_LOOK_NS = 1000 * 1000 };

// So many bytes, which are sent as they are.
class Plain : public TopicDataType {
  public:
    explicit Plain(size_t size) : size_(size) {
        setName("bench_plain");
        m_typeSize = static_cast<uint32_t>(size) + SerializedPayload_t::representation_header_size;
    }

    bool serialize(void *data, SerializedPayload_t *payload) override {
        payload->length = m_typeSize;
        std::memset(payload->data, 0, SerializedPayload_t::representation_header_size);
        std::memcpy(payload->data + SerializedPayload_t::representation_header_size, data, size_);
        return true;
    }

    bool deserialize(SerializedPayload_t *payload, void *data) override {
        std::memcpy(data, payload->data + SerializedPayload_t::representation_header_size, size_);
        return true;
    }

    std::function<uint32_t()> getSerializedSizeProvider(void *) override {
        return [this] { return m_typeSize; };
    }

    void *createData() override { return std::malloc(size_); }
    void deleteData(void *data) override { std::free(data); }
    bool getKey(void *, InstanceHandle_t *, bool) override { return false; }
    bool is_bounded() const override { return true; }
    bool is_plain() const override { return true; }

  private:
    size_t size_;
};

struct first_byte {
    unsigned char byte;
};

struct fastdds_ends {
    DomainParticipant *participant;
    DataWriter *writer;
    DataReader *reader;
    LoanableSequence<first_byte> samples;
    SampleInfoSeq infos;
};

static DomainParticipant *make_participant(unsigned network) {
    DomainParticipantQos quality = PARTICIPANT_QOS_DEFAULT;
    quality.transport().use_builtin_transports = false;
    quality.transport().user_transports.push_back(std::make_shared<SharedMemTransportDescriptor>());
    // Nobody is told to be alive while others are measured.
    auto &discovery = quality.wire_protocol().builtin.discovery_config;
    discovery.leaseDuration = c_TimeInfinite;
    return DomainParticipantFactory::get_instance()->create_participant(network, quality);
}

// What a writer and a reader have in common.
template <typename Quality> static void set_quality(Quality &quality, unsigned samples) {
    quality.reliability().kind = RELIABLE_RELIABILITY_QOS;
    quality.reliability().max_blocking_time = c_TimeInfinite;
    quality.durability().kind = VOLATILE_DURABILITY_QOS;
    quality.history().kind = KEEP_ALL_HISTORY_QOS;
    quality.resource_limits().max_instances = 1;
    quality.resource_limits().max_samples = static_cast<int32_t>(samples);
    quality.resource_limits().max_samples_per_instance = static_cast<int32_t>(samples);
    quality.resource_limits().allocated_samples = static_cast<int32_t>(samples);
    quality.resource_limits().extra_samples = EXTRA_SAMPLES;
    quality.endpoint().history_memory_policy = PREALLOCATED_MEMORY_MODE;
    quality.data_sharing().on("");
}

static DataWriter *make_writer(DomainParticipant *participant, const char *name,
                               unsigned samples) {
    DataWriterQos quality = DATAWRITER_QOS_DEFAULT;
    set_quality(quality, samples);
    Topic *topic = participant->create_topic(name, "bench_plain", TOPIC_QOS_DEFAULT);
    Publisher *publisher = participant->create_publisher(PUBLISHER_QOS_DEFAULT);
    must(!topic || !publisher);
    return publisher->create_datawriter(topic, quality);
}

static DataReader *make_reader(DomainParticipant *participant, const char *name,
                               unsigned samples) {
    DataReaderQos quality = DATAREADER_QOS_DEFAULT;
    set_quality(quality, samples);
    Topic *topic = participant->create_topic(name, "bench_plain", TOPIC_QOS_DEFAULT);
    Subscriber *subscriber = participant->create_subscriber(SUBSCRIBER_QOS_DEFAULT);
    must(!topic || !subscriber);
    return subscriber->create_datareader(topic, quality);
}

static bool are_matched(const fastdds_ends *ends) {
    PublicationMatchedStatus out;
    SubscriptionMatchedStatus in;
    must(ends->writer->get_publication_matched_status(out)());
    must(ends->reader->get_subscription_matched_status(in)());
    return out.current_count == 1 && in.current_count == 1;
}

fastdds_ends *fastdds_open(unsigned network, const char *out, const char *in, size_t size,
                           unsigned samples) {
    fastdds_ends *ends = new fastdds_ends;
    ends->participant = make_participant(network);
    must(!ends->participant);
    must(TypeSupport(new Plain(size)).register_type(ends->participant)());
    ends->writer = make_writer(ends->participant, out, samples);
    ends->reader = make_reader(ends->participant, in, samples);
    must(!ends->writer || !ends->reader);
    while (!are_matched(ends)) sleep_ns(MATCH_LOOK_NS);
    return ends;
}

void fastdds_close(fastdds_ends *ends) {
    ends->participant->delete_contained_entities();
    DomainParticipantFactory::get_instance()->delete_participant(ends->participant);
    delete ends;
}

void *fastdds_loan(fastdds_ends *ends) {
    void *sample;
    return ends->writer->loan_sample(sample) == ReturnCode_t::RETCODE_OK ? sample : nullptr;
}

bool fastdds_write(fastdds_ends *ends, void *sample) {
    return ends->writer->write(sample);
}

const void *fastdds_take(fastdds_ends *ends) {
    for (;;) {
        if (ends->reader->take(ends->samples, ends->infos, 1) != ReturnCode_t::RETCODE_OK)
            return nullptr;
        if (ends->infos[0].valid_data) return &ends->samples[0];
        ends->reader->return_loan(ends->samples, ends->infos);
    }
}

bool fastdds_return(fastdds_ends *ends) {
    bool good = ends->reader->is_sample_valid(&ends->samples[0], &ends->infos[0]);
    ends->reader->return_loan(ends->samples, ends->infos);
    return good;
}

void fastdds_wait(fastdds_ends *ends) {
    ends->reader->wait_for_unread_message(c_TimeInfinite);
}
