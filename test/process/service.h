/* service.h: what the tests of services share. */
#ifndef TEST_PROCESS_SERVICE_H
#define TEST_PROCESS_SERVICE_H

#include "harness/harness.h"

__attribute__((unused)) static const char *service_name(void) {
    return "test/service";
}

__attribute__((unused)) static spg_server *open_server(const spg_service_options *options) {
    spg_server *server;
    CHECK_OK(spg_server_open(&server, NULL, service_name(), options));
    return server;
}

__attribute__((unused)) static spg_client *open_client(const spg_service_options *options) {
    spg_client *client;
    CHECK_OK(spg_client_open(&client, NULL, service_name(), options));
    return client;
}

__attribute__((unused)) static uint64_t word_of(const void *data, size_t size) {
    uint64_t word;
    CHECK_INT(sizeof word, size);
    memcpy(&word, data, sizeof word);
    return word;
}

/* Receives one request and answers with its number plus one. */
__attribute__((unused)) static void serve_one(spg_server *server, int64_t timeout) {
    spg_request request;
    CHECK_OK(spg_server_receive(server, &request, timeout));
    uint64_t word = word_of(request.data, request.size) + 1;
    CHECK_OK(spg_server_reply(server, &request, &word, sizeof word));
}

__attribute__((unused)) static uint64_t send_word(spg_client *client, uint64_t word) {
    uint64_t id;
    CHECK_OK(spg_client_send(client, &word, sizeof word, &id, SPG_NOWAIT));
    return id;
}

__attribute__((unused)) static void receive_word(spg_client *client, uint64_t id, uint64_t word) {
    spg_response response;
    CHECK_OK(spg_client_receive(client, &response, MILLISECONDS(5000)));
    if (id) CHECK_INT(id, response.id);
    CHECK_INT(word, word_of(response.data, response.size));
    CHECK_OK(spg_client_release(client, &response));
}

/* All slots (if not 0) and all memory can be had: nothing of anybody is left in it. */
__attribute__((unused)) static void check_all_free(spg_client *client, int slots, size_t budget) {
    void *data;
    uint64_t ids[64];
    CHECK_OK(spg_client_loan(client, budget, &data, SPG_NOWAIT));
    CHECK_OK(spg_client_discard(client, data));
    for (int i = 0; i < slots; i++) ids[i] = send_word(client, 1);
    if (slots == 0) return;
    CHECK_RESULT(SPG_EAGAIN, spg_client_send(client, "x", 1, NULL, SPG_NOWAIT));
    for (int i = 0; i < slots; i++) CHECK_OK(spg_client_cancel(client, ids[i]));
}

__attribute__((unused)) static const char *service_path(void) {
    static char path[300];
    snprintf(path, sizeof path, "%s/test%%2Fservice.service", getenv("SAMEPAGE_DOMAIN"));
    return path;
}

__attribute__((unused)) static void check_gone(void) {
    if (access(service_path(), F_OK) == 0) FAIL("%s is still there", service_path());
}

#endif
