/* arena.c: chunks of any size out of one piece of memory: loans, gifts, splitting, joining, the
 * dead, and damage. The arena lies in private memory here, with a channel that is none. */
#include "harness/harness.h"

#include "channel/arena.h"
#include "platform/platform.h"

enum { LOANS = 8, UNITS_MOST = 4096 };

struct world {
    spg__word64 guard, rover;
    spg__word64 map[UNITS_MOST];
    spg__word64 loans[3][LOANS];
    _Alignas(64) char bytes[UNITS_MOST * 64];
};

static struct world *world;
static struct spg_node node;
static struct spg__channel channel;

static struct spg__arena make(uint64_t budget) {
    struct spg__arena arena = {0};
    CHECK(spg__arena_shape(&arena.shape, budget));
    CHECK(arena.shape.units <= UNITS_MOST && arena.shape.unit_shift == 6);
    world = calloc(1, sizeof *world);
    CHECK(world);
    node.number = node.domain.own = 1 << 12;
    channel.node = &node;
    channel.domain = &node.domain;
    spg__arena_prepare(world->map, &arena.shape);
    arena.map = world->map;
    arena.bytes = world->bytes;
    arena.guard = &world->guard;
    arena.rover = &world->rover;
    arena.channel = &channel;
    arena.row = 1;
    arena.loans = world->loans[1];
    arena.loan_count = LOANS;
    return arena;
}

static struct spg__arena as_row(const struct spg__arena *arena, uint32_t row) {
    struct spg__arena other = *arena;
    other.row = row;
    other.loans = world->loans[row];
    return other;
}

static uint32_t loan(const struct spg__arena *arena, uint64_t size) {
    uint32_t chunk = UINT32_MAX;
    CHECK_OK(spg__arena_loan(arena, size, &chunk));
    CHECK(spg__arena_room(arena, chunk) >= size);
    return chunk;
}

static void check_units(const struct spg__arena *arena, uint64_t unused, uint64_t loaned,
                        uint64_t given) {
    uint64_t units[4];
    CHECK_OK(spg__arena_audit(arena, units));
    CHECK_INT(unused, units[SPG__CHUNK_FREE]);
    CHECK_INT(loaned, units[SPG__CHUNK_LOANED]);
    CHECK_INT(given, units[SPG__CHUNK_GIVEN]);
    CHECK_INT(0, units[SPG__CHUNK_ORPHAN]);
}

TEST(shapes_hold_their_budget_in_at_most_so_many_units) {
    struct spg__arena_shape shape;
    CHECK(spg__arena_shape(&shape, 0));
    CHECK_INT(0, spg__arena_bytes(&shape));
    for (uint64_t budget = 1; budget < (UINT64_C(1) << 45); budget = budget * 3 + 1) {
        if (!spg__arena_shape(&shape, budget) || !spg__arena_shape_is_right(&shape)) continue;
        CHECK(spg__arena_bytes(&shape) >= budget);
        CHECK(spg__arena_bytes(&shape) - budget < UINT64_C(1) << shape.unit_shift);
        CHECK(shape.units <= SPG__ARENA_UNITS_MAX);
        CHECK(spg__arena_map_bytes(&shape) >= 8 * (uint64_t)shape.units);
    }
    CHECK(spg__arena_shape(&shape, UINT64_C(1) << 40));
    CHECK(spg__arena_shape_is_right(&shape));
    CHECK(!spg__arena_shape(&shape, UINT64_MAX));
}

TEST(a_chunk_has_room_for_what_was_asked_and_little_more) {
    struct spg__arena arena = make(8192);
    for (uint64_t size = 0; size <= 8192; size += size < 200 ? 1 : 61) {
        uint32_t chunk = loan(&arena, size);
        uint64_t room = spg__arena_room(&arena, chunk);
        CHECK(room < size + 64 || room == 64);
        spg__arena_return(&arena, chunk);
        check_units(&arena, 128, 0, 0);
    }
    uint32_t chunk;
    CHECK_RESULT(SPG_ETOOBIG, spg__arena_loan(&arena, 8193, &chunk));
    CHECK_RESULT(SPG_ETOOBIG, spg__arena_loan(&arena, UINT64_MAX, &chunk));
    struct spg__arena none = make(0);
    CHECK_RESULT(SPG_ETOOBIG, spg__arena_loan(&none, 0, &chunk));
    check_units(&none, 0, 0, 0);
}

