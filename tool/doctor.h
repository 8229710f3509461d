/* doctor.h: what the doctor's examinations report to. */
#ifndef TOOL_DOCTOR_H
#define TOOL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum weight { WEIGHT_OK = 0, WEIGHT_NOTE = 1, WEIGHT_PROBLEM = 2 };

/* One line: what was found, and for a note or a problem what to do (else NULL). */
void report(enum weight weight, const char *subject, const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* doctor_system.c: what the system is and allows */
void examine_limits(void);
void examine_shared_memory(void);
void examine_huge_pages(void);
void examine_sysv(void);
void examine_namespaces(void);
void examine_numa(void);

/* doctor_kernel.c: what the kernel does when it is tried */
void examine_tmpfile(void);
void examine_locks(void);
void examine_memfd(void);
void examine_futex(void);
void examine_membarrier(void);

/* doctor_login.c: whether the login manager removes the user's objects when he logs out */
void examine_login_manager(void);

/* The first line of a small file, without its end. False if it cannot be read. */
bool read_line(const char *path, char *line, size_t size);
bool read_number(const char *path, uint64_t *number);

#endif
