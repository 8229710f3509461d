/* channel.c: the files that channels are.
 *
 * Global state: the list of open channels, under the process lock. */
#include "channel/channel.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

const struct spg__channel_kind spg__kind_of_stream = {SPG__KIND_STREAM, ".stream", "stream"};
const struct spg__channel_kind spg__kind_of_topic = {SPG__KIND_TOPIC, ".topic", "topic"};
const struct spg__channel_kind spg__kind_of_cell = {SPG__KIND_CELL, ".cell", "cell"};
const struct spg__channel_kind spg__kind_of_queue = {SPG__KIND_QUEUE, ".queue", "queue"};
const struct spg__channel_kind spg__kind_of_service = {SPG__KIND_SERVICE, ".service", "service"};

static struct spg__link *open_channels;

enum { NAME_MAX_BYTES = 200 };

static bool is_name_byte(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c >= 0x80;
}

int spg__channel_file_name(char *file_name, const char *name,
                           const struct spg__channel_kind *kind) {
    size_t length = name ? strlen(name) : 0;
    if (length < 1 || length > NAME_MAX_BYTES || name[0] == '.' || name[0] == '/') {
        return spg__fail(SPG_EINVAL,
                         "%.220s: a channel's name has 1 to %d bytes and does not begin with a "
                         "dot or a slash",
                         name ? name : "NULL", NAME_MAX_BYTES);
    }
    char *to = file_name;
    for (const char *from = name; *from; from++) {
        if (!is_name_byte((unsigned char)*from)) {
            return spg__fail(SPG_EINVAL,
                             "%.220s: the name of a %s has letters, digits, '_', '-', '.', '/' "
                             "and what is beyond ASCII",
                             name, kind->word);
        }
        if (*from == '/') to = stpcpy(to, "%2F");
        else *to++ = *from;
    }
    strcpy(to, kind->suffix);
    /* A file name has at most 255 bytes everywhere. */
    if (strlen(file_name) <= 250) return 0;
    return spg__fail(SPG_EINVAL, "%.220s: with its slashes written out the name is too long", name);
}

void spg__channel_told_name(char *told, size_t size, const char *file_name,
                            const struct spg__channel_kind *kind) {
    size_t length = strlen(file_name) - strlen(kind->suffix);
    char *end = told + size - 1;
    char *to = stpcpy(stpcpy(told, kind->word), ":");
    for (size_t i = 0; i < length && to < end; i++) {
        bool slash = length - i >= 3 && strncmp(file_name + i, "%2F", 3) == 0;
        *to++ = slash ? '/' : file_name[i];
        if (slash) i += 2;
    }
    *to = '\0';
}

/* Opens the file and learns what it is. */
static int open_file(const struct spg__domain *domain, const char *file_name,
                     enum spg__file_access access, spg__file *file,
                     struct spg__file_facts *facts) {
    int result = spg__file_open(file, domain->directory, file_name, access);
    if (result < 0) return spg__fail_system(result, "cannot open %.300s", file_name);
    result = spg__file_facts(*file, facts);
    if (result < 0) {
        spg__fail_system(result, "%.300s", file_name);
    } else if (!facts->regular || facts->size < sizeof(struct spg__channel_head)) {
        result = spg__fail(SPG_ETYPE, "%.300s is no channel: it has no room for a head", file_name);
    }
    if (result < 0) spg__file_close(*file);
    return result;
}

static int check_head(const struct spg__channel_head *head, const struct spg__channel_kind *kind,
                      const struct spg__domain *domain, uint64_t size, const char *file_name) {
    int result = spg__header_check(&head->header, kind->kind, (uint32_t)spg__page_size(), size,
                                   file_name);
    /* A domain that was opened without its table has no number to compare. */
    if (result == 0 && domain->number != 0 && head->header.domain != domain->number) {
        result = spg__fail(SPG_ECORRUPT, "%.300s was put here from another domain", file_name);
    }
    return result;
}

static int read_head(spg__file file, const struct spg__channel_kind *kind,
                     const struct spg__domain *domain, uint64_t size, const char *file_name,
                     struct spg__channel_head *head) {
    void *address;
    int result = spg__memory_map(&address, file, sizeof *head, SPG__MEMORY_READ, 0);
    if (result < 0) return spg__fail_system(result, "%.300s", file_name);
    spg__copy_from_shared(head, address, sizeof *head);
    spg__memory_unmap(address, sizeof *head);
    return check_head(head, kind, domain, size, file_name);
}

