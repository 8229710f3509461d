/* memory.c: the shared memory of the machine, and what a load may return.
 *
 * Strong mode: there is one memory, and an access is a step of the interleaving.
 *
 * Weak mode: the C11 memory model, as far as an interleaving of steps can show it. Each word has a
 * history of stores in the order in which they were made (its modification order). Each participant
 * has a view: for each word the oldest store that it may still read. A load returns any store from
 * there on; a read-modify-write reads the newest; a compare-and-swap that fails is a load. A store
 * carries a view: with release its maker's, otherwise the one at its last release fence; who reads
 * it with acquire (or has an acquire fence afterwards) takes that view over. A read-modify-write
 * hands on the view of the store it replaced (release sequence). Sequentially consistent loads do
 * not read below the last such store of the word; the order of these accesses is that in which they
 * are made. The barrier on all processors is a sequentially consistent fence for everybody. What
 * the kernel compares, and what it changes for a wake-up, is the newest.
 *
 * That barrier does not hold back a compiler: a relaxed load of another's may have been moved up to
 * before it, unless something between acquires or is a fence for the compiler (spg__load_light).
 *
 * Not shown: stores that enter a modification order before one made earlier (2+2W), loads that read
 * from stores yet to come (load buffering), values out of thin air. Plain data (the library's own
 * copies, and what scenes say is plain) are accessed as relaxed words in ascending order; besides,
 * each access that is not ordered with one of another's to the same word, where one of the two is a
 * store, is a race and fails. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "machine/stdatomic.h"

enum { UNDO_MAX = 1 << 16, KNOWN_MAX = 512, STORES_MAX = 1 << 13, VIEWS_MAX = 1 << 11 };
enum { NO_VIEW = 0 };

char *shared_memory;

/* ---- undoing --------------------------------------------------------------------------------- */

static struct undo {
    uint32_t word;
    uint64_t was;
} undo[UNDO_MAX];
static int undo_count;

static uint64_t *word_at(uint32_t place) {
    return (uint64_t *)(void *)(shared_memory + (size_t)(place & ~1u) * 4);
}

static void note_undo(uint32_t place) {
    if (undo_count == UNDO_MAX) fail("too many stores in one execution");
    undo[undo_count++] = (struct undo){place & ~1u, *word_at(place)};
}

void memory_save(void) {
    undo_count = 0;
}

void memory_restore(void) {
    while (undo_count > 0) {
        undo_count--;
        *word_at(undo[undo_count].word) = undo[undo_count].was;
    }
}

/* ---- what lies there ------------------------------------------------------------------------- */

/* Where it lies, if it is looked at through a ring. */
static void *home(const void *word) {
    uintptr_t at = (uintptr_t)word - (uintptr_t)ring_at(0);
    if (at >= 2 * SHARED_BYTES) return (void *)word;
    return shared_memory + at / (2 * PAGE) * PAGE + at % PAGE;
}

static uint64_t get(const void *word, unsigned bytes) {
    return bytes == 4 ? *(const uint32_t *)word : *(const uint64_t *)word;
}

static void put(void *word, unsigned bytes, uint64_t value) {
    if (bytes == 4) *(uint32_t *)word = (uint32_t)value;
    else *(uint64_t *)word = value;
}

static void put_shared(void *word, unsigned bytes, uint64_t value) {
    note_undo(place_of(word));
    put(word, bytes, value);
}

/* ---- views ----------------------------------------------------------------------------------- */

struct view {
    uint16_t count;             /* beyond: 0 */
    uint16_t oldest[KNOWN_MAX]; /* by known word: number of a store in its history */
};

struct store {
    uint64_t value;
    uint16_t number; /* in the history; the first is what lay there before */
    uint16_t view;   /* or NO_VIEW */
    uint16_t before; /* the store before it */
};

static struct known {
    uint32_t execution;
    uint16_t index; /* plus one */
} known[PLACES];

static bool weak;
static uint32_t execution;
static struct store stores[STORES_MAX];
static struct view views[VIEWS_MAX];
static int store_count, view_count, known_count;
static uint16_t newest[KNOWN_MAX];
static struct view seen[PROCESSES], pending[PROCESSES], fenced[PROCESSES], consistent, fences;

static uint16_t plain_accesses[PARTICIPANTS_MAX];

/* By what a relaxed load may go if it was moved up: the view before others' barriers. */
static struct view moved[PROCESSES];
static bool may_move[PROCESSES];

