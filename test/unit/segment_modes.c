/* segment_modes.c: the mode is the one that was asked for. */
#include "unit/segment_options.h"

static uint32_t mode_of(const spg_segment *segment, int kind) {
    struct stat status;
    struct shmid_ds sysv;
    if (kind != SYSV) {
        CHECK_INT(0, fstat(spg_segment_fd(segment), &status));
        return status.st_mode & 07777;
    }
    unsigned key = (unsigned)strtoul(spg_segment_name(segment) + strlen("sysv:"), NULL, 16);
    CHECK_INT(0, shmctl(shmget((key_t)key, 0, 0), IPC_STAT, &sysv));
    return sysv.shm_perm.mode & 07777;
}

static void check_modes(int kind, uint8_t profile) {
    static const uint32_t modes[] = {0600, 0640, 0660, 0664, 0666, 0644, 0602};
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (int mask = 0; mask < 4; mask++) {
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
            spg_segment *segment;
            spg_segment_options options = defaults();
            options.mode = modes[i];
            options.profile = profile;
            mode_t before = umask(masks[mask]);
            CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 5, &options));
            umask(before);
            CHECK_INT(modes[i], mode_of(segment, kind));
            remove_segment(segment, kind);
        }
    }
}

TEST(the_mode_is_exactly_as_asked_under_every_umask) {
    for (int kind = 0; kind < ANONYMOUS; kind++) {
        check_modes(kind, SPG_BARE);
        check_modes(kind, SPG_MANAGED);
    }
}

TEST(the_mode_is_0600_unless_asked_otherwise) {
    for (int kind = 0; kind < ANONYMOUS; kind++) {
        spg_segment *segment;
        spg_segment_options options = defaults();
        umask(0);
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 5, NULL));
        CHECK_INT(0600, mode_of(segment, kind));
        remove_segment(segment, kind);
        options.mode = 0;
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 5, &options));
        CHECK_INT(0600, mode_of(segment, kind));
        remove_segment(segment, kind);
    }
}

/* The mode is for those who come later: its creator writes to it in any case. */
static void create_read_only_modes(void *argument) {
    int kind = *(int *)argument;
    static const uint32_t modes[] = {0400, 0444, 0200, 0040};
    if (geteuid() == 0) CHECK_INT(0, setresuid(65534, 65534, 65534));
    for (int i = 0; i < 4; i++) {
        spg_segment *segment;
        spg_segment_options options = defaults();
        options.mode = modes[i];
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 5, &options));
        *(char *)spg_segment_address(segment) = 1;
        CHECK_INT(modes[i], mode_of(segment, kind) & 0777);
        remove_segment(segment, kind);
    }
}

TEST(a_narrow_mode_does_not_keep_out_the_creator_of_a_file_or_memfd) {
    for (int kind = 0; kind < ANONYMOUS; kind++) {
        if (kind != SYSV) ROLE_ENDS_WELL(role_fork(create_read_only_modes, &kind));
    }
}

static void create_narrow_sysv(void *argument) {
    spg_segment *segment;
    spg_segment_options options = defaults();
    (void)argument;
    if (geteuid() == 0) CHECK_INT(0, setresuid(65534, 65534, 65534));
    options.mode = 0400;
    CHECK_OK(spg_segment_create(&segment, "sysv:private", 5, &options));
    *(char *)spg_segment_address(segment) = 1;
    remove_segment(segment, SYSV);
}

TEST(a_narrow_mode_does_not_keep_out_the_creator_of_a_system_v_segment) {
    ROLE_ENDS_WELL(role_fork(create_narrow_sysv, NULL));
}
