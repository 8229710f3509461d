/* json.c: see json.h. Global state: how deep the document is open, whether a
 * comma is due, and whether it takes one line. */
#include "json.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int depth;
static bool comma_due;
static bool one_line;

static void break_line(void) {
    if (!one_line) printf("\n%*s", 2 * depth, "");
}

void json_on_one_line(void) {
    one_line = true;
}

static void begin(const char *key) {
    if (comma_due) fputs(one_line ? ", " : ",", stdout);
    if (depth > 0) break_line();
    if (key) printf("\"%s\": ", key);
    comma_due = true;
}

void json_open(const char *key, char bracket) {
    begin(key);
    putchar(bracket);
    depth++;
    comma_due = false;
}

void json_close(char bracket) {
    depth--;
    if (comma_due) break_line();
    putchar(bracket);
    comma_due = true;
    if (depth > 0) return;
    comma_due = false;
    putchar('\n');
}

/* The length of the UTF-8 character at `text`, 0 if there is none: neither overlong, nor a
 * surrogate, nor beyond U+10FFFF. */
static size_t character_length(const unsigned char *text, const unsigned char *end) {
    size_t length = *text < 0x80       ? 1
                    : *text >> 5 == 6  ? 2
                    : *text >> 4 == 14 ? 3
                    : *text >> 3 == 30 ? 4
                                       : 0;
    if (length < 2) return length;
    if (length > (size_t)(end - text)) return 0;
    uint32_t value = *text & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        value = value << 6 | (text[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
    return length;
}

static void put_character(const unsigned char *text, size_t length) {
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    const char *special = length == 1 ? memchr(letters, *text, sizeof letters - 1) : NULL;
    if (special && (special - letters) % 2 == 0) printf("\\%c", special[1]);
    else if (length == 0) fputs("\\ufffd", stdout);
    else if (*text < ' ' || *text == 127) printf("\\u%04x", *text);
    else fwrite(text, 1, length, stdout);
}

static void put_text(const char *key, const unsigned char *text, size_t size) {
    const unsigned char *end = text + size;
    begin(key);
    putchar('"');
    for (const unsigned char *c = text; c < end;) {
        size_t length = character_length(c, end);
        put_character(c, length);
        c += length ? length : 1;
    }
    putchar('"');
}

void json_text(const char *key, const char *text) {
    if (!text) {
        json_null(key);
        return;
    }
    put_text(key, (const unsigned char *)text, strlen(text));
}

void json_number(const char *key, uint64_t number) {
    begin(key);
    printf("%" PRIu64, number);
}

void json_bool(const char *key, bool value) {
    begin(key);
    fputs(value ? "true" : "false", stdout);
}

void json_null(const char *key) {
    begin(key);
    fputs("null", stdout);
}

void json_id(const char *key, uint64_t id) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIx64, id);
    json_text(key, id ? text : NULL);
}

void json_time(const char *key, uint64_t nanoseconds) {
    char text[40];
    struct tm parts;
    time_t seconds = (time_t)(nanoseconds / 1000000000);
    bool known = nanoseconds != 0 && gmtime_r(&seconds, &parts) &&
                 strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0;
    json_text(key, known ? text : NULL);
}

void json_real(const char *key, double number) {
    if (number < 0) {
        json_null(key);
        return;
    }
    begin(key);
    printf("%.1f", number);
}

/* ---- bytes of any kind ----------------------------------------------------------------------- */

static bool is_text(const unsigned char *bytes, size_t size) {
    for (const unsigned char *c = bytes, *end = bytes + size; c < end;) {
        size_t length = character_length(c, end);
        if (length == 0) return false;
        c += length;
    }
    return true;
}

static void put_base64(const unsigned char *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t count = size - i < 3 ? size - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (count > 1) group |= (uint32_t)bytes[i + 1] << 8;
        if (count > 2) group |= bytes[i + 2];
        for (size_t j = 0; j < 4; j++) {
            putchar(j <= count ? digits[group >> (18 - 6 * j) & 63] : '=');
        }
    }
}

void json_payload(const void *bytes, size_t size) {
    if (is_text(bytes, size)) {
        put_text("text", bytes, size);
        return;
    }
    begin("base64");
    putchar('"');
    put_base64(bytes, size);
    putchar('"');
}
