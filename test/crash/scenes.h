/* scenes.h: the scenes themselves. Included once by each enumeration. */
#include "crash/scene.h"
struct memory *memory;
/* ---- the world ------------------------------------------------------------------------------- */

const char *scene_posix(void) {
    return unique_name("posix:", "scene");
}
const char *scene_sysv(void) {
    return unique_name("sysv:", "scene");
}
const char *scene_file(void) {
    return unique_name("file:", "scene");
}

void scenes_begin(void) {
    memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
}

void run_apart(void (*part)(void), const char *what, const struct scene *scene, int point) {
    pid_t pid = fork();
    if (pid == 0) {
        part();
        _exit(0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        FAIL("scene %s, point %d: %s ended with status %#x", scene->name, point, what, status);
    }
}

static void clear_segments(void) {
    char path[300];
    static const char *const kinds[] = {"stream", "cell", "topic", "queue", "service"};
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "%s/scene.%s%s", getenv("SAMEPAGE_DOMAIN"), kinds[i / 2],
                 i % 2 ? ".new" : "");
        unlink(path);
    }
    spg_segment_unlink(scene_posix());
    spg_segment_unlink(scene_sysv());
    spg_segment_unlink(scene_file());
}

void clear_world(void) {
    char path[300];
    const char *domain = getenv("SAMEPAGE_DOMAIN");
    static const char *const names[] = {"nodes", "nodes.new"};
    clear_segments();
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", domain, names[i]);
        unlink(path);
    }
    rmdir(domain);
    memset(memory, 0, sizeof *memory);
}
static void count_finding(void *context, int weight, const char *name, const char *text) {
    fprintf(stderr, "    finding %d: %s: %s\n", weight, name, text);
    ++*(int *)context;
}

static void print_damage(void *context, int weight, const char *name, const char *text) {
    (void)context;
    if (weight == SPG_FINDING_DAMAGE) fprintf(stderr, "    damage: %s: %s\n", name, text);
}

void check_domain(const struct scene *scene, int point) {
    int findings = 0;
    int damage = spg_check(NULL, NULL, print_damage, NULL);
    if (damage == SPG_ENOENT) return;
    if (damage != 0)
        FAIL("scene %s, point %d: %d damaged: %s", scene->name, point, damage, spg_error_detail());
    int result = spg_collect(NULL, NULL);
    if (result < 0) FAIL("scene %s, point %d: collect: %s", scene->name, point, spg_error_detail());
    damage = spg_check(NULL, NULL, count_finding, &findings);
    if (damage != 0 || findings != 0) {
        FAIL("scene %s, point %d: %d findings after collecting", scene->name, point, findings);
    }
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void nothing(void) {
}

static int join(void) {
    uint64_t id;
    return spg_node_id(NULL, &id);
}

static void survive_join(void) {
    spg_node *node;
    uint64_t id, other;
    CHECK_OK(join());
    CHECK_OK(spg_node_id(NULL, &id));
    CHECK_OK(spg_node_open(&node, NULL));
    CHECK_OK(spg_node_id(node, &other));
    CHECK(id != other);
    CHECK_INT(1, spg_node_alive(NULL, other));
    CHECK_OK(spg_node_close(node));
    CHECK_INT(0, spg_node_alive(NULL, other));
}

static void leave_a_dead_node(void) {
    CHECK_OK(join());
    raise(SIGKILL);
}

/* Three processes that die as nodes, and one that makes the domain. */
static void prepare_dead_nodes(void) {
    CHECK_OK(join());
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) leave_a_dead_node();
        waitpid(pid, NULL, 0);
    }
}

static void prepare_domain(void) {
    CHECK_OK(join());
}

static int open_and_close_node(void) {
    spg_node *node;
    spg_node_options options = SPG_NODE_OPTIONS;
    options.name = "victim";
    int result = spg_node_open(&node, &options);
    return result < 0 ? result : spg_node_close(node);
}

static int collect(void) {
    return spg_collect(NULL, NULL);
}

/* ---- segments -------------------------------------------------------------------------------- */

static spg_segment_options managed(uint8_t lifetime) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.lifetime = lifetime;
    options.type = "scene";
    return options;
}

enum { SCENE_BYTES = 9000 };

static int create(const char *name, const spg_segment_options *options) {
    spg_segment *segment;
    int result = spg_segment_create(&segment, name, SCENE_BYTES, options);
    return result < 0 ? result : spg_segment_close(segment);
}

