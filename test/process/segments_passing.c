/* segments_passing.c: segments by descriptor: adopted, and passed over sockets. */
#include <sys/socket.h>
#include <sys/un.h>

#include "process/segment.h"

/* ---- descriptors ---------------------------------------------------------------------------- */

TEST(an_adopted_descriptor_stays_its_owners) {
    spg_segment *segment;
    int fd = memfd_create("foreign", MFD_CLOEXEC), before = count_descriptors();
    CHECK_INT(0, ftruncate(fd, 4097));
    CHECK_OK(spg_segment_open_fd(&segment, fd, NULL));
    CHECK(spg_segment_fd(segment) != fd);
    write_pattern(segment, 1);
    CHECK_OK(spg_segment_close(segment));
    CHECK_INT(before, count_descriptors());
    CHECK_OK(spg_segment_open_fd(&segment, fd, NULL));
    close(fd);
    check_pattern(segment, 4097, 1);
    CHECK_OK(spg_segment_close(segment));
}

TEST(what_cannot_be_mapped_is_not_adopted) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    int ends[2], empty = memfd_create("empty", MFD_CLOEXEC);
    CHECK_INT(0, pipe(ends));
    int no_segments[] = {ends[0],
                         ends[1],
                         empty,
                         open("/dev/shm", O_RDONLY | O_CLOEXEC),
                         open("/dev/null", O_RDWR | O_CLOEXEC),
                         socket(AF_UNIX, SOCK_STREAM, 0)};
    int before = count_descriptors();
    for (int i = 0; i < 6; i++) {
        CHECK_RESULT(SPG_ETYPE, spg_segment_open_fd(&segment, no_segments[i], NULL));
        CHECK(spg_error_detail()[0]);
    }
    CHECK(spg_segment_open_fd(&segment, -1, NULL) < 0);
    CHECK(spg_segment_open_fd(&segment, 19999, NULL) < 0);
    CHECK(segment == untouched);
    CHECK_INT(before, count_descriptors());
}

TEST(a_descriptor_that_cannot_be_read_or_written_is_no_permission) {
    spg_segment *segment = NULL;
    char path[64];
    int fd = memfd_create("foreign", MFD_CLOEXEC);
    CHECK_INT(0, ftruncate(fd, 4097));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reading = open(path, O_RDONLY | O_CLOEXEC), writing = open(path, O_WRONLY | O_CLOEXEC);
    CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&segment, reading, NULL));
    CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&segment, writing, NULL));
    CHECK(segment == NULL);
}

/* ---- passing -------------------------------------------------------------------------------- */

static const int socket_types[] = {SOCK_STREAM, SOCK_SEQPACKET};
static const char greeting[] = "SPGSEG01";

static void make_pair(int pair[2], int type) {
    CHECK_INT(0, socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair));
}

static void close_pair(const int pair[2]) {
    close(pair[0]);
    close(pair[1]);
}

