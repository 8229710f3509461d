/* step.c: the operation of one scene of test/crash, in the library as it is shipped, is stepped
 * instruction by instruction. Then it is played again for each instruction that changed what others
 * can reach, killed right after it, and a survivor must find everything working.
 *
 * STEP_SCENE names the scene; without it all are listed. STEP_WITHOUT_UNNAMED=1: the file system
 * has no unnamed files.
 *
 * Globals: the scene, and what was learned when it was stepped. */
#include "platform/seam.h"

#include <dlfcn.h>
#include <stddef.h>

/* The scenes are written for a build with the seam as well; here nobody calls its hook. */
static spg__seam_hook *spg__seam;

#include "crash/scenes.h"
#include "step/scenes_step.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

/* An instruction after which something had changed. It is found again by the system calls before
 * it, and by how often it was come to since the last of them. */
struct boundary {
    long calls, times;
    long within;      /* steps at this address since it was come to: a repeated instruction */
    uint64_t address; /* 0: it is a system call */
    struct world_change change;
};

enum { BOUNDARIES_MAX = 1 << 20, WINDOW_MAX = 1 << 24, FAILURES_MAX = 3, TRIES_MAX = 3 };

static const struct scene *scene;
static struct boundary *boundaries;
static uint64_t *window; /* addresses come to since the last system call */
static long boundary_count, window_count, instructions, killed, unchanged, failures;

/* ---- the victim ------------------------------------------------------------------------------ */

