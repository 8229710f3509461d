/* service.c: `service` answers with the text in capitals, `service TEXT` asks. */
#include <samepage/samepage.h>
#include <stdio.h>
#include <string.h>

static int serve(void) {
    spg_server *server;
    spg_request request;
    char text[200];
    int result = spg_server_open(&server, NULL, "example/capitals", NULL);
    while (result == 0 && (result = spg_server_receive(server, &request, SPG_FOREVER)) == 0) {
        size_t size = request.size < sizeof text ? request.size : sizeof text;
        memcpy(text, request.data, size);
        for (size_t i = 0; i < size; i++) text[i] -= text[i] >= 'a' && text[i] <= 'z' ? 32 : 0;
        spg_server_reply(server, &request, text, size); /* a client that went is none of ours */
    }
    return result;
}
int main(int count, char **words) {
    spg_client *client;
    spg_response answer;
    if (count < 2) return serve() < 0;
    int result = spg_client_open(&client, NULL, "example/capitals", NULL);
    if (result == 0)
        result = spg_client_call(client, words[1], strlen(words[1]), &answer, 1000000000);
    if (result == 0) printf("%.*s\n", (int)answer.size, (const char *)answer.data);
    else fprintf(stderr, "%s\n", spg_error_text(result));
    return result < 0; /* leaving ends all it had */
}
