/* command_explain.c: samepage explain, on what the real other programs make, where they are
 * installed, and on crafted bytes where they are too heavy (PostgreSQL), or hostile. */
#include "command.h"

/* What the JSON says of these members, in this order; one a line. */
#define TELL                                                                                       \
    "tell() { samepage explain --json \"$1\" >$D/json || return; shift\n"                          \
    "  for m; do sed -n \"s/^  \\\"$m\\\": \\(.*[^,]\\),*$/\\1/p\" $D/json; done | tr -d '\"'; "   \
    "}\n"

/* A program that is run to its end, and what it was compiled with. */
#define COMPILE(language, options, code)                                                           \
    "cat >$D/program." language " <<'END'\n" code "\nEND\n"                                        \
    "cc -x " language " $D/program." language " -o $D/program " options "\n"

static void need_command(const char *command) {
    char text[128];
    snprintf(text, sizeof text, "command -v %s >/dev/null", command);
    if (script_run(text).status != 0) SKIP("there is no %s", command);
}

static void need_header(const char *language, const char *header) {
    char text[256];
    snprintf(text, sizeof text, "echo '#include <%s>' | cc -x %s -E - >/dev/null", header,
             language);
    if (script_run(text).status != 0) SKIP("there is no %s", header);
}

/* Names and keys of this process's own. */
#define OWN "n=spgtest-$HARNESS_TAG-x; k=$((0x7e000000 + $$))\n"

/* ---- ours ------------------------------------------------------------------------------------ */

TEST(each_kind_of_ours_is_told) {
    SCRIPT("samepage-cell\ncertain\nunused\n"
           "samepage-topic\ncertain\nunused\n"
           "samepage-queue\ncertain\nunused\n"
           "samepage-nodes\ncertain\nunused\n",
           TELL "samepage set a/c 1; samepage push q 1; samepage pub t --keep </dev/null\n"
                "for name in cell:a/c topic:t queue:q $SAMEPAGE_DOMAIN/nodes; do\n"
                "  tell $name what sureness state; done\n"
                "samepage rm cell:a/c topic:t queue:q");
}

static spg_segment *make_managed(const char *name) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.lifetime = SPG_TEMPORARY;
    CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
    return segment;
}

ROLE(holder) {
    make_managed(arguments[0]);
    step_reach(1);
    pause();
}

/* In use while its holder lives; stale when that is dead, and then gc is what to do. */
static void follow(const char *name) {
    char in_use[1024], stale[1024];
    snprintf(in_use, sizeof in_use, TELL "tell %s what state remove", name);
    snprintf(stale, sizeof stale, TELL "tell %s what state remove && samepage gc >/dev/null", name);
    struct role *holder = role_start("holder", name);
    step_await(1);
    SCRIPT("samepage-segment\nin-use\nnull\n", in_use);
    role_kill(holder);
    SCRIPT("samepage-segment\nstale\nsamepage gc\n", stale);
}

TEST(a_posix_segment_of_a_dead_holder_is_stale) {
    follow(unique_name("posix:", "a"));
}

TEST(a_system_v_segment_of_a_dead_holder_is_stale) {
    follow(unique_name("sysv:", "a"));
}

TEST(another_version_and_byte_order_are_told_from_damage) {
    SCRIPT("1 cannot open it\n1 other byte order\n1 damaged\n1 kind that this version\n1 damaged\n",
           "samepage set c 1; f=$SAMEPAGE_DOMAIN/c.cell\n"
           "try() { cp $f $D/f; printf \"$2\" | dd of=$D/f bs=1 seek=$1 conv=notrunc 2>/dev/null\n"
           "  echo $(samepage explain $D/f | grep -c \"$3\") $3; }\n"
           "try 12 '\\007' 'cannot open it'; try 8 '\\001\\002\\003\\004' 'other byte order'\n"
           "try 8 '\\377' damaged; try 16 '\\377' 'kind that this version'\n"
           "try 36 '\\377' damaged; samepage rm cell:c");
}

/* ---- others, real ---------------------------------------------------------------------------- */