static void refuse_unnamed_files(void) {
    uint32_t flags = offsetof(struct seccomp_data, args[2]);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_TMPFILE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_TMPFILE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    CHECK_INT(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_INT(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void operate(void) {
    if (getenv("STEP_WITHOUT_UNNAMED")) refuse_unnamed_files();
    int result = scene->operate();
    if (result < 0)
        FAIL("scene %s: %s: %s", scene->name, spg_error_name(result), spg_error_detail());
}

static void begin(struct victim *victim, int point) {
    clear_world();
    run_apart(scene->prepare, "prepare", scene, point);
    if (is_overtaken(scene)) start_overtaker();
    if (victim_start(victim, operate)) return;
    if (WIFEXITED(victim->status)) SKIP("this system forbids to trace a child");
    FAIL("the victim cannot be traced: status %#x", victim->status);
}

static void end(struct victim *victim) {
    victim_kill(victim);
    if (is_overtaken(scene)) stop_overtaker();
}

static void check_end(const struct victim *victim) {
    if (!WIFEXITED(victim->status) || WEXITSTATUS(victim->status) != 0)
        FAIL("scene %s, stepped: status %#x", scene->name, victim->status);
}

static const struct world_roots *roots(void) {
    static struct world_roots roots;
    static char posix[300], file[300];
    snprintf(posix, sizeof posix, "/dev/shm%s", strchr(scene_posix(), '/'));
    snprintf(file, sizeof file, "%s", strchr(scene_file(), '/'));
    key_t key = (key_t)strtoul(strchr(scene_sysv(), ':') + 1, NULL, 0);
    roots = (struct world_roots){
        getenv("SAMEPAGE_DOMAIN"), {posix, file}, key, memory, sizeof *memory};
    return &roots;
}

/* ---- learning -------------------------------------------------------------------------------- */

static void note_arrival(uint64_t address) {
    static uint64_t last;
    if (window_count > 0 && last == address) return;
    last = address;
    if (window_count == WINDOW_MAX) FAIL("scene %s never calls the system", scene->name);
    window[window_count++] = address;
}

static long arrivals(uint64_t address) {
    long count = 0;
    for (long i = 0; i < window_count; i++) count += window[i] == address;
    return count;
}

static struct boundary *note_boundary(const struct world_change *change, uint64_t address) {
    if (boundary_count == BOUNDARIES_MAX) FAIL("scene %s changes too much", scene->name);
    struct boundary *boundary = &boundaries[boundary_count++];
    *boundary = (struct boundary){.address = address, .change = *change};
    return boundary;
}

static void learn(void) {
    struct victim victim;
    struct world_change change;
    long calls = 0, within = 0;
    uint64_t before = 0;
    begin(&victim, 0);
    world_open(roots());
    for (;;) {
        uint64_t address = victim_address(&victim);
        bool is_call = victim_is_calling(&victim, address);
        if (!is_call) note_arrival(address);
        within = address == before ? within + 1 : 0;
        before = address;
        if (!victim_step(&victim)) break;
        instructions++;
        calls += is_call;
        if (is_call) window_count = 0;
        if (world_look(is_call, &change)) {
            struct boundary *boundary = note_boundary(&change, is_call ? 0 : address);
            boundary->calls = calls;
            boundary->times = is_call ? 0 : arrivals(address);
            boundary->within = within;
        }
        if (others_overtake()) world_look(false, &change);
    }
    world_close();
    end(&victim);
    check_end(&victim);
}

/* ---- killing --------------------------------------------------------------------------------- */

/* By steps, from after so many system calls: where others work between the steps, or the processor
 * has no breakpoints. */
static bool step_to(struct victim *victim, const struct boundary *boundary, long calls) {
    long times = boundary->times, last = boundary->calls - !boundary->address;
    uint64_t before = 0;
    while (calls <= last) {
        uint64_t address = victim_address(victim);
        bool is_call = victim_is_calling(victim, address);
        bool is_new = before != address;
        before = address;
        if (calls == last && is_call) return !boundary->address;
        if (calls == last && address == boundary->address && is_new && --times == 0) return true;
        if (!victim_step(victim)) return false;
        calls += is_call;
        others_overtake();
    }
    return false;
}

static bool step_again(struct victim *victim, long count) {
    while (count > 0 && victim_step(victim)) count--;
    return count == 0;
}

/* To where the instruction of the boundary comes next. */
static bool reach(struct victim *victim, const struct boundary *boundary) {
    long calls = boundary->calls - !boundary->address;
    if (is_overtaken(scene)) {
        if (!step_to(victim, boundary, reach_reading(victim, calls))) return false;
    } else {
        if (!victim_pass_calls(victim, calls)) return false;
        if (!boundary->address) return victim_reach_call(victim);
        bool reached = victim_has_breakpoints(victim)
                           ? victim_reach(victim, boundary->address, boundary->times)
                           : step_to(victim, boundary, calls);
        if (!reached) return false;
    }
    return step_again(victim, boundary->within);
}

static bool pass(struct victim *victim, const struct boundary *boundary) {
    return boundary->address ? victim_step(victim) : victim_pass_calls(victim, 1);
}

static void describe(const struct boundary *boundary) {
    const struct world_change *change = &boundary->change;
    Dl_info where = {0};
    fprintf(stderr, "    killed after %ld calls, when %s", boundary->calls, change->name);
    if (change->end) fprintf(stderr, ", bytes %#llx to %#llx,", (unsigned long long)change->begin,
                             (unsigned long long)change->end);
    fprintf(stderr, " had changed");
    if (boundary->address && dladdr((void *)boundary->address, &where) && where.dli_fname)
        fprintf(stderr, " by %s+%#llx", where.dli_fname,
                (unsigned long long)(boundary->address - (uint64_t)where.dli_fbase));
    fputc('\n', stderr);
}

static bool is_survived(int point) {
    pid_t pid = fork();
    if (pid == 0) {
        run_apart(scene->survive, "survive", scene, point);
        check_domain(scene, point);
        _exit(0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Plays it up to the boundary. False: it went another way. */
static bool play(struct victim *victim, const struct boundary *boundary, int point) {
    struct world_change change;
    begin(victim, point);
    if (!reach(victim, boundary)) return false;
    world_open(roots());
    bool passed = pass(victim, boundary);
    /* What it stores may be there already: the time by a coarse clock. */
    if (passed && !world_look(!boundary->address, &change)) unchanged++;
    world_close();
    return passed;
}

static void kill_at(const struct boundary *boundary, int point) {
    struct victim victim;
    bool played = false;
    for (int tries = 0; tries < TRIES_MAX && !played; tries++) {
        played = play(&victim, boundary, point);
        killed += played && !victim.ended;
        end(&victim);
        if (is_survived(point)) continue;
        describe(boundary);
        failures++;
        return;
    }
    if (played) return;
    fprintf(stderr, "    never seen again:\n");
    describe(boundary);
    failures++;
}

static void kill_at_all(void) {
    for (long i = 0; i < boundary_count && failures < FAILURES_MAX; i++)
        kill_at(&boundaries[i], (int)i + 1);
}

/* ---- the scene ------------------------------------------------------------------------------- */

static void *reserve(size_t size) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (bytes == MAP_FAILED || madvise(bytes, size, MADV_DONTFORK) < 0) FAIL("no memory");
    return bytes;
}

static void choose_scene(const char *name) {
    for (int i = 0; i < scene_count; i++) {
        if (strcmp(scenes[i].name, name) == 0) scene = stepped_form(&scenes[i]);
    }
    if (!scene) FAIL("there is no scene \"%s\"", name);
}

TEST(after_death_at_any_changing_instruction_the_others_go_on) {
    const char *name = getenv("STEP_SCENE");
    for (int i = 0; !name && i < scene_count; i++) printf("%s\n", scenes[i].name);
    if (!name) return;
    choose_scene(name);
    boundaries = reserve(BOUNDARIES_MAX * sizeof *boundaries);
    window = reserve(WINDOW_MAX * sizeof *window);
    scenes_begin();
    int64_t began = now_ns();
    learn();
    double learned = (double)(now_ns() - began) / 1e9;
    CHECK(is_survived(0));
    kill_at_all();
    clear_world();
    printf("    stepped %ld %ld %ld %ld %ld %.1f %.1f %s\n", instructions, boundary_count, killed,
           failures, unchanged, learned, (double)(now_ns() - began) / 1e9, scene->name);
    fflush(stdout);
    CHECK_INT(0, failures);
}
