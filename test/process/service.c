/* service.c: request and response between processes. */
#include "process/service.h"

#include <poll.h>

/* ---- one process ----------------------------------------------------------------------------- */

TEST(a_request_is_answered) {
    spg_server *server = open_server(NULL);
    spg_client *client = open_client(NULL);
    spg_request request;
    uint64_t own;
    CHECK_OK(spg_node_id(NULL, &own));
    CHECK_RESULT(SPG_EAGAIN, spg_server_receive(server, &request, SPG_NOWAIT));
    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t id = send_word(client, i);
        CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
        CHECK_INT(own, request.client);
        CHECK_INT(i, word_of(request.data, request.size));
        uint64_t answer = i * 3;
        CHECK_OK(spg_server_reply(server, &request, &answer, sizeof answer));
        CHECK_RESULT(SPG_EINVAL, spg_server_reply(server, &request, &answer, sizeof answer));
        receive_word(client, id, i * 3);
        CHECK_RESULT(SPG_EINVAL, spg_client_cancel(client, id));
    }
    spg_response response;
    CHECK_RESULT(SPG_ENOENT, spg_client_receive(client, &response, SPG_NOWAIT));
    CHECK_INT(0, response.id);
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
    check_gone();
}

TEST(many_requests_are_on_the_way_and_answered_in_any_order) {
    spg_server *server = open_server(NULL);
    spg_client *client = open_client(NULL);
    for (uint64_t round = 0; round < 200; round++) {
        uint64_t ids[32], answers[32] = {0};
        spg_request requests[32];
        for (uint64_t i = 0; i < 32; i++) ids[i] = send_word(client, round + i);
        CHECK_RESULT(SPG_EFULL, spg_client_send(client, "x", 1, NULL, SPG_NOWAIT));
        for (uint64_t i = 0; i < 32; i++) {
            CHECK_OK(spg_server_receive(server, &requests[i], SPG_NOWAIT));
            CHECK_INT(round + i, word_of(requests[i].data, requests[i].size));
        }
        spg_request one;
        CHECK_RESULT(SPG_EFULL, spg_server_receive(server, &one, SPG_NOWAIT));
        for (uint64_t i = 0; i < 32; i++) {
            uint64_t at = (i * 7 + round) % 32;
            CHECK_OK(spg_server_reply(server, &requests[at], &at, sizeof at));
        }
        for (int i = 0; i < 32; i++) {
            spg_response response;
            CHECK_OK(spg_client_receive(client, &response, SPG_NOWAIT));
            uint64_t at = word_of(response.data, response.size);
            CHECK_INT(ids[at], response.id);
            answers[at]++;
            CHECK_RESULT(SPG_EINVAL, spg_client_cancel(client, response.id));
            CHECK_OK(spg_client_release(client, &response));
            CHECK_RESULT(SPG_EINVAL, spg_client_release(client, &response));
        }
        for (int i = 0; i < 32; i++) CHECK_INT(1, answers[i]);
    }
    CHECK_OK(spg_server_close(server));
    CHECK_OK(spg_client_close(client));
}

static void fill(char *bytes, size_t size, size_t seed) {
    for (size_t i = 0; i < size; i++) bytes[i] = (char)((i + seed) * 2654435761u >> 11);
}

TEST(requests_and_responses_of_all_sizes_arrive_whole) {
    static char bytes[3000000];
    static const size_t sizes[] = {0, 1, 47, 48, 49, 64, 65, 4096, 99999, 3000000};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.budget = 2 * sizeof bytes + 8192;
    spg_server *server = open_server(&options);
    spg_client *client = open_client(NULL);
    for (int i = 0; i < 2 * SIZES * SIZES; i++) {
        size_t asked = sizes[i / 2 / SIZES], answered = sizes[i / 2 % SIZES];
        bool in_place = i % 2;
        spg_request request;
        spg_response response;
        void *data = bytes;
        if (in_place) CHECK_OK(spg_client_loan(client, asked, &data, SPG_NOWAIT));
        fill(data, asked, 1);
        CHECK_OK(spg_client_send(client, data, asked, NULL, SPG_NOWAIT));
        CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
        CHECK_INT(asked, request.size);
        fill(bytes, asked, 1);
        CHECK_INT(0, memcmp(bytes, request.data, asked));
        data = bytes;
        if (in_place) CHECK_OK(spg_server_loan(server, answered, &data, SPG_NOWAIT));
        fill(data, answered, 2);
        CHECK_OK(spg_server_reply(server, &request, data, answered));
        CHECK_OK(spg_client_receive(client, &response, SPG_NOWAIT));
        CHECK_INT(answered, response.size);
        fill(bytes, answered, 2);
        CHECK_INT(0, memcmp(bytes, response.data, answered));
        CHECK_OK(spg_client_release(client, &response));
    }
    check_all_free(client, 0, 2 * sizeof bytes);
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
}

