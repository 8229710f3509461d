/* name_php.h: what a php: name stands for. */
#ifndef SPG_SEGMENT_NAME_PHP_H
#define SPG_SEGMENT_NAME_PHP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From what follows "php:" to a whole sysv: name. SPG_EINVAL with a text that says how they are. */
int spg__php_name(const char *rest, char *sysv, size_t size);

#endif
