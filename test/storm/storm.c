/* storm.c: a herd that works on all channels of one domain, and dies all the time.
 *
 * The herd is killed by SIGKILL at random instants, one or several at once, some just after they
 * were started, when they recover what the last ones left; each is started again. Survivors, at
 * least one for each side of each channel, verify what reaches them. Every thousand kills the whole
 * herd is killed, the survivors come to rest, and what is left is audited to the last byte.
 *
 * STORM_KILLS or STORM_SECONDS says how long; SAMEPAGE is the command, for its audit. */
#include "herd_look.h"
#include "herd_sync.h"
#include "herd_topic.h"
#include "herd_work.h"

enum { KILLS_BETWEEN_AUDITS = 1000, HERD_MAX = 64, BURST_MAX = 8 };

struct kind {
    void (*be)(void);
    int count;
};

static const struct kind herd_kinds[] = {
    {be_publisher, 4},     {be_subscriber, 5},     {be_cell_writer, 2}, {be_cell_reader, 2},
    {be_stream_writer, 3}, {be_stream_reader, 3},  {be_pusher, 2},      {be_popper, 3},
    {be_server, 2},        {be_client, 3},         {be_holder, 6},      {be_watcher, 3},
    {be_looker, 1},
};

static void (*const survivor_kinds[SURVIVORS])(void) = {
    be_faithful, be_forgetful, be_publisher, be_cell_writer, be_cell_reader, be_stream_writer,
    be_stream_reader, be_pusher, be_popper, be_server, be_client, be_holder, be_waiter,
};

static struct victim {
    pid_t pid;
    void (*be)(void);
} herd[HERD_MAX];

static pid_t survivors[SURVIVORS];
static int herd_count;
static uint64_t kills, audits, found_left, random_state;
static int64_t longest_pause_ns; /* in which the parent, which only naps, did not get on */

static uint64_t draw(uint64_t of) {
    return next_random(&random_state) % of;
}

/* ---- processes ------------------------------------------------------------------------------- */

struct birth {
    void (*be)(void);
    int survivor;
};

static void live(void *argument) {
    struct birth *birth = argument;
    if (nice(is_mortal() ? 5 : 0) < 0) FAIL("cannot be nice");
    birth->be();
}

static pid_t give_birth(void (*be)(void), int survivor) {
    struct birth birth = {be, survivor};
    uint32_t life = survivor < 0 ? storm->next_life++ : (uint32_t)survivor;
    if (life >= MARK) FAIL("too many lives");
    self.life = life;
    self.survivor = survivor;
    self.random = 88172645463325252u + (uint64_t)now_ns() * 2 + life * 7919u;
    self.last_ns = now_ns();
    return start(live, (uintptr_t)&birth);
}

static void start_victim(int i) {
    herd[i].pid = give_birth(herd[i].be, -1);
}

static void start_herd(void) {
    for (int i = 0; i < herd_count; i++) start_victim(i);
}

static void make_herd(void) {
    for (size_t k = 0; k < sizeof herd_kinds / sizeof *herd_kinds; k++) {
        for (int i = 0; i < herd_kinds[k].count; i++) herd[herd_count++].be = herd_kinds[k].be;
    }
}

static void watch_survivors(void) {
    for (int i = 0; i < SURVIVORS; i++) {
        if (waitpid(survivors[i], NULL, WNOHANG) != 0) FAIL("survivor %d ended", i);
    }
}

/* Somebody who lives must come so far. */
static void await_count(const _Atomic int *what, int value) {
    int64_t end = now_ns() + MILLISECONDS(PATIENCE_MS);
    while (*what != value) {
        watch_survivors();
        if (now_ns() > end) FAIL("%d of the survivors are where %d should be", *what, value);
        nap_ms(1);
    }
}

static void start_survivors(void) {
    for (int i = 0; i < SURVIVORS; i++) survivors[i] = give_birth(survivor_kinds[i], i);
    await_count(&storm->ready, SURVIVORS);
}