/* Whatever is or is not there: it can be had, used, closed and removed. */
static void survive_create(const char *name, const spg_segment_options *options) {
    spg_segment *segment;
    spg_segment_options share = options ? *options : (spg_segment_options)SPG_SEGMENT_OPTIONS;
    share.exclusive = 0;
    CHECK_OK(spg_segment_create(&segment, name, SCENE_BYTES, &share));
    CHECK_INT(SCENE_BYTES, spg_segment_size(segment));
    memset(spg_segment_address(segment), 1, SCENE_BYTES);
    CHECK_OK(spg_segment_close(segment));
    int result = spg_segment_unlink(name);
    if (share.lifetime == SPG_TEMPORARY) CHECK_RESULT(SPG_ENOENT, result);
    else CHECK_OK(result);
    share.exclusive = 1;
    CHECK_OK(spg_segment_create(&segment, name, SCENE_BYTES, &share));
    CHECK_OK(spg_segment_close(segment));
    if (share.lifetime != SPG_TEMPORARY) CHECK_OK(spg_segment_unlink(name));
}

#define SEGMENT_SCENE(kind, how, given)                                                            \
    static int create_##kind##_##how(void) {                                                       \
        spg_segment_options options = given;                                                       \
        return create(scene_##kind(), &options);                                                   \
    }                                                                                              \
    static void survive_##kind##_##how(void) {                                                     \
        spg_segment_options options = given;                                                       \
        survive_create(scene_##kind(), &options);                                                  \
    }

/* Somebody who holds such a segment and dies. */
#define DEAD_HOLDER(kind, how, given)                                                              \
    static void prepare_##kind##_##how(void) {                                                     \
        spg_segment *segment;                                                                      \
        spg_segment_options options = given;                                                       \
        CHECK_OK(spg_segment_create(&segment, scene_##kind(), SCENE_BYTES, &options));             \
        raise(SIGKILL);                                                                            \
    }

static const spg_segment_options bare_options = SPG_SEGMENT_OPTIONS;
SEGMENT_SCENE(posix, bare, bare_options)
SEGMENT_SCENE(file, bare, bare_options)
SEGMENT_SCENE(sysv, bare, bare_options)
SEGMENT_SCENE(posix, kept, managed(SPG_KEEP))
SEGMENT_SCENE(posix, temporary, managed(SPG_TEMPORARY))
SEGMENT_SCENE(file, temporary, managed(SPG_TEMPORARY))
SEGMENT_SCENE(sysv, kept, managed(SPG_KEEP))
SEGMENT_SCENE(sysv, temporary, managed(SPG_TEMPORARY))

/* Leaves what a killed holder leaves. */
static void in_a_killed_process(void (*part)(void)) {
    pid_t pid = fork();
    if (pid == 0) part();
    waitpid(pid, NULL, 0);
}
DEAD_HOLDER(posix, kept, managed(SPG_KEEP))
DEAD_HOLDER(posix, temporary, managed(SPG_TEMPORARY))
DEAD_HOLDER(sysv, temporary, managed(SPG_TEMPORARY))

static void dead_holder_of_posix_temporary(void) {
    in_a_killed_process(prepare_posix_temporary);
}
static void dead_holder_of_sysv_temporary(void) {
    in_a_killed_process(prepare_sysv_temporary);
}
static void dead_holder_of_posix_kept(void) {
    in_a_killed_process(prepare_posix_kept);
}

static int open_and_close(const char *name) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    int result = spg_segment_open(&segment, name, &options);
    if (result == SPG_ENOENT) return 0; /* it was temporary, and its last holder died */
    return result < 0 ? result : spg_segment_close(segment);
}
static int open_and_close_posix(void) {
    return open_and_close(scene_posix());
}
static int open_and_close_sysv(void) {
    return open_and_close(scene_sysv());
}
static int unlink_posix(void) {
    return spg_segment_unlink(scene_posix());
}

