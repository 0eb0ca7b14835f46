#include "ranks.h"
#include "../support/scratch.h"
#include "contract.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What a rank is told by its environment. */
#define BOARD "CONTRACT_BOARD"
#define CASE  "CONTRACT_CASE"

/* How long a rank lives that nobody ends. */
#define SECONDS_MOST 300

static char file[SCRATCH_BYTES];
static bool is_other;

/* Groups whose cases want many workers; for the others a few are enough. */
static const char *ranks_of(const char *group)
{
    return !strcmp(group, "limit") || !strcmp(group, "deadline") ? "9" : "4";
}

/* In the case's process, which becomes the job. */
static void start_job(const char *group, const struct test_case *test)
{
    static const char program[] = "/proc/self/exe";
    char self[4096] = {0};
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", alarm(0)); /* mpirun does not end by it */
    bool ready = truncate(file, 0) == 0 && truncate(file, sizeof *board) == 0 &&
                 readlink(program, self, sizeof self - 1) > 0 && !setenv(BOARD, file, 1) &&
                 !setenv(CASE, test->name, 1) && !setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1) &&
                 !setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1) &&
                 !setenv("HWLOC_COMPONENTS", "-gl", 1) && freopen("/dev/null", "r", stdin);
    if (ready)
        execlp("timeout", "timeout", "-s", "KILL", seconds, "mpirun", "--oversubscribe", "--mca",
               "btl", "self,vader", "--mca", "plm", "isolated", "-n", ranks_of(group), self,
               "cluster", NULL);
    fprintf(stderr, "mpirun cannot be started: %s\n", strerror(errno));
    exit(EXIT_FAILURE);
}

bool ranks_begin(void)
{
    int fd = scratch_file(file, ANYWHERE);
    if (fd < 0) {
        perror(file);
        return false;
    }
    close(fd);
    case_job = start_job;
    return true;
}

void ranks_end(void)
{
    if (case_job)
        unlink(file);
}

bool ranks_join(void)
{
    case_here = getenv(CASE);
    board_path = getenv(BOARD);
    if (!case_here || !board_path)
        return false;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(SECONDS_MOST);
    wires_are_elsewhere = is_other = true;
    int error = board_map() ? ovl_cluster_join() : -ENOMEM;
    if (error) {
        fprintf(stderr, "no rank: %s: %s\n", ovl_error_message(error), ovl_cluster_problem());
        exit(EXIT_FAILURE);
    }
    wires_are_elsewhere = is_other = false;
    return true;
}

bool ranks_is_other(void)
{
    return is_other;
}