int spg__channel_open(const struct spg__domain *domain, const char *file_name,
                      const struct spg__channel_kind *kind, enum spg__file_access access,
                      spg__file *file, struct spg__channel_head *head) {
    struct spg__file_facts facts;
    int result = open_file(domain, file_name, access, file, &facts);
    if (result < 0) return result;
    result = read_head(*file, kind, domain, facts.size, file_name, head);
    if (result < 0) spg__file_close(*file);
    return result;
}

/* `*address`: what is mapped of it, also after a failure; NULL: nothing. */
static int fill(spg__file file, const struct spg__channel_head *head, uint32_t mode,
                spg__channel_prepare *prepare, const void *context, void **address) {
    size_t mapped = prepare ? (size_t)head->header.size : sizeof *head;
    *address = NULL;
    int result = spg__file_reserve(file, head->header.size);
    if (result == 0)
        result = spg__memory_map(address, file, mapped, SPG__MEMORY_READ_WRITE, 0);
    if (result < 0) return result;
    spg__copy_to_shared(*address, head, sizeof *head);
    if (prepare) prepare(*address, head, context);
    return spg__file_set_mode(file, mode);
}

static void fill_head(const struct spg__domain *domain, const struct spg__channel_kind *kind,
                      struct spg__channel_head *head) {
    uint64_t size = head->header.size;
    spg__header_fill(&head->header, kind->kind, (uint32_t)spg__page_size());
    head->header.size = size;
    head->header.header_size = SPG__CHANNEL_OWN;
    head->header.domain = domain->number;
    head->header.creator = domain->own;
    head->header.created = (uint64_t)spg__clock_realtime();
}

int spg__channel_make(const struct spg__domain *domain, const char *file_name,
                      const struct spg__channel_kind *kind, uint32_t mode,
                      struct spg__channel_head *head, spg__file *file,
                      spg__channel_prepare *prepare, const void *context, void **address) {
    struct spg__new_file building;
    void *mapped = NULL;
    uint64_t size = head->header.size;
    fill_head(domain, kind, head);
    int result = SPG_ETOOBIG;
    if (size == (size_t)size) result = spg__new_file_begin(&building, domain->directory, file_name);
    if (result == 0) {
        result = fill(building.file, head, mode, prepare, context, &mapped);
        if (result == 0) result = spg__new_file_commit(&building);
        if (result < 0) spg__new_file_abandon(&building);
    }
    bool is_kept = result == 0 && address;
    if (mapped && !is_kept) spg__memory_unmap(mapped, prepare ? (size_t)size : sizeof *head);
    if (result < 0)
        return spg__fail_system(result, "cannot make %.300s of %llu bytes", file_name,
                                (unsigned long long)size);
    if (address) *address = mapped;
    *file = building.file;
    return 0;
}

/* ---- a channel as this process has it open ------------------------------------------------- */

int spg__channel_begin(struct spg__channel *channel, spg_node *node, const char *name,
                       const struct spg__channel_kind *kind) {
    int result = spg__channel_file_name(channel->file_name, name, kind);
    if (result == 0) result = spg__node_resolve(&node);
    if (result < 0) return result;
    channel->kind = kind;
    channel->node = node;
    channel->domain = &node->domain;
    channel->incarnation = spg__incarnation();
    spg__barrier_register();
    return 0;
}

/* All of it, or why not: a file that is no channel is told as that, whatever its size. */
static int map_file(struct spg__channel *channel, spg__file file, enum spg__file_access access) {
    uint64_t size = channel->facts.size;
    enum spg__memory_access how =
        access == SPG__FILE_READ ? SPG__MEMORY_READ : SPG__MEMORY_READ_WRITE;
    int result = SPG_ETOOBIG;
    if (size == (size_t)size) {
        result = spg__memory_map(&channel->address, file, (size_t)size, how, 0);
        if (result == 0) return 0;
        spg__fail_system(result, "cannot map %.300s", channel->file_name);
    } else {
        spg__fail(result, "%.300s has more bytes than can be mapped here", channel->file_name);
    }
    int head = read_head(file, channel->kind, channel->domain, size, channel->file_name,
                         &channel->head);
    return head < 0 ? head : result;
}

