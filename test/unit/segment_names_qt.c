/* segment_names_qt.c: what names of Qt's stand for. The digests are those of sha1sum. */
#include "harness/harness.h"

#include "base/sha1.h"
#include "segment/name.h"

static void means(const char *name, const char *expected) {
    struct spg__segment_name parsed;
    CHECK_OK(spg__segment_name_parse(&parsed, name));
    if (strcmp(parsed.text, expected) != 0) FAIL("%s is %s, not %s", name, parsed.text, expected);
}

static void is_refused(const char *name) {
    struct spg__segment_name parsed;
    CHECK_RESULT(SPG_EINVAL, spg__segment_name_parse(&parsed, name));
    CHECK_DETAIL("qt:");
}

static void has_digest(const char *bytes, size_t size, const char *expected) {
    uint8_t digest[SPG__SHA1_BYTES];
    char text[2 * SPG__SHA1_BYTES + 1];
    spg__sha1(digest, bytes, size);
    for (int i = 0; i < SPG__SHA1_BYTES; i++) sprintf(text + 2 * i, "%02x", digest[i]);
    if (strcmp(text, expected) != 0) FAIL("%zu bytes: %s, not %s", size, text, expected);
}

TEST(the_digest_is_the_standard_s) {
    static char many[1000000];
    memset(many, 'a', sizeof many);
    has_digest("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    has_digest("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
    has_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
               "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    has_digest(many, sizeof many, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

/* The blocks' ends, where the padding changes its form: each differs from the one before. */
TEST(the_digest_is_right_at_the_ends_of_blocks) {
    static const char *const digests[] = {
        "c1c8bbdc22796e28c0e15163d20899b65621d65a", "c2db330f6083854c99d4b5bfb6e8f29f201be699",
        "f08f24908d682555111be7ff6f004e78283d989a", "03f09f5b158a7a8cdad920bddc29b81c18a551f5",
        "0098ba824b5c16427bd7a1122a5a442a25ec644d", "11655326c708d70319be2610e8a57d9a5b959d3b"};
    static const size_t sizes[] = {55, 56, 57, 63, 64, 65};
    char bytes[65];
    memset(bytes, 'a', sizeof bytes);
    for (int i = 0; i < 6; i++) has_digest(bytes, sizes[i], digests[i]);
}

TEST(a_key_is_a_file_of_the_temporary_directory) {
    unsetenv("TMPDIR");
    means("qt:klogshm",
          "sysv:/tmp/qipc_sharedmemory_klogshmfb1af3dd737ffaabf27e9cc69efabf7be177b28f#81");
    setenv("TMPDIR", "/var/tmp", 1);
    means("qt:klogshm",
          "sysv:/var/tmp/qipc_sharedmemory_klogshmfb1af3dd737ffaabf27e9cc69efabf7be177b28f#81");
    means("qt:legacy:klogshm",
          "sysv:/var/tmp/qipc_sharedmemory_klogshmfb1af3dd737ffaabf27e9cc69efabf7be177b28f#81");
    means("qt:legacy-posix:klogshm",
          "posix:/qipc_sharedmemory_klogshmfb1af3dd737ffaabf27e9cc69efabf7be177b28f");
}

/* Of a key its letters alone are kept, of ASCII. */
TEST(a_key_s_other_bytes_are_in_the_digest_alone) {
    setenv("TMPDIR", "", 1);
    means("qt:a_Z~5`", "sysv:/tmp/qipc_sharedmemory_aZbe55ba11cbfc8da61238ce70aa679ef33db2656b#81");
}

TEST(a_variable_that_is_set_and_empty_is_none) {
    setenv("TMPDIR", "/var/tmp", 1);
    setenv("XDG_RUNTIME_DIR", "", 1);
    means("qt:systemv:key", "sysv:/var/tmp/key#81");
    unsetenv("XDG_RUNTIME_DIR");
    means("qt:systemv:key", "sysv:/var/tmp/key#81");
    setenv("TMPDIR", "", 1);
    means("qt:systemv:key", "sysv:/tmp/key#81");
}

TEST(a_key_file_in_too_long_a_directory_is_refused) {
    static char directory[4096];
    memset(directory, 'd', sizeof directory - 1);
    directory[0] = '/';
    setenv("TMPDIR", directory, 1);
    unsetenv("XDG_RUNTIME_DIR");
    is_refused("qt:key");
    is_refused("qt:systemv:key");
    means("qt:systemv:/key", "sysv:/key#81");
}

TEST(native_keys_say_what_they_are) {
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    means("qt:posix:a%20name", "posix:/a name");
    means("qt:posix:%2Fname", "posix:/name");
    means("qt:posix:%2fna%6de", "posix:/name");
    means("qt:systemv:%2Fdata%2Fkey", "sysv:/data/key#81");
    means("qt:systemv:/data/key", "sysv:/data/key#81");
    means("qt:systemv-7:/data/key", "sysv:/data/key#7");
    means("qt:systemv:key", "sysv:/run/user/7/key#81");
}

TEST(what_is_no_key_is_refused) {
    static char much[1100];
    memset(much, 'k', sizeof much - 1);
    memcpy(much, "qt:", 3);
    is_refused("qt:");
    is_refused(much);
    is_refused("qt:legacy:");
    is_refused("qt:posix:");
    is_refused("qt:posix:a%2");
    is_refused("qt:posix:a%00");
    is_refused("qt:posix:a%:0");
    is_refused("qt:posix:a%0`");
    is_refused("qt:posix:a%0g");
    is_refused("qt:posix:a%G0");
    is_refused("qt:systemv:%zz");
    is_refused("qt:systemv-0:/x");
    is_refused("qt:systemv-256:/x");
    is_refused("qt:systemv-/x");
}

/* The key file is the segment's own: it comes and goes with it, also when making it fails. */
TEST(the_key_file_comes_and_goes_with_the_segment) {
    char directory[128], name[64];
    spg_segment *segment, *second;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    snprintf(directory, sizeof directory, "/dev/shm/spgtest-%s-qt", harness_tag());
    CHECK(mkdir(directory, 0700) == 0);
    setenv("TMPDIR", directory, 1);
    snprintf(name, sizeof name, "qt:%s", harness_tag());
    CHECK_OK(spg_segment_create(&segment, name, 100, &options));
    CHECK_RESULT(SPG_EEXIST, spg_segment_create(&second, name, 100, &options));
    CHECK_OK(spg_segment_open(&second, name, &options));
    CHECK_OK(spg_segment_close(second));
    CHECK_OK(spg_segment_close(segment));
    CHECK(rmdir(directory) < 0);
    CHECK_OK(spg_segment_unlink(name));
    CHECK_RESULT(SPG_ENOENT, spg_segment_open(&second, name, &options));
    CHECK(rmdir(directory) == 0 && mkdir(directory, 0700) == 0);
    CHECK(spg_segment_create(&segment, name, SIZE_MAX / 4 * 3, &options) < 0);
    CHECK(rmdir(directory) == 0);
}