TEST(all_of_it_can_be_given_out_and_joins_again) {
    struct spg__arena arena = make(512);
    uint32_t chunks[8], chunk;
    for (int order = 0; order < 40320; order += 37) {
        bool seen[8] = {false};
        for (int i = 0; i < 8; i++) {
            chunks[i] = loan(&arena, 33);
            CHECK(chunks[i] < 8 && !seen[chunks[i]]);
            seen[chunks[i]] = true;
        }
        check_units(&arena, 0, 8, 0);
        CHECK_RESULT(SPG_EFULL, spg__arena_loan(&arena, 1, &chunk));
        struct spg__arena other = as_row(&arena, 2);
        CHECK_RESULT(SPG_EAGAIN, spg__arena_loan(&other, 1, &chunk));
        for (int i = 0, rest = order; i < 8; i++) {
            int at = rest % (8 - i);
            rest /= 8 - i;
            spg__arena_return(&arena, chunks[at]);
            chunks[at] = chunks[7 - i];
        }
        check_units(&arena, 8, 0, 0);
        spg__arena_return(&arena, loan(&arena, 512));
    }
}

TEST(memory_in_pieces_is_not_given_out_as_one) {
    struct spg__arena arena = make(512);
    uint32_t chunks[8], chunk;
    for (int i = 0; i < 8; i++) chunks[i] = loan(&arena, 64);
    for (int i = 0; i < 8; i += 2) spg__arena_return(&arena, chunks[i]);
    CHECK_RESULT(SPG_EAGAIN, spg__arena_loan(&arena, 65, &chunk));
    spg__arena_return(&arena, loan(&arena, 64));
    spg__arena_return(&arena, chunks[1]);
    CHECK(loan(&arena, 192) < 8);
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

TEST(chunks_never_overlap_whatever_comes_and_goes) {
    struct spg__arena arena = make(64 * 1000);
    struct {
        uint32_t chunk;
        size_t size;
        char mark;
    } held[LOANS] = {{0}};
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        int at = (int)(next_random(&random) % LOANS);
        if (held[at].size) {
            char *bytes = spg__arena_address(&arena, held[at].chunk);
            for (size_t n = 0; n < held[at].size; n += 31) CHECK_INT(held[at].mark, bytes[n]);
            CHECK_INT(held[at].mark, bytes[held[at].size - 1]);
            spg__arena_return(&arena, held[at].chunk);
            held[at].size = 0;
            continue;
        }
        size_t size = (size_t)(next_random(&random) % (i % 3 ? 300 : 20000)) + 1;
        if (spg__arena_loan(&arena, size, &held[at].chunk) < 0) continue;
        held[at].size = size;
        held[at].mark = (char)i;
        memset(spg__arena_address(&arena, held[at].chunk), i, size);
    }
    for (int i = 0; i < LOANS; i++) {
        if (held[i].size) spg__arena_return(&arena, held[i].chunk);
    }
    check_units(&arena, 1000, 0, 0);
    spg__arena_return(&arena, loan(&arena, 64000));
}

TEST(what_is_given_changes_hands_once_and_by_its_tag_alone) {
    struct spg__arena arena = make(4096);
    uint32_t chunk = loan(&arena, 1000);
    spg__arena_give(&arena, chunk, 77);
    spg__arena_settle(&arena, chunk);
    check_units(&arena, 48, 0, 16);
    CHECK(!spg__arena_change(&arena, chunk, SPG__CHUNK_GIVEN, 78, SPG__CHUNK_FREE));
    CHECK(!spg__arena_change(&arena, chunk, SPG__CHUNK_LOANED, 77, SPG__CHUNK_FREE));
    CHECK(!spg__arena_change(&arena, 9999, SPG__CHUNK_GIVEN, 77, SPG__CHUNK_FREE));
    CHECK(spg__arena_change(&arena, chunk, SPG__CHUNK_GIVEN, 77, SPG__CHUNK_FREE));
    CHECK(!spg__arena_change(&arena, chunk, SPG__CHUNK_GIVEN, 77, SPG__CHUNK_FREE));
    check_units(&arena, 64, 0, 0);
}