static void send_raw(int socket, const char *bytes, size_t length, const int *fds, int count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(200 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec vector = {(void *)(uintptr_t)bytes, length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
    }
    CHECK_INT(length, sendmsg(socket, &message, 0));
}

TEST(segments_are_passed_in_order_over_stream_and_packet_sockets) {
    for (int i = 0; i < 2; i++) {
        int pair[2], before = count_descriptors();
        make_pair(pair, socket_types[i]);
        for (int j = 1; j <= 5; j++) {
            spg_segment *segment;
            CHECK_OK(spg_segment_create(&segment, "memfd:x", (size_t)j * 1000, NULL));
            write_pattern(segment, j);
            CHECK_OK(spg_segment_send(segment, pair[0]));
            CHECK_OK(spg_segment_close(segment));
        }
        for (int j = 1; j <= 5; j++) {
            spg_segment *segment;
            CHECK_OK(spg_segment_receive(&segment, pair[1], NULL));
            check_pattern(segment, (size_t)j * 1000, j);
            CHECK_INT(FD_CLOEXEC, fcntl(spg_segment_fd(segment), F_GETFD));
            CHECK_OK(spg_segment_close(segment));
        }
        close_pair(pair);
        CHECK_INT(before, count_descriptors());
    }
}

/* Abstract addresses vanish with their sockets. */
static socklen_t address_of(struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "spgtest-%s",
                          harness_tag());
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

ROLE(receiver) {
    struct sockaddr_un address;
    socklen_t length = address_of(&address);
    spg_segment *first, *second, *refused = NULL;
    spg_segment_options reading = with_access(SPG_READ_ONLY);
    int connection = socket(AF_UNIX, atoi(arguments[0]) | SOCK_CLOEXEC, 0);
    CHECK_INT(0, connect(connection, (struct sockaddr *)&address, length));
    int before = count_descriptors();
    CHECK_OK(spg_segment_receive(&first, connection, NULL));
    CHECK_OK(spg_segment_open_fd(&second, spg_segment_fd(first), NULL));
    CHECK(spg_segment_address(first) != spg_segment_address(second));
    check_pattern(first, 4097, 1);
    write_pattern(second, 2);
    CHECK_OK(spg_segment_close(first));
    CHECK_OK(spg_segment_close(second));
    CHECK_RESULT(SPG_EPERM, spg_segment_receive(&refused, connection, NULL));
    CHECK_RESULT(SPG_EPERM, spg_segment_receive(&refused, connection, NULL));
    CHECK(refused == NULL);
    CHECK_OK(spg_segment_receive(&first, connection, &reading));
    check_pattern(first, 4097, 3);
    check_cannot_write(first);
    CHECK_OK(spg_segment_close(first));
    CHECK_RESULT(SPG_ECLOSED, spg_segment_receive(&first, connection, NULL));
    CHECK_INT(before, count_descriptors());
}

/* What the receiver may do is what descriptor and seals allow. */
static void serve(int connection) {
    spg_segment *memory, *named, *reader, *sealed;
    spg_segment_options options = with_access(SPG_READ_ONLY);
    const char *name = unique_name("posix:", "x");
    CHECK_OK(spg_segment_create(&memory, "memfd:x", 4097, NULL));
    write_pattern(memory, 1);
    CHECK_OK(spg_segment_send(memory, connection));
    CHECK_OK(spg_segment_create(&named, name, 4097, NULL));
    CHECK_OK(spg_segment_open(&reader, name, &options));
    CHECK_OK(spg_segment_send(reader, connection));
    options = with_access(SPG_READ_WRITE);
    options.seals = SPG_SEAL_FUTURE_WRITE | SPG_SEAL_SHRINK | SPG_SEAL_SEALS;
    CHECK_OK(spg_segment_create(&sealed, "memfd:sealed", 4097, &options));
    write_pattern(sealed, 3);
    CHECK_OK(spg_segment_send(sealed, connection));
    CHECK_OK(spg_segment_send(sealed, connection));
    CHECK_OK(spg_segment_close(sealed));
    CHECK_OK(spg_segment_close(reader));
    CHECK_OK(spg_segment_close(named));
    CHECK_OK(spg_segment_unlink(name));
    close(connection);
    while (*(unsigned char *)spg_segment_address(memory) != pattern(0, 2)) nap_ms(1);
    CHECK_OK(spg_segment_close(memory));
}

TEST(an_unrelated_program_receives_what_it_may_use_and_no_more) {
    for (int i = 0; i < 2; i++) {
        struct sockaddr_un address;
        socklen_t length = address_of(&address);
        char type[16];
        snprintf(type, sizeof type, "%d", socket_types[i]);
        int listening = socket(AF_UNIX, socket_types[i] | SOCK_CLOEXEC, 0);
        CHECK_INT(0, bind(listening, (struct sockaddr *)&address, length));
        CHECK_INT(0, listen(listening, 1));
        struct role *role = role_start("receiver", type);
        int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        CHECK(connection >= 0);
        serve(connection);
        ROLE_ENDS_WELL(role);
        close(listening);
    }
}

/* Sends this, expects that result, and no descriptor more or less afterwards; then a good one. */
static void check_message(int type, int expected, const char *bytes, size_t length, const int *fds,
                          int count) {
    spg_segment *good, *untouched = (spg_segment *)(void *)&good, *segment = untouched;
    int pair[2];
    make_pair(pair, type);
    CHECK_OK(spg_segment_create(&good, "memfd:good", 100, NULL));
    int before = count_descriptors();
    send_raw(pair[0], bytes, length, fds, count);
    CHECK_RESULT(expected, spg_segment_receive(&segment, pair[1], NULL));
    CHECK(spg_error_detail()[0]);
    CHECK(segment == untouched);
    CHECK_INT(before, count_descriptors());
    CHECK_OK(spg_segment_send(good, pair[0]));
    CHECK_OK(spg_segment_receive(&segment, pair[1], NULL));
    CHECK_INT(100, spg_segment_size(segment));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_close(good));
    close_pair(pair);
}

TEST(a_message_with_none_or_many_descriptors_is_refused_and_all_are_closed) {
    int fds[200];
    for (int i = 0; i < 200; i++) fds[i] = memfd_create("x", MFD_CLOEXEC);
    for (int i = 0; i < 200; i++) CHECK_INT(0, ftruncate(fds[i], 100));
    for (int i = 0; i < 2; i++) {
        static const int counts[] = {0, 2, 3, 8, 9, 10, 200};
        for (int j = 0; j < 7; j++) {
            check_message(socket_types[i], SPG_EINVAL, greeting, 8, fds, counts[j]);
        }
    }
}

