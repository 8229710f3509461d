/* owner.c: thread marks, and the checks that stand before every slow path. */
#include "sync/owner.h"

_Thread_local uint32_t spg__thread_count __attribute__((tls_model("initial-exec")));
static _Atomic uint32_t thread_counter;

uint32_t spg__thread_count_give(void) {
    spg__thread_count = atomic_fetch_add_explicit(&thread_counter, 1, memory_order_relaxed) + 1;
    return spg__thread_count;
}

int spg__own_init(spg__word64 *domain) {
    int result = spg__self_join();
    if (result < 0) return result;
    /* pairs: self.domain */
    uint64_t number = spg__load_acquire_64(&spg__self()->domain);
    spg__store_relaxed_64(domain, number); /* relaxed: init is alone */
    return 0;
}

int spg__own_join(uint64_t domain) {
    if (domain == 0) return SPG_ECORRUPT;
    int result = spg__self_join();
    if (result < 0) return result;
    /* pairs: self.domain */
    return domain == spg__load_acquire_64(&spg__self()->domain) ? 0 : SPG_EDOMAIN;
}