static int grow_posix(void) {
    spg_segment *segment;
    spg_segment_options options = managed(SPG_KEEP);
    int result = spg_segment_open(&segment, scene_posix(), &options);
    if (result < 0) return result;
    result = spg_segment_resize(segment, 3 * SCENE_BYTES);
    spg_segment_close(segment);
    return result;
}
static void survive_grow(void) {
    spg_segment *segment;
    spg_segment_options options = managed(SPG_KEEP);
    options.exclusive = 0; /* a survivor before us may have got as far as removing it */
    CHECK_OK(spg_segment_create(&segment, scene_posix(), SCENE_BYTES, &options));
    size_t size = spg_segment_size(segment);
    CHECK(size == SCENE_BYTES || size == 3 * SCENE_BYTES);
    CHECK_OK(spg_segment_resize(segment, 3 * SCENE_BYTES));
    memset(spg_segment_address(segment), 1, 3 * SCENE_BYTES);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(scene_posix()));
}

static int create_memfd(void) {
    spg_segment_options options = managed(SPG_KEEP);
    options.seals = SPG_SEAL_SHRINK | SPG_SEAL_GROW;
    return create("memfd:scene", &options);
}
static int create_anonymous(void) {
    return create("anonymous:", NULL);
}
static void survive_nameless(void) {
    CHECK_OK(create_memfd());
    CHECK_OK(create_anonymous());
}

/* ---- synchronisation ------------------------------------------------------------------------- */

static void prepare_sync(void) {
    CHECK_OK(spg_mutex_init(&memory->mutex));
    CHECK_OK(spg_condition_init(&memory->condition));
    CHECK_OK(spg_semaphore_init(&memory->plain, 1));
    CHECK_OK(spg_semaphore_init_owned(&memory->owned, 2));
    CHECK_OK(spg_event_init(&memory->event));
    CHECK_OK(spg_rwlock_init(&memory->rwlock));
    CHECK_OK(spg_barrier_init(&memory->barrier, 1));
    CHECK_OK(spg_seqlock_init(&memory->seqlock));
}

#define SECONDS(n) MILLISECONDS(1000 * (n))

static int lock_and_write(void) {
    int result = spg_mutex_lock(&memory->mutex, SECONDS(5));
    if (result < 0 && result != SPG_EOWNERDEAD) return result;
    memory->first++;
    memory->second = memory->first;
    spg_mutex_recovered(&memory->mutex);
    return spg_mutex_unlock(&memory->mutex);
}

static void survive_mutex(void) {
    int result = spg_mutex_lock(&memory->mutex, SECONDS(5));
    if (result != SPG_EOWNERDEAD) CHECK_OK(result);
    if (result == 0) CHECK_INT(memory->first, memory->second);
    CHECK_OK(spg_mutex_recovered(&memory->mutex));
    CHECK_OK(spg_mutex_unlock(&memory->mutex));
    CHECK_OK(spg_mutex_lock(&memory->mutex, SPG_NOWAIT));
    CHECK_OK(spg_mutex_unlock(&memory->mutex));
}

static void die_with_everything(void) {
    CHECK_OK(spg_mutex_lock(&memory->mutex, SPG_NOWAIT));
    CHECK_OK(spg_semaphore_wait(&memory->owned, SPG_NOWAIT));
    CHECK_OK(spg_semaphore_wait(&memory->owned, SPG_NOWAIT));
    CHECK_OK(spg_rwlock_lock_write(&memory->rwlock, SPG_NOWAIT));
    raise(SIGKILL);
}
static void die_as_reader(void) {
    CHECK_OK(spg_rwlock_lock_read(&memory->rwlock, SPG_NOWAIT));
    raise(SIGKILL);
}
static void prepare_dead_owner(void) {
    prepare_sync();
    in_a_killed_process(die_with_everything);
}
static void prepare_dead_reader(void) {
    prepare_sync();
    in_a_killed_process(die_as_reader);
}

static int init_mutex(void) {
    return spg_mutex_init(&memory->mutex);
}
static void survive_init(void) {
    int result = spg_mutex_lock(&memory->mutex, SPG_NOWAIT);
    if (result == SPG_ECORRUPT) {
        CHECK_OK(spg_mutex_init(&memory->mutex));
    } else {
        if (result != SPG_EOWNERDEAD) CHECK_OK(result);
        CHECK_OK(spg_mutex_unlock(&memory->mutex));
    }
    survive_mutex();
}

static int take_and_give_owned(void) {
    int result = spg_semaphore_wait(&memory->owned, SECONDS(5));
    return result < 0 ? result : spg_semaphore_post(&memory->owned);
}
static void survive_owned(void) {
    CHECK(spg_semaphore_wait(&memory->owned, SECONDS(5)) >= 0);
    CHECK(spg_semaphore_wait(&memory->owned, SECONDS(5)) >= 0);
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(&memory->owned, SPG_NOWAIT));
    CHECK_OK(spg_semaphore_post(&memory->owned));
    CHECK_OK(spg_semaphore_post(&memory->owned));
    CHECK_RESULT(SPG_EPERM, spg_semaphore_post(&memory->owned));
}

