#include "advise/launch.h"

#include "advise/agent/record.h"
#include "report/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* How env and timeout tell their own failures from the program's. */
#define CODE_FAILED     125
#define CODE_CANNOT_RUN 126
#define CODE_NOT_FOUND  127

/* Those that one process sends another to make it do something; and the child's end. */
static sigset_t passed_on(void)
{
    static const int signals[] = {SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
                                  SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t n = 0; n < sizeof signals / sizeof *signals; n++)
        sigaddset(&set, signals[n]);
    return set;
}

/* --- the child's side --- */

/*
 * The agent under a name that LD_PRELOAD can hold: ld.so takes spaces and colons for the ends of
 * names. A link in the folder stands for one that has them; that goes with the folder.
 */
static const char *preloadable(const char *agent, const char *folder, char *link, size_t size)
{
    if (!strpbrk(agent, " :"))
        return agent;
    int length = snprintf(link, size, "%s/.agent.so", folder);
    if (length < 0 || (size_t)length >= size || symlink(agent, link) != 0)
        return NULL;
    return link;
}

static int prepare_environment(const char *agent, const char *folder)
{
    if (!agent || !folder)
        return 0;
    char link[256];
    agent = preloadable(agent, folder, link, sizeof link);
    if (!agent)
        return -1;
    const char *before = getenv("LD_PRELOAD");
    size_t size = strlen(agent) + (before ? strlen(before) : 0) + 2;
    char *preload = malloc(size);
    if (!preload)
        return -1;
    snprintf(preload, size, "%s%s%s", agent, before && *before ? ":" : "", before ? before : "");
    int error = setenv("LD_PRELOAD", preload, 1) | setenv(RECORD_FOLDER_VARIABLE, folder, 1);
    free(preload);
    return error;
}

/* Becomes the program; tells through `report` why it cannot. */
static void become(char **argv, const char *agent, const char *folder, const sigset_t *mask,
                   int report)
{
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (prepare_environment(agent, folder) == 0)
        execvp(argv[0], argv);
    int error = errno;
    ssize_t written = write(report, &error, sizeof error);
    _exit(written < 0 ? CODE_FAILED : CODE_CANNOT_RUN);
}

/* --- starting --- */

static int refuse(const char *what, int error)
{
    console_error("%s: %s", what, strerror(error));
    return CODE_FAILED;
}

static int tell_of_exec(const char *name, int error)
{
    if (error == ENOENT && strchr(name, '/') && access(name, F_OK) == 0) {
        console_error(
            "\"%s\" cannot be run: the interpreter that it names (in its first line, or in "
            "its head) was not found",
            name);
        return CODE_NOT_FOUND;
    }
    if (error == ENOENT) {
        console_error("\"%s\" was not found: is it spelled right, and in PATH?", name);
        return CODE_NOT_FOUND;
    }
    console_error("\"%s\" cannot be run: %s%s", name, strerror(error),
                  error == EACCES ? "; is it executable?" : "");
    return CODE_CANNOT_RUN;
}

int launch_start(struct launch *launch, char **argv, const char *agent, const char *folder)
{
    sigset_t before;
    sigset_t set = passed_on();
    sigprocmask(SIG_BLOCK, &set, &before);
    /* A thread of the child's that stops for a look at it is no news. */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP}, NULL);
    int report[2];
    *launch = (struct launch){.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (launch->signals < 0)
        return refuse("no signalfd", errno);
    if (pipe2(report, O_CLOEXEC) != 0)
        return refuse("no pipe", errno);
    fflush(NULL);
    launch->start_ns = ovl_now();
    launch->pid = fork();
    if (launch->pid == 0)
        become(argv, agent, folder, &before, report[1]);
    int failed = errno;
    close(report[1]);
    int error = 0;
    ssize_t size = 0;
    if (launch->pid > 0)
        do
            size = read(report[0], &error, sizeof error);
        while (size < 0 && errno == EINTR);
    close(report[0]);
    if (launch->pid < 0)
        return refuse("no process can be started", failed);
    if (size != (ssize_t)sizeof error)
        return 0;
    waitpid(launch->pid, NULL, 0);
    return tell_of_exec(argv[0], error);
}

/* --- waiting --- */

/* What a terminal sends reaches the program by itself, as a member of the same group. */
static void pass_on(const struct launch *launch, const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;
    if (number == SIGCHLD || info->ssi_code > 0)
        return;
    kill(launch->pid, number);
}

bool launch_wait(struct launch *launch, ovl_time timeout_ns)
{
    struct pollfd fd = {.fd = launch->signals, .events = POLLIN};
    struct timespec timeout = {.tv_sec = timeout_ns / OVL_SECOND,
                               .tv_nsec = timeout_ns % OVL_SECOND};
    if (ppoll(&fd, 1, &timeout, NULL) <= 0)
        return false;
    struct signalfd_siginfo info;
    while (read(launch->signals, &info, sizeof info) == (ssize_t)sizeof info)
        pass_on(launch, &info);
    /* wait4 by itself would take its stops for ends as well. */
    siginfo_t end = {.si_pid = 0};
    struct rusage usage;
    if (waitid(P_PID, (id_t)launch->pid, &end, WEXITED | WNOWAIT | WNOHANG) != 0 || !end.si_pid ||
        wait4(launch->pid, &launch->status, WNOHANG, &usage) != launch->pid)
        return false;
    launch->end_ns = ovl_now();
    launch->cpu_ns = ((ovl_time)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * OVL_SECOND +
                     ((ovl_time)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * OVL_MICROSECOND;
    close(launch->signals);
    return true;
}

int launch_exit_code(const struct launch *launch)
{
    return WIFSIGNALED(launch->status) ? 128 + WTERMSIG(launch->status)
                                       : WEXITSTATUS(launch->status);
}

int launch_signal(const struct launch *launch)
{
    return WIFSIGNALED(launch->status) ? WTERMSIG(launch->status) : 0;
}
