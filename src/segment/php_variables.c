/* php_variables.c: the variables of PHP's sysvshm.
 *
 *      0  "PHP_SM" and two zero bytes
 *      8  start: where the first record begins, 40
 *     16  end: where the last one ends
 *     24  free: bytes after that
 *     32  total: bytes of all
 *
 * A record: its key, how many bytes its value has, how many the record has; then the value, and
 * room to the next multiple of 8 and 8 more, as PHP has it. Every number is one of 8 bytes in the
 * machine's order. Others may write meanwhile, so a number is loaded once and then judged. */
#include <samepage/php.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 40, RECORD_HEAD = 24, NUMBER_TEXT_MAX = 64 };

static const char magic[8] = "PHP_SM";

struct header {
    char magic[8];
    int64_t start, end, free, total;
};

struct record {
    int64_t key, length, size;
};

_Static_assert(sizeof(struct header) == HEADER, "PHP's header");
_Static_assert(sizeof(struct record) == RECORD_HEAD, "the head of PHP's record");

/* ---- records --------------------------------------------------------------------------------- */

static int load_header(const void *memory, size_t size, struct header *header) {
    if (!memory || (uintptr_t)memory % 8) return SPG_EINVAL;
    if (size < HEADER) return SPG_ETYPE;
    memcpy(header, memory, sizeof *header);
    if (memcmp(header->magic, magic, sizeof magic) != 0) return SPG_ETYPE;
    if (header->start < HEADER || header->end < header->start || (uint64_t)header->end > size ||
        header->free < 0 || (uint64_t)header->free > size - (uint64_t)header->end) {
        return SPG_ECORRUPT;
    }
    return 0;
}

static bool is_sound(const struct record *record, int64_t room) {
    return record->size >= RECORD_HEAD && record->size <= room && record->length >= 0 &&
           record->length <= record->size - RECORD_HEAD;
}

/* Where the record of `key` begins, or SPG_ENOENT. */
static int64_t find(const char *memory, const struct header *header, int64_t key,
                    struct record *record) {
    int64_t at = header->start;
    while (header->end - at >= RECORD_HEAD) {
        memcpy(record, memory + at, sizeof *record);
        if (!is_sound(record, header->end - at)) return SPG_ECORRUPT;
        if (record->key == key) return at;
        at += record->size;
    }
    return at == header->end ? SPG_ENOENT : SPG_ECORRUPT;
}

static void store_ends(void *memory, struct header *header, int64_t end) {
    header->free += header->end - end;
    header->end = end;
    memcpy(memory, header, sizeof *header);
}

static void cut_out(char *memory, struct header *header, int64_t at, int64_t size) {
    memmove(memory + at, memory + at + size, (size_t)(header->end - at - size));
    store_ends(memory, header, header->end - size);
}

/* ---- values, as serialize() writes them ------------------------------------------------------ */

/* The decimal sign is the locale's in C, and a point in PHP. */
static void replace_sign(char *text, char from, char to) {
    char *sign = strchr(text, from);
    if (sign) *sign = to;
}

static char sign_of_locale(void) {
    char text[8];
    snprintf(text, sizeof text, "%.1f", 0.5);
    return text[1];
}

static int write_float(char *text, double real) {
    if (isnan(real)) return snprintf(text, NUMBER_TEXT_MAX, "d:NAN;");
    if (isinf(real)) return snprintf(text, NUMBER_TEXT_MAX, real > 0 ? "d:INF;" : "d:-INF;");
    int length = snprintf(text, NUMBER_TEXT_MAX, "d:%.17g;", real);
    replace_sign(text, sign_of_locale(), '.');
    return length;
}

/* What comes before a string's bytes; all of any other. Its length, or SPG_EINVAL. */
static int write_head(char *text, const spg_php_value *value) {
    switch (value->type) {
    case SPG_PHP_NULL: return snprintf(text, NUMBER_TEXT_MAX, "N;");
    case SPG_PHP_BOOL: return snprintf(text, NUMBER_TEXT_MAX, "b:%d;", value->integer != 0);
    case SPG_PHP_INT: return snprintf(text, NUMBER_TEXT_MAX, "i:%" PRId64 ";", value->integer);
    case SPG_PHP_FLOAT: return write_float(text, value->real);
    case SPG_PHP_STRING: return snprintf(text, NUMBER_TEXT_MAX, "s:%zu:\"", value->size);
    default: return SPG_EINVAL;
    }
}

static int read_float(const char *text, double *real) {
    char copy[NUMBER_TEXT_MAX], *end;
    strcpy(copy, text);
    replace_sign(copy, '.', sign_of_locale());
    *real = strtod(copy, &end);
    return *end == ';' && end[1] == '\0' ? 0 : SPG_ECORRUPT;
}

static int read_integer(const char *text, int64_t *integer) {
    char *end;
    errno = 0;
    *integer = strtoll(text, &end, 10);
    return errno == 0 && *end == ';' && end[1] == '\0' ? 0 : SPG_ECORRUPT;
}