/* A plain semaphore forgets what each dead process took, and only that. */
static int give_and_take_plain(void) {
    int result = spg_semaphore_post(&memory->plain);
    return result < 0 ? result : spg_semaphore_wait(&memory->plain, SPG_NOWAIT);
}
static void survive_plain(void) {
    int value = spg_semaphore_value(&memory->plain);
    CHECK(value >= 0 && value <= 2);
    if (value == 0) CHECK_OK(spg_semaphore_post(&memory->plain));
    CHECK_OK(spg_semaphore_wait(&memory->plain, SPG_NOWAIT));
    CHECK_OK(spg_semaphore_post(&memory->plain));
}

static int read_and_write_rwlock(void) {
    int result = spg_rwlock_lock_read(&memory->rwlock, SECONDS(5));
    if (result < 0 && result != SPG_EOWNERDEAD) return result;
    if (result == 0) result = spg_rwlock_unlock(&memory->rwlock);
    if (result < 0 && result != SPG_EOWNERDEAD) return result;
    result = spg_rwlock_lock_write(&memory->rwlock, SECONDS(5));
    if (result < 0 && result != SPG_EOWNERDEAD) return result;
    memory->first++;
    memory->second = memory->first;
    spg_rwlock_recovered(&memory->rwlock);
    return spg_rwlock_unlock(&memory->rwlock);
}
static void survive_rwlock(void) {
    int result = spg_rwlock_lock_write(&memory->rwlock, SECONDS(5));
    if (result != SPG_EOWNERDEAD) CHECK_OK(result);
    if (result == 0) CHECK_INT(memory->first, memory->second);
    CHECK_OK(spg_rwlock_recovered(&memory->rwlock));
    CHECK_OK(spg_rwlock_unlock(&memory->rwlock));
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        CHECK_OK(spg_rwlock_lock_read(&memory->rwlock, SECONDS(5)));
    }
    CHECK_RESULT(SPG_EAGAIN, spg_rwlock_lock_write(&memory->rwlock, SPG_NOWAIT));
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) CHECK_OK(spg_rwlock_unlock(&memory->rwlock));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(&memory->rwlock));
}

static int set_and_reset_event(void) {
    int result = spg_event_set(&memory->event);
    if (result == 0) result = spg_event_wait(&memory->event, SPG_NOWAIT);
    return result < 0 ? result : spg_event_reset(&memory->event);
}
static void survive_event(void) {
    int result = spg_event_wait(&memory->event, SPG_NOWAIT);
    CHECK(result == 0 || result == SPG_EAGAIN);
    CHECK_OK(spg_event_set(&memory->event));
    CHECK_OK(spg_event_wait(&memory->event, SPG_NOWAIT));
    CHECK_OK(spg_event_reset(&memory->event));
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(&memory->event, SPG_NOWAIT));
}

static int meet(void) {
    int result = spg_barrier_wait(&memory->barrier, SECONDS(5));
    if (result >= 0) result = spg_barrier_wait(&memory->barrier, SECONDS(5));
    return result < 0 ? result : spg_barrier_leave(&memory->barrier);
}
static void survive_barrier(void) {
    for (int i = 0; i < 3; i++) CHECK_INT(1, spg_barrier_wait(&memory->barrier, SECONDS(5)));
    CHECK_OK(spg_barrier_leave(&memory->barrier));
    CHECK_RESULT(SPG_EPERM, spg_barrier_leave(&memory->barrier));
}

static int write_seqlock(void) {
    const uint64_t value[4] = {7, 7, 7, 7};
    int result = spg_seqlock_write(&memory->seqlock, memory->value, value, sizeof value,
                                   SECONDS(5));
    return result < 0 ? result
                      : spg_seqlock_write(&memory->seqlock, memory->value, value, sizeof value,
                                          SECONDS(5));
}
static void survive_seqlock(void) {
    uint64_t value[4];
    int result = spg_seqlock_read(&memory->seqlock, memory->value, value, sizeof value, SECONDS(5));
    if (result != SPG_EOWNERDEAD) {
        CHECK_OK(result);
        for (int i = 1; i < 4; i++) CHECK_INT(value[0], value[i]);
    }
    CHECK_OK(write_seqlock());
    CHECK_OK(spg_seqlock_read(&memory->seqlock, memory->value, value, sizeof value, SECONDS(5)));
    for (int i = 0; i < 4; i++) CHECK_INT(7, value[i]);
}

