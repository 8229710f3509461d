/* subscriber_memory.c: a topic's memory as a descriptor, and where in it a message lies: for those
 * who hand messages on as they are, to another program that maps the file.
 *
 * The descriptor is a new opening for reading only: through it nobody can make a mapping to write
 * through, whatever this process may do. The opening that made our own mapping is closed; so the
 * file is opened again under its name, if that still stands for it. */
#include "base/error.h"
#include "channel/subscriber.h"

static int open_again(const struct spg__channel *channel) {
    struct spg__file_facts facts;
    spg__file file;
    int result = spg__file_open(&file, channel->domain->directory, channel->file_name,
                                SPG__FILE_READ);
    if (result < 0) return spg__fail_system(result, "cannot open %.300s", channel->file_name);
    result = spg__file_facts(file, &facts);
    if (result == 0 && spg__same_file(&facts, &channel->facts)) return file;
    spg__file_close(file);
    if (result < 0) return spg__fail_system(result, "%.300s", channel->file_name);
    return spg__fail(SPG_ENOENT, "%.300s: its name was taken away, and stands for another now",
                     channel->file_name);
}

int spg_subscriber_memory_fd(spg_subscriber *subscriber) {
    if (!spg__channel_is_own(&subscriber->topic.channel)) return SPG_EFORKED;
    return open_again(&subscriber->topic.channel);
}

int spg_subscriber_offset(const spg_subscriber *subscriber, const spg_message *message,
                          uint64_t *offset) {
    const struct spg__topic *topic = &subscriber->topic;
    if (!spg__channel_is_own(&topic->channel)) return SPG_EFORKED;
    if (!message || !offset || message->ticket >= topic->shape.holds) return SPG_EINVAL;
    uint64_t sequence = subscriber->tickets[message->ticket].sequence;
    if (sequence == 0 || sequence - topic->shape.first + 1 != message->sequence) return SPG_EINVAL;
    /* Below the file's address this wraps round, to what is larger than any file. */
    uint64_t distance = (uint64_t)((uintptr_t)message->data - (uintptr_t)topic->channel.address);
    if (distance >= topic->channel.size) return SPG_ENOTSUP;
    *offset = distance;
    return 0;
}
