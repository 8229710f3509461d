/* wrong_use.c: what the headers say of NULL, of values out of range, and of handles used as those
 * of another kind or in a fork child: an error, and nothing is touched. */
#include "harness/harness.h"

#define REFUSED(call) CHECK_RESULT(SPG_EINVAL, call)

struct ends {
    spg_publisher *publisher;
    spg_subscriber *subscriber;
};

static struct ends topic_with(uint32_t holds, uint32_t policy) {
    struct ends ends;
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_subscriber_options wanted = SPG_SUBSCRIBER_OPTIONS;
    options.holds = holds;
    wanted.policy = policy;
    CHECK_OK(spg_publisher_open(&ends.publisher, NULL, "wrong", &options));
    CHECK_OK(spg_subscriber_open(&ends.subscriber, NULL, "wrong", &wanted));
    return ends;
}

static void close_both(struct ends ends) {
    CHECK_OK(spg_subscriber_close(ends.subscriber));
    CHECK_OK(spg_publisher_close(ends.publisher));
}

static spg_cell *small_cell(const char *name) {
    spg_cell *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = 8;
    CHECK_OK(spg_cell_open(&cell, NULL, name, &options));
    return cell;
}

/* ---- no handle ------------------------------------------------------------------------------- */

TEST(null_has_no_waitable_and_no_descriptor) {
    CHECK(spg_subscriber_waitable(NULL) == NULL && spg_stream_waitable(NULL) == NULL);
    CHECK(spg_cell_waitable(NULL) == NULL && spg_queue_waitable(NULL) == NULL);
    CHECK(spg_server_waitable(NULL) == NULL && spg_client_waitable(NULL) == NULL);
    REFUSED(spg_subscriber_fd(NULL));
    REFUSED(spg_stream_fd(NULL));
    REFUSED(spg_queue_fd(NULL));
    REFUSED(spg_server_fd(NULL));
    REFUSED(spg_client_fd(NULL));
    REFUSED(spg_waitable_fd(NULL));
    REFUSED(spg_cell_fd(NULL));
}

TEST(a_handle_that_is_another_s_or_closed_is_not_closed) {
    struct ends ends = topic_with(8, SPG_MAY_LOSE);
    spg_cell *cell = small_cell("wrong");
    spg_queue *queue;
    spg_server *server;
    spg_client *client;
    spg_stream *stream;
    CHECK_OK(spg_queue_open(&queue, NULL, "wrong", NULL));
    CHECK_OK(spg_server_open(&server, NULL, "wrong", NULL));
    CHECK_OK(spg_client_open(&client, NULL, "wrong", NULL));
    CHECK_OK(spg_stream_open(&stream, NULL, "wrong", SPG_STREAM_READER, NULL));
    REFUSED(spg_publisher_close((void *)cell));
    REFUSED(spg_subscriber_close((void *)queue));
    REFUSED(spg_queue_close((void *)server));
    REFUSED(spg_server_close((void *)queue));
    REFUSED(spg_client_close((void *)ends.subscriber));
    REFUSED(spg_cell_close((void *)ends.publisher));
    REFUSED(spg_stream_close((void *)cell));
    CHECK_OK(spg_stream_close(stream));
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
    CHECK_OK(spg_queue_close(queue));
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_unlink(NULL, "wrong"));
    close_both(ends);
    REFUSED(spg_subscriber_close(ends.subscriber)); /* NOLINT: only the address is compared */
}