#define BOOST                                                                                      \
    "#include <boost/interprocess/managed_shared_memory.hpp>\n"                                    \
    "#include <boost/interprocess/managed_mapped_file.hpp>\n"                                      \
    "#include <boost/interprocess/managed_xsi_shared_memory.hpp>\n"                                \
    "#include <boost/interprocess/ipc/message_queue.hpp>\n"                                        \
    "#include <boost/interprocess/sync/named_mutex.hpp>\n"                                         \
    "#include <string>\n"                                                                          \
    "using namespace boost::interprocess;\n"                                                       \
    "int main(int, char **words) {\n"                                                              \
    "    std::string name = words[1];\n"                                                           \
    "    managed_shared_memory memory(create_only, name.c_str(), 65536);\n"                        \
    "    memory.construct<int>(\"answer\")(42);\n"                                                 \
    "    managed_mapped_file file(create_only, words[2], 100000);\n"                               \
    "    xsi_key key(words[2], 1);\n"                                                              \
    "    managed_xsi_shared_memory xsi(create_only, key, 8192);\n"                                 \
    "    message_queue queue(create_only, (name + \"q\").c_str(), 10, 100);\n"                     \
    "    queue.send(\"one\", 4, 0);\n"                                                             \
    "    named_mutex mutex(create_only, (name + \"m\").c_str());\n"                                \
    "    mutex.lock();\n"                                                                          \
    "}"

TEST(what_boost_made_is_told) {
    need_header("c++", "boost/interprocess/managed_shared_memory.hpp");
    SCRIPT("boost-managed\ncertain\nboost-managed\ncertain\nboost-managed\ncertain\nstale\n"
           "boost-message-queue\nlikely\nposix-semaphore\ncertain\n"
           "1 of 10 messages, of at most 100 bytes\nits value is 0\n",
           TELL OWN COMPILE("c++", "-pthread -lstdc++ -lrt",
                            BOOST) "$D/program $n $D/file || exit\n"
                                   "tell $n what sureness; tell $D/file what sureness\n"
                                   "tell \"sysv:$D/file#1\" what sureness state\n"
                                   "tell ${n}q what sureness; tell sem.${n}m what sureness\n"
                                   "samepage explain ${n}q | grep -o '1 of 10.*'\n"
                                   "samepage explain sem.${n}m | grep -o 'its value is 0'\n"
                                   "samepage rm \"sysv:$D/file#1\"; rm /dev/shm/$n /dev/shm/${n}q "
                                   "/dev/shm/sem.${n}m");
}

/* Killed while it holds the lock of the whole segment. */
#define BOOST_KILLED                                                                               \
    "#include <boost/interprocess/managed_shared_memory.hpp>\n"                                    \
    "#include <csignal>\n"                                                                         \
    "using namespace boost::interprocess;\n"                                                       \
    "int main(int, char **words) {\n"                                                              \
    "    managed_shared_memory memory(create_only, words[1], 65536);\n"                            \
    "    auto die = [] { raise(SIGKILL); };\n"                                                     \
    "    memory.atomic_func(die);\n"                                                               \
    "}"

TEST(the_lock_of_a_dead_process_of_boost_is_told) {
    need_header("c++", "boost/interprocess/managed_shared_memory.hpp");
    SCRIPT("which is gone\n", OWN COMPILE("c++", "-pthread -lstdc++ -lrt",
                                          BOOST_KILLED) "$D/program $n 2>/dev/null; samepage "
                                                        "explain $n | grep -o 'which is gone'\n"
                                                        "rm /dev/shm/$n");
}

TEST(what_python_made_is_told) {
    need_command("python3");
    SCRIPT("python certain in-use 1\npython certain in-use 0\n",
           "cat >$D/program <<'END'\n"
           "import json, subprocess\n"
           "from multiprocessing import shared_memory\n"
           "def tell(name):\n"
           "    command = ['samepage', 'explain', '--json', name]\n"
           "    said = json.loads(subprocess.run(command, capture_output=True).stdout)\n"
           "    lists = sum('ShareableList of 5' in note for note in said['notes'])\n"
           "    print(said['what'], said['sureness'], said['state'], lists)\n"
           "items = shared_memory.ShareableList([1, 2.5, 'three', None, True])\n"
           "block = shared_memory.SharedMemory(create=True, size=5000)\n"
           "for it in items.shm, block:\n"
           "    tell(it.name)\n"
           "for it in items.shm, block:\n"
           "    it.close()\n"
           "    it.unlink()\n"
           "END\n"
           "python3 $D/program");
}

