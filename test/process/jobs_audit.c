/* jobs_audit.c: the audit of a queue and a service in which everybody died: what the dead may leave
 * is sound, and what nobody leaves is damage. */
#include "process/service.h"

#include "channel/jobs.h"

enum { SLOTS = 8, MEMBERS = 3, HOLDS = 4, BUDGET = 4096, LARGE = 300 };

/* As docs/layout/queue.md has it. */
enum {
    TAIL = 256,
    ROWS = 1280,
    ROW_BYTES = (256 + 16 * HOLDS + 127) / 128 * 128,
    ENTRIES = (ROWS + MEMBERS * ROW_BYTES + 127) / 128 * 128,
    MAP = ENTRIES + SLOTS * 64,
    FILLING = 64,
    LEDGER = 256,
    LOANS = LEDGER + 8 * HOLDS
};

struct file {
    char *bytes;
    const char *name; /* for spg_check */
};

static struct file map_file(const char *file_name, const char *name) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", getenv("SAMEPAGE_DOMAIN"), file_name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    char *bytes = mmap(NULL, MAP + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(bytes != MAP_FAILED);
    close(fd);
    return (struct file){bytes, name};
}

static uint64_t *word_at(struct file file, size_t offset) {
    return (uint64_t *)(void *)(file.bytes + offset);
}

/* Is it damage, and no more than one, if this word is that? Then the word is as it was. */
static void audit_with(struct file file, size_t offset, uint64_t value, int expected) {
    uint64_t *word = word_at(file, offset), before = *word;
    *word = value;
    int damage = spg_check(NULL, file.name, NULL, NULL);
    if (damage != expected)
        FAIL("%s with %#llx at %zu, where %#llx was: %d: %s", file.name, (unsigned long long)value,
             offset, (unsigned long long)before, damage, spg_error_detail());
    *word = before;
}

/* The first entry in this phase. */
static size_t entry_in(struct file file, uint32_t phase) {
    for (int i = 0; i < SLOTS; i++) {
        size_t offset = ENTRIES + 64 * (size_t)i;
        if (spg__job_phase(*word_at(file, offset)) == phase) return offset;
    }
    FAIL("%s has nobody's entry in phase %u", file.name, phase);
}

static uint64_t with_what(uint64_t state, uint32_t phase, uint32_t taker, uint32_t maker) {
    return (state & ~UINT64_C(0xffffffff)) | spg__job_what(phase, taker, maker);
}

/* Each phase in turn for an entry that both have in their ledgers: a bit of `sound` for each that
 * may be left so. */
static void audit_phases(struct file file, size_t entry, uint32_t sound) {
    uint64_t state = *word_at(file, entry);
    uint32_t taker = spg__job_taker(state), maker = spg__job_maker(state);
    for (uint32_t phase = 1; phase <= SPG__JOB_PHASES; phase++)
        audit_with(file, entry, with_what(state, phase, taker, maker), !(sound >> phase & 1));
}

/* The same where it is in no ledger. */
static void audit_without_ledgers(struct file file, size_t entry, uint32_t sound) {
    uint64_t before[MEMBERS][HOLDS], number = (entry - ENTRIES) / 64;
    for (size_t row = 0; row < MEMBERS; row++) {
        uint64_t *ledger = word_at(file, ROWS + row * ROW_BYTES + LEDGER);
        memcpy(before[row], ledger, sizeof before[row]);
        for (int i = 0; i < HOLDS; i++) ledger[i] = ledger[i] == number + 1 ? 0 : ledger[i];
    }
    audit_phases(file, entry, sound);
    for (size_t row = 0; row < MEMBERS; row++)
        memcpy(word_at(file, ROWS + row * ROW_BYTES + LEDGER), before[row], sizeof before[row]);
}

/* As one leaves it that dies when it has claimed an entry: before it raises the tail, and after. */
static void audit_filling(struct file file) {
    uint64_t tail = *word_at(file, TAIL), number = tail % SLOTS;
    size_t entry = ENTRIES + 64 * (size_t)number;
    uint64_t state = *word_at(file, entry), lap = UINT64_C(1) << 32;
    *word_at(file, entry) = with_what(state + lap, SPG__JOB_FILLING, 0, 1);
    audit_with(file, ROWS + FILLING, number + 1, 0);
    audit_with(file, ROWS + FILLING, 0, 1);
    *word_at(file, ROWS + FILLING) = number + 1;
    audit_with(file, TAIL, tail + 1, 0);
    audit_with(file, TAIL, tail + 2, 1);
    *word_at(file, entry) = state;
}

static void audit_words(struct file file, size_t entry) {
    size_t free = entry_in(file, SPG__JOB_FREE);
    uint64_t state = *word_at(file, entry), lap = UINT64_C(1) << 32;
    uint32_t phase = spg__job_phase(state), maker = spg__job_maker(state);
    audit_with(file, entry, with_what(state, phase, MEMBERS + 1, maker), 1);
    audit_with(file, entry, with_what(state, phase, MEMBERS, maker), 1); /* there is none */
    audit_with(file, entry, with_what(state, phase, 0, maker), 1);
    audit_with(file, entry, state + lap, 1);
    audit_with(file, entry, state - lap, 1);
    audit_with(file, free, with_what(*word_at(file, free), SPG__JOB_FREE, 0, 1), 1);
    audit_with(file, free, with_what(*word_at(file, free), SPG__JOB_FREE, 1, 0), 1);
    audit_with(file, TAIL, UINT64_MAX, 1);
    audit_with(file, TAIL, *word_at(file, TAIL) + 1, 1);
    audit_with(file, entry + 8, 0, 1); /* its payload is in the arena */
}

