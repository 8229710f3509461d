/* scenes_wait.h: descriptors and wait sets: made, armed, rung, closed; by the living for the dead.
 * Included by scenes.h, whose streams these are. */

/* Opens the reader's end with a descriptor, and arms it. */
static int open_armed(spg_stream **reader) {
    char byte;
    int result = open_stream(reader, SPG_STREAM_READER);
    if (result < 0) return result;
    int fd = spg_stream_fd(*reader);
    if (fd >= 0) {
        result = spg_stream_read(*reader, &byte, 1, SPG_NOWAIT);
        if (result == SPG_EAGAIN) return 0;
        if (result >= 0) return 0;
        fd = result;
    }
    spg_stream_close(*reader);
    return fd;
}

static int arm_and_close(void) {
    spg_stream *reader;
    int result = open_armed(&reader);
    return result < 0 ? result : spg_stream_close(reader);
}

/* Both ends in one process: the bell is rung, and found rung. */
static int ring_and_hear(void) {
    spg_stream *reader, *writer;
    char bytes[9];
    int result = open_stream(&writer, SPG_STREAM_WRITER);
    if (result < 0) return result;
    result = open_armed(&reader);
    if (result == 0) {
        result = spg_stream_write(writer, "abcdefgh", 8, SPG_NOWAIT);
        if (result == 8) result = spg_stream_read(reader, bytes, 8, SPG_NOWAIT);
        if (result == 8) result = spg_stream_read(reader, bytes, 8, SPG_NOWAIT);
        if (result == SPG_EAGAIN) result = 0;
        spg_stream_close(reader);
    }
    spg_stream_close(writer);
    return result;
}

/* A reader that has come to this process's stream, armed, and died. */
static void come_armed_and_die(void) {
    spg_stream *reader;
    spg__seam = NULL;
    CHECK_OK(open_armed(&reader));
    raise(SIGKILL);
}

static int ring_the_dead(void) {
    spg_stream *writer;
    int result = open_stream(&writer, SPG_STREAM_WRITER);
    if (result < 0) return result;
    in_a_killed_process(come_armed_and_die);
    result = spg_stream_write(writer, "abcdefgh", 8, SPG_NOWAIT);
    spg_stream_close(writer);
    return result < 0 ? result : 0;
}

static void prepare_dead_armed_reader(void) {
    in_a_killed_process(come_armed_and_die);
}

static int wait_in_a_set(void) {
    spg_stream *reader, *writer;
    spg_waitset *set;
    void *tag;
    int result = spg_waitset_open(&set);
    if (result < 0) return result;
    result = open_stream(&writer, SPG_STREAM_WRITER);
    if (result == 0) {
        result = open_stream(&reader, SPG_STREAM_READER);
        if (result == 0) {
            result = spg_waitset_add(set, spg_stream_waitable(reader), NULL);
            if (result == 0) result = spg_waitset_wait(set, &tag, 1, MILLISECONDS(3));
            if (result == SPG_ETIMEDOUT) result = spg_stream_write(writer, "x", 1, SPG_NOWAIT);
            if (result == 1) result = spg_waitset_wait(set, &tag, 1, MILLISECONDS(50));
            spg_stream_close(reader);
        }
        spg_stream_close(writer);
    }
    spg_waitset_close(set);
    return result < 0 ? result : 0;
}

/* A new conversation, in poll; and no bell of the dead is left when they are collected. */
static void survive_bells(void) {
    survive_reader();
    CHECK_OK(ring_and_hear());
    CHECK_OK(spg_collect(NULL, NULL));
    DIR *directory = opendir(getenv("SAMEPAGE_DOMAIN"));
    struct dirent *entry;
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (strncmp(entry->d_name, "bell-", 5) == 0) FAIL("%s is left", entry->d_name);
    }
    closedir(directory);
}

#define WAIT_SCENES                                                                                \
    {"arm a descriptor and close it", prepare_domain, arm_and_close, survive_bells},               \
        {"arm where an armed reader died", prepare_dead_armed_reader, arm_and_close,               \
         survive_bells},                                                                           \
        {"ring and hear", prepare_domain, ring_and_hear, survive_bells},                           \
        {"ring the dead", prepare_domain, ring_the_dead, survive_bells},                           \
        {"collect a dead reader's bell", prepare_dead_armed_reader, collect, survive_bells}, {     \
        "wait in a wait set", prepare_domain, wait_in_a_set, survive_bells                         \
    }
