/* json.h: writes one JSON document to stdout, indented. Keys are ours and need no escaping; texts
 * may hold anything: what is not UTF-8 becomes U+FFFD. */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on each document takes one line, for a stream of them. */
void json_on_one_line(void);

/* A key of NULL is for the members of an array, and for the outermost value. */
void json_open(const char *key, char bracket);     /* '{' or '[' */
void json_close(char bracket);                     /* '}' or ']'; after the outermost, a line end */
void json_text(const char *key, const char *text); /* NULL is written as null */
void json_number(const char *key, uint64_t number);
void json_bool(const char *key, bool value);
void json_null(const char *key);
void json_id(const char *key, uint64_t id);            /* as hexadecimal text; 0 is null */
void json_time(const char *key, uint64_t nanoseconds); /* as "2026-01-31T12:00:00Z"; 0 is null */

void json_real(const char *key, double number); /* below 0 is null */
/* Bytes of any kind: "text" where they are UTF-8, else "base64". */
void json_payload(const void *bytes, size_t size);

#endif
