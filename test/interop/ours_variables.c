/* ours_variables.c: variables of PHP's sysvshm through Samepage, from the shell.
 *
 *   format NAME SIZE        get NAME KEY        remove NAME KEY
 *   put NAME KEY null|true|false|i:NUMBER|d:NUMBER|s:TEXT
 *   fill NAME KEY           puts a text that grows until there is no room; says "full" */
#include <samepage/php.h>
#include <samepage/samepage.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(int result) {
    if (result >= 0) return;
    fprintf(stderr, "ours: %s %s\n", spg_error_name(result), spg_error_detail());
    exit(1);
}

static void format(const char *name, size_t size) {
    spg_segment *segment;
    must(spg_segment_create(&segment, name, size, NULL));
    must(spg_php_format(spg_segment_address(segment), size));
    must(spg_segment_close(segment));
}

static spg_php_value value_of(const char *word) {
    spg_php_value value = SPG_PHP_VALUE;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        value.type = SPG_PHP_BOOL;
        value.integer = word[0] == 't';
    } else if (strncmp(word, "i:", 2) == 0) {
        value.type = SPG_PHP_INT;
        value.integer = strtoll(word + 2, NULL, 10);
    } else if (strncmp(word, "d:", 2) == 0) {
        value.type = SPG_PHP_FLOAT;
        value.real = strtod(word + 2, NULL);
    } else if (strncmp(word, "s:", 2) == 0) {
        value.type = SPG_PHP_STRING;
        value.bytes = word + 2;
        value.size = strlen(word + 2);
    }
    return value;
}

static void print(const spg_php_value *value) {
    switch (value->type) {
    case SPG_PHP_NULL: puts("null"); break;
    case SPG_PHP_BOOL: puts(value->integer ? "true" : "false"); break;
    case SPG_PHP_INT: printf("i:%lld\n", (long long)value->integer); break;
    case SPG_PHP_FLOAT: printf("d:%.17g\n", value->real); break;
    default:
        printf("%s:%.*s\n", value->type == SPG_PHP_STRING ? "s" : "other", (int)value->size,
               (const char *)value->bytes);
    }
}

static void fill(void *memory, size_t size, int64_t key) {
    static char text[1 << 20];
    spg_php_value value = SPG_PHP_VALUE;
    int result = 0;
    value.type = SPG_PHP_STRING;
    value.bytes = text;
    memset(text, 'x', sizeof text);
    while (result == 0 && value.size < sizeof text) {
        value.size++;
        result = spg_php_put(memory, size, key, &value);
    }
    if (result != SPG_ENOSPC) must(SPG_ECORRUPT);
    printf("full %zu\n", value.size - 1);
}

static void use(const char *command, void *memory, size_t size, char **words) {
    int64_t key = strtoll(words[0], NULL, 0);
    spg_php_value value = SPG_PHP_VALUE;
    if (strcmp(command, "get") == 0) {
        must(spg_php_get(memory, size, key, &value));
        print(&value);
    } else if (strcmp(command, "put") == 0) {
        value = value_of(words[1]);
        must(spg_php_put(memory, size, key, &value));
    } else if (strcmp(command, "fill") == 0) {
        fill(memory, size, key);
    } else {
        must(spg_php_remove(memory, size, key));
    }
}

int main(int count, char **words) {
    spg_segment *segment;
    if (count < 4) return 2;
    alarm(60);
    if (strcmp(words[1], "format") == 0) return format(words[2], strtoul(words[3], NULL, 0)), 0;
    must(spg_segment_open(&segment, words[2], NULL));
    use(words[1], spg_segment_address(segment), spg_segment_size(segment), words + 3);
    must(spg_segment_close(segment));
    return 0;
}