TEST(what_php_made_is_told_and_is_stale_when_it_has_ended) {
    need_command("php");
    if (script_run("php -m | grep -q sysvshm").status != 0) SKIP("PHP has no sysvshm");
    SCRIPT("php-sysvshm\ncertain\nin-use\n"
           "php-sysvshm\ncertain\nstale\n"
           "2 variables\nremoved\n",
           TELL OWN "tell_it() { tell sysv:$k what sureness state; }\n"
                    "cat >$D/program <<'END'\n"
                    "<?php $memory = shm_attach((int)$argv[1], 5000);\n"
                    "shm_put_var($memory, 1, 'hello');\n"
                    "shm_put_var($memory, 7, [1, 2]);\n"
                    "echo 'ready', PHP_EOL; fgets(STDIN);\n"
                    "END\n"
                    "mkfifo $D/in $D/out; php $D/program $k <$D/in >$D/out & p=$!\n"
                    "exec 8>$D/in 9<$D/out; read line <&9; tell_it; exec 8>&-; wait $p; tell_it\n"
                    "samepage explain sysv:$k | grep -o '2 variables'\n"
                    "sh -c \"$(samepage explain sysv:$k | sed -n 's/^to remove it *//p')\"\n"
                    "samepage explain sysv:$k 2>/dev/null || echo removed");
}

#define LMDB                                                                                       \
    "#include <lmdb.h>\n"                                                                          \
    "#include <stdio.h>\n"                                                                         \
    "int main(int count, char **words) {\n"                                                        \
    "    MDB_env *environment;\n"                                                                  \
    "    (void)count;\n"                                                                           \
    "    mdb_env_create(&environment);\n"                                                          \
    "    if (mdb_env_open(environment, words[1], 0, 0600)) return 1;\n"                            \
    "    puts(\"ready\"); fflush(stdout);\n"                                                       \
    "    getchar();\n"                                                                             \
    "    return 0;\n"                                                                              \
    "}"

TEST(what_lmdb_made_is_told) {
    need_header("c", "lmdb.h");
    SCRIPT("lmdb-lock\ncertain\nin-use\nnull\nlmdb-data\ncertain\n",
           TELL COMPILE(
               "c", "-llmdb",
               LMDB) "mkdir $D/db; mkfifo $D/in $D/out; $D/program $D/db <$D/in >$D/out & p=$!\n"
                     "exec 8>$D/in 9<$D/out; read line <&9\n"
                     "tell $D/db/lock.mdb what sureness state remove; tell $D/db/data.mdb what "
                     "sureness\n"
                     "exec 8>&-; wait $p");
}

/* ---- others, crafted ------------------------------------------------------------------------- */

static int make_sysv(const void *bytes, size_t size) {
    int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
    char *address = shmat(id, NULL, 0);
    CHECK(address != (char *)-1);
    memcpy(address, bytes, size);
    shmdt(address);
    return id;
}

static void tell_sysv(int id, const char *members, const char *expected) {
    char script[1024];
    snprintf(script, sizeof script, TELL "tell sysv:id=%d %s", id, members);
    SCRIPT(expected, script);
}

static void sleep_on(void *unused) {
    (void)unused;
    pause();
}

/* As PostgreSQL 15 has it: magic, first process, sizes, handle of the list of further segments. */
struct pg_main {
    uint32_t magic, creator;
    uint64_t total, free;
    uint32_t handles, gap;
    uint64_t index, device, inode;
};

TEST(a_segment_of_postgresql_is_stale_when_its_server_is_gone) {
    struct role *server = role_fork(sleep_on, NULL);
    struct pg_main bytes = {679834894, (uint32_t)server->pid, 144957440, 56, 277971750, 0, 0, 1, 2};
    int id = make_sysv(&bytes, sizeof bytes);
    tell_sysv(id, "what sureness state remove", "postgresql\ncertain\nunused\nnull\n");
    role_kill(server);
    tell_sysv(id, "what sureness state remove", "postgresql\ncertain\nstale\nnull\n");
    shmctl(id, IPC_RMID, NULL);
}

TEST(a_segment_that_is_removed_already_is_told) {
    int id = make_sysv("hello", 5);
    void *address = shmat(id, NULL, SHM_RDONLY);
    shmctl(id, IPC_RMID, NULL);
    char script[256];
    snprintf(script, sizeof script, "samepage explain sysv:id=%d | grep -o 'removed already'", id);
    SCRIPT("removed already\n", script);
    shmdt(address);
}

