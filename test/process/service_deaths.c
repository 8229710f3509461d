/* service_deaths.c: what clients and servers are told when the other side dies or is stopped. */
#include "process/service.h"

static spg_service_options small(void) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.slots = 16;
    options.budget = 16384;
    options.holds = 17;
    return options;
}

/* Takes as many requests as it is told, and answers none. */
ROLE(silent_server) {
    spg_request request;
    spg_service_options options = small();
    spg_server *server = open_server(&options);
    for (int i = 0; i < atoi(arguments[0]); i++) {
        CHECK_OK(spg_server_receive(server, &request, SPG_FOREVER));
    }
    step_reach(1);
    for (;;) pause();
}

/* Kills it in so many milliseconds; counter 1 tells when. */
static void kill_later(const struct role *role, int milliseconds) {
    pid_t killer = harness_fork();
    if (killer != 0) return;
    nap_ms(milliseconds);
    *counter(1) = now_ns();
    kill(role->pid, SIGKILL);
    _exit(0);
}

TEST(a_client_is_told_within_a_tenth_of_a_second_that_its_server_died) {
    int64_t shortest = INT64_MAX, longest = 0;
    spg_service_options options = small();
    spg_client *client = open_client(&options);
    for (int i = 0; i < 20; i++) {
        spg_response response;
        *counter(0) = 0;
        struct role *server = role_start("silent_server", "1");
        uint64_t id = send_word(client, 1);
        step_await(1);
        kill_later(server, 25 + i * 3);
        CHECK_RESULT(SPG_EPEERDEAD, spg_client_receive(client, &response, MILLISECONDS(5000)));
        int64_t took = now_ns() - *counter(1);
        CHECK_INT(id, response.id);
        if (took < shortest) shortest = took;
        if (took > longest) longest = took;
        CHECK_INT(-SIGKILL, role_wait(server));
        harness_running_count = 0;
    }
    printf("    %.1f to %.1f ms\n", (double)shortest / 1e6, (double)longest / 1e6);
    CHECK(shortest < MILLISECONDS(100));
    check_all_free(client, 16, 16384);
    CHECK_OK(spg_client_close(client));
    check_gone();
}

TEST(a_client_that_only_polls_is_told_too) {
    spg_service_options options = small();
    spg_client *client = open_client(&options);
    spg_response response;
    int result;
    struct role *server = role_start("silent_server", "1");
    send_word(client, 1);
    step_await(1);
    role_kill(server);
    while ((result = spg_client_receive(client, &response, SPG_NOWAIT)) == SPG_EAGAIN) {}
    CHECK_RESULT(SPG_EPEERDEAD, result);
    CHECK_OK(spg_client_close(client));
    check_gone();
}

TEST(only_what_the_dead_server_had_is_lost) {
    spg_service_options options = small();
    spg_client *client = open_client(&options);
    spg_response response;
    uint64_t ids[4];
    struct role *dying = role_start("silent_server", "2");
    for (uint64_t i = 0; i < 4; i++) ids[i] = send_word(client, i);
    step_await(1);
    spg_server *server = open_server(NULL);
    role_kill(dying);
    serve_one(server, SPG_NOWAIT);
    serve_one(server, SPG_NOWAIT);
    int dead = 0;
    for (int i = 0; i < 4; i++) {
        int result = spg_client_receive(client, &response, MILLISECONDS(2000));
        if (result == SPG_EPEERDEAD) {
            CHECK(response.id == ids[0] || response.id == ids[1]);
            dead++;
            continue;
        }
        CHECK_OK(result);
        CHECK(response.id == ids[2] || response.id == ids[3]);
        CHECK_OK(spg_client_release(client, &response));
    }
    CHECK_INT(2, dead);
    CHECK_OK(spg_client_close(client));
    CHECK_OK(spg_server_close(server));
    check_gone();
}

TEST(a_stopped_server_is_waited_for_and_its_answer_counts) {
    spg_service_options options = small();
    spg_client *client = open_client(&options);
    spg_response response;
    struct role *server = role_start("silent_server", "1");
    uint64_t id = send_word(client, 1);
    step_await(1);
    role_signal(server, SIGSTOP);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_client_receive(client, &response, MILLISECONDS(200)));
    CHECK_OK(spg_client_cancel(client, id));
    CHECK_RESULT(SPG_ENOENT, spg_client_receive(client, &response, SPG_NOWAIT));
    role_kill(server);
    nap_ms(11);
    check_all_free(client, 16, 16384);
    CHECK_OK(spg_client_close(client));
    check_gone();
}

/* Has one response unreleased, one request taken, and sent one more, and a loan. */
ROLE(client_that_stays) {
    spg_response response;
    spg_service_options options = small();
    spg_client *client = open_client(&options);
    char big[4000] = "";
    void *data;
    CHECK_OK(spg_client_call(client, big, sizeof big, &response, SPG_FOREVER));
    CHECK_OK(spg_client_send(client, big, sizeof big, NULL, SPG_NOWAIT));
    step_await(1);
    send_word(client, 3);
    CHECK_OK(spg_client_loan(client, 1000, &data, SPG_NOWAIT));
    step_reach(2);
    for (;;) pause();
}