static void use_in_a_child(void *argument) {
    const struct ends *ends = argument;
    spg_message message = {0};
    spg_bytes bytes = {"x", 1};
    uint64_t offset;
    void *data;
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_fd(ends->subscriber));
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_memory_fd(ends->subscriber));
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_offset(ends->subscriber, &message, &offset));
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_receive(ends->subscriber, &message, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED,
                 spg_subscriber_receive_batch(ends->subscriber, &message, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_release(ends->subscriber, &message));
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_release_batch(ends->subscriber, &message, 1));
    CHECK_RESULT(SPG_EFORKED, spg_publisher_send(ends->publisher, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_publisher_send_batch(ends->publisher, &bytes, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_publisher_loan(ends->publisher, 1, &data, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_publisher_discard(ends->publisher, &message));
    CHECK_OK(spg_subscriber_close(ends->subscriber));
    CHECK_OK(spg_publisher_close(ends->publisher));
}

TEST(a_fork_child_has_none_of_the_handles_of_a_topic) {
    struct ends ends = topic_with(8, SPG_MAY_LOSE);
    spg_message message;
    ROLE_ENDS_WELL(role_fork(use_in_a_child, &ends));
    CHECK_OK(spg_publisher_send(ends.publisher, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(ends.subscriber, &message, SPG_NOWAIT));
    close_both(ends);
}

/* ---- several messages ------------------------------------------------------------------------ */

TEST(a_batch_has_messages_and_at_least_one) {
    struct ends ends = topic_with(8, SPG_MAY_LOSE);
    spg_message messages[2];
    spg_bytes bytes[2] = {{"a", 1}, {NULL, 1}};
    REFUSED(spg_publisher_send_batch(ends.publisher, NULL, 1, SPG_NOWAIT));
    REFUSED(spg_publisher_send_batch(ends.publisher, bytes, 0, SPG_NOWAIT));
    REFUSED(spg_publisher_send_batch(ends.publisher, bytes, UINT32_C(1) << 31, SPG_NOWAIT));
    REFUSED(spg_publisher_send_batch(ends.publisher, bytes, 1, -2));
    REFUSED(spg_publisher_send_batch(ends.publisher, bytes + 1, 1, SPG_NOWAIT));
    REFUSED(spg_subscriber_receive_batch(ends.subscriber, NULL, 1, SPG_NOWAIT));
    REFUSED(spg_subscriber_receive_batch(ends.subscriber, messages, 0, SPG_NOWAIT));
    REFUSED(spg_subscriber_receive_batch(ends.subscriber, messages, UINT32_C(1) << 31, SPG_NOWAIT));
    REFUSED(spg_subscriber_release_batch(ends.subscriber, NULL, 1));
    CHECK_OK(spg_subscriber_release_batch(ends.subscriber, NULL, 0));
    CHECK_INT(1, spg_publisher_send_batch(ends.publisher, bytes, 2, SPG_NOWAIT));
    CHECK_INT(1, spg_subscriber_receive_batch(ends.subscriber, messages, 2, SPG_NOWAIT));
    messages[1] = messages[0];
    REFUSED(spg_subscriber_release_batch(ends.subscriber, messages, 2));
    REFUSED(spg_subscriber_release(ends.subscriber, messages));
    close_both(ends);
}

TEST(a_send_takes_no_null_and_no_odd_timeout) {
    struct ends ends = topic_with(8, SPG_MAY_LOSE);
    spg_message message;
    char large[100] = {0};
    REFUSED(spg_publisher_send(ends.publisher, NULL, 1, SPG_NOWAIT));
    REFUSED(spg_publisher_send(ends.publisher, "x", 1, -2));
    REFUSED(spg_publisher_send(ends.publisher, large, sizeof large, -2));
    REFUSED(spg_publisher_send(ends.publisher, NULL, sizeof large, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_subscriber_receive(ends.subscriber, &message, SPG_NOWAIT));
    close_both(ends);
}

TEST(what_is_not_held_is_not_released) {
    struct ends ends = topic_with(8, SPG_MAY_LOSE);
    spg_message message, other;
    REFUSED(spg_subscriber_receive(ends.subscriber, NULL, SPG_NOWAIT));
    REFUSED(spg_subscriber_receive(ends.subscriber, &message, -2));
    CHECK_OK(spg_publisher_send(ends.publisher, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(ends.subscriber, &message, SPG_NOWAIT));
    other = message;
    other.ticket = 8;
    REFUSED(spg_subscriber_release(ends.subscriber, &other));
    other = message;
    other.sequence++;
    REFUSED(spg_subscriber_release(ends.subscriber, &other));
    REFUSED(spg_subscriber_release(ends.subscriber, NULL));
    CHECK_OK(spg_subscriber_release(ends.subscriber, &message));
    REFUSED(spg_subscriber_release(ends.subscriber, &message));
    close_both(ends);
}

TEST(a_place_is_told_of_what_is_held_alone) {
    struct ends ends = topic_with(8, SPG_MAY_LOSE);
    char bytes[100] = {0};
    spg_message message, other;
    uint64_t offset;
    CHECK_OK(spg_publisher_send(ends.publisher, bytes, sizeof bytes, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(ends.subscriber, &message, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_offset(ends.subscriber, &message, &offset));
    other = message;
    other.sequence++;
    REFUSED(spg_subscriber_offset(ends.subscriber, &other, &offset));
    other = message;
    other.ticket = 8;
    REFUSED(spg_subscriber_offset(ends.subscriber, &other, &offset));
    REFUSED(spg_subscriber_offset(ends.subscriber, NULL, &offset));
    REFUSED(spg_subscriber_offset(ends.subscriber, &message, NULL));
    CHECK_OK(spg_subscriber_release(ends.subscriber, &message));
    REFUSED(spg_subscriber_offset(ends.subscriber, &message, &offset));
    CHECK_OK(spg_publisher_send(ends.publisher, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(ends.subscriber, &message, SPG_NOWAIT));
    CHECK_RESULT(SPG_ENOTSUP, spg_subscriber_offset(ends.subscriber, &message, &offset));
    close_both(ends);
}

/* ---- loans ----------------------------------------------------------------------------------- */

TEST(the_inside_of_a_loan_is_not_the_loan) {
    spg_queue *queue;
    char *data;
    CHECK_OK(spg_queue_open(&queue, NULL, "wrong", NULL));
    CHECK_OK(spg_queue_loan(queue, 1000, (void **)&data, SPG_NOWAIT));
    REFUSED(spg_queue_discard(queue, data + 1));
    REFUSED(spg_queue_discard(queue, data + 64));
    REFUSED(spg_queue_publish(queue, data + 64, 1, SPG_NOWAIT));
    CHECK_OK(spg_queue_discard(queue, data));
    REFUSED(spg_queue_discard(queue, data));
    CHECK_OK(spg_queue_close(queue));
}

/* All of the memory, as two handles map it. */
TEST(what_another_handle_has_on_loan_is_not_given_back) {
    spg_queue *first, *second;
    void *ours, *theirs;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.budget = 4096;
    CHECK_OK(spg_queue_open(&first, NULL, "wrong", &options));
    CHECK_OK(spg_queue_open(&second, NULL, "wrong", NULL));
    CHECK_OK(spg_queue_loan(first, 4096, &ours, SPG_NOWAIT));
    CHECK_OK(spg_queue_discard(first, ours));
    CHECK_OK(spg_queue_loan(second, 4096, &theirs, SPG_NOWAIT));
    REFUSED(spg_queue_discard(first, ours));
    REFUSED(spg_queue_publish(first, ours, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_queue_loan(first, 64, &ours, SPG_NOWAIT));
    CHECK_OK(spg_queue_discard(second, theirs));
    CHECK_OK(spg_queue_close(first));
    CHECK_OK(spg_queue_close(second));
}

/* It has memory at once, and then no time left to wait for a place. */
TEST(a_send_whose_time_is_over_says_so_whatever_it_waited_for) {
    struct ends ends = topic_with(8, SPG_MUST_NOT_LOSE);
    char bytes[100] = {0};
    for (int i = 0; i < 256; i++) CHECK_OK(spg_publisher_send(ends.publisher, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_publisher_send(ends.publisher, bytes, sizeof bytes, 1));
    CHECK_RESULT(SPG_EAGAIN, spg_publisher_send(ends.publisher, bytes, sizeof bytes, SPG_NOWAIT));
    close_both(ends);
}

TEST(a_queue_whose_places_are_all_in_hand_is_full) {
    spg_queue *queue;
    spg_job jobs[4];
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = 4;
    CHECK_OK(spg_queue_open(&queue, NULL, "wrong", &options));
    for (int i = 0; i < 4; i++) CHECK_OK(spg_queue_push(queue, "x", 1, SPG_NOWAIT));
    for (int i = 0; i < 4; i++) CHECK_OK(spg_queue_pop(queue, &jobs[i], SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_queue_push(queue, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_queue_done(queue, &jobs[2]));
    CHECK_OK(spg_queue_push(queue, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_queue_push(queue, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_queue_pop(queue, &jobs[2], SPG_NOWAIT));
    for (int i = 0; i < 4; i++) CHECK_OK(spg_queue_done(queue, &jobs[i]));
    CHECK_OK(spg_queue_close(queue));
}

TEST(an_empty_value_needs_no_room_and_another_does) {
    spg_cell *cell = small_cell("wrong");
    uint64_t version = 0;
    CHECK_OK(spg_cell_write(cell, NULL, 0, SPG_NOWAIT));
    CHECK_INT(0, spg_cell_read(cell, NULL, 0, &version));
    CHECK_INT(1, version);
    CHECK_OK(spg_cell_write(cell, "abc", 3, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETOOBIG, spg_cell_read(cell, NULL, 0, NULL));
    REFUSED(spg_cell_read(cell, NULL, 3, NULL));
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_unlink(NULL, "wrong"));
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void write_twice(void *cell_name) {
    spg_cell *cell = small_cell(cell_name);
    for (int i = 1; i <= 2; i++) {
        step_await(i);
        nap_ms(20);
        CHECK_OK(spg_cell_write(cell, "x", 1, SPG_FOREVER));
    }
    CHECK_OK(spg_cell_close(cell));
}

/* It cannot say that it sleeps; the wait set looks every millisecond. Alone, then with a stream. */
TEST(who_only_reads_may_be_in_a_wait_set) {
    spg_cell *writable = small_cell("wrong"), *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    spg_stream *stream;
    spg_waitset *set;
    void *tags[2];
    char byte;
    options.read_only = 1;
    CHECK_OK(spg_cell_open(&cell, NULL, "wrong", &options));
    CHECK_OK(spg_stream_open(&stream, NULL, "wrong", SPG_STREAM_READER, NULL));
    CHECK_OK(spg_waitset_open(&set));
    CHECK_OK(spg_waitset_add(set, spg_cell_waitable(cell), cell));
    struct role *writer = role_fork(write_twice, (void *)"wrong");
    for (uint64_t i = 1; i <= 2; i++) {
        CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, tags, 2, MILLISECONDS(5)));
        step_reach((int64_t)i);
        CHECK_INT(1, spg_waitset_wait(set, tags, 2, MILLISECONDS(20000)));
        CHECK(tags[0] == cell);
        CHECK_INT(1, spg_cell_read(cell, &byte, 1, NULL));
        if (i == 1) CHECK_OK(spg_waitset_add(set, spg_stream_waitable(stream), stream));
    }
    ROLE_ENDS_WELL(writer);
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_stream_close(stream));
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_close(writable));
    CHECK_OK(spg_cell_unlink(NULL, "wrong"));
}

/* ---- options --------------------------------------------------------------------------------- */

TEST(who_only_reads_has_no_node_and_no_other_value) {
    struct ends ends = topic_with(8, SPG_MAY_LOSE);
    spg_subscriber *subscriber = NULL;
    spg_node *node;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    CHECK_OK(spg_node_open(&node, NULL));
    options.read_only = 1;
    REFUSED(spg_subscriber_open(&subscriber, node, "wrong", &options));
    CHECK_DETAIL("node");
    options.read_only = 2;
    REFUSED(spg_subscriber_open(&subscriber, NULL, "wrong", &options));
    CHECK_DETAIL("read_only");
    CHECK(subscriber == NULL);
    CHECK(strcmp(spg_subscriber_schema(ends.subscriber), "") == 0);
    CHECK_OK(spg_node_close(node));
    close_both(ends);
}

/* 0 is the default; a run bit or one beyond the permissions is none of a channel's. */
TEST(a_channel_s_mode_has_read_and_write_bits_alone) {
    static const uint32_t wrong[] = {0700, 01600, 0100600};
    spg_cell_options cell = SPG_CELL_OPTIONS;
    spg_queue_options queue = SPG_QUEUE_OPTIONS;
    spg_service_options service = SPG_SERVICE_OPTIONS;
    spg_topic_options topic = SPG_TOPIC_OPTIONS;
    spg_stream_options stream = SPG_STREAM_OPTIONS;
    void *out;
    cell.capacity = 8;
    for (int i = 0; i < 3; i++) {
        cell.mode = queue.mode = service.mode = topic.mode = stream.mode = wrong[i];
        REFUSED(spg_cell_open((spg_cell **)&out, NULL, "wrong", &cell));
        REFUSED(spg_queue_open((spg_queue **)&out, NULL, "wrong", &queue));
        REFUSED(spg_server_open((spg_server **)&out, NULL, "wrong", &service));
        REFUSED(spg_publisher_open((spg_publisher **)&out, NULL, "wrong", &topic));
        REFUSED(spg_stream_open((spg_stream **)&out, NULL, "wrong", SPG_STREAM_WRITER, &stream));
    }
    cell.mode = 0;
    CHECK_OK(spg_cell_open((spg_cell **)&out, NULL, "wrong", &cell));
    CHECK_OK(spg_cell_close(out));
    spg_channel_facts facts = {.struct_size = sizeof facts};
    CHECK_OK(spg_channel_stat(NULL, "cell:wrong", &facts, NULL, NULL));
    CHECK_INT(0600, facts.mode);
    CHECK_OK(spg_cell_unlink(NULL, "wrong"));
}

/* What a cell was made for, what one opens it for, and what the detail says of both. */
TEST(a_type_that_is_given_must_be_the_cell_s) {
    static const struct {
        const char *name, *asked;
        uint32_t size, asked_size;
        const char *told;
    } cases[] = {
        {"pose", NULL, 24, 0, NULL},
        {"pose", "", 24, 24, NULL},
        {"pose", "pose", 24, 24, NULL},
        {"pose", "point", 24, 0, "'pose' of 24 bytes, and was opened for 'point'"},
        {"pose", NULL, 24, 25, "'pose' of 24 bytes, and was opened for 25 bytes"},
        {"pose", "pose", 0, 8, "'pose', and was opened for 'pose' of 8 bytes"},
        {NULL, "pose", 24, 24, "24 bytes, and was opened for 'pose' of 24 bytes"},
        {NULL, "pose", 0, 0, "no type, and was opened for 'pose'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spg_cell_options options = SPG_CELL_OPTIONS;
        spg_cell *cell, *other;
        options.capacity = 8;
        options.type = cases[i].name, options.type_size = cases[i].size;
        CHECK_OK(spg_cell_open(&cell, NULL, "wrong", &options));
        options.type = cases[i].asked, options.type_size = cases[i].asked_size;
        CHECK_RESULT(cases[i].told ? SPG_ETYPE : 0, spg_cell_open(&other, NULL, "wrong", &options));
        if (cases[i].told) CHECK_DETAIL(cases[i].told);
        else CHECK_OK(spg_cell_close(other));
        CHECK_OK(spg_cell_close(cell));
        CHECK_OK(spg_cell_unlink(NULL, "wrong"));
    }
}

TEST(a_type_that_is_given_must_be_the_queue_s) {
    spg_queue *queue, *other;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.type = "job", options.type_size = 8;
    CHECK_OK(spg_queue_open(&queue, NULL, "wrong", &options));
    options.type = "work";
    CHECK_RESULT(SPG_ETYPE, spg_queue_open(&other, NULL, "wrong", &options));
    options.type = NULL, options.type_size = 9;
    CHECK_RESULT(SPG_ETYPE, spg_queue_open(&other, NULL, "wrong", &options));
    options.type_size = 0;
    CHECK_OK(spg_queue_open(&other, NULL, "wrong", &options));
    CHECK_OK(spg_queue_close(other));
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_queue_s_options_have_ranges) {
    char type[65];
    char *schema = malloc(SPG_SCHEMA_MAX + 2);
    spg_queue *queue;
    memset(type, 't', 64), type[64] = '\0';
    memset(schema, 's', SPG_SCHEMA_MAX + 1), schema[SPG_SCHEMA_MAX + 1] = '\0';
    for (int i = 0; i < 9; i++) {
        spg_queue_options options = SPG_QUEUE_OPTIONS;
        if (i == 0) options.slots = 65537;
        if (i == 1) options.slot_size = 4097;
        if (i == 2) options.members = 0;
        if (i == 3) options.members = 4095;
        if (i == 4) options.holds = 0;
        if (i == 5) options.holds = 1001;
        if (i == 6) options.type = type;
        if (i == 7) options.schema = schema;
        if (i == 8) options.budget = UINT64_MAX;
        REFUSED(spg_queue_open(&queue, NULL, "wrong", &options));
    }
    free(schema);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Letters, digits, '_', '-', '.', '/' and anything beyond ASCII. */
TEST(each_byte_may_be_in_a_channel_s_name_or_not) {
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    for (int byte = 1; byte <= 255; byte++) {
        char name[] = {'x', (char)byte, 'x', '\0'};
        bool is_good = byte >= 0x80 || strchr(good, byte);
        int result = spg_topic_unlink(NULL, name);
        if (result != (is_good ? SPG_ENOENT : SPG_EINVAL))
            FAIL("a name with byte %d: %s", byte, spg_error_name(result));
    }
}

/* ---- visitors -------------------------------------------------------------------------------- */

static int end_the_walk(void *context, const spg_member *member) {
    (void)member;
    ++*(int *)context;
    return 7;
}

TEST(a_visitor_that_returns_non_zero_ends_the_walk) {
    static const char *const names[] = {"topic:wrong", "queue:wrong", "service:wrong",
                                        "stream:wrong"};
    struct ends ends = topic_with(8, SPG_MAY_LOSE);
    spg_queue *queues[2];
    spg_server *server;
    spg_client *client;
    spg_stream *streams[2];
    for (int i = 0; i < 2; i++) CHECK_OK(spg_queue_open(&queues[i], NULL, "wrong", NULL));
    CHECK_OK(spg_server_open(&server, NULL, "wrong", NULL));
    CHECK_OK(spg_client_open(&client, NULL, "wrong", NULL));
    CHECK_OK(spg_stream_open(&streams[0], NULL, "wrong", SPG_STREAM_READER, NULL));
    CHECK_OK(spg_stream_open(&streams[1], NULL, "wrong", SPG_STREAM_WRITER, NULL));
    for (int i = 0; i < 4; i++) {
        int visits = 0;
        spg_channel_facts facts = {.struct_size = sizeof facts};
        CHECK_INT(7, spg_channel_stat(NULL, names[i], &facts, end_the_walk, &visits));
        CHECK_INT(1, visits);
    }
    for (int i = 0; i < 2; i++) CHECK_OK(spg_stream_close(streams[i]));
    for (int i = 0; i < 2; i++) CHECK_OK(spg_queue_close(queues[i]));
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
    close_both(ends);
}
