/* model.c: fuzz target. See model.h. */
#include "model.h"

#include "place.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void (*const models[])(struct program *) = {model_topic, model_cell,    model_stream,
                                                   model_queue, model_service, model_segment};
enum { MODELS = sizeof models / sizeof *models };

int LLVMFuzzerInitialize(int *count, char ***words) {
    (void)count, (void)words;
    world_begin();
    return 0;
}

void content_fill(void *bytes, size_t size, uint64_t number) {
    for (size_t i = 0; i < size; i++) ((unsigned char *)bytes)[i] = (unsigned char)(number * 7 + i);
}

bool content_is(const void *bytes, size_t size, uint64_t number) {
    for (size_t i = 0; i < size; i++) {
        if (((const unsigned char *)bytes)[i] != (unsigned char)(number * 7 + i)) return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return -1;
    struct program program = {data + 1, size - 1};
    if (data[0] & 0x80) place_have_no_unnamed_files();
    models[data[0] % MODELS](&program);
    world_reset();
    return 0;
}
