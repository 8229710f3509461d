/* segment_seals.c: seals are set as asked, and hold. */
#include "unit/segment_options.h"

static spg_segment *sealed(uint32_t seals) {
    spg_segment *segment;
    spg_segment_options options = defaults();
    options.seals = seals;
    CHECK_OK(spg_segment_create(&segment, "memfd:sealed", 8192, &options));
    return segment;
}

TEST(each_seal_is_set_as_asked) {
    static const struct {
        uint32_t ours;
        int kernels;
    } seals[] = {{SPG_SEAL_SHRINK, F_SEAL_SHRINK},
                 {SPG_SEAL_GROW, F_SEAL_GROW},
                 {SPG_SEAL_FUTURE_WRITE, 0x10},
                 {SPG_SEAL_SEALS, F_SEAL_SEAL}};
    for (uint32_t set = 0; set < 16; set++) {
        uint32_t ours = 0;
        int kernels = 0;
        for (int i = 0; i < 4; i++) {
            if (!(set >> i & 1)) continue;
            ours |= seals[i].ours;
            kernels |= seals[i].kernels;
        }
        spg_segment *at_once = sealed(ours), *later = sealed(0);
        CHECK_INT(kernels, fcntl(spg_segment_fd(at_once), F_GET_SEALS) & 0x1f);
        CHECK_INT(0, fcntl(spg_segment_fd(later), F_GET_SEALS) & 0x1f);
        CHECK_OK(spg_segment_seal(later, ours));
        CHECK_INT(kernels, fcntl(spg_segment_fd(later), F_GET_SEALS) & 0x1f);
        CHECK_OK(spg_segment_close(at_once));
        CHECK_OK(spg_segment_close(later));
    }
}

TEST(a_segment_sealed_against_shrinking_cannot_be_cut) {
    spg_segment *segment = sealed(SPG_SEAL_SHRINK);
    CHECK_INT(-1, ftruncate(spg_segment_fd(segment), 4096));
    CHECK_INT(EPERM, errno);
    CHECK_OK(spg_segment_resize(segment, 20000));
    CHECK_INT(20000, spg_segment_size(segment));
    CHECK_OK(spg_segment_close(segment));
}

TEST(a_segment_sealed_against_growing_cannot_grow) {
    spg_segment *segment = sealed(SPG_SEAL_GROW);
    CHECK_RESULT(SPG_EPERM, spg_segment_resize(segment, 8193));
    CHECK_DETAIL("memfd:sealed");
    CHECK_INT(8192, spg_segment_size(segment));
    CHECK_INT(-1, ftruncate(spg_segment_fd(segment), 8193));
    CHECK_INT(EPERM, errno);
    CHECK_OK(spg_segment_resize(segment, 0));
    CHECK_OK(spg_segment_close(segment));
}

TEST(a_segment_sealed_against_future_writers_has_those_it_had) {
    spg_segment *segment = sealed(SPG_SEAL_FUTURE_WRITE), *reader, *writer = NULL;
    spg_segment_options options = defaults();
    char *bytes = spg_segment_address(segment);
    CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&writer, spg_segment_fd(segment), NULL));
    CHECK(writer == NULL);
    CHECK_INT(-1, pwrite(spg_segment_fd(segment), "x", 1, 0));
    CHECK_INT(EPERM, errno);
    options.access = SPG_READ_ONLY;
    CHECK_OK(spg_segment_open_fd(&reader, spg_segment_fd(segment), &options));
    bytes[5] = 'w';
    CHECK_INT('w', ((char *)spg_segment_address(reader))[5]);
    CHECK_OK(spg_segment_close(reader));
    options.access = SPG_COPY_ON_WRITE;
    CHECK_OK(spg_segment_open_fd(&writer, spg_segment_fd(segment), &options));
    ((char *)spg_segment_address(writer))[5] = 'p';
    CHECK_INT('w', bytes[5]);
    CHECK_OK(spg_segment_close(writer));
    CHECK_OK(spg_segment_close(segment));
}

/* To the kernel a shared mapping by a descriptor that can write is a writer, even one only read
 * from; a private copy is none. */
TEST(a_segment_is_sealed_against_writing_once_nobody_maps_it_for_writing) {
    spg_segment *segment = sealed(0), *copy, *writer = NULL;
    spg_segment_options options = defaults();
    *(char *)spg_segment_address(segment) = 'x';
    options.access = SPG_COPY_ON_WRITE;
    CHECK_OK(spg_segment_open_fd(&copy, spg_segment_fd(segment), &options));
    CHECK_RESULT(SPG_EPERM, spg_segment_seal(segment, SPG_SEAL_WRITE));
    CHECK_DETAIL("memfd:sealed");
    CHECK_INT(0, fcntl(spg_segment_fd(copy), F_GET_SEALS) & F_SEAL_WRITE);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_seal(copy, SPG_SEAL_WRITE));
    CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&writer, spg_segment_fd(copy), NULL));
    CHECK(writer == NULL);
    CHECK_INT(-1, pwrite(spg_segment_fd(copy), "y", 1, 0));
    CHECK_INT('x', *(char *)spg_segment_address(copy));
    CHECK_OK(spg_segment_close(copy));
}

/* The creator's own mapping can write, so this cannot be had at once. */
TEST(a_seal_against_writing_cannot_be_had_at_creation) {
    spg_segment_options options = defaults();
    int before = count_descriptors();
    options.seals = SPG_SEAL_WRITE;
    refuse_on(MEMFD, SPG_EPERM, &options, "");
    CHECK_INT(before, count_descriptors());
}

TEST(a_segment_sealed_against_seals_takes_no_more) {
    spg_segment *segment = sealed(SPG_SEAL_SEALS);
    CHECK_RESULT(SPG_EPERM, spg_segment_seal(segment, SPG_SEAL_GROW));
    CHECK_DETAIL("memfd:sealed");
    CHECK_OK(spg_segment_close(segment));
}

TEST(seals_that_do_not_exist_cannot_be_added) {
    spg_segment *segment = sealed(0);
    CHECK_RESULT(SPG_EINVAL, spg_segment_seal(segment, 32));
    CHECK_RESULT(SPG_EINVAL, spg_segment_seal(segment, ~0u));
    CHECK_OK(spg_segment_seal(segment, 0));
    CHECK_OK(spg_segment_close(segment));
}

/* A descriptor of a file that is no memfd takes no seals, however it was come by. */
TEST(an_adopted_file_takes_no_seals) {
    spg_segment *segment, *adopted;
    CHECK_OK(spg_segment_create(&segment, unique_name("posix:", "x"), 8, NULL));
    CHECK_OK(spg_segment_open_fd(&adopted, spg_segment_fd(segment), NULL));
    CHECK_RESULT(SPG_EPERM, spg_segment_seal(adopted, SPG_SEAL_GROW));
    CHECK_OK(spg_segment_close(adopted));
    remove_segment(segment, 0);
}