TEST(what_a_dead_client_had_is_free_and_its_server_is_told) {
    spg_request request;
    char big[4000] = "";
    spg_service_options options = small();
    options.budget = 32768;
    spg_server *server = open_server(&options);
    struct role *client = role_start("client_that_stays");
    CHECK_OK(spg_server_receive(server, &request, MILLISECONDS(5000)));
    CHECK_OK(spg_server_reply(server, &request, big, sizeof big));
    CHECK_OK(spg_server_receive(server, &request, MILLISECONDS(5000)));
    step_reach(1);
    step_await(2);
    role_kill(client);
    spg_client *other = open_client(NULL);
    CHECK_RESULT(SPG_EPEERDEAD, spg_server_reply(server, &request, big, sizeof big));
    check_all_free(other, 16, 32768);
    CHECK_OK(spg_client_close(other));
    CHECK_OK(spg_server_close(server));
    check_gone();
}

/* ---- everybody dies -------------------------------------------------------------------------- */

ROLE(restless_server) {
    char bytes[900] = "";
    void *data;
    spg_service_options options = small();
    spg_server *server = open_server(&options);
    for (unsigned i = 0;; i++) {
        spg_request request[2];
        int count = 0, result = 0;
        while (count < 2 && spg_server_receive(server, &request[count], i % 3 ? 0 : 100000) == 0)
            count++;
        while (count > 0) {
            count--;
            if (i % 7 == 0 && spg_server_loan(server, 700, &data, SPG_NOWAIT) == 0) {
                result = spg_server_reply(server, &request[count], data, 500);
            } else if (i % 11 == 0) {
                result = spg_server_refuse(server, &request[count], SPG_EPERM);
            } else {
                result = spg_server_reply(server, &request[count], bytes, i % 200);
                if (result == SPG_EAGAIN) spg_server_refuse(server, &request[count], SPG_ENOMEM);
            }
            CHECK(result == 0 || result == SPG_ECLOSED || result == SPG_EPEERDEAD ||
                  result == SPG_EAGAIN);
        }
        if (i % 300 == 299) {
            CHECK_OK(spg_server_close(server));
            server = open_server(&options);
        }
    }
}

ROLE(restless_client) {
    char bytes[900] = "";
    spg_service_options options = small();
    spg_client *client = open_client(&options);
    for (unsigned i = 0;; i++) {
        spg_response response;
        uint64_t id = 0;
        (void)!spg_client_send(client, bytes, i % 150, &id, i % 2 ? SPG_NOWAIT : 50000);
        if (i % 5 == 0 && id) CHECK_OK(spg_client_cancel(client, id));
        if (spg_client_call(client, bytes, i % 77, &response, 300000) == 0)
            CHECK_OK(spg_client_release(client, &response));
        while (spg_client_receive(client, &response, SPG_NOWAIT) == 0)
            CHECK_OK(spg_client_release(client, &response));
        if (i % 200 == 199) {
            CHECK_OK(spg_client_close(client));
            client = open_client(&options);
        }
    }
}

TEST(after_all_have_died_at_once_the_service_works) {
    for (int i = 0; i < 120; i++) {
        struct role *roles[4];
        for (int n = 0; n < 4; n++)
            roles[n] = role_start(n % 2 ? "restless_server" : "restless_client");
        nap_ms(4 + i % 13);
        for (int n = 0; n < 4; n++) role_signal(roles[n], SIGKILL);
        for (int n = 0; n < 4; n++) CHECK_INT(-SIGKILL, role_wait(roles[n]));
        harness_running_count = 0;
        spg_service_options options = small();
        spg_client *client = open_client(&options);
        check_all_free(client, 16, 16384);
        CHECK_OK(spg_client_close(client));
        check_gone();
    }
}

/* One who stays sees all others die, one after the other. */
TEST(who_stays_loses_no_room_to_those_who_die) {
    spg_service_options options = small();
    spg_client *client = open_client(&options);
    for (int i = 0; i < 100; i++) {
        struct role *roles[4];
        for (int n = 0; n < 4; n++)
            roles[n] = role_start(n % 2 ? "restless_server" : "restless_client");
        for (int n = 0; n < 4; n++) {
            nap_ms(2 + (i + n) % 7);
            role_kill(roles[n]);
        }
        harness_running_count = 0;
        spg_response response;
        if (spg_client_call(client, "x", 1, &response, MILLISECONDS(25)) == 0)
            FAIL("nobody is there, and somebody answers");
        nap_ms(11);
        spg_server *server = open_server(NULL);
        check_all_free(client, 16, 16384);
        CHECK_OK(spg_server_close(server));
    }
    CHECK_OK(spg_client_close(client));
    check_gone();
}

static void call_and_die(void *unused) {
    (void)unused;
    spg_client *client = open_client(NULL);
    send_word(client, 9);
    raise(SIGKILL);
}

TEST(a_thousand_deaths_leave_nothing) {
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(-SIGKILL, role_wait(role_fork(call_and_die, NULL)));
        harness_running_count = 0;
        if (i % 3 == 0) continue;
        spg_request request;
        spg_server *server = open_server(NULL);
        CHECK_RESULT(SPG_EAGAIN, spg_server_receive(server, &request, SPG_NOWAIT));
        CHECK_OK(spg_server_close(server));
        check_gone();
    }
    spg_server *server = open_server(NULL);
    CHECK_OK(spg_server_close(server));
    check_gone();
}