TEST(a_chunk_that_was_given_can_be_taken_for_another_loan) {
    struct spg__arena arena = make(4096), other = as_row(&arena, 2);
    uint32_t chunk = loan(&arena, 1024);
    spg__arena_give(&arena, chunk, 5);
    spg__arena_settle(&arena, chunk);
    CHECK(!spg__arena_take(&other, chunk, SPG__CHUNK_GIVEN, 6, 1000));
    CHECK(!spg__arena_take(&other, chunk, SPG__CHUNK_GIVEN, 5, 1025));
    CHECK(!spg__arena_take(&other, chunk, SPG__CHUNK_GIVEN, 5, 64));
    CHECK(spg__arena_take(&other, chunk, SPG__CHUNK_GIVEN, 5, 1000));
    check_units(&arena, 48, 16, 0);
    spg__arena_return(&other, chunk);
    check_units(&arena, 64, 0, 0);
}

/* ---- the dead -------------------------------------------------------------------------------- */

static bool stands_if_odd(void *context, uint32_t chunk, uint64_t tag) {
    (void)chunk;
    ++*(int *)context;
    return tag % 2;
}

TEST(what_the_dead_had_on_loan_is_free_and_what_they_published_stands) {
    int asked = 0;
    struct spg__arena arena = make(8192);
    uint32_t published = loan(&arena, 100), unpublished = loan(&arena, 100);
    loan(&arena, 100);
    struct spg__arena other = as_row(&arena, 2);
    uint32_t others = loan(&other, 100);
    spg__arena_give(&arena, published, 3);
    spg__arena_give(&arena, unpublished, 4);
    spg__arena_recover(&arena, stands_if_odd, &asked);
    CHECK_INT(2, asked);
    check_units(&arena, 128 - 4, 2, 2);
    spg__arena_recover(&arena, stands_if_odd, &asked);
    CHECK_INT(2, asked);
    spg__arena_return(&other, others);
    CHECK(spg__arena_change(&arena, published, SPG__CHUNK_GIVEN, 3, SPG__CHUNK_FREE));
    check_units(&arena, 128, 0, 0);
    for (int i = 0; i < LOANS; i++) loan(&arena, 10);
}

TEST(a_note_of_a_loan_that_was_never_made_does_no_harm) {
    int asked = 0;
    struct spg__arena arena = make(8192), other = as_row(&arena, 2);
    uint32_t chunk = loan(&arena, 100);
    spg__store_relaxed_64(&world->loans[2][0], chunk + 1);
    spg__store_relaxed_64(&world->loans[2][1], 50 + 1);
    spg__store_relaxed_64(&world->loans[2][2], UINT64_MAX);
    spg__store_relaxed_64(&world->loans[2][3], 4096);
    spg__arena_recover(&other, stands_if_odd, &asked);
    CHECK_INT(0, asked);
    check_units(&arena, 126, 2, 0);
    spg__arena_return(&arena, chunk);
}

/* The guard names somebody who is dead: here a number that no node can have. */
TEST(the_guard_of_the_dead_is_taken_over) {
    struct spg__arena arena = make(8192);
    spg__store_relaxed_64(&world->guard, UINT64_C(5) << 4);
    uint32_t chunk = loan(&arena, 100);
    spg__arena_return(&arena, chunk);
    check_units(&arena, 128, 0, 0);
}

/* ---- damage ---------------------------------------------------------------------------------- */

TEST(a_damaged_map_is_an_error_or_wrong_but_never_leads_out_of_the_arena) {
    uint64_t random = 1234567;
    uint64_t units[4];
    for (int i = 0; i < 20000; i++) {
        struct spg__arena arena = make(2048);
        struct world *mine = world;
        uint32_t chunk = loan(&arena, 200);
        for (int n = 0; n < 3; n++) {
            uint64_t noise = next_random(&random) >> next_random(&random) % 64;
            spg__store_relaxed_64(&world->map[next_random(&random) % 32], noise);
        }
        spg__store_relaxed_64(&world->rover, next_random(&random) >> next_random(&random) % 64);
        for (int n = 0; n < 5; n++) {
            uint32_t another;
            int result = spg__arena_loan(&arena, next_random(&random) % 700, &another);
            if (result == 0) CHECK(another < 32);
            else CHECK(result == SPG_EAGAIN || result == SPG_ECORRUPT);
        }
        spg__arena_return(&arena, chunk);
        int audit = spg__arena_audit(&arena, units);
        CHECK(audit == 0 || audit == SPG_ECORRUPT);
        for (uint32_t unit = 32; unit < UNITS_MOST; unit++)
            CHECK_INT(0, spg__load_relaxed_64(&mine->map[unit]));
        free(mine);
    }
}