/* The first chunk that was given by an entry. */
static size_t given_chunk(struct file file) {
    for (uint64_t at = 0; at < BUDGET / 64;) {
        uint64_t word = *word_at(file, MAP + 8 * at);
        if ((word & 3) == SPG__CHUNK_GIVEN) return MAP + 8 * at;
        at += word >> 2 & 0xfffff;
    }
    FAIL("%s has no chunk that was given", file.name);
}

/* Of the arena one is on loan, too. */
static void audit_chunks(struct file file, size_t loans) {
    size_t given = given_chunk(file);
    uint64_t word = *word_at(file, given), loan = *word_at(file, loans);
    CHECK(loan != 0);
    size_t on_loan = MAP + 8 * (size_t)(loan - 1);
    audit_with(file, given, word | SPG__CHUNK_ORPHAN, 1);
    audit_with(file, given, word ^ UINT64_C(0xffff) << SPG__CHUNK_TAG_SHIFT, 1);
    audit_with(file, given, 0, 1);
    audit_with(file, given, word & ~UINT64_C(3), 0);
    audit_with(file, loans, 0, 1);
    audit_with(file, on_loan, *word_at(file, on_loan) + 1, 0); /* given, and not let go of yet */
}

/* ---- queue ----------------------------------------------------------------------------------- */

static void leave_a_queue(void *nothing) {
    (void)nothing;
    char bytes[LARGE] = {0};
    spg_queue *queue;
    spg_job job;
    void *data;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = SLOTS, options.members = MEMBERS;
    options.holds = HOLDS, options.budget = BUDGET;
    CHECK_OK(spg_queue_open(&queue, NULL, "test/audit", &options));
    for (int i = 0; i < 3; i++) CHECK_OK(spg_queue_push(queue, bytes, LARGE, SPG_NOWAIT));
    CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_OK(spg_queue_loan(queue, LARGE, &data, SPG_NOWAIT));
    raise(SIGKILL);
}

TEST(a_queue_of_the_dead_is_sound_and_damage_in_it_is_found) {
    CHECK_INT(-SIGKILL, role_wait(role_fork(leave_a_queue, NULL)));
    struct file file = map_file("test%2Faudit.queue", "queue:test/audit");
    CHECK_INT(0, spg_check(NULL, file.name, NULL, NULL));
    size_t entry = entry_in(file, SPG__JOB_TAKEN);
    audit_phases(file, entry,
                 1u << SPG__JOB_OFFERED | 1u << SPG__JOB_TAKEN | 1u << SPG__JOB_RETURNING |
                     1u << SPG__JOB_DONE);
    audit_words(file, entry);
    audit_chunks(file, ROWS + LOANS);
    audit_with(file, ROWS, 0, 1); /* its row */
    audit_without_ledgers(file, entry, 1u << SPG__JOB_OFFERED);
    audit_filling(file);
    munmap(file.bytes, MAP + 4096);
    CHECK_OK(spg_queue_unlink(NULL, "test/audit"));
}

/* ---- service --------------------------------------------------------------------------------- */

static void leave_a_service(void *nothing) {
    (void)nothing;
    char bytes[LARGE] = {0};
    spg_service_options options = SPG_SERVICE_OPTIONS;
    spg_server *server;
    spg_client *client;
    spg_request request;
    void *data;
    options.slots = SLOTS, options.members = MEMBERS;
    options.holds = HOLDS, options.budget = BUDGET;
    CHECK_OK(spg_server_open(&server, NULL, "test/audit", &options));
    CHECK_OK(spg_client_open(&client, NULL, "test/audit", NULL));
    for (int i = 0; i < 3; i++) CHECK_OK(spg_client_send(client, bytes, LARGE, NULL, SPG_NOWAIT));
    CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
    CHECK_OK(spg_server_reply(server, &request, bytes, LARGE));
    CHECK_OK(spg_server_receive(server, &request, SPG_NOWAIT));
    CHECK_OK(spg_server_loan(server, LARGE, &data, SPG_NOWAIT));
    raise(SIGKILL);
}

TEST(a_service_of_the_dead_is_sound_and_damage_in_it_is_found) {
    CHECK_INT(-SIGKILL, role_wait(role_fork(leave_a_service, NULL)));
    struct file file = map_file("test%2Faudit.service", "service:test/audit");
    CHECK_INT(0, spg_check(NULL, file.name, NULL, NULL));
    entry_in(file, SPG__JOB_OFFERED);
    entry_in(file, SPG__JOB_ANSWERED);
    size_t entry = entry_in(file, SPG__JOB_TAKEN);
    audit_phases(file, entry,
                 ((1u << SPG__JOB_PHASES) - 1) & ~(1u << SPG__JOB_FILLING) &
                     ~(1u << SPG__JOB_RETURNING));
    audit_words(file, entry);
    audit_chunks(file, ROWS + LOANS);
    audit_with(file, ROWS, 0, 1);
    audit_with(file, ROWS + ROW_BYTES, 0, 1);
    audit_without_ledgers(file, entry, 0);
    audit_filling(file);
    munmap(file.bytes, MAP + 4096);
    CHECK_OK(spg_service_unlink(NULL, "test/audit"));
}
