/* Child processes: started, spoken to, awaited, and never left behind. */
#include "base/memory.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>
#include <overlap/process.h>
#include <overlap/scope.h>
#include <spawn.h>
#include <sys/wait.h>

#define STREAMS 3
#define FLAGS   (OVL_PIPE_INPUT | OVL_PIPE_OUTPUT | OVL_PIPE_ERROR)

/* Where the system has no pidfds (Linux before 5.3, Valgrind 3.19): how often it is looked. */
#define LOOK_NS (2 * OVL_MILLISECOND)

struct ovl_process {
    pid_t pid;
    int pidfd; /* -1: the system has none */
    bool has_ended;
    struct ovl_exit exit;
    struct ovl_io *streams[STREAMS]; /* this process's ends */
};

/* The ends of the three pipes; -1: none. */
struct ends {
    int ours[STREAMS];
    int theirs[STREAMS];
};

static void close_all(int fds[STREAMS])
{
    for (int i = 0; i < STREAMS; i++)
        if (fds[i] >= 0)
            ovl__sys.close(fds[i]);
}

static int open_pipes(struct ends *ends, unsigned flags)
{
    *ends = (struct ends){{-1, -1, -1}, {-1, -1, -1}};
    for (int i = 0; i < STREAMS; i++) {
        int fds[2];
        if (!(flags & 1u << i))
            continue;
        if (pipe2(fds, O_CLOEXEC))
            return -errno;
        ends->ours[i] = fds[i == 0];
        ends->theirs[i] = fds[i != 0];
    }
    return 0;
}

static int spawn(const char *const command[], const struct ends *ends, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int error = 0;
    for (int i = 0; i < STREAMS && !error; i++)
        if (ends->theirs[i] >= 0)
            error = posix_spawn_file_actions_adddup2(&actions, ends->theirs[i], i);
    if (!error)
        error = posix_spawnp(ret_pid, command[0], &actions, &attributes, (char *const *)command,
                             environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* Ends and awaits a child that cannot be handed out. */
static void give_up(struct ovl_process *process)
{
    kill(process->pid, SIGKILL);
    ovl__sys.waitpid(process->pid, NULL, 0);
}

static int take_over(struct ovl_process *process, struct ends *ends)
{
    process->pidfd = ovl__sys.pidfd_open(process->pid, 0);
    if (process->pidfd < 0 && errno != ENOSYS)
        return -errno;
    for (int i = 0; i < STREAMS; i++) {
        if (ends->ours[i] < 0)
            continue;
        int error = ovl_io_open(ends->ours[i], &process->streams[i]);
        if (error)
            return error;
        ends->ours[i] = -1;
    }
    return 0;
}

static void release(struct ovl_process *process)
{
    for (int i = 0; i < STREAMS; i++)
        ovl_io_close(process->streams[i]);
    if (process->pidfd >= 0) {
        ovl__loop_forget_fd(process->pidfd);
        ovl__sys.close(process->pidfd);
    }
    free(process);
}

static int start(struct ovl_process *process, const char *const command[], unsigned flags)
{
    struct ends ends;
    int error = open_pipes(&ends, flags);
    if (!error)
        error = spawn(command, &ends, &process->pid);
    close_all(ends.theirs);
    if (!error) {
        error = take_over(process, &ends);
        if (error)
            give_up(process);
    }
    close_all(ends.ours);
    return error;
}

int ovl_process_start(const char *const command[], unsigned flags, struct ovl_process **ret_process)
{
    if (!command || !command[0] || flags & ~FLAGS)
        return -EINVAL;
    struct ovl_process *process = ovl__zalloc(sizeof *process);
    if (!process)
        return -ENOMEM;
    process->pidfd = -1;
    int error = start(process, command, flags);
    if (error) {
        release(process);
        return error;
    }
    *ret_process = process;
    return 0;
}

pid_t ovl_process_id(const struct ovl_process *process)
{
    return process->pid;
}

struct ovl_io *ovl_process_input(const struct ovl_process *process)
{
    return process->streams[0];
}

struct ovl_io *ovl_process_output(const struct ovl_process *process)
{
    return process->streams[1];
}

struct ovl_io *ovl_process_error(const struct ovl_process *process)
{
    return process->streams[2];
}

void ovl_process_end_input(struct ovl_process *process)
{
    ovl_io_close(process->streams[0]);
    process->streams[0] = NULL;
}

/* 0: it has ended. */
static int reap(struct ovl_process *process)
{
    int status;
    pid_t pid = ovl__sys.waitpid(process->pid, &status, WNOHANG);
    if (pid < 0)
        return -errno;
    if (!pid)
        return -EAGAIN;
    process->has_ended = true;
    process->exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    process->exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return 0;
}

/* Looks without taking note of it. */
static bool may_be_reaped(const struct ovl_process *process)
{
    siginfo_t found = {0};
    return ovl__sys.waitid(P_PID, (id_t)process->pid, &found, WEXITED | WNOHANG | WNOWAIT) ||
           found.si_pid;
}

static int wait_for_end(const struct ovl_process *process, ovl_time deadline)
{
    if (process->pidfd >= 0)
        return ovl_wait_fd(process->pidfd, POLLIN, deadline);
    for (;;) {
        ovl_time next = ovl_after(LOOK_NS);
        int error = ovl_sleep(next < deadline ? next : deadline);
        if (error || may_be_reaped(process))
            return error;
        if (deadline <= ovl_now())
            return OVL_ETIMEDOUT;
    }
}

int ovl_process_wait(struct ovl_process *process, ovl_time deadline, struct ovl_exit *ret_exit)
{
    while (!process->has_ended) {
        int error = wait_for_end(process, deadline);
        if (!error)
            error = reap(process);
        if (error && error != -EAGAIN)
            return error;
    }
    if (ret_exit)
        *ret_exit = process->exit;
    return 0;
}

/* It was not reaped yet: its number is nobody else's. */
int ovl_process_signal(struct ovl_process *process, int signal)
{
    if (process->has_ended)
        return -ESRCH;
    int failed = process->pidfd >= 0 ? ovl__sys.pidfd_send_signal(process->pidfd, signal)
                                     : kill(process->pid, signal);
    return failed ? -errno : 0;
}

/* Whatever is cancelled: the end of a killed process is near. */
static void end_process(struct ovl_process *process)
{
    struct ovl_scope shield;
    ovl_process_signal(process, SIGKILL);
    bool shielded = ovl_in_coroutine() && !ovl_scope_enter(&shield, OVL_FOREVER, OVL_SHIELD);
    ovl_process_wait(process, OVL_FOREVER, NULL);
    if (shielded)
        ovl_scope_leave(&shield);
}

void ovl_process_close(struct ovl_process *process)
{
    if (!process)
        return;
    if (!process->has_ended)
        end_process(process);
    release(process);
}
