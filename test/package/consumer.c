/* consumer.c: a program of somebody else's that uses the installed library: C11 and C++17. */
#include <stdio.h>

#include <samepage/samepage.h>

static int use_a_mutex(spg_mutex *mutex) {
    int result = spg_mutex_init(mutex);
    if (result == 0) result = spg_mutex_lock(mutex, SPG_FOREVER);
    return result == 0 ? spg_mutex_unlock(mutex) : result;
}

int main(void) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    spg_segment *segment;
    int result = spg_segment_create(&segment, "anonymous:", 4096, &options);
    if (result == 0) {
        result = use_a_mutex((spg_mutex *)spg_segment_address(segment));
        spg_segment_close(segment);
    }
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", spg_error_name(result), spg_error_detail());
        return 1;
    }
    printf("samepage %s\n", spg_version());
    return 0;
}
