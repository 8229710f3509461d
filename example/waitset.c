/* waitset.c: prints what comes in any of several streams, named on the command line. */
#include <samepage/samepage.h>
#include <stdio.h>

int main(int count, char **names) {
    spg_waitset *set;
    void *tag;
    char bytes[4096];
    int open = 0;
    if (spg_waitset_open(&set) < 0) return 1;
    for (int i = 1; i < count; i++, open++) {
        spg_stream *stream;
        if (spg_stream_open(&stream, NULL, names[i], SPG_STREAM_READER, NULL) < 0 ||
            spg_waitset_add(set, spg_stream_waitable(stream), stream) < 0) {
            fprintf(stderr, "%s\n", spg_error_detail());
            return 1;
        }
    }
    while (open > 0 && spg_waitset_wait(set, &tag, 1, SPG_FOREVER) == 1) {
        int result = spg_stream_read(tag, bytes, sizeof bytes, SPG_NOWAIT);
        if (result > 0) fwrite(bytes, 1, (size_t)result, stdout);
        if (result > 0 || result == SPG_EAGAIN) continue;
        spg_waitset_remove(set, spg_stream_waitable(tag)); /* the end, or a death */
        spg_stream_close(tag);
        open--;
    }
    return spg_waitset_close(set) < 0;
}