TEST(a_message_with_a_descriptor_of_something_else_is_refused) {
    int ends[2];
    CHECK_INT(0, pipe(ends));
    int no_segments[] = {
        open("/dev/shm", O_RDONLY | O_CLOEXEC), open("/", O_PATH | O_CLOEXEC), ends[0], ends[1],
        open("/dev/zero", O_RDWR | O_CLOEXEC),  memfd_create("empty", 0)};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 6; j++) {
            check_message(socket_types[i], SPG_ETYPE, greeting, 8, &no_segments[j], 1);
        }
    }
}

TEST(a_message_with_another_greeting_is_refused) {
    static const char *const bad[] = {"SPGSEG02", "spgseg01", "\0\0\0\0\0\0\0\0"};
    int fd = memfd_create("x", MFD_CLOEXEC);
    CHECK_INT(0, ftruncate(fd, 100));
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++) check_message(socket_types[i], SPG_ETYPE, bad[j], 8, &fd, 1);
        check_message(socket_types[i], SPG_ETYPE, greeting, 7, &fd, 1);
        check_message(socket_types[i], SPG_ETYPE, greeting, 1, &fd, 1);
    }
    check_message(SOCK_SEQPACKET, SPG_EINVAL, "SPGSEG01 and more", 17, &fd, 1);
}

TEST(a_socket_that_is_empty_full_closed_or_none_is_told_apart) {
    for (int i = 0; i < 2; i++) {
        int pair[2], sent = 0, result;
        spg_segment *segment, *untouched = (spg_segment *)(void *)&segment, *received = untouched;
        signal(SIGPIPE, SIG_DFL);
        make_pair(pair, socket_types[i] | SOCK_NONBLOCK);
        CHECK_OK(spg_segment_create(&segment, "memfd:x", 100, NULL));
        CHECK_RESULT(SPG_EAGAIN, spg_segment_receive(&received, pair[1], NULL));
        while ((result = spg_segment_send(segment, pair[0])) == 0) sent++;
        /* More descriptors on their way than the user may have open: the kernel refuses as well. */
        CHECK(result == SPG_EAGAIN || result == SPG_ESYSTEM);
        CHECK(sent > 0);
        while (sent-- > 0) {
            CHECK_OK(spg_segment_receive(&received, pair[1], NULL));
            CHECK_OK(spg_segment_close(received));
        }
        received = untouched;
        CHECK_RESULT(SPG_EAGAIN, spg_segment_receive(&received, pair[1], NULL));
        close(pair[0]);
        CHECK_RESULT(SPG_ECLOSED, spg_segment_receive(&received, pair[1], NULL));
        CHECK_RESULT(SPG_ESYSTEM, spg_segment_send(segment, pair[1]));
        close(pair[1]);
        CHECK(spg_segment_send(segment, pair[1]) < 0);
        CHECK(spg_segment_receive(&received, pair[1], NULL) < 0);
        CHECK(spg_segment_send(segment, spg_segment_fd(segment)) < 0);
        CHECK(received == untouched);
        CHECK_OK(spg_segment_close(segment));
    }
}

TEST(what_has_no_descriptor_cannot_be_sent) {
    static const char *const kinds[] = {"sysv:private", "anonymous:"};
    int pair[2];
    make_pair(pair, SOCK_STREAM);
    for (int i = 0; i < 2; i++) {
        spg_segment *segment;
        char name[64];
        CHECK_OK(spg_segment_create(&segment, kinds[i], 100, NULL));
        snprintf(name, sizeof name, "%s", spg_segment_name(segment));
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_send(segment, pair[0]));
        CHECK_DETAIL(name);
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_fd(segment));
        CHECK_OK(spg_segment_close(segment));
        if (i == 0) CHECK_OK(spg_segment_unlink(name));
    }
    close_pair(pair);
}

TEST(posix_and_file_segments_can_be_sent_too) {
    static const char *const kinds[] = {"posix:", "file:"};
    for (int i = 0; i < 4; i++) {
        spg_segment *segment, *received;
        spg_segment_options options = with_profile(i < 2 ? "bare" : "managed");
        const char *name = unique_name(kinds[i % 2], "x");
        int pair[2];
        make_pair(pair, SOCK_STREAM);
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        CHECK_OK(spg_segment_send(segment, pair[0]));
        CHECK_OK(spg_segment_receive(&received, pair[1], &options));
        write_pattern(segment, 1);
        check_pattern(received, 5000, 1);
        CHECK_OK(spg_segment_close(received));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
        close_pair(pair);
    }
}