static void join(struct view *into, const struct view *from) {
    for (int i = into->count; i < from->count; i++) into->oldest[i] = 0;
    if (into->count < from->count) into->count = from->count;
    for (int i = 0; i < from->count; i++) {
        if (into->oldest[i] < from->oldest[i]) into->oldest[i] = from->oldest[i];
    }
}

static void raise_to(struct view *view, int index, uint16_t number) {
    for (int i = view->count; i <= index; i++) view->oldest[i] = 0;
    if (view->count <= index) view->count = (uint16_t)(index + 1);
    if (view->oldest[index] < number) view->oldest[index] = number;
}

static uint16_t oldest_of(const struct view *view, int index) {
    return index < view->count ? view->oldest[index] : 0;
}

static uint16_t new_view(const struct view *from) {
    if (view_count == VIEWS_MAX) fail("too many releases in one execution");
    views[view_count].count = 0;
    join(&views[view_count], from);
    return (uint16_t)view_count++;
}

void memory_begin(bool is_weak) {
    weak = is_weak;
    execution++;
    store_count = 0;
    known_count = PARTICIPANTS_MAX; /* before these: how many plain accesses of each are seen */
    for (int i = 0; i < PARTICIPANTS_MAX; i++) plain_accesses[i] = 0;
    view_count = 1;
    for (int i = 0; i < PROCESSES; i++) seen[i].count = pending[i].count = fenced[i].count = 0;
    for (int i = 0; i < PROCESSES; i++) may_move[i] = false;
    consistent.count = fences.count = 0;
}

static uint16_t new_store(uint64_t value, uint16_t number, uint16_t before) {
    if (store_count == STORES_MAX) fail("too many stores in one execution");
    stores[store_count] = (struct store){value, number, NO_VIEW, before};
    return (uint16_t)store_count++;
}

/* The word's history; made with what lies there now. */
static int know(uint32_t place, uint64_t value) {
    if (known[place].execution == execution) return known[place].index;
    if (known_count == KNOWN_MAX) fail("too many words in one execution");
    known[place].execution = execution;
    known[place].index = (uint16_t)known_count;
    newest[known_count] = new_store(value, 0, 0);
    return known_count++;
}

static bool acquires(int order) {
    return order == memory_order_acquire || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}
static bool releases(int order) {
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static void read_store(int index, const struct store *store, int order) {
    raise_to(&seen[me], index, store->number);
    raise_to(&moved[me], index, store->number);
    if (acquires(order)) may_move[me] = false;
    if (store->view == NO_VIEW) return;
    join(acquires(order) ? &seen[me] : &pending[me], &views[store->view]);
}

static void add_store(int index, uint64_t value, int order, bool is_modify) {
    const struct store *last = &stores[newest[index]];
    uint16_t replaced = is_modify ? last->view : NO_VIEW;
    uint16_t number = (uint16_t)(last->number + 1);
    uint16_t store = new_store(value, number, newest[index]);
    raise_to(&seen[me], index, number);
    raise_to(&moved[me], index, number);
    if (order == memory_order_seq_cst) raise_to(&consistent, index, number);
    uint16_t view = new_view(releases(order) ? &seen[me] : &fenced[me]);
    if (replaced != NO_VIEW) join(&views[view], &views[replaced]);
    stores[store].view = view;
    newest[index] = store;
}

static void fence(int who) {
    join(&seen[who], &pending[who]);
    join(&seen[who], &fences);
    join(&seen[who], &consistent);
    join(&fences, &seen[who]);
    fenced[who].count = 0;
    join(&fenced[who], &seen[who]);
}

void machine_compiler_fence(void) {
    may_move[me] = false;
}

void machine_fence(int order) {
    if (!is_running || !weak) return;
    may_move[me] = false;
    if (order == memory_order_seq_cst) fence(me);
    if (acquires(order)) join(&seen[me], &pending[me]);
    if (!releases(order)) return;
    fenced[me].count = 0;
    join(&fenced[me], &seen[me]);
}

/* Twice: what the last one did is behind the first one's fence, too. */
void memory_fence_all(void) {
    if (!is_running || !weak) return;
    before(NOWHERE, CHANGE, 0);
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        if (!may_move[i]) moved[i].count = 0;
        if (!may_move[i]) join(&moved[i], &seen[i]);
        may_move[i] = i != me;
    }
    for (int i = 0; i < 2 * PARTICIPANTS_MAX; i++) fence(i % PARTICIPANTS_MAX);
    happened_to_all(1);
}

