/* descriptor.c: passing one descriptor over a local socket.
 *
 * The peer may be hostile: exactly one descriptor is taken, everything else that came with it is
 * closed, and what was cut off is an error. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "platform/platform.h"
#include "platform/posix/reason.h"

enum { DESCRIPTORS_AT_MOST = 8 };

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(DESCRIPTORS_AT_MOST * sizeof(int))];
};

int spg__file_send(int socket, spg__file file, const void *bytes, size_t count) {
    union control control;
    memset(&control, 0, sizeof control);
    struct iovec vector = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &file, sizeof(int));
    intptr_t sent;
    do {
        sent = SPG_SYSTEM(sendmsg, (socket, &message, MSG_NOSIGNAL));
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return spg__reason("sendmsg");
    return 0;
}

/* Copies the descriptors of one control message out; returns how many there are now. */
static int take_descriptors(struct cmsghdr *header, int *files, int have) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return have;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count && have < DESCRIPTORS_AT_MOST; i++) {
        memcpy(&files[have++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    }
    return have;
}

/* musl's CMSG_NXTHDR mixes signs where its headers are not the system's to the compiler. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
static struct cmsghdr *next_header(struct msghdr *message, struct cmsghdr *header) {
    return CMSG_NXTHDR(message, header);
}
#pragma GCC diagnostic pop

int spg__file_receive(int socket, spg__file *file, void *bytes, size_t size) {
    union control control;
    struct iovec vector = {bytes, size};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    intptr_t received;
    do {
        received = SPG_SYSTEM(recvmsg, (socket, &message, MSG_CMSG_CLOEXEC));
    } while (received < 0 && errno == EINTR);
    if (received < 0) return spg__reason("recvmsg");

    int files[DESCRIPTORS_AT_MOST];
    int have = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
         header = next_header(&message, header)) {
        have = take_descriptors(header, files, have);
    }
    if (have == 1 && received > 0 && !(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) {
        *file = files[0];
        return (int)received;
    }
    for (int i = 0; i < have; i++) close(files[i]);
    if (received > 0 && have == 0 && message.msg_flags & MSG_CTRUNC) {
        errno = EMFILE; /* there was one, and the kernel found no place for it */
        return spg__reason("recvmsg");
    }
    spg__system_reason("recvmsg", received == 0 ? "the other side closed the socket"
                                                : "the message does not carry one descriptor");
    return received == 0 ? SPG_ECLOSED : SPG_EINVAL;
}