static int wait_on_condition(void) {
    int result = spg_mutex_lock(&memory->mutex, SECONDS(5));
    if (result < 0) return result;
    result = spg_condition_wait(&memory->condition, &memory->mutex, MILLISECONDS(3));
    if (result == SPG_ETIMEDOUT) result = 0;
    if (result == 0) result = spg_condition_signal(&memory->condition);
    spg_mutex_unlock(&memory->mutex);
    return result;
}

/* ---- streams --------------------------------------------------------------------------------- */

static int open_stream(spg_stream **stream, int end) {
    spg_stream_options options = SPG_STREAM_OPTIONS;
    options.capacity = 4096;
    return spg_stream_open(stream, NULL, "scene", end, &options);
}

/* Writes eight bytes twice, and goes. */
static int write_stream(void) {
    spg_stream *stream;
    int result = open_stream(&stream, SPG_STREAM_WRITER);
    if (result < 0) return result;
    for (int i = 0; i < 2 && result >= 0; i++) {
        result = spg_stream_write(stream, "abcdefgh", 8, SECONDS(5));
    }
    spg_stream_close(stream);
    return result < 0 ? result : 0;
}

/* A prefix of whole writes, then the end or the death; and a new conversation after that. */
static void survive_stream(void) {
    spg_stream *stream, *writer;
    char bytes[100];
    int result, count = 0;
    while ((result = open_stream(&stream, SPG_STREAM_READER)) == SPG_EEXIST)
        spg_collect(NULL, NULL);
    CHECK_OK(result);
    while ((result = spg_stream_read(stream, bytes + count, 100 - (size_t)count,
                                     MILLISECONDS(30))) > 0) {
        count += result;
    }
    CHECK(count == 0 || count == 8 || count == 16);
    CHECK_INT(0, memcmp(bytes, "abcdefghabcdefgh", (size_t)count));
    CHECK(result == 0 || result == SPG_EPEERDEAD || (result == SPG_ETIMEDOUT && count == 0));
    CHECK_OK(spg_stream_close(stream));
    CHECK_OK(open_stream(&stream, SPG_STREAM_READER));
    CHECK_OK(open_stream(&writer, SPG_STREAM_WRITER));
    CHECK_INT(3, spg_stream_write(writer, "xyz", 3, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(writer));
    CHECK_INT(3, spg_stream_read(stream, bytes, 100, SPG_NOWAIT));
    CHECK_INT(0, spg_stream_read(stream, bytes, 100, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(stream));
}

static void leave_a_stream(void) {
    CHECK_OK(write_stream());
}
static void die_writing(void) {
    spg_stream *stream;
    CHECK_OK(open_stream(&stream, SPG_STREAM_WRITER));
    CHECK_INT(8, spg_stream_write(stream, "abcdefgh", 8, SPG_NOWAIT));
    raise(SIGKILL);
}
static void prepare_dead_writer(void) {
    in_a_killed_process(die_writing);
}

static int read_stream(void) {
    spg_stream *stream;
    char bytes[5];
    int result = open_stream(&stream, SPG_STREAM_READER);
    if (result < 0) return result;
    do {
        result = spg_stream_read(stream, bytes, sizeof bytes, MILLISECONDS(50));
    } while (result > 0);
    spg_stream_close(stream);
    return result == SPG_EPEERDEAD || result == SPG_ETIMEDOUT ? 0 : result;
}
/* What the reader took is gone with it. */
static void survive_reader(void) {
    spg_stream *stream, *writer;
    char bytes[100];
    int result;
    spg_collect(NULL, NULL);
    while ((result = open_stream(&stream, SPG_STREAM_READER)) == SPG_EEXIST)
        spg_collect(NULL, NULL);
    CHECK_OK(result);
    while ((result = spg_stream_read(stream, bytes, 100, SPG_NOWAIT)) > 0) {}
    CHECK_OK(spg_stream_close(stream));
    CHECK_OK(open_stream(&writer, SPG_STREAM_WRITER));
    CHECK_INT(3, spg_stream_write(writer, "xyz", 3, SPG_NOWAIT));
    CHECK_OK(open_stream(&stream, SPG_STREAM_READER));
    CHECK_INT(3, spg_stream_read(stream, bytes, 100, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(stream));
    CHECK_OK(spg_stream_close(writer));
}

#include "crash/scenes_wait.h"

#include "crash/scenes_cell.h"
#include "crash/scenes_jobs.h"
#include "crash/scenes_topic.h"

/* ---- the list -------------------------------------------------------------------------------- */

const struct scene scenes[] = {
    {"join a domain that is not there", nothing, join, survive_join},
    {"join a domain", prepare_domain, join, survive_join},
    {"join where three died", prepare_dead_nodes, join, survive_join},
    {"open and close a node", prepare_domain, open_and_close_node, survive_join},
    {"collect dead nodes", prepare_dead_nodes, collect, survive_join},
    {"create posix, bare", nothing, create_posix_bare, survive_posix_bare},
    {"create file, bare", nothing, create_file_bare, survive_file_bare},
    {"create System V, bare", nothing, create_sysv_bare, survive_sysv_bare},
    {"create memfd, managed and sealed", nothing, create_memfd, survive_nameless},
    {"create anonymous", nothing, create_anonymous, survive_nameless},
    {"create posix, managed", prepare_domain, create_posix_kept, survive_posix_kept},
    {"create posix, temporary", prepare_domain, create_posix_temporary, survive_posix_temporary},
    {"create file, temporary", prepare_domain, create_file_temporary, survive_file_temporary},
    {"create System V, managed", prepare_domain, create_sysv_kept, survive_sysv_kept},
    {"create System V, temporary", prepare_domain, create_sysv_temporary, survive_sysv_temporary},
    {"open after a dead holder, posix", dead_holder_of_posix_temporary, open_and_close_posix,
     survive_posix_temporary},
    {"open after a dead holder, System V", dead_holder_of_sysv_temporary, open_and_close_sysv,
     survive_sysv_temporary},
    {"collect after a dead holder, posix", dead_holder_of_posix_temporary, collect,
     survive_posix_temporary},
    {"collect after a dead holder, System V", dead_holder_of_sysv_temporary, collect,
     survive_sysv_temporary},
    {"create over a dead holder's, posix", dead_holder_of_posix_temporary, create_posix_temporary,
     survive_posix_temporary},
    {"create over a dead holder's, System V", dead_holder_of_sysv_temporary, create_sysv_temporary,
     survive_sysv_temporary},
    {"unlink posix, managed", dead_holder_of_posix_kept, unlink_posix, survive_posix_kept},
    {"grow posix, managed", dead_holder_of_posix_kept, grow_posix, survive_grow},
    {"init a mutex", prepare_domain, init_mutex, survive_init},
    {"lock and unlock a mutex", prepare_sync, lock_and_write, survive_mutex},
    {"lock a dead owner's mutex", prepare_dead_owner, lock_and_write, survive_mutex},
    {"take and give a permit", prepare_sync, take_and_give_owned, survive_owned},
    {"take a dead owner's permit", prepare_dead_owner, take_and_give_owned, survive_owned},
    {"post and wait", prepare_sync, give_and_take_plain, survive_plain},
    {"read and write under an rwlock", prepare_sync, read_and_write_rwlock, survive_rwlock},
    {"rwlock of a dead writer", prepare_dead_owner, read_and_write_rwlock, survive_rwlock},
    {"rwlock of a dead reader", prepare_dead_reader, read_and_write_rwlock, survive_rwlock},
    {"set, wait and reset an event", prepare_sync, set_and_reset_event, survive_event},
    {"meet at a barrier", prepare_sync, meet, survive_barrier},
    {"write under a seqlock", prepare_sync, write_seqlock, survive_seqlock},
    {"wait on a condition", prepare_sync, wait_on_condition, survive_mutex},
    {"write a stream", prepare_domain, write_stream, survive_stream},
    {"write a stream after a dead writer", prepare_dead_writer, write_stream, survive_stream},
    {"read a stream", leave_a_stream, read_stream, survive_reader},
    {"read a dead writer's stream", prepare_dead_writer, read_stream, survive_reader},
    {"collect a dead writer's stream", prepare_dead_writer, collect, survive_stream},
    CELL_SCENES,
    JOBS_SCENES,
    TOPIC_SCENES,
    WAIT_SCENES,
};
const int scene_count = sizeof scenes / sizeof *scenes;