/* A place of the kernel's: its history is one store that carries a growing view. */
void memory_release_place(uint32_t place) {
    if (!is_running || !weak) return;
    int index = know(place, 0);
    struct store *store = &stores[newest[index]];
    if (store->view == NO_VIEW) store->view = new_view(&seen[me]);
    else join(&views[store->view], &seen[me]);
}

void memory_acquire_place(uint32_t place) {
    may_move[me] = false; /* a call */
    if (!is_running || !weak || known[place].execution != execution) return;
    const struct store *store = &stores[newest[known[place].index]];
    if (store->view != NO_VIEW) join(&seen[me], &views[store->view]);
}

/* C11 says nothing of system calls. Here they are the least that they can be: taking a lock, or
 * growing a file, is a store that releases, and a question after it a load that acquires. So who
 * has seen nothing that came after it may be told that the lock is free, or the former size. (That
 * it is still held may be told to anybody; it only delays.) */
void memory_note_call(uint32_t place, uint64_t what) {
    if (is_running && weak) add_store(know(place, 0), what, memory_order_release, true);
}

bool memory_hides_call(uint32_t place, uint64_t what) {
    if (!is_running || !weak || known[place].execution != execution) return false;
    int index = known[place].index;
    const struct store *store = &stores[newest[index]];
    return store->number > oldest_of(&seen[me], index) && store->value == what &&
           choose_value(place, 2) == 1;
}

/* ---- weak accesses --------------------------------------------------------------------------- */

/* Those that may be read, the newest first; without those of value `unwanted`. */
static int readable(int index, int order, const uint64_t *unwanted, uint16_t *found, int most) {
    bool is_moved = order == memory_order_relaxed && may_move[me];
    uint16_t least = oldest_of(is_moved ? &moved[me] : &seen[me], index);
    int count = 0;
    if (order == memory_order_seq_cst && oldest_of(&consistent, index) > least)
        least = oldest_of(&consistent, index);
    for (uint16_t at = newest[index]; count < most; at = stores[at].before) {
        if (!unwanted || stores[at].value != *unwanted) found[count++] = at;
        if (stores[at].number <= least) break;
    }
    return count;
}

enum { READABLE_MAX = 4 };

static uint64_t load_weakly(const void *word, unsigned bytes, int order, uint32_t place) {
    uint16_t found[READABLE_MAX];
    if (known[place].execution != execution) {
        happened(place, LOOK, 0);
        return get(word, bytes);
    }
    int index = known[place].index;
    int count = readable(index, order, NULL, found, READABLE_MAX);
    const struct store *store = &stores[found[choose_value(place, count)]];
    happened(place, LOOK, store->number);
    read_store(index, store, order);
    return store->value;
}

/* A failing one is a relaxed load of anything else than what was expected. */
static bool swap_weakly(void *word, unsigned bytes, uint64_t *expected, uint64_t value, int order,
                        uint32_t place) {
    uint16_t found[READABLE_MAX];
    int index = know(place, get(word, bytes));
    bool succeeds = stores[newest[index]].value == *expected;
    int count = readable(index, memory_order_relaxed, expected, found, READABLE_MAX);
    int chosen = choose_value(place, count + succeeds);
    if (succeeds && chosen == 0) {
        happened(place, CHANGE, 0);
        read_store(index, &stores[newest[index]], order);
        add_store(index, value, order, true);
        put_shared(word, bytes, value);
        return true;
    }
    const struct store *store = &stores[found[chosen - succeeds]];
    happened(place, LOOK, store->number);
    read_store(index, store, memory_order_relaxed);
    *expected = store->value;
    return false;
}

/* ---- accesses -------------------------------------------------------------------------------- */

uint64_t machine_load(const void *word, unsigned bytes, int order) {
    word = home(word);
    if (!is_running || !is_shared(word)) return get(word, bytes);
    uint32_t place = place_of(word);
    before(place, LOOK, 0);
    if (weak) return load_weakly(word, bytes, order, place);
    happened(place, LOOK, 0);
    return get(word, bytes);
}

