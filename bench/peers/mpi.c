/* mpi.c: Open MPI. Its processes are started by mpirun; here mpirun starts two scripts, which tell
 * what it gave them in their environment and then sleep, and each role takes one's part. So the
 * roles are ours, and on the processors that we choose. */
#include <fcntl.h>
#include <ftw.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copying.h"

enum { TAG = 1, START_MS = 20 * 1000, END_MS = 5 * 1000, OPENED_MAX = 8 };

/* The first argument is the folder. Ends with mpirun. */
static const char script[] = "env -0 >$0/new.$OMPI_COMM_WORLD_RANK && "
                             "mv $0/new.$OMPI_COMM_WORLD_RANK $0/role.$OMPI_COMM_WORLD_RANK; "
                             "while kill -0 $PPID 2>/dev/null; do sleep 1; done";

static void folder_of(const struct contest *contest, char folder[400]) {
    snprintf(folder, 400, "%s/%s.mpi", settings.domain, contest->name);
}

static void be_mpirun(const char *folder) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0);
    dup2(nothing, 1);
    dup2(nothing, 2);
    execlp(MPIRUN, MPIRUN, "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", "2",
           "--mca", "pml", "ob1", "--mca", "btl", "self,vader", "--mca", "orte_tmpdir_base", folder,
           "--mca", "btl_vader_backing_directory", folder, "sh", "-c", script, folder, NULL);
    _exit(1);
}

/* files[0]: mpirun. */
static void start_mpirun(struct contest *contest) {
    char folder[400];
    folder_of(contest, folder);
    must_do(mkdir(folder, 0700));
    contest->files[0] = fork();
    must_do(contest->files[0]);
    if (contest->files[0] == 0) be_mpirun(folder);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *at) {
    (void)about;
    (void)type;
    (void)at;
    return remove(path);
}

static void end_mpirun(struct contest *contest) {
    char folder[400];
    folder_of(contest, folder);
    kill(contest->files[0], SIGTERM);
    for (int i = 0; i < END_MS; i++) {
        if (waitpid(contest->files[0], NULL, WNOHANG) == contest->files[0]) break;
        if (i == END_MS - 1) kill(contest->files[0], SIGKILL);
        sleep_ns(1000 * 1000);
    }
    nftw(folder, remove_one, OPENED_MAX, FTW_DEPTH | FTW_PHYS);
}

/* ---- in a role ------------------------------------------------------------------------------- */

static FILE *await_environment(const struct contest *contest, int role) {
    char folder[400], path[420];
    folder_of(contest, folder);
    snprintf(path, sizeof path, "%s/role.%d", folder, role);
    for (int i = 0; i < START_MS; i++) {
        FILE *file = fopen(path, "r");
        if (file) return file;
        sleep_ns(1000 * 1000);
    }
    must_be(1, 0, "mpirun: no processes");
    return NULL;
}

static bool is_of_mpi(const char *variable) {
    return strncmp(variable, "OMPI_", 5) == 0 || strncmp(variable, "PMIX_", 5) == 0;
}

static void take_part(const struct contest *contest, int role) {
    FILE *file = await_environment(contest, role);
    char *text = NULL;
    size_t room = 0;
    while (getdelim(&text, &room, 0, file) > 0) {
        char *value = strchr(text, '=');
        if (!value || !is_of_mpi(text)) continue;
        *value = 0;
        must_do(setenv(text, value + 1, 1));
    }
    free(text);
    fclose(file);
}

static void open_end(struct contest *contest, int role) {
    take_part(contest, role);
    must(MPI_Init(NULL, NULL));
}

static void close_end(struct contest *contest, int role) {
    (void)contest;
    (void)role;
    MPI_Finalize();
}

LOOP void put(struct contest *contest, uint64_t number, int role) {
    must(MPI_Send(source_of(contest, number), (int)contest->size, MPI_BYTE, 1 - role, TAG,
                  MPI_COMM_WORLD));
}

LOOP void get(struct contest *contest, uint64_t number, int role) {
    must(MPI_Recv(contest->room, (int)contest->size, MPI_BYTE, 1 - role, TAG, MPI_COMM_WORLD,
                  MPI_STATUS_IGNORE));
    absorb(contest, contest->room, contest->size, number);
}

static void put_0(struct contest *contest, uint64_t number) {
    put(contest, number, 0);
}
static void put_1(struct contest *contest, uint64_t number) {
    put(contest, number, 1);
}
static void get_0(struct contest *contest, uint64_t number) {
    get(contest, number, 0);
}
static void get_1(struct contest *contest, uint64_t number) {
    get(contest, number, 1);
}

static void run_trips(struct contest *contest, int role) {
    if (role == 0) round_trips(contest, 0, put_0, get_0);
    else round_trips(contest, 1, put_1, get_1);
}

static void run_way(struct contest *contest, int role) {
    if (role == 0) one_way(contest, 0, put_0, get_0);
    else one_way(contest, 1, put_1, get_1);
}

#define MPI(PATTERN, RUN)                                                                          \
    COPYING("Open MPI", "MPI_Send, MPI_Recv; pml ob1, btl vader", PATTERN, 8, SIZE_MAX,            \
            start_mpirun, open_end, RUN, close_end, end_mpirun)

const struct contestant peer_mpi[] = {
    MPI(ROUND_TRIP, run_trips),
    MPI(ONE_WAY, run_way),
};
