/* trace.c: what is shared, and which executions are alike.
 *
 * Places: who used which, and whether by a change. Fingerprints: each step has a hash of who made
 * it after what, upon which change of the place, and if it is a change after which looks; their sum
 * is that of the execution so far, whatever the order of independent steps. */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

enum { CACHE_BITS = 22, LEARNED_MAX = 256, HOT_MAX = 1024 };

static uint64_t fingerprint, hashes[PARTICIPANTS_MAX];

static uint64_t mixed(uint64_t first, uint64_t second) {
    uint64_t state = first ^ (second + UINT64_C(0x9e3779b97f4a7c15) + (first << 6) + (first >> 2));
    return random_word(&state);
}

static struct trace {
    uint64_t changed, looks;
    uint32_t execution;
} traces[PLACES + 1];
static uint32_t execution;
static unsigned char users[PLACES + 1]; /* who looked; in the high half, who changed */
static bool is_hot[PLACES + 1];
bool trace_learning;
static int hot_count;
static uint32_t learned[LEARNED_MAX], hot_places[HOT_MAX];
static int learned_count;

void note_use(uint32_t place, enum access access) {
    unsigned char with = (unsigned char)(users[place] | 1u << me | (access == CHANGE) << (me + 4));
    if (with == users[place]) return;
    users[place] = with;
    unsigned all = (with | with >> 4) & 15u;
    if (is_hot[place] || with < 16 || (all & (all - 1)) == 0 || learned_count == LEARNED_MAX)
        return;
    for (int i = 0; i < learned_count; i++) {
        if (learned[i] == place) return;
    }
    learned[learned_count++] = place;
}

bool trace_has_learned(void) {
    return learned_count > 0;
}

int trace_adopt(void) {
    int count = learned_count;
    if (hot_count + learned_count > HOT_MAX) fail("too many places are shared");
    for (int i = 0; i < learned_count; i++) {
        is_hot[learned[i]] = true;
        hot_places[hot_count++] = learned[i];
    }
    learned_count = 0;
    return count;
}

void happened(uint32_t place, enum access access, uint64_t detail) {
    if (!is_hot[place] && !trace_learning) return;
    struct trace *trace = &traces[place];
    uint64_t *own = &hashes[me];
    if (trace->execution != execution) *trace = (struct trace){place, 0, execution};
    *own = mixed(*own, trace->changed * 3 + detail * 7 + access + place * 64u);
    if (access == CHANGE) {
        *own = mixed(*own, trace->looks);
        trace->changed = *own;
        trace->looks = 0;
    } else {
        trace->looks += *own;
    }
    fingerprint += mixed(*own, 1);
}

void happened_to_all(uint64_t detail) {
    fingerprint = mixed(fingerprint, detail + (uint64_t)me * 977);
    for (int i = 0; i < PARTICIPANTS_MAX; i++) hashes[i] = mixed(hashes[i], fingerprint);
}

/* ---- what was seen before -------------------------------------------------------------------- */

static struct seen {
    uint64_t key;
    int left; /* preemptions; plus one */
} * cache;
static uint64_t cached;

bool trace_was_seen(uint64_t besides, int preemptions_left) {
    uint64_t key = mixed(fingerprint, besides);
    const uint64_t mask = (UINT64_C(1) << CACHE_BITS) - 1;
    for (uint64_t i = key & mask, tries = 0; tries < 32; i = (i + 1) & mask, tries++) {
        if (cache[i].left == 0) {
            if (cached > mask / 4 * 3) return false;
            cached++;
            cache[i] = (struct seen){key, preemptions_left + 1};
            return false;
        }
        if (cache[i].key != key) continue;
        if (cache[i].left > preemptions_left) return true;
        cache[i].left = preemptions_left + 1;
        return false;
    }
    return false;
}

bool trace_is_shared(uint32_t place) {
    return is_hot[place] || trace_learning;
}

void trace_boot(void) {
    hot_count = learned_count = 0;
    memset(users, 0, sizeof users);
    memset(is_hot, 0, sizeof is_hot);
}

void trace_forget(void) {
    if (!cache) cache = calloc((size_t)1 << CACHE_BITS, sizeof *cache);
    if (!cache) abort();
    memset(cache, 0, sizeof *cache << CACHE_BITS);
    cached = 0;
}

void trace_begin(void) {
    execution++;
    fingerprint = 1;
    for (int i = 0; i < PARTICIPANTS_MAX; i++) hashes[i] = (uint64_t)i + 1;
}

/* What the others can see in the end. */
uint64_t trace_digest(void) {
    uint64_t sum = 1;
    for (int i = 0; i < hot_count; i++) {
        if (hot_places[i] < SHARED_PLACES)
            sum = mixed(sum, ((const uint32_t *)(const void *)shared_memory)[hot_places[i]]);
    }
    return sum;
}
