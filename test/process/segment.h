/* segment.h: what the tests of segments share: options, names, bytes that can be told apart, and a
 * write that must die. */
#ifndef TEST_PROCESS_SEGMENT_H
#define TEST_PROCESS_SEGMENT_H

#include "harness/harness.h"

__attribute__((unused)) static spg_segment_options managed(void) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    return options;
}

__attribute__((unused)) static spg_segment_options temporary(void) {
    spg_segment_options options = managed();
    options.lifetime = SPG_TEMPORARY;
    return options;
}

__attribute__((unused)) static spg_segment_options with_access(uint8_t access) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = access;
    return options;
}

__attribute__((unused)) static spg_segment_options with_profile(const char *profile) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = strcmp(profile, "managed") == 0 ? SPG_MANAGED : SPG_BARE;
    return options;
}

/* The file that has this name. */
__attribute__((unused)) static const char *path_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s%s", strncmp(name, "posix:", 6) == 0 ? "/dev/shm" : "",
             strchr(name, '/'));
    return path;
}

__attribute__((unused)) static int names_in(const char *folder) {
    int count = 0;
    struct dirent *entry;
    DIR *directory = opendir(folder);
    while (directory && (entry = readdir(directory))) count += entry->d_name[0] != '.';
    if (directory) closedir(directory);
    return count;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

__attribute__((unused)) static unsigned char pattern(size_t at, int seed) {
    return (unsigned char)(at * 131 + at / 4096 + (size_t)seed);
}

__attribute__((unused)) static void write_pattern(const spg_segment *segment, int seed) {
    unsigned char *bytes = spg_segment_address(segment);
    for (size_t i = 0; i < spg_segment_size(segment); i++) bytes[i] = pattern(i, seed);
}

__attribute__((unused)) static void check_pattern(const spg_segment *segment, size_t size,
                                                  int seed) {
    const unsigned char *bytes = spg_segment_address(segment);
    CHECK_INT(size, spg_segment_size(segment));
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != pattern(i, seed)) {
            FAIL("%s: byte %zu of %zu is %d, not %d", spg_segment_name(segment), i, size, bytes[i],
                 pattern(i, seed));
        }
    }
}

/* ---- a write that must die ------------------------------------------------------------------- */

static const unsigned char *fatal_byte;

__attribute__((unused)) static void count_as_fatal(int signal_number, siginfo_t *information,
                                                   void *context) {
    (void)context;
    _exit(signal_number == SIGSEGV && information->si_addr == fatal_byte ? 42 : 43);
}

__attribute__((unused)) static void write_one_byte(void *argument) {
    struct sigaction action = {.sa_sigaction = count_as_fatal, .sa_flags = SA_SIGINFO};
    fatal_byte = argument;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    *(volatile unsigned char *)argument = 1;
}

/* In a child: SIGSEGV at exactly this byte. */
__attribute__((unused)) static void check_cannot_write(const spg_segment *segment) {
    unsigned char *bytes = spg_segment_address(segment);
    CHECK_INT(42, role_wait(role_fork(write_one_byte, bytes)));
    CHECK_INT(42, role_wait(role_fork(write_one_byte, bytes + spg_segment_size(segment) - 1)));
}

#endif