void machine_store(void *word, unsigned bytes, uint64_t value, int order) {
    word = home(word);
    if (!is_shared(word)) {
        put(word, bytes, value);
        return;
    }
    if (is_running) {
        uint32_t place = place_of(word);
        before(place, CHANGE, 0);
        happened(place, CHANGE, 0);
        if (weak) add_store(know(place, get(word, bytes)), value, order, false);
    }
    put_shared(word, bytes, value);
}

static uint64_t changed(enum machine_change change, uint64_t old, uint64_t operand) {
    if (change == MACHINE_ADD) return old + operand;
    return change == MACHINE_OR ? old | operand : operand;
}

uint64_t machine_modify(void *word, unsigned bytes, enum machine_change change, uint64_t operand,
                        int order) {
    uint64_t old;
    word = home(word);
    bool is_step = is_running && is_shared(word);
    uint32_t place = place_of(word);
    if (is_step) {
        before(place, CHANGE, 0);
        happened(place, CHANGE, 0);
    }
    old = get(word, bytes);
    if (is_step && weak) {
        int index = know(place, old);
        read_store(index, &stores[newest[index]], order);
        add_store(index, changed(change, old, operand), order, true);
    }
    if (is_shared(word)) put_shared(word, bytes, changed(change, old, operand));
    else put(word, bytes, changed(change, old, operand));
    return old;
}

bool machine_swap_if(void *word, unsigned bytes, uint64_t *expected, uint64_t value, int order) {
    word = home(word);
    if (is_running && is_shared(word)) {
        uint32_t place = place_of(word);
        before(place, CHANGE, 0);
        if (weak) return swap_weakly(word, bytes, expected, value, order, place);
        happened(place, get(word, bytes) == *expected ? CHANGE : LOOK, 0);
    }
    uint64_t found = get(word, bytes);
    bool same = found == *expected;
    *expected = found;
    if (same && is_shared(word)) put_shared(word, bytes, value);
    else if (same) put(word, bytes, value);
    return same;
}

/* ---- races ----------------------------------------------------------------------------------- */

/* Of a word: the last plain load and the last plain store of each, counted in its accesses. */
static struct plain {
    uint32_t execution;
    uint16_t last[2][PARTICIPANTS_MAX];
} plain[PLACES];

static void check_ordered(const uint16_t *last, const char *before, const char *now) {
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        if (i == me || has_died(i) || last[i] <= oldest_of(&seen[me], i)) continue;
        fail("%c %s what %c %s: nothing puts them in order", 'a' + me, now, 'a' + i, before);
    }
}

static void note_plain(const void *word, enum access access) {
    if (!is_running || !weak || !is_shared(word)) return;
    struct plain *found = &plain[place_of(home(word))];
    if (found->execution != execution) *found = (struct plain){execution, {{0}}};
    check_ordered(found->last[CHANGE], "stored", access == CHANGE ? "stores" : "loads");
    if (access == CHANGE) check_ordered(found->last[LOOK], "loaded", "stores");
    raise_to(&seen[me], me, ++plain_accesses[me]);
    found->last[access][me] = plain_accesses[me];
}

uint64_t plain_load(const void *word) {
    uint64_t value = peek(word);
    note_plain(word, LOOK);
    return value;
}

void plain_store(void *word, uint64_t value) {
    poke(word, value);
    note_plain(word, CHANGE);
}

uint64_t peek(const void *word) {
    return machine_load(word, 8, memory_order_relaxed);
}

void poke(void *word, uint64_t value) {
    machine_store(word, 8, value, memory_order_relaxed);
}

/* ---- plain copies, which the library's objects make by these --------------------------------- */

static void copy_word(char *to, const char *from, size_t bytes) {
    uint64_t value = 0;
    if (is_shared(from)) value = plain_load(from);
    else memcpy(&value, from, bytes);
    if (!is_shared(to)) {
        memcpy(to, &value, bytes);
        return;
    }
    uint64_t whole = get(home(to), 8);
    memcpy(&whole, &value, bytes);
    plain_store(to, whole);
}

void *machine_memmove(void *to, const void *from, size_t bytes) {
    bool is_plain = !is_shared(to) && !is_shared(from);
    if (is_plain || to == from || bytes == 0) return memmove(to, from, bytes);
    for (size_t i = 0; i < bytes; i += 8)
        copy_word((char *)to + i, (const char *)from + i, bytes - i < 8 ? bytes - i : 8);
    return to;
}

void *machine_memcpy(void *to, const void *from, size_t bytes) {
    return machine_memmove(to, from, bytes);
}
