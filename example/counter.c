/* counter.c: the program of the README. Run it in any number of terminals: each run adds one. */
#include <samepage/samepage.h>
#include <stdio.h>

struct counter {
    spg_mutex mutex;
    uint64_t value;
};

static int prepare(void *context, void *bytes, size_t size) {
    (void)context, (void)size;
    return spg_mutex_init(&((struct counter *)bytes)->mutex);
}

int main(void) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    spg_segment *segment;
    options.profile = SPG_MANAGED;
    options.exclusive = 0; /* made by whoever comes first, and never seen half-made */
    options.prepare = prepare;
    if (spg_segment_create(&segment, "posix:/counter", sizeof(struct counter), &options) < 0) {
        fprintf(stderr, "%s\n", spg_error_detail());
        return 1;
    }
    struct counter *counter = spg_segment_address(segment);
    int result = spg_mutex_lock(&counter->mutex, SPG_FOREVER);
    if (result == SPG_EOWNERDEAD) spg_mutex_recovered(&counter->mutex); /* a store is never half */
    if (result < 0 && result != SPG_EOWNERDEAD) return 1;
    printf("%llu\n", (unsigned long long)++counter->value);
    spg_mutex_unlock(&counter->mutex);
    return spg_segment_close(segment) < 0;
}