/* ---- kills ----------------------------------------------------------------------------------- */

static void kill_some(void) {
    int chosen[BURST_MAX], burst = 1 + (int)draw(BURST_MAX);
    int first = (int)draw((uint64_t)herd_count);
    for (int n = 0; n < burst; n++) {
        chosen[n] = (first + 7 * n) % herd_count;
        kill(herd[chosen[n]].pid, SIGKILL);
    }
    for (int n = 0; n < burst; n++) {
        ends_or_dies(herd[chosen[n]].pid);
        start_victim(chosen[n]);
        kills++;
    }
    if (draw(2)) return;
    nap_us((unsigned)draw(400)); /* and some of them when they come, and recover */
    for (int n = 0; n < burst; n += 2) {
        dies(herd[chosen[n]].pid);
        start_victim(chosen[n]);
        kills++;
    }
}

static void kill_all(void) {
    for (int i = 0; i < herd_count; i++) kill(herd[i].pid, SIGKILL);
    for (int i = 0; i < herd_count; i++) ends_or_dies(herd[i].pid);
    kills += (uint64_t)herd_count;
}

static void rage(void) {
    for (uint64_t end = kills + KILLS_BETWEEN_AUDITS - (uint64_t)herd_count; kills < end;) {
        int64_t before = now_ns();
        kill_some();
        watch_survivors();
        nap_us((unsigned)draw(4000));
        if (now_ns() - before > longest_pause_ns) longest_pause_ns = now_ns() - before;
    }
}

/* ---- audits ---------------------------------------------------------------------------------- */

static void count_left(void *context, int weight, const char *name, const char *text) {
    uint64_t *left = context;
    if (weight == SPG_FINDING_DAMAGE) print_damage(NULL, weight, name, text);
    if (weight != SPG_FINDING_LEFT) return;
    ++*left;
}

static void print_left(void *context, int weight, const char *name, const char *text) {
    (void)context, (void)weight;
    fprintf(stderr, "    left: %s: %s\n", name, text);
}

static spg_channel_facts facts_of(const char *name) {
    spg_channel_facts facts = {.struct_size = sizeof facts};
    CHECK_OK(spg_channel_stat(NULL, name, &facts, NULL, NULL));
    return facts;
}

/* Nothing waits, nothing is in hand, no memory is used. */
static void await_empty(const char *name) {
    int64_t end = now_ns() + MILLISECONDS(PATIENCE_MS);
    for (;;) {
        spg_channel_facts facts = facts_of(name);
        if (facts.waiting == 0 && facts.taken == 0 && facts.used == 0) return;
        if (now_ns() > end)
            FAIL("%s: %llu wait, %llu taken, %llu bytes used", name,
                 (unsigned long long)facts.waiting, (unsigned long long)facts.taken,
                 (unsigned long long)facts.used);
        nap_ms(1);
    }
}

struct population {
    int living, dead;
};

static int count_entry(void *context, const spg_domain_entry *entry) {
    struct population *population = context;
    if (entry->kind == SPG_ENTRY_NODE) population->living += (int)entry->living;
    population->dead += (int)entry->dead;
    if (entry->trouble) FAIL("%s: %s", entry->name, spg_error_name(entry->trouble));
    return 0;
}

static void count_population(void) {
    struct population population = {0, 0};
    CHECK_OK(spg_domain_list(NULL, count_entry, &population));
    CHECK_INT(SURVIVORS, population.living);
    CHECK_INT(0, population.dead);
}

static bool is_expected(const char *name) {
    static const char *const expected[] = {
        "nodes", "storm%2Ftopic.topic", "storm%2Fcell.cell", "storm%2Fqueue.queue",
        "storm%2Fservice.service",
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (strcmp(name, expected[i]) == 0) return true;
    }
    return name[0] == '.';
}