TEST(a_server_may_answer_with_the_bytes_of_the_request) {
    static char bytes[20000];
    spg_server *server = open_server(NULL);
    spg_client *client = open_client(NULL);
    fill(bytes, sizeof bytes, 5);
    for (size_t size = 0; size < sizeof bytes; size = size * 2 + 1) {
        spg_request request;
        spg_response response;
        CHECK_OK(spg_client_send(client, bytes, size, NULL, SPG_NOWAIT));
        CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
        CHECK_OK(spg_server_reply(server, &request, request.data, request.size));
        CHECK_OK(spg_client_receive(client, &response, SPG_NOWAIT));
        CHECK_INT(size, response.size);
        CHECK_INT(0, memcmp(bytes, response.data, size));
        CHECK_OK(spg_client_release(client, &response));
    }
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
}

TEST(a_refusal_is_what_the_client_gets) {
    spg_server *server = open_server(NULL);
    spg_client *client = open_client(NULL);
    spg_request request;
    spg_response response;
    uint64_t id = send_word(client, 1);
    CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_server_refuse(server, &request, 0));
    CHECK_OK(spg_server_refuse(server, &request, SPG_EPERM));
    CHECK_RESULT(SPG_EPERM, spg_client_receive(client, &response, SPG_NOWAIT));
    CHECK_INT(id, response.id);
    CHECK_RESULT(SPG_EINVAL, spg_client_release(client, &response));
    id = send_word(client, 2);
    CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
    CHECK_OK(spg_server_close(server));
    CHECK_RESULT(SPG_ECLOSED, spg_client_receive(client, &response, SPG_NOWAIT));
    CHECK_INT(id, response.id);
    CHECK_OK(spg_client_close(client));
    check_gone();
}

TEST(what_is_cancelled_is_not_answered_and_its_room_comes_back) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.slots = 16;
    spg_server *server = open_server(&options);
    spg_client *client = open_client(NULL);
    char big[3000] = "";
    for (int i = 0; i < 100; i++) {
        spg_request request;
        spg_response response;
        uint64_t ids[4];
        for (int n = 0; n < 4; n++) {
            size_t size = (size_t)(i + n) % 2 ? 8 : sizeof big;
            CHECK_OK(spg_client_send(client, big, size, &ids[n], SPG_NOWAIT));
        }
        CHECK_OK(spg_client_cancel(client, ids[0]));
        CHECK_RESULT(SPG_EINVAL, spg_client_cancel(client, ids[0]));
        CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
        CHECK_OK(spg_client_cancel(client, ids[1]));
        CHECK_RESULT(SPG_ECLOSED, spg_server_reply(server, &request, big, i % 3 ? 8 : 2000));
        CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
        CHECK_OK(spg_server_reply(server, &request, big, i % 3 ? 8 : 2000));
        CHECK_OK(spg_client_cancel(client, ids[2]));
        CHECK_RESULT(SPG_EAGAIN, spg_client_receive(client, &response, SPG_NOWAIT));
        CHECK_OK(spg_client_cancel(client, ids[3]));
        CHECK_RESULT(SPG_EAGAIN, spg_server_receive(server, &request, SPG_NOWAIT));
    }
    check_all_free(client, 16, 65536);
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
}

TEST(a_call_whose_deadline_passes_is_cancelled) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.slots = 16;
    spg_client *client = open_client(&options);
    spg_response response;
    for (int i = 0; i < 30; i++)
        CHECK_RESULT(SPG_ETIMEDOUT, spg_client_call(client, "x", 1, &response, MILLISECONDS(2)));
    spg_server *server = open_server(NULL);
    spg_request request;
    CHECK_RESULT(SPG_EAGAIN, spg_server_receive(server, &request, SPG_NOWAIT));
    check_all_free(client, 16, 65536);
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
    check_gone();
}

/* ---- several --------------------------------------------------------------------------------- */

/* Serves until it is asked 0. */
ROLE(server) {
    spg_server *server = open_server(NULL);
    for (bool last = false; !last;) {
        spg_request request;
        CHECK_OK(spg_server_receive(server, &request, SPG_FOREVER));
        uint64_t word;
        memcpy(&word, request.data, sizeof word);
        last = word == 0;
        word++;
        CHECK_OK(spg_server_reply(server, &request, &word, sizeof word));
    }
    CHECK_OK(spg_server_close(server));
}

enum { CALLS = 20000 };

