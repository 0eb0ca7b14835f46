#include "executor/processes/helper.h"

#include "base/processor.h"
#include "base/system.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

enum { ENDED_WELL = 0, LOST_PARENT = 120, NO_SIGNALS = 123 };

/* It may have gone before the first line took effect. */
void ovl__end_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(LOST_PARENT);
}

void ovl__helper_ring(struct ovl__processes *processes)
{
    ovl__ring(processes->helper_fd);
}

static void reap(struct ovl__place *place)
{
    if (place->pid)
        ovl__sys.waitpid(place->pid, NULL, 0);
    place->pid = 0;
}

static void fork_worker(struct ovl__processes *processes, unsigned number)
{
    struct ovl__place *place = &processes->shared->places[number];
    pid_t helper = getpid();
    reap(place);
    pid_t pid = ovl__sys.fork();
    if (pid == 0)
        ovl__process_main(processes, &processes->all[number], helper);
    if (pid < 0) {
        place->error = -errno;
        ovl__place_set(place, OVL__FAILED);
    } else {
        place->pid = pid;
        ovl__place_set(place, OVL__RUNS);
    }
}

/* Leaves the dead unreaped: their numbers stay their own. */
static bool has_died(struct ovl__place *place)
{
    siginfo_t info = {0};
    if (ovl__sys.waitid(P_PID, (id_t)place->pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
        !info.si_pid)
        return false;
    place->status =
        info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
    ovl__place_set(place, OVL__DEAD);
    return true;
}

/* The parent may want another process there already. */
static void empty_place(struct ovl__place *place)
{
    unsigned left = OVL__LEFT;
    atomic_compare_exchange_strong(&place->state, &left, OVL__EMPTY);
}

/* Returns whether there is something that the parent is to hear of. */
static bool look_at(struct ovl__processes *processes, unsigned number)
{
    struct ovl__place *place = &processes->shared->places[number];
    switch (ovl__place_look(place)) {
    case OVL__WANTED:
        fork_worker(processes, number);
        return true;
    case OVL__RUNS:
        return has_died(place);
    case OVL__LEFT:
        reap(place);
        empty_place(place);
        return false;
    default:
        return false;
    }
}

static bool look_around(struct ovl__processes *processes)
{
    bool news = false;
    for (unsigned i = 0; i < processes->place_count; i++)
        news |= look_at(processes, i);
    return news;
}

/* At the open: after the first fork that fails, no more are tried. */
static void fork_first(struct ovl__processes *processes)
{
    struct ovl__place *places = processes->shared->places;
    int error = 0;
    for (unsigned i = 0; i < processes->place_count; i++) {
        if (error) {
            places[i].error = error;
            ovl__place_set(&places[i], OVL__FAILED);
        } else {
            fork_worker(processes, i);
            error = places[i].error;
        }
    }
    ovl__processes_wake_supervisor(processes);
}

static int watch_children(void)
{
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    signal(SIGCHLD, SIG_DFL); /* the program may have chosen to ignore them */
    return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void empty(int fd)
{
    char drain[sizeof(struct signalfd_siginfo) * 4];
    while (ovl__sys.read(fd, drain, sizeof drain) > 0)
        ;
}

/* All signals are blocked, as they were in the thread that forked it. */
_Noreturn static void helper_main(struct ovl__processes *processes)
{
    ovl__end_with(processes->parent);
    prctl(PR_SET_NAME, "ovl-helper");
    ovl__processor_be_brief();
    ovl__sys.close(processes->epoll_fd);
    int child_fd = watch_children();
    if (child_fd < 0)
        _exit(NO_SIGNALS);
    struct pollfd fds[] = {{.fd = processes->helper_fd, .events = POLLIN},
                           {.fd = child_fd, .events = POLLIN}};
    processes->helper_child_fd = child_fd;
    if (!processes->opened)
        fork_first(processes);
    while (!atomic_load(&processes->shared->over)) {
        if (look_around(processes))
            ovl__processes_wake_supervisor(processes);
        ovl__sys.poll(fds, 2, -1);
        empty(processes->helper_fd);
        empty(child_fd);
    }
    for (unsigned i = 0; i < processes->place_count; i++)
        reap(&processes->shared->places[i]);
    _exit(ENDED_WELL);
}

int ovl__helper_start(struct ovl__processes *processes)
{
    pid_t pid = ovl__sys.fork();
    if (pid == 0)
        helper_main(processes);
    if (pid < 0)
        return -errno;
    processes->helper = pid;
    return 0;
}