/* The four channels, the record of the segment, and the bell of the survivor who polls. */
static void count_files(void) {
    int bells = 0, records = 0;
    struct dirent *entry;
    DIR *directory = opendir(getenv("SAMEPAGE_DOMAIN"));
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (strncmp(entry->d_name, "bell-", 5) == 0) bells++;
        else if (entry->d_type == DT_LNK) records++;
        else if (!is_expected(entry->d_name)) FAIL("%s is left", entry->d_name);
    }
    closedir(directory);
    CHECK_INT(1, bells);
    CHECK_INT(1, records);
}

static void audit_topic(void) {
    topic_is_clean(1, 2);
    struct audit audit = topic_audit();
    CHECK_INT(0, audit.units[SPG__CHUNK_ORPHAN]);
    CHECK_INT(audit.published - audit.voids, storm->seen[0]);
    CHECK_INT(storm->seen[0], storm->seen[1] + storm->lost);
}

static void audit_cell(void) {
    uint64_t version = facts_of("cell:storm/cell").messages;
    if (version < storm->values_committed || version > storm->values_attempted)
        FAIL("version %llu, after %llu writes of which %llu returned", (unsigned long long)version,
             (unsigned long long)storm->values_attempted,
             (unsigned long long)storm->values_committed);
}

static void run_command(void *argument) {
    const char *command = getenv("SAMEPAGE");
    (void)argument;
    if (!command) FAIL("SAMEPAGE does not say where the command is");
    if (!freopen("/dev/null", "w", stdout)) FAIL("no /dev/null");
    execl(command, "samepage", "check", (char *)NULL);
    _exit(127);
}

/* Who opens a queue or a service clears what the dead left in it; who only collects does not, as
 * long as members live. The streams are nobody's now. */
static void be_judge(void) {
    spg_client *client;
    spg_service_options options = service_options();
    CHECK_OK(spg_queue_close(open_queue()));
    SUCCEEDS(spg_client_open(&client, NULL, "storm/service", &options));
    CHECK_OK(spg_client_close(client));
    for (int i = 0; i < STREAMS; i++) {
        int result;
        while ((result = spg_stream_unlink(NULL, stream_name(i))) == SPG_ETIMEDOUT) nap_ms(1);
        if (result != SPG_ENOENT) CHECK_OK(result);
    }
}

static void judge(void) {
    ends_well(give_birth(bury, -1));
    pid_t one = give_birth(meet, -1), other = give_birth(meet, -1);
    ends_well(one);
    ends_well(other);
    ends_well(give_birth(be_judge, -1));
}

static void rest(enum phase phase, int parked) {
    storm->phase = phase;
    await_count(&storm->parked, parked);
}

static void audit(void) {
    enum { PRODUCERS = 6, READERS_OF_THE_TOPIC = 2 };
    uint64_t left = 0;
    kill_all();
    CHECK_INT(0, spg_check(NULL, NULL, count_left, &left));
    found_left += left;
    rest(STOP, PRODUCERS + READERS_OF_THE_TOPIC);
    SUCCEEDS(spg_collect(NULL, NULL));
    await_empty("queue:storm/queue");
    await_empty("service:storm/service");
    rest(QUIET, SURVIVORS);
    judge();
    SUCCEEDS(spg_collect(NULL, NULL));
    CHECK_INT(0, spg_check(NULL, NULL, print_left, NULL));
    ends_well(start(run_command, 0));
    count_population();
    count_files();
    audit_topic();
    audit_cell();
    compare_jobs();
    forget_requests();
    audits++;
}

static void go_on(void) {
    storm->epoch++;
    storm->first_life = storm->next_life;
    storm->phase = RUN;
    await_count(&storm->parked, 0);
    start_herd();
}

/* ---- the storm ------------------------------------------------------------------------------- */

