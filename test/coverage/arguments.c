/* arguments.c: wrong arguments, and right ones that nobody usually passes. Each is refused, or
 * taken, before anything is touched. */
#include "harness/harness.h"

#define REFUSED(call) CHECK_RESULT(SPG_EINVAL, call)

TEST(a_topic_refuses_what_is_wrong) {
    void *data;
    spg_message message;
    uint64_t offset;
    uint32_t size = 7;
    spg_publisher *publisher;
    spg_subscriber *subscriber;
    CHECK_OK(spg_publisher_open(&publisher, NULL, "arguments", NULL));
    CHECK_OK(spg_subscriber_open(&subscriber, NULL, "arguments", NULL));
    REFUSED(spg_publisher_loan(publisher, 1, NULL, SPG_NOWAIT));
    REFUSED(spg_publisher_send(publisher, NULL, 1, SPG_NOWAIT));
    CHECK_OK(spg_publisher_send(publisher, NULL, 0, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    CHECK_INT(0, message.size);
    REFUSED(spg_subscriber_offset(subscriber, NULL, &offset));
    REFUSED(spg_subscriber_offset(subscriber, &message, NULL));
    CHECK_OK(spg_subscriber_release(subscriber, &message));
    message.ticket = 1000000;
    REFUSED(spg_subscriber_offset(subscriber, &message, &offset));
    message.ticket = 0;
    REFUSED(spg_subscriber_offset(subscriber, &message, &offset));
    CHECK(strcmp(spg_subscriber_type(subscriber, NULL), "") == 0);
    CHECK(strcmp(spg_subscriber_type(subscriber, &size), "") == 0 && size == 0);
    for (int i = 0; i < SPG_TOPIC_LOANS_MAX; i++)
        CHECK_OK(spg_publisher_loan(publisher, 100, &data, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFULL, spg_publisher_send(publisher, &message, sizeof message, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_queue_refuses_what_is_wrong) {
    void *data;
    spg_queue *queue;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.members = 5000;
    REFUSED(spg_queue_open(&queue, NULL, "arguments", &options));
    options.members = 64, options.slots = 65536;
    CHECK_OK(spg_queue_open(&queue, NULL, "arguments", &options));
    REFUSED(spg_queue_push(queue, NULL, 1, SPG_NOWAIT));
    CHECK_OK(spg_queue_push(queue, NULL, 0, SPG_NOWAIT));
    REFUSED(spg_queue_loan(NULL, 1, &data, SPG_NOWAIT));
    REFUSED(spg_queue_publish(NULL, &options, 1, SPG_NOWAIT));
    REFUSED(spg_queue_discard(NULL, &options));
    REFUSED(spg_queue_done(NULL, NULL));
    REFUSED(spg_queue_fd(NULL));
    CHECK(spg_queue_waitable(NULL) == NULL);
    spg_job job;
    CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_INT(0, job.size);
    CHECK_OK(spg_queue_done(queue, &job));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_pop(queue, &job, MILLISECONDS(5)));
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_service_refuses_what_is_wrong) {
    void *data;
    spg_server *server;
    spg_client *client;
    spg_request request;
    spg_response response;
    CHECK_OK(spg_server_open(&server, NULL, "arguments", NULL));
    CHECK_OK(spg_client_open(&client, NULL, "arguments", NULL));
    REFUSED(spg_server_open(NULL, NULL, "arguments", NULL));
    CHECK_OK(spg_client_send(client, "x", 1, NULL, SPG_NOWAIT));
    CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
    REFUSED(spg_server_reply(server, &request, NULL, 1));
    REFUSED(spg_server_reply(server, NULL, "x", 1));
    REFUSED(spg_server_reply(NULL, &request, "x", 1));
    REFUSED(spg_server_refuse(server, &request, 0));
    REFUSED(spg_server_refuse(server, &request, -1000));
    REFUSED(spg_server_loan(server, 1, NULL, SPG_NOWAIT));
    REFUSED(spg_server_loan(NULL, 1, &data, SPG_NOWAIT));
    REFUSED(spg_server_discard(NULL, &request));
    REFUSED(spg_server_fd(NULL));
    REFUSED(spg_client_fd(NULL));
    REFUSED(spg_client_cancel(NULL, 1));
    CHECK(spg_server_waitable(NULL) == NULL && spg_client_waitable(NULL) == NULL);
    CHECK_OK(spg_server_reply(server, &request, NULL, 0));
    CHECK_OK(spg_client_receive(client, &response, SPG_NOWAIT));
    CHECK_OK(spg_client_release(client, &response));
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
}

static void use_what_the_parent_has(void *argument) {
    void *data;
    CHECK_RESULT(SPG_EFORKED, spg_stream_reserve(argument, 1, &data, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_stream_commit(argument, 0));
    CHECK_RESULT(SPG_EFORKED, spg_stream_end(argument));
}

static void is_ready_at_once(spg_waitable *waitable) {
    void *tag;
    spg_waitset *set;
    CHECK_OK(spg_waitset_open(&set));
    CHECK_OK(spg_waitset_add(set, waitable, NULL));
    CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_NOWAIT));
    CHECK_OK(spg_waitset_close(set));
}

TEST(a_stream_refuses_what_is_wrong) {
    char byte;
    void *data;
    const void *seen;
    spg_stream *writer, *reader;
    spg_stream_options options = SPG_STREAM_OPTIONS;
    REFUSED(spg_stream_open(NULL, NULL, "arguments", SPG_STREAM_WRITER, NULL));
    options.mode = 01000;
    REFUSED(spg_stream_open(&writer, NULL, "arguments", SPG_STREAM_WRITER, &options));
    options.mode = 0, options.capacity = (uint64_t)1 << 31;
    REFUSED(spg_stream_open(&writer, NULL, "arguments", SPG_STREAM_WRITER, &options));
    options.capacity = 4096;
    CHECK_OK(spg_stream_open(&writer, NULL, "arguments", SPG_STREAM_WRITER, &options));
    CHECK_OK(spg_stream_open(&reader, NULL, "arguments", SPG_STREAM_READER, NULL));
    REFUSED(spg_stream_reserve(writer, 1, NULL, SPG_NOWAIT));
    REFUSED(spg_stream_reserve(writer, 1, &data, -2));
    REFUSED(spg_stream_write(writer, NULL, 1, SPG_NOWAIT));
    REFUSED(spg_stream_write(writer, &byte, (size_t)INT32_MAX + 1, SPG_NOWAIT));
    REFUSED(spg_stream_write(writer, &byte, 1, -2));
    CHECK_INT(0, spg_stream_write(writer, NULL, 0, SPG_NOWAIT));
    REFUSED(spg_stream_read(reader, NULL, 1, SPG_NOWAIT));
    REFUSED(spg_stream_peek(reader, NULL, SPG_NOWAIT));
    REFUSED(spg_stream_peek(reader, &seen, -2));
    CHECK_OK(spg_stream_commit(writer, 0));
    CHECK_OK(spg_stream_consume(reader, 0));
    ROLE_ENDS_WELL(role_fork(use_what_the_parent_has, writer));
    CHECK_RESULT(SPG_EPERM, spg_stream_commit(reader, 1));
    CHECK_RESULT(SPG_EPERM, spg_stream_end(reader));
    CHECK_OK(spg_stream_end(writer));
    CHECK_OK(spg_stream_end(writer));
    is_ready_at_once(spg_stream_waitable(writer));
    CHECK_RESULT(SPG_ECLOSED, spg_stream_reserve(writer, 1, &data, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

TEST(a_cell_and_a_wait_set_refuse_what_is_wrong) {
    void *tag;
    spg_cell *cell;
    spg_waitset *set;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = 8, options.buffers = 0;
    CHECK_OK(spg_cell_open(&cell, NULL, "arguments", &options));
    REFUSED(spg_cell_read(cell, NULL, 1, NULL));
    CHECK_OK(spg_waitset_open(&set));
    REFUSED(spg_waitset_add(NULL, spg_cell_waitable(cell), NULL));
    REFUSED(spg_waitset_add(set, NULL, NULL));
    REFUSED(spg_waitset_remove(NULL, spg_cell_waitable(cell)));
    REFUSED(spg_waitset_remove(set, NULL));
    REFUSED(spg_waitset_wait(NULL, &tag, 1, SPG_NOWAIT));
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_unlink(NULL, "arguments"));
}

TEST(looking_refuses_what_is_wrong) {
    char path[8];
    spg_channel_facts facts = {.struct_size = sizeof facts};
    CHECK(spg_node_domain(NULL) != NULL);
    REFUSED(spg_domain_list(NULL, NULL, NULL));
    REFUSED(spg_channel_stat(NULL, NULL, &facts, NULL, NULL));
    REFUSED(spg_channel_stat(NULL, "topic:x", NULL, NULL, NULL));
    REFUSED(spg_channel_stat(NULL, "nothing", &facts, NULL, NULL));
    CHECK_RESULT(SPG_ETOOBIG, spg_domain_path("/much/too/long", path, sizeof path));
    CHECK(strcmp(spg_error_text(1), spg_error_text(0)) == 0);
    CHECK(spg_error_text(-999)[0] != '\0');
}

static spg_segment *segment_of(const char *name, uint8_t profile, size_t size) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = profile;
    CHECK_OK(spg_segment_create(&segment, name, size, &options));
    return segment;
}

TEST(names_of_channels_that_cannot_be_are_refused_by_who_looks) {
    char name[310] = "topic:";
    spg_channel_facts facts = {.struct_size = sizeof facts};
    memset(name + 6, 'x', 300);
    CHECK_OK(spg_node_id(NULL, &facts.bytes));
    REFUSED(spg_channel_stat(NULL, name, &facts, NULL, NULL));
    REFUSED(spg_channel_stat(NULL, "topic:", &facts, NULL, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_channel_stat("/dev/shm/spgtest-no", "cell:x", &facts, NULL, NULL));
    facts.struct_size--;
    REFUSED(spg_channel_stat(NULL, "topic:x", &facts, NULL, NULL));
    REFUSED(spg_check(NULL, "topic:", NULL, NULL));
    REFUSED(spg_check(NULL, "anonymous:", NULL, NULL));
    REFUSED(spg_check(NULL, "nonsense:", NULL, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_check(NULL, "topic:none", NULL, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_check(NULL, "posix:/spgtest-none", NULL, NULL));
}

/* A segment of another program's needs no domain. */
TEST(a_bare_segment_is_audited_where_there_is_no_domain) {
    const char *nowhere = "/dev/shm/spgtest-no";
    const char *names[] = {unique_name("posix:", "bare"), unique_name("sysv:", "bare"),
                           "sysv:private"};
    CHECK_RESULT(SPG_ENOENT, spg_check(nowhere, names[0], NULL, NULL));
    CHECK_OK(spg_node_id(NULL, &(uint64_t){0}));
    for (int i = 0; i < 3; i++) {
        char name[300];
        spg_segment *segment = segment_of(names[i], SPG_BARE, 10);
        snprintf(name, sizeof name, "%s", spg_segment_name(segment));
        CHECK_OK(spg_check(nowhere, name, NULL, NULL));
        CHECK_OK(spg_check(NULL, name, NULL, NULL));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

/* By a file's key, and by its number. */
TEST(a_managed_system_v_segment_is_audited_by_each_of_its_names) {
    char path[200], name[220];
    snprintf(path, sizeof path, "/dev/shm/spgtest-%s-key", harness_tag());
    close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    snprintf(name, sizeof name, "sysv:%s#7", path);
    const char *names[] = {name, "sysv:private"};
    for (int i = 0; i < 2; i++) {
        spg_segment *segment = segment_of(names[i], SPG_MANAGED, 10);
        snprintf(name, sizeof name, "%s", spg_segment_name(segment));
        CHECK_OK(spg_check(NULL, name, NULL, NULL));
        CHECK_OK(spg_check(NULL, NULL, NULL, NULL));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
    CHECK_INT(0, unlink(path));
}

/* Short, and almost a bell's: too short, and with another letter. */
TEST(a_file_of_another_name_in_the_domain_is_found) {
    static const char *const names[] = {"x", "bell-0", "bell-000000000000000g"};
    CHECK_OK(spg_node_id(NULL, &(uint64_t){0}));
    for (int i = 0; i < 3; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/%s", getenv("SAMEPAGE_DOMAIN"), names[i]);
        close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        CHECK_INT(1, spg_check(NULL, NULL, NULL, NULL));
        CHECK_INT(0, unlink(path));
        CHECK_OK(spg_check(NULL, NULL, NULL, NULL));
    }
}

TEST(an_empty_variable_names_no_domain) {
    char without[300], empty[300];
    unsetenv("SAMEPAGE_DOMAIN");
    CHECK_OK(spg_domain_path(NULL, without, sizeof without));
    setenv("SAMEPAGE_DOMAIN", "", 1);
    CHECK_OK(spg_domain_path(NULL, empty, sizeof empty));
    CHECK(strcmp(without, empty) == 0);
    REFUSED(spg_domain_path("", empty, sizeof empty));
}

TEST(a_domain_s_mode_is_0700_where_none_is_given) {
    struct stat status;
    spg_node *node;
    spg_node_options options = SPG_NODE_OPTIONS;
    options.mode = 0;
    CHECK_OK(spg_node_open(&node, &options));
    CHECK(stat(getenv("SAMEPAGE_DOMAIN"), &status) == 0 && (status.st_mode & 0777) == 0700);
    CHECK_OK(spg_node_close(node));
}

/* As one leaves it that dies after it has grown the file, and before the header says so. */
TEST(who_only_reads_follows_a_file_that_is_longer_than_its_header_says) {
    const char *name = unique_name("posix:", "x");
    char path[300];
    spg_segment *reader, *segment = segment_of(name, SPG_MANAGED, 100);
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED, options.access = SPG_READ_ONLY;
    CHECK_OK(spg_segment_open(&reader, name, &options));
    snprintf(path, sizeof path, "/dev/shm/%s", name + strlen("posix:/"));
    CHECK_INT(0, truncate(path, 3 * 4096));
    CHECK_OK(spg_segment_resize(reader, 5000));
    CHECK_INT(5000, spg_segment_size(reader));
    CHECK_RESULT(SPG_EPERM, spg_segment_resize(reader, 50000));
    CHECK_OK(spg_segment_close(reader));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

static int prepare_badly(void *context, void *bytes, size_t size) {
    (void)bytes, (void)size;
    return *(int *)context;
}

/* Where others would take it for another thing's: that the name is taken. */
TEST(a_preparer_that_says_that_the_name_is_taken_is_not_believed) {
    int result = SPG_EEXIST;
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.prepare = prepare_badly, options.context = &result;
    REFUSED(spg_segment_create(&segment, unique_name("posix:", "x"), 10, &options));
    CHECK_DETAIL("prepare");
}

static void post_what_it_has_not(void *semaphore) {
    CHECK_RESULT(SPG_EPERM, spg_semaphore_post(semaphore));
}

TEST(semaphores_refuse_what_is_wrong) {
    spg_semaphore plain, owned;
    int value;
    CHECK_OK(spg_semaphore_init(&plain, SPG_SEMAPHORE_VALUE_MAX));
    CHECK_RESULT(SPG_EFULL, spg_semaphore_post(&plain));
    CHECK_OK(spg_semaphore_init_owned(&owned, 1));
    CHECK_RESULT(SPG_EPERM, spg_semaphore_post(&owned));
    ROLE_ENDS_WELL(role_fork(post_what_it_has_not, &owned)); /* it has no node yet */
    REFUSED(spg_system_semaphore_wait(NULL, SPG_NOWAIT));
    value = spg_system_semaphore_value(NULL);
    CHECK_INT(SPG_EINVAL, value);
}

TEST(the_variables_of_php_refuse_what_is_wrong) {
    static uint64_t memory[64];
    spg_php_value value = {.struct_size = 1};
    REFUSED(spg_php_format(NULL, sizeof memory));
    REFUSED(spg_php_format((char *)memory + 1, 64));
    CHECK_OK(spg_php_format(memory, sizeof memory));
    REFUSED(spg_php_get(memory, sizeof memory, 1, NULL));
    REFUSED(spg_php_get(memory, sizeof memory, 1, &value));
    REFUSED(spg_php_put(memory, sizeof memory, 1, NULL));
    REFUSED(spg_php_put(memory, sizeof memory, 1, &value));
    REFUSED(spg_php_get(NULL, sizeof memory, 1, &value));
}
