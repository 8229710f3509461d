/* stdatomic.h of the explorer's machine: the library, compiled with this folder before the
 * system's, makes each of its atomic accesses by a call, with its memory order. Words of the
 * machine's shared memory are accessed as ../memory.c says; all others as they lie. */
#ifndef EXPLORE_STDATOMIC_H
#define EXPLORE_STDATOMIC_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    memory_order_relaxed = __ATOMIC_RELAXED,
    memory_order_consume = __ATOMIC_CONSUME,
    memory_order_acquire = __ATOMIC_ACQUIRE,
    memory_order_release = __ATOMIC_RELEASE,
    memory_order_acq_rel = __ATOMIC_ACQ_REL,
    memory_order_seq_cst = __ATOMIC_SEQ_CST
} memory_order;

enum machine_change { MACHINE_SET, MACHINE_ADD, MACHINE_OR };

uint64_t machine_load(const void *word, unsigned bytes, int order);
void machine_store(void *word, unsigned bytes, uint64_t value, int order);
uint64_t machine_modify(void *word, unsigned bytes, enum machine_change change, uint64_t operand,
                        int order);
bool machine_swap_if(void *word, unsigned bytes, uint64_t *expected, uint64_t value, int order);
void machine_fence(int order);
void machine_compiler_fence(void);

static inline uint32_t machine_load_32(const void *word, int order) {
    return (uint32_t)machine_load(word, 4, order);
}
static inline uint64_t machine_load_64(const void *word, int order) {
    return machine_load(word, 8, order);
}
static inline bool machine_cas_32(void *word, uint32_t *expected, uint32_t value, int order) {
    uint64_t found = *expected;
    bool done = machine_swap_if(word, 4, &found, value, order);
    *expected = (uint32_t)found;
    return done;
}
static inline bool machine_cas_64(void *word, uint64_t *expected, uint64_t value, int order) {
    return machine_swap_if(word, 8, expected, value, order);
}

/* A process's own: a flag, and the pointer to its page. */
static inline int machine_own_flag(const void *flag, int order) {
    return __atomic_load_n((const int *)flag, order);
}
static inline void *machine_own_pointer(const void *pointer, int order) {
    return __atomic_load_n((void *const *)pointer, order);
}
static inline void machine_set_own_flag(void *flag, intptr_t value, int order) {
    __atomic_store_n((int *)flag, (int)value, order);
}
static inline void machine_set_own_pointer(void *pointer, intptr_t value, int order) {
    __atomic_store_n((intptr_t *)pointer, value, order);
}
static inline void machine_store_32(void *word, uint64_t value, int order) {
    machine_store(word, 4, value, order);
}
static inline void machine_store_64(void *word, uint64_t value, int order) {
    machine_store(word, 8, value, order);
}

#define atomic_load_explicit(word, order)                                                          \
    _Generic((word), _Atomic uint32_t *: machine_load_32, _Atomic uint64_t *: machine_load_64,     \
             _Atomic int *: machine_own_flag, default: machine_own_pointer)((word), (order))
#define atomic_store_explicit(word, value, order)                                                  \
    _Generic((word), _Atomic uint32_t *: machine_store_32, _Atomic uint64_t *: machine_store_64,   \
             _Atomic int *: machine_set_own_flag, default: machine_set_own_pointer)(               \
        (word), (intptr_t)(value), (order))
#define atomic_exchange_explicit(word, value, order)                                               \
    ((__typeof__(value))machine_modify((word), sizeof *(word), MACHINE_SET, (value), (order)))
#define atomic_fetch_add_explicit(word, value, order)                                              \
    ((uint32_t)machine_modify((word), sizeof *(word), MACHINE_ADD, (value), (order)))
#define atomic_fetch_or_explicit(word, value, order)                                               \
    ((uint32_t)machine_modify((word), sizeof *(word), MACHINE_OR, (value), (order)))
#define atomic_compare_exchange_strong_explicit(word, expected, value, order, failed)              \
    _Generic((word), _Atomic uint32_t *: machine_cas_32, _Atomic uint64_t *: machine_cas_64)(      \
        (word), (expected), (value), (order))
#define atomic_thread_fence(order) machine_fence(order)
#define atomic_signal_fence(order) machine_compiler_fence()

#endif