static int read_number(const char *bytes, size_t size, spg_php_value *value) {
    char text[NUMBER_TEXT_MAX] = {0};
    if (size < 4 || size >= sizeof text || bytes[1] != ':') return SPG_ECORRUPT;
    memcpy(text, bytes, size);
    value->type = text[0] == 'd' ? SPG_PHP_FLOAT : text[0] == 'i' ? SPG_PHP_INT : SPG_PHP_BOOL;
    if (text[0] == 'd') return read_float(text + 2, &value->real);
    int result = read_integer(text + 2, &value->integer);
    if (text[0] == 'b') value->integer = value->integer != 0;
    return result;
}

/* s:LENGTH:"BYTES"; */
static int read_string(const char *bytes, size_t size, spg_php_value *value) {
    char head[NUMBER_TEXT_MAX], wanted[NUMBER_TEXT_MAX];
    size_t copied = size < sizeof head ? size : sizeof head - 1;
    memcpy(head, bytes, copied);
    head[copied] = '\0';
    unsigned long long length = strtoull(head + 2, NULL, 10);
    size_t before = (size_t)snprintf(wanted, sizeof wanted, "s:%llu:\"", length);
    if (strncmp(head, wanted, before) != 0 || size < before + 2 || length != size - before - 2 ||
        memcmp(bytes + size - 2, "\";", 2) != 0) {
        return SPG_ECORRUPT;
    }
    value->type = SPG_PHP_STRING;
    value->bytes = bytes + before;
    value->size = (size_t)length;
    return 0;
}

static int read_value(const char *bytes, size_t size, spg_php_value *value) {
    char kind = size > 1 ? bytes[0] : '\0';
    if (kind == 'N' && size == 2) return 0;
    if (kind == 'b' || kind == 'i' || kind == 'd') return read_number(bytes, size, value);
    if (kind == 's') return read_string(bytes, size, value);
    if (kind == '\0' || kind == 'N') return SPG_ECORRUPT;
    value->type = SPG_PHP_OTHER;
    value->bytes = bytes;
    value->size = size;
    return 0;
}

/* ---- calls ----------------------------------------------------------------------------------- */

int spg_php_format(void *memory, size_t size) {
    if (!memory || (uintptr_t)memory % 8) return SPG_EINVAL;
    if (size < HEADER) return SPG_ETOOBIG;
    struct header header = {.start = HEADER, .end = HEADER, .total = (int64_t)size};
    header.free = (int64_t)size - HEADER;
    memcpy(header.magic, magic, sizeof magic);
    memcpy(memory, &header, sizeof header);
    return 0;
}

int spg_php_get(const void *memory, size_t size, int64_t key, spg_php_value *value) {
    struct header header;
    struct record record;
    if (!value || value->struct_size != sizeof *value) return SPG_EINVAL;
    int result = load_header(memory, size, &header);
    if (result < 0) return result;
    int64_t at = find(memory, &header, key, &record);
    if (at < 0) return (int)at;
    *value = (spg_php_value)SPG_PHP_VALUE;
    return read_value((const char *)memory + at + RECORD_HEAD, (size_t)record.length, value);
}

/* The bytes of a record whose value has `length`, as PHP counts them. */
static int64_t record_size(int64_t length) {
    return (length + 31) / 8 * 8 + 8;
}

static void append(char *memory, struct header *header, int64_t key, const char *head,
                   int64_t head_length, const spg_php_value *value, int64_t length) {
    struct record record = {key, length, record_size(length)};
    char *bytes = memory + header->end;
    memcpy(bytes, &record, sizeof record);
    memcpy(bytes + RECORD_HEAD, head, (size_t)head_length);
    if (value->type == SPG_PHP_STRING) {
        char *text = bytes + RECORD_HEAD + head_length;
        if (value->size) memcpy(text, value->bytes, value->size);
        memcpy(text + value->size, "\";", 2);
    }
    store_ends(memory, header, header->end + record.size);
}

int spg_php_put(void *memory, size_t size, int64_t key, const spg_php_value *value) {
    char head[NUMBER_TEXT_MAX];
    struct header header;
    struct record old = {0};
    if (!value || value->struct_size != sizeof *value) return SPG_EINVAL;
    int head_length = write_head(head, value);
    if (head_length < 0) return head_length;
    int result = load_header(memory, size, &header);
    if (result < 0) return result;
    int64_t at = find(memory, &header, key, &old);
    if (at == SPG_ECORRUPT) return SPG_ECORRUPT;
    int64_t room = header.free + (at < 0 ? 0 : old.size);
    if (value->type == SPG_PHP_STRING && value->size > (size_t)room) return SPG_ENOSPC;
    int64_t length = head_length + (value->type == SPG_PHP_STRING ? (int64_t)value->size + 2 : 0);
    if (record_size(length) > room) return SPG_ENOSPC;
    if (at >= 0) cut_out(memory, &header, at, old.size);
    append(memory, &header, key, head, head_length, value, length);
    return 0;
}

int spg_php_remove(void *memory, size_t size, int64_t key) {
    struct header header;
    struct record record;
    int result = load_header(memory, size, &header);
    if (result < 0) return result;
    int64_t at = find(memory, &header, key, &record);
    if (at < 0) return (int)at;
    cut_out(memory, &header, at, record.size);
    return 0;
}