/* Maps all of the file, and takes and checks its head. */
static int map_all(struct spg__channel *channel, spg__file file, enum spg__file_access access) {
    int result = map_file(channel, file, access);
    if (result < 0) return result;
    uint64_t size = channel->facts.size;
    channel->size = size;
    spg__copy_from_shared(&channel->head, channel->address, sizeof channel->head);
    result = check_head(&channel->head, channel->kind, channel->domain, size, channel->file_name);
    if (result == 0 && channel->head.header.size != size) {
        result = spg__fail(SPG_ECORRUPT, "%.300s: its header and the file disagree about its size",
                           channel->file_name);
    }
    if (result < 0) spg__channel_detach(channel);
    return result;
}

int spg__channel_attach(struct spg__channel *channel, enum spg__file_access access) {
    spg__file file;
    int result = open_file(channel->domain, channel->file_name, access, &file, &channel->facts);
    if (result < 0) return result;
    result = map_all(channel, file, access);
    spg__file_close(file);
    return result;
}

int spg__channel_create(struct spg__channel *channel, uint32_t mode, spg__channel_prepare *prepare,
                        const void *context) {
    spg__file file;
    int result = spg__channel_make(channel->domain, channel->file_name, channel->kind, mode,
                                   &channel->head, &file, prepare, context, &channel->address);
    if (result < 0) return result;
    channel->size = channel->head.header.size;
    result = spg__file_facts(file, &channel->facts);
    spg__file_close(file);
    if (result == 0) return 0;
    spg__channel_detach(channel);
    return spg__fail_system(result, "%.300s", channel->file_name);
}

void spg__channel_detach(struct spg__channel *channel) {
    if (channel->address) spg__memory_unmap(channel->address, (size_t)channel->size);
    channel->address = NULL;
}

void spg__channel_unname(const struct spg__channel *channel) {
    if (spg__file_is_named(&channel->facts, channel->domain->directory, channel->file_name)) {
        spg__file_unlink(channel->domain->directory, channel->file_name);
    }
}

void spg__channel_enlist(struct spg__channel *channel) {
    spg__process_lock();
    spg__list_push(&open_channels, &channel->link);
    spg__process_unlock();
}

bool spg__channel_delist(struct spg__channel *channel, const struct spg__channel_kind *kind) {
    spg__process_lock();
    bool found = spg__list_remove(&open_channels, &channel->link);
    if (found && channel->kind != kind) {
        spg__list_push(&open_channels, &channel->link);
        found = false;
    }
    spg__process_unlock();
    return found;
}

int spg__channel_unlink(spg_node *node, const char *name, const struct spg__channel_kind *kind) {
    char file_name[SPG__CHANNEL_FILE_BYTES];
    struct spg__domain_lock lock;
    int result = spg__channel_file_name(file_name, name, kind);
    if (result == 0) result = spg__node_resolve(&node);
    if (result == 0) result = spg__domain_lock(&node->domain, &lock);
    if (result < 0) return result;
    result = spg__file_unlink(node->domain.directory, file_name);
    spg__domain_unlock(&lock);
    if (result < 0) return spg__fail_system(result, "cannot unlink %s %.220s", kind->word, name);
    return 0;
}

/* "'pose' of 24 bytes", "'pose'", "24 bytes", or "no type". */
static const char *type_text(char *text, size_t size, struct spg__message_type type) {
    if (!type.name[0] && !type.size) return "no type";
    if (!type.name[0]) snprintf(text, size, "%u bytes", type.size);
    else if (!type.size) snprintf(text, size, "'%.63s'", type.name);
    else snprintf(text, size, "'%.63s' of %u bytes", type.name, type.size);
    return text;
}

int spg__channel_check_type(const struct spg__channel *channel, struct spg__message_type held,
                            struct spg__message_type asked) {
    char name[SPG__CHANNEL_FILE_BYTES], has[96], wanted[96];
    if (!asked.name) asked.name = "";
    bool same = !asked.name[0] || strcmp(asked.name, held.name) == 0;
    if (same && (asked.size == 0 || asked.size == held.size)) return 0;
    spg__channel_told_name(name, sizeof name, channel->file_name, channel->kind);
    return spg__fail(SPG_ETYPE, "%.220s carries %s, and was opened for %s", name,
                     type_text(has, sizeof has, held), type_text(wanted, sizeof wanted, asked));
}

int spg__channel_check_mode(uint32_t *mode, const char *options) {
    if (*mode == 0) *mode = 0600;
    if ((*mode & ~0666u) == 0) return 0;
    return spg__fail(SPG_EINVAL, "%s: mode %#o has more than read and write bits", options, *mode);
}