ROLE(caller) {
    spg_client *client = open_client(NULL);
    uint64_t base = (uint64_t)atoll(arguments[0]) << 32;
    for (uint64_t i = 1; i <= CALLS; i++) {
        spg_response response;
        char bytes[300] = "";
        uint64_t word = base + i;
        memcpy(bytes, &word, 8);
        CHECK_OK(spg_client_call(client, bytes, i % 9 ? 8 : 300, &response, SPG_FOREVER));
        CHECK_INT(base + i + 1, word_of(response.data, response.size));
        CHECK_OK(spg_client_release(client, &response));
    }
    CHECK_OK(spg_client_close(client));
}

ROLE(sender) {
    spg_client *client = open_client(NULL);
    uint64_t base = (uint64_t)atoll(arguments[0]) << 32, sent = 0, sum = 0;
    for (uint64_t got = 0; got < CALLS;) {
        spg_response response;
        while (sent < CALLS) {
            uint64_t word = base + sent + 1;
            /* With none on the way there is nothing to receive: the others have all the room. */
            int64_t timeout = sent == got ? SPG_FOREVER : SPG_NOWAIT;
            int result = spg_client_send(client, &word, 8, NULL, timeout);
            if (result == SPG_EFULL || result == SPG_EAGAIN) break;
            CHECK_OK(result);
            sent++;
        }
        CHECK_OK(spg_client_receive(client, &response, SPG_FOREVER));
        sum += word_of(response.data, response.size) - base - 1;
        got++;
        CHECK_OK(spg_client_release(client, &response));
    }
    CHECK_INT((uint64_t)CALLS * (CALLS + 1) / 2, sum);
    CHECK_OK(spg_client_close(client));
}

static void check_many(const char *role, int clients, int servers) {
    struct role *asking[4], *serving[4];
    char text[4][16];
    spg_client *client = open_client(NULL);
    for (int i = 0; i < servers; i++) serving[i] = role_start("server");
    for (int i = 0; i < clients; i++) {
        snprintf(text[i], sizeof text[i], "%d", i + 1);
        asking[i] = role_start(role, text[i]);
    }
    for (int i = 0; i < clients; i++) ROLE_ENDS_WELL(asking[i]);
    for (int i = 0; i < servers; i++) {
        spg_response response;
        uint64_t end = 0;
        CHECK_OK(spg_client_call(client, &end, 8, &response, SPG_FOREVER));
        CHECK_INT(1, word_of(response.data, response.size));
        CHECK_OK(spg_client_release(client, &response));
    }
    for (int i = 0; i < servers; i++) ROLE_ENDS_WELL(serving[i]);
    check_all_free(client, 0, 65536);
    CHECK_OK(spg_client_close(client));
    check_gone();
}

TEST(one_client_calls_one_server) {
    check_many("caller", 1, 1);
}
TEST(many_clients_call_many_servers) {
    check_many("caller", 3, 3);
}
TEST(many_clients_have_many_requests_on_the_way) {
    check_many("sender", 3, 2);
}

/* ---- waiting --------------------------------------------------------------------------------- */

ROLE(late_server) {
    nap_ms(60);
    spg_server *server = open_server(NULL);
    serve_one(server, MILLISECONDS(5000));
    CHECK_OK(spg_server_close(server));
}

ROLE(slow_server) {
    spg_request request;
    spg_server *server = open_server(NULL);
    CHECK_OK(spg_server_receive(server, &request, SPG_FOREVER));
    nap_ms(60);
    uint64_t word = word_of(request.data, request.size) + 1;
    CHECK_OK(spg_server_reply(server, &request, &word, sizeof word));
    CHECK_OK(spg_server_close(server));
}

TEST(a_call_waits_for_a_server_to_come) {
    spg_client *client = open_client(NULL);
    spg_response response;
    uint64_t word = 7;
    struct role *server = role_start("late_server");
    CHECK_OK(spg_client_call(client, &word, 8, &response, SPG_FOREVER));
    CHECK_INT(8, word_of(response.data, response.size));
    ROLE_ENDS_WELL(server);
    CHECK_OK(spg_client_close(client));
    check_gone();
}

TEST(a_descriptor_tells_of_a_response) {
    spg_client *client = open_client(NULL);
    spg_response response;
    int result, fd = spg_client_fd(client);
    CHECK(fd >= 0);
    struct role *server = role_start("slow_server");
    send_word(client, 4);
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    while ((result = spg_client_receive(client, &response, SPG_NOWAIT)) == SPG_EAGAIN) {
        CHECK_INT(1, poll(&wanted, 1, 10000));
    }
    CHECK_OK(result);
    CHECK_INT(5, word_of(response.data, response.size));
    ROLE_ENDS_WELL(server);
    CHECK_OK(spg_client_close(client));
}