/* ---- hostile and plain ----------------------------------------------------------------------- */

TEST(numbers_that_cannot_be_right_are_told) {
    uint64_t php[8] = {0, 40, UINT64_MAX, 0, UINT64_MAX / 2};
    char script[512];
    memcpy(php, "PHP_SM\0", 8);
    int id = make_sysv(php, sizeof php);
    snprintf(script, sizeof script, "samepage explain sysv:id=%d | grep -o 'cannot be right'", id);
    SCRIPT("cannot be right\n", script);
    shmctl(id, IPC_RMID, NULL);
}

/* The records of PHP's variables are followed: one that says it has no bytes leads nowhere. */
TEST(variables_that_lead_nowhere_are_not_followed) {
    uint64_t php[64] = {0, 40, sizeof php, 0, sizeof php};
    char script[512];
    memcpy(php, "PHP_SM\0", 8);
    int id = make_sysv(php, sizeof php);
    snprintf(script, sizeof script,
             "timeout 20 samepage explain sysv:id=%d | grep -o '0 variables'", id);
    SCRIPT("0 variables\n", script);
    shmctl(id, IPC_RMID, NULL);
}

/* Nothing is believed: a beginning of each kind and then the largest numbers. */
TEST(garbage_ends_no_run) {
    SCRIPT(
        "all answered\n",
        "ones() { head -c $1 /dev/zero | tr '\\0' '\\377'; }\n"
        "for begin in '' SAMEPAGE 'SAMEPAGE\\004\\003\\002\\001' 'PHP_SM\\000\\000' '\\002' \\\n"
        "  '\\002\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000' \\\n"
        "  '\\336\\300\\357\\276' '\\001\\000\\000\\000\\000\\000\\000\\000'; do\n"
        "  for size in 0 1 7 63 64 500 70000; do\n"
        "    { printf \"$begin\"; ones $size; } >$D/f\n"
        "    for name in $D/f; do samepage explain $name >$D/out || echo $begin $size; done\n"
        "  done; done; echo all answered");
}

TEST(plain_bytes_are_told_as_what_they_are) {
    SCRIPT("unknown\nnot known\nunknown\nnot known\nempty\nnot known\nunknown\nunused\n",
           TELL OWN "head -c 9000 /dev/zero >$D/z; echo hello >$D/t; : >$D/e\n"
                    "for f in z t e; do tell $D/$f what sureness; done\n"
                    "head -c 999 /dev/urandom >/dev/shm/$n; tell posix:$n what state\n"
                    "rm /dev/shm/$n");
}

TEST(who_has_it_mapped_is_told) {
    const char *name = unique_name("posix:", "mapped");
    char script[512];
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, name, 4096, NULL));
    memset(spg_segment_address(segment), 1, 4096);
    snprintf(script, sizeof script,
             "samepage explain %s | awk '/%d/ { print $3, $4, $5, $6 }'; samepage explain %s |\n"
             "grep -c 'in use'",
             name, (int)getpid(), name);
    SCRIPT("reads, writes 4.0 KiB\n1\n", script);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(it_is_only_read) {
    SCRIPT("same\n", "head -c 9000 /dev/urandom >$D/f; touch -d '2020-01-01' $D/f\n"
                     "s=$(sha256sum $D/f; stat -c '%Y %Z' $D/f); samepage explain $D/f >/dev/null\n"
                     "[ \"$s\" = \"$(sha256sum $D/f; stat -c '%Y %Z' $D/f)\" ] && echo same");
}

TEST(wrong_use_of_explain_is_told) {
    SCRIPT_FAILS(2, "something is missing", "samepage explain");
    SCRIPT_FAILS(1, "No such file", "samepage explain no-such-thing-$$");
    SCRIPT_FAILS(1, "No such file", "samepage explain topic:none");
    SCRIPT_FAILS(1, "nothing has this name", "samepage explain sysv:id=2147483646");
    SCRIPT_FAILS(2, "a key follows", "samepage explain sysv:many");
    SCRIPT_FAILS(2, "no name of a segment", "samepage explain posix:/a/b");
    SCRIPT_FAILS(2, "cannot be looked up", "samepage explain memfd:x");
    SCRIPT_FAILS(1, "is no file", "samepage explain /dev/null");
}
