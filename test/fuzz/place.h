/* place.h: where the files lie that the library works on: in the real system (place_system.c), or
 * in memory (port/), where an execution makes no system call. Paths are absolute. */
#ifndef FUZZ_PLACE_H
#define FUZZ_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before everything else. Writes a domain's path, nobody else's. */
void place_begin(char *domain, size_t size);

void place_make_directory(const char *path);
/* With everything in it. */
void place_remove_directory(const char *path);
/* In place of what is there; what is beyond `count` is zero. */
void place_put(const char *path, const void *bytes, size_t count, size_t size);
/* Changes what is there, if there is something. */
void place_patch(const char *path, size_t offset, const void *bytes, size_t count);
void place_put_record(const char *path, const char *text);
void place_remove(const char *path);
/* The bytes of a file, in new memory; NULL if there is none. */
unsigned char *place_read(const char *path, size_t *size);
/* Its number, as the library sees it. */
uint64_t place_number(const char *path);
/* A descriptor, for calls that take one; negative if there is no file. */
int place_open(const char *path);
void place_close(int file);

/* In a fork child: from now on it is another process. When it has died its parent reaps it. */
void place_become_another(void);
void place_reap(void);

/* True where no name is anybody else's: anything may be made and removed. */
bool place_is_private(void);
/* For this execution: files begin with a name, as on systems that have no others. Nothing where the
 * system is what it is. */
void place_have_no_unnamed_files(void);

/* Who is called, once, when a sleep has no end, or many have taken too long; NULL: then it is a
 * finding. False where nobody can be called. */
bool place_when_stuck(void (*helper)(void));

/* What is there now is what each execution begins with; and the end of one. */
void place_mark(void);
void place_reset(void);

#endif