static void tell(int64_t began) {
    double seconds = (double)(now_ns() - began) / 1e9;
    int64_t longest = 0;
    printf("proof: storm: %llu kills\n", (unsigned long long)kills);
    printf("proof: storm: %llu audits\n", (unsigned long long)audits);
    printf("proof: storm: %llu things of the dead found at audits and cleared\n",
           (unsigned long long)found_left);
    for (int i = 0; i < COUNTS; i++)
        printf("proof: storm: %llu %s\n", (unsigned long long)storm->counts[i], count_names[i]);
    for (int i = 0; i < SURVIVORS; i++) {
        CHECK(storm->progress[i] > 0);
        if (storm->longest_ns[i] > longest) longest = storm->longest_ns[i];
    }
    printf("proof: storm: %lld ms at most between two steps of a survivor\n",
           (long long)longest / 1000000);
    printf("proof: storm: %lld ms at most between two bursts of kills\n",
           (long long)longest_pause_ns / 1000000);
    printf("    %.0f s, %.0f kills a second\n", seconds, (double)kills / seconds);
}

static void clean(void) {
    storm->is_over = true;
    storm->phase = OVER;
    for (int i = 0; i < SURVIVORS; i++) ends_well(survivors[i]);
    CHECK_OK(spg_segment_unlink(unique_name("posix:", "storm")));
    CHECK_OK(spg_cell_unlink(NULL, "storm/cell"));
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void map_storm(void) {
    storm = mmap(NULL, sizeof *storm, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(storm != MAP_FAILED);
    storm->next_life = storm->first_life = SURVIVORS;
    storm->epoch = 1;
    random_state = (uint64_t)now_ns() | 1;
    make_herd();
}

TEST(a_storm_of_kills_over_all_channels_loses_doubles_and_tears_nothing) {
    uint64_t wanted = setting("STORM_KILLS", 0);
    int64_t began = now_ns();
    int64_t end = wanted ? INT64_MAX : began + MILLISECONDS(1000 * setting("STORM_SECONDS", 10));
    map_storm();
    start_survivors();
    start_herd();
    for (;;) {
        rage();
        audit();
        if ((wanted && kills >= wanted) || now_ns() > end) break;
        go_on();
    }
    tell(began);
    clean();
    if (storm->counts[LOCKED_OUT] > 0 && longest_pause_ns < MILLISECONDS(2000))
        FAIL("nobody was stopped, and the domain's lock was held for five seconds");
}

/* ---- all at once ----------------------------------------------------------------------------- */

/* Who leaves the queue empty removes it. */
static void drain(void) {
    spg_channel_facts facts = {.struct_size = sizeof facts};
    spg_queue *queue = open_queue();
    int64_t end = now_ns() + MILLISECONDS(1000);
    while (now_ns() < end) work_on_jobs(queue, NULL);
    CHECK_OK(spg_queue_close(queue));
    CHECK_RESULT(SPG_ENOENT, spg_channel_stat(NULL, "queue:storm/queue", &facts, NULL, NULL));
}

static void tidy(void) {
    be_judge();
    CHECK_OK(spg_segment_unlink(unique_name("posix:", "storm")));
    CHECK_OK(spg_cell_unlink(NULL, "storm/cell"));
}

TEST(when_all_die_at_once_nothing_is_damaged_and_the_next_ones_go_on) {
    uint64_t left = 0, rounds = setting("STORM_SECONDS", 10);
    map_storm();
    rounds = rounds < 20 ? 20 : rounds > 200 ? 200 : rounds;
    for (uint64_t i = 0; i < rounds; i++) {
        start_herd();
        nap_ms(5 + (int)draw(100));
        kill_all();
        CHECK_INT(0, spg_check(NULL, NULL, count_left, &left));
        if (i % 4 == 3) SUCCEEDS(spg_collect(NULL, NULL));
        if (i % 4 == 3) CHECK_INT(0, spg_check(NULL, NULL, print_left, NULL));
    }
    ends_well(give_birth(drain, -1));
    compare_jobs();
    ends_well(give_birth(tidy, -1));
    printf("proof: storm: %llu times all %d died at once\n", (unsigned long long)rounds,
           herd_count);
}
