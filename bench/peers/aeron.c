/* aeron.c: Aeron IPC, which is a library of Java: each role starts a Java machine in its process,
 * and aeron/AeronRole.java has the loops. */
#include <dlfcn.h>
#include <ftw.h>
#include <jni.h>
#include <sched.h>
#include <stdlib.h>

#include "copying.h"

enum { TRIPS = 200000, TRIP_BYTES = 256 << 20, WARM_UPS = 50, OPENED_MAX = 8 };

typedef jint create_machine(JavaVM **machine, void **env, void *arguments);

struct role {
    JNIEnv *env;
    jobject object;
    jmethodID run;
};

static void check(JNIEnv *env) {
    if (!(*env)->ExceptionCheck(env)) return;
    (*env)->ExceptionDescribe(env);
    _Exit(1);
}

static JNIEnv *start_machine(void) {
    JavaVMOption options[] = {
        {.optionString = "-Djava.class.path=" AERON_CLASSES ":" AERON_JAR},
        {.optionString = "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"},
        {.optionString = "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED"},
        {.optionString = "-Dagrona.disable.bounds.checks=true"},
        {.optionString = "-Xbatch"}, /* so that all is compiled when it has warmed up */
        {.optionString = "-XX:+UseSerialGC"},
        {.optionString = "-XX:-UsePerfData"},
        {.optionString = "-XX:+UnlockDiagnosticVMOptions"},
        {.optionString = "-XX:GuaranteedSafepointInterval=0"},
        {.optionString = "-Xrs"},
    };
    JavaVMInitArgs arguments = {
        .version = JNI_VERSION_10,
        .nOptions = sizeof options / sizeof options[0],
        .options = options,
    };
    JavaVM *machine;
    void *env;
    void *library = dlopen(AERON_JVM, RTLD_NOW);
    must(library == NULL);
    create_machine *create = (create_machine *)dlsym(library, "JNI_CreateJavaVM");
    must(create == NULL);
    must(create(&machine, &env, &arguments));
    return env;
}

/* The machine's own threads, such as the compiler's, may use both processors. */
static JNIEnv *start_on_both(void) {
    cpu_set_t one, both;
    must_do(sched_getaffinity(0, sizeof one, &one));
    CPU_ZERO(&both);
    for (int i = 0; i < 2; i++) CPU_SET(settings.processors[i], &both);
    must_do(sched_setaffinity(0, sizeof both, &both));
    JNIEnv *env = start_machine();
    must_do(sched_setaffinity(0, sizeof one, &one));
    return env;
}

static void path_of(const struct contest *contest, char path[400]) {
    snprintf(path, 400, "%s/%s.aeron", settings.domain, contest->name);
}

static jobject new_role(JNIEnv *env, jclass class, struct contest *contest, int role) {
    struct histogram *histogram = &contest->control->histogram;
    char path[400];
    path_of(contest, path);
    jstring directory = (*env)->NewStringUTF(env, path);
    jobject source = (*env)->NewDirectByteBuffer(env, contest->source, (jlong)contest->size);
    jobject cells = (*env)->NewDirectByteBuffer(env, histogram, sizeof *histogram);
    jmethodID method = (*env)->GetMethodID(
        env, class, "<init>", "(Ljava/lang/String;IILjava/nio/ByteBuffer;Ljava/nio/ByteBuffer;D)V");
    check(env);
    jobject object = (*env)->NewObject(env, class, method, directory, (jint)role,
                                       (jint)contest->size, source, cells, 1e6 / clock_ns(1000000));
    check(env);
    return object;
}

static jboolean is_back(const struct contest *contest) {
    return contest->contestant->pattern == ROUND_TRIP;
}

static void warm_up(JNIEnv *env, jclass class, jobject object, const struct contest *contest) {
    jmethodID method = (*env)->GetMethodID(env, class, "warmUp", "(ZIJ)V");
    check(env);
    size_t trips = TRIP_BYTES / contest->size;
    if (trips > TRIPS) trips = TRIPS;
    (*env)->CallVoidMethod(env, object, method, is_back(contest), (jint)WARM_UPS,
                           (jlong)(trips / WARM_UPS));
    check(env);
}

/* Ends when the other role is there, too, and the loops have been compiled. */
static void open_end(struct contest *contest, int role) {
    static struct role mine;
    JNIEnv *env = start_on_both();
    jclass class = (*env)->FindClass(env, "AeronRole");
    check(env);
    mine.env = env;
    mine.object = new_role(env, class, contest, role);
    mine.run = (*env)->GetMethodID(env, class, "run", "(ZJJ)I");
    check(env);
    warm_up(env, class, mine.object, contest);
    contest->mine = &mine;
}

static void run(struct contest *contest, int role) {
    const struct role *mine = contest->mine;
    JNIEnv *env = mine->env;
    (void)role;
    int rejected = (*env)->CallIntMethod(env, mine->object, mine->run, is_back(contest),
                                         (jlong)contest->number, (jlong)contest->count);
    check(env);
    for (int i = 0; i < rejected; i++) reject(contest);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *at) {
    (void)about;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_all(struct contest *contest) {
    char path[400];
    path_of(contest, path);
    nftw(path, remove_one, OPENED_MAX, FTW_DEPTH | FTW_PHYS);
}

#define AERON(PATTERN)                                                                             \
    COPYING("Aeron IPC",                                                                           \
            "Java; exclusive publication, claimed in place up to 64 KiB less headers, polled "     \
            "without idling; driver without threads, worked by role 0",                            \
            PATTERN, 8, SIZE_MAX, NULL, open_end, run, NULL, remove_all)

const struct contestant peer_aeron[] = {
    AERON(ROUND_TRIP),
    AERON(ONE_WAY),
};