ROLE(late_client) {
    spg_response response;
    spg_client *client = open_client(NULL);
    nap_ms(60);
    uint64_t word = 4;
    CHECK_OK(spg_client_call(client, &word, 8, &response, SPG_FOREVER));
    CHECK_OK(spg_client_close(client));
}

TEST(descriptors_and_wait_sets_tell_of_a_request) {
    spg_server *server = open_server(NULL);
    spg_client *own = open_client(NULL);
    spg_waitset *set;
    void *tag;
    spg_request request;
    struct role *client = role_start("late_client");
    struct pollfd wanted = {.fd = spg_server_fd(server), .events = POLLIN};
    int result;
    while ((result = spg_server_receive(server, &request, SPG_NOWAIT)) == SPG_EAGAIN) {
        CHECK_INT(1, poll(&wanted, 1, 10000));
    }
    CHECK_OK(result);
    CHECK_OK(spg_server_reply(server, &request, NULL, 0));
    ROLE_ENDS_WELL(client);
    CHECK_OK(spg_waitset_open(&set));
    CHECK_OK(spg_waitset_add(set, spg_server_waitable(server), server));
    CHECK_OK(spg_waitset_add(set, spg_client_waitable(own), own));
    client = role_start("late_client");
    CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
    CHECK(tag == server);
    serve_one(server, SPG_NOWAIT);
    ROLE_ENDS_WELL(client);
    client = role_start("slow_server");
    CHECK_OK(spg_waitset_remove(set, spg_server_waitable(server)));
    send_word(own, 8);
    CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
    CHECK(tag == own);
    receive_word(own, 0, 9);
    ROLE_ENDS_WELL(client);
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_client_close(own));
    CHECK_OK(spg_server_close(server));
    check_gone();
}

/* ---- wrong use ------------------------------------------------------------------------------- */

TEST(wrong_use_is_an_error) {
    spg_server *server = open_server(NULL);
    spg_client *client = open_client(NULL), *other;
    spg_request request = {.ticket = 999};
    spg_response response = {.id = 4711};
    void *data;
    CHECK_RESULT(SPG_EINVAL, spg_server_receive(NULL, &request, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_server_receive(server, NULL, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_server_receive(server, &request, -7));
    CHECK_RESULT(SPG_EINVAL, spg_server_reply(server, &request, "x", 1));
    CHECK_RESULT(SPG_EINVAL, spg_server_refuse(server, &request, SPG_EPERM));
    CHECK_RESULT(SPG_EINVAL, spg_server_discard(server, &request));
    CHECK_RESULT(SPG_ETOOBIG, spg_server_loan(server, 1 << 20, &data, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_client_send(client, NULL, 1, NULL, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_client_call(client, "x", 1, NULL, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_client_receive(client, NULL, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_client_release(client, &response));
    CHECK_RESULT(SPG_EINVAL, spg_client_release(client, NULL));
    CHECK_RESULT(SPG_EINVAL, spg_client_cancel(client, 0));
    CHECK_RESULT(SPG_EINVAL, spg_client_cancel(client, 12345));
    CHECK_RESULT(SPG_EINVAL, spg_client_open(NULL, NULL, "x", NULL));
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.type = "other";
    CHECK_RESULT(SPG_ETYPE, spg_client_open(&other, NULL, service_name(), &options));
    CHECK_DETAIL("other");
    options.holds = 0;
    CHECK_RESULT(SPG_EINVAL, spg_client_open(&other, NULL, service_name(), &options));
    CHECK_RESULT(SPG_ENOENT, spg_service_unlink(NULL, "absent"));
    CHECK_OK(spg_service_unlink(NULL, service_name()));
    CHECK_OK(spg_client_close(client));
    CHECK_RESULT(SPG_EINVAL, spg_client_close(client));
    CHECK_OK(spg_server_close(server));
    CHECK_OK(spg_server_close(NULL));
    check_gone();
}

struct both {
    spg_server *server;
    spg_client *client;
};

static void use_in_child(void *argument) {
    struct both *both = argument;
    spg_request request;
    spg_response response;
    CHECK_RESULT(SPG_EFORKED, spg_server_receive(both->server, &request, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_client_call(both->client, "x", 1, &response, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_client_receive(both->client, &response, SPG_NOWAIT));
    CHECK_OK(spg_server_close(both->server));
    CHECK_OK(spg_client_close(both->client));
}

TEST(a_fork_child_has_no_service) {
    struct both both = {open_server(NULL), open_client(NULL)};
    uint64_t id = send_word(both.client, 1);
    ROLE_ENDS_WELL(role_fork(use_in_child, &both));
    serve_one(both.server, SPG_NOWAIT);
    receive_word(both.client, id, 2);
    CHECK_OK(spg_server_close(both.server));
    CHECK_OK(spg_client_close(both.client));
    check_gone();
}
