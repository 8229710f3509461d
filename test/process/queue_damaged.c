/* queue_damaged.c: queues and services whose bytes are anything, and counters at their ends.
 *
 * Whatever a word of the file says: no crash, no endless loop, no result that the contract does not
 * name. What is lost or wrong then is lost or wrong. */
#include "process/queue.h"

enum { SLOTS = 4, MEMBERS = 3, HOLDS = 3, BUDGET = 512 };

/* As docs/layout/queue.md has it. */
enum {
    TAIL = 256,
    HEAD = 384,
    ROWS = 1280,
    ROW_BYTES = (256 + 16 * HOLDS + 127) / 128 * 128,
    ENTRIES = (ROWS + MEMBERS * ROW_BYTES + 127) / 128 * 128,
    MAP = ENTRIES + SLOTS * 64,
    MAP_END = MAP + 128
};

static spg_queue_options small(void) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = SLOTS;
    options.members = MEMBERS;
    options.holds = HOLDS;
    options.budget = BUDGET;
    return options;
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void patch(const char *path, off_t offset, uint64_t value) {
    int fd = open(path, O_RDWR);
    if (fd < 0) return;
    CHECK_INT(8, pwrite(fd, &value, 8, offset));
    close(fd);
}

static void check_named(int result) {
    if (result < SPG_EMFILE || result > 0) FAIL("%d is no result", result);
}

static unsigned touch(const void *data, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const unsigned char *)data)[i];
    return sum;
}

/* ---- queue ----------------------------------------------------------------------------------- */

static void use_queue(spg_queue *queue) {
    char bytes[300] = "";
    spg_job jobs[2];
    void *data;
    for (int i = 0; i < 6; i++) {
        int held = 0;
        check_named(spg_queue_push(queue, bytes, i % 2 ? 300 : 8, SPG_NOWAIT));
        check_named(spg_queue_push(queue, bytes, 20, 100));
        if (spg_queue_loan(queue, 100, &data, SPG_NOWAIT) == 0) {
            memset(data, 1, 100);
            if (spg_queue_publish(queue, data, 100, SPG_NOWAIT) < 0)
                check_named(spg_queue_discard(queue, data));
        }
        for (; held < 2; held++) {
            int result = spg_queue_pop(queue, &jobs[held], SPG_NOWAIT);
            check_named(result);
            if (result < 0) break;
            touch(jobs[held].data, jobs[held].size);
        }
        if (held > 1) check_named(spg_queue_return(queue, &jobs[1]));
        if (held > 0) check_named(spg_queue_done(queue, &jobs[0]));
    }
    check_named(spg_queue_pop(queue, &jobs[0], 1000));
}

/* Damaged under the hands of who has it open, and found so by who opens it. */
static void damage_queue(off_t offset, uint64_t value) {
    spg_queue_options options = small();
    spg_queue *first = open_with(&options), *second = open_with(&options), *third;
    spg_job job;
    void *data;
    push_number(first, 1, SPG_NOWAIT);
    CHECK_OK(spg_queue_push(first, queue_path(), 60, SPG_NOWAIT));
    CHECK_OK(spg_queue_pop(second, &job, SPG_NOWAIT));
    CHECK_OK(spg_queue_loan(second, 100, &data, SPG_NOWAIT));
    patch(queue_path(), offset, value);
    use_queue(first);
    use_queue(second);
    int result = spg_queue_open(&third, NULL, queue_name(), &options);
    check_named(result);
    if (result == 0) {
        use_queue(third);
        CHECK_OK(spg_queue_close(third));
    }
    CHECK(spg_check(NULL, NULL, NULL, NULL) >= 0);
    CHECK_OK(spg_queue_close(first));
    CHECK_OK(spg_queue_close(second));
    unlink(queue_path());
}

static const uint64_t odd_values[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, 0x0101010101010101};

TEST(any_word_of_a_queue_may_be_anything) {
    uint64_t random = 88172645463325252u;
    for (off_t offset = 256; offset < MAP_END; offset += 8) {
        for (int i = 0; i < 5; i++) damage_queue(offset, odd_values[i]);
        for (int i = 0; i < 3; i++)
            damage_queue(offset, next_random(&random) >> next_random(&random) % 64);
    }
}

TEST(any_word_of_a_head_may_be_anything) {
    uint64_t random = 1234567;
    spg_queue_options options = small();
    for (off_t offset = 0; offset < 256; offset += 8) {
        for (int i = 0; i < 12; i++) {
            uint64_t value = i < 5 ? odd_values[i]
                                   : next_random(&random) >> next_random(&random) % 64;
            spg_queue *queue = open_with(&options), *other;
            push_number(queue, 1, SPG_NOWAIT);
            patch(queue_path(), offset, value);
            int result = spg_queue_open(&other, NULL, queue_name(), &options);
            check_named(result);
            if (result == 0) {
                use_queue(other);
                CHECK_OK(spg_queue_close(other));
            }
            CHECK_OK(spg_queue_close(queue));
            unlink(queue_path());
        }
    }
}

/* Entry 2 is in use in the present lap, and those before it were left in the last one: no maker
 * does that, and nobody's help moves the tail. */
TEST(a_tail_that_cannot_move_is_told_at_once) {
    enum { TAKEN_BY_TWO_OF_ONE = 3 << 24 | 2 << 12 | 1 };
    spg_queue_options options = small();
    spg_queue *queue = open_with(&options);
    const char *path = queue_path();
    patch(path, ENTRIES, TAKEN_BY_TWO_OF_ONE);
    patch(path, ENTRIES + 64, TAKEN_BY_TWO_OF_ONE);
    patch(path, ENTRIES + 128, UINT64_C(1) << 32 | TAKEN_BY_TWO_OF_ONE);
    CHECK_RESULT(SPG_ECORRUPT, spg_queue_push(queue, "job", 3, SPG_NOWAIT));
    CHECK_OK(spg_queue_close(queue));
    unlink(queue_path());
}

TEST(a_chunk_that_ends_beyond_the_memory_is_told) {
    enum { UNITS = BUDGET / 64 };
    void *data;
    spg_queue_options options = small();
    spg_queue *queue = open_with(&options);
    patch(queue_path(), MAP, (UNITS + 1) << 2);
    CHECK_RESULT(SPG_ECORRUPT, spg_queue_loan(queue, 64, &data, SPG_NOWAIT));
    patch(queue_path(), MAP, UNITS << 2);
    CHECK_OK(spg_queue_loan(queue, 64, &data, SPG_NOWAIT));
    CHECK_OK(spg_queue_close(queue));
    unlink(queue_path());
}

TEST(several_words_of_a_queue_may_be_noise) {
    uint64_t random = 362436069;
    spg_queue_options options = small();
    for (int i = 0; i < 3000; i++) {
        spg_queue *queue = open_with(&options);
        for (int n = 0; n < 6; n++) {
            off_t offset = 256 + (off_t)(next_random(&random) % ((MAP_END - 256) / 8)) * 8;
            patch(queue_path(), offset, next_random(&random) >> next_random(&random) % 64);
        }
        use_queue(queue);
        CHECK_OK(spg_queue_close(queue));
        unlink(queue_path());
    }
}

/* ---- service --------------------------------------------------------------------------------- */

static const char *service_path(void) {
    static char path[300];
    snprintf(path, sizeof path, "%s/damaged.service", getenv("SAMEPAGE_DOMAIN"));
    return path;
}

static void use_service(spg_server *server, spg_client *client) {
    char bytes[300] = "";
    for (int i = 0; i < 4; i++) {
        spg_request request;
        spg_response response;
        uint64_t id = 0;
        check_named(spg_client_send(client, bytes, i % 2 ? 200 : 8, &id, SPG_NOWAIT));
        check_named(spg_client_send(client, bytes, 8, NULL, SPG_NOWAIT));
        int result = spg_server_receive(server, &request, SPG_NOWAIT);
        check_named(result);
        if (result == 0) {
            touch(request.data, request.size);
            check_named(spg_server_reply(server, &request, bytes, i % 3 ? 100 : 8));
        }
        result = spg_client_receive(client, &response, 1000);
        if (result == 0) {
            touch(response.data, response.size);
            check_named(spg_client_release(client, &response));
        }
        if (id) check_named(spg_client_cancel(client, id));
        if (spg_client_call(client, bytes, 8, &response, 1000) == 0)
            check_named(spg_client_release(client, &response));
    }
}

static void damage_service(off_t offset, uint64_t value) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.slots = SLOTS;
    options.members = MEMBERS;
    options.holds = HOLDS;
    options.budget = BUDGET;
    spg_server *server;
    spg_client *client;
    spg_request request;
    CHECK_OK(spg_server_open(&server, NULL, "damaged", &options));
    CHECK_OK(spg_client_open(&client, NULL, "damaged", &options));
    CHECK_OK(spg_client_send(client, "x", 1, NULL, SPG_NOWAIT));
    CHECK_OK(spg_client_send(client, service_path(), 60, NULL, SPG_NOWAIT));
    CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
    patch(service_path(), offset, value);
    use_service(server, client);
    check_named(spg_server_reply(server, &request, "y", 1));
    use_service(server, client);
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
    unlink(service_path());
}

TEST(any_word_of_a_service_may_be_anything) {
    uint64_t random = 521288629;
    for (off_t offset = 256; offset < MAP_END; offset += 8) {
        for (int i = 0; i < 5; i++) damage_service(offset, odd_values[i]);
        for (int i = 0; i < 3; i++)
            damage_service(offset, next_random(&random) >> next_random(&random) % 64);
    }
}

/* ---- the ends of counters -------------------------------------------------------------------- */

/* All entries are free and one lap before the given one. */
static void move_to_lap(uint32_t lap, uint16_t version) {
    uint64_t position = (uint64_t)lap * SLOTS;
    for (int i = 0; i < SLOTS; i++)
        patch(queue_path(), ENTRIES + 64 * i, (uint64_t)(lap - 1) << 32);
    patch(queue_path(), TAIL, position);
    patch(queue_path(), HEAD, position | (uint64_t)version << 34 << 14);
}

TEST(laps_and_versions_wrap) {
    static const uint32_t laps[] = {UINT32_MAX - 5, UINT32_MAX, 0, 0x7ffffffd};
    spg_queue_options options = small();
    for (int l = 0; l < 4; l++) {
        spg_queue *queue = open_with(&options);
        spg_job held, job;
        move_to_lap(laps[l], 0xfffe);
        check_slots(queue, SLOTS);
        push_number(queue, 77, SPG_NOWAIT);
        CHECK_OK(spg_queue_pop(queue, &held, SPG_NOWAIT));
        for (uint64_t i = 0; i < 40; i++) {
            push_number(queue, i, SPG_NOWAIT);
            CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
            CHECK_INT(i, number_in(&job));
            CHECK_OK(spg_queue_return(queue, &job));
            CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
            CHECK_INT(i, number_in(&job));
            CHECK_INT(2, job.deliveries);
            CHECK_OK(spg_queue_done(queue, &job));
            check_empty(queue);
        }
        CHECK_OK(spg_queue_return(queue, &held));
        CHECK_INT(77, pop_number(queue));
        check_slots(queue, SLOTS);
        CHECK_OK(spg_queue_close(queue));
        check_gone();
    }
}
