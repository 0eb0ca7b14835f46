#include "origin/child.h"

#include "origin/listener.h"
#include "system/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* What parent and child share when they part. */
struct parting {
    pid_t parent;
    int listeners[CHILD_SITES];
    int ready[2]; /* a pipe: the child writes one int, 0 or the error that kept it from serving */
};

static void close_all(const int *fds, size_t count)
{
    for (size_t n = 0; n < count; n++)
        close(fds[n]);
}

static void tell(int fd, int error)
{
    /* Nobody reads it only where the parent is gone, and then so is the child. */
    ssize_t written = write(fd, &error, sizeof error);
    (void)written;
    close(fd);
}

static int tell_ready(void *context)
{
    tell(*(const int *)context, 0);
    return 0;
}

/* The child keeps standard error alone: a pipe that the parent writes to ends with the parent. */
static void drop_standard_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (null > STDERR_FILENO)
        close(null);
}

static int serve(struct parting *parting, const struct server_settings *settings)
{
    sigset_t end;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    int stop_fd = signalfd(-1, &end, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stop_fd < 0)
        return -errno;

    struct server_settings own = *settings;
    own.ready = tell_ready;
    own.ready_context = &parting->ready[1];
    limits_raise_descriptors();
    struct server_counts counts;
    return server_run(&own, parting->listeners, CHILD_SITES, stop_fd, &counts);
}

static _Noreturn void be_child(struct parting *parting, const struct server_settings *settings)
{
    /* The parent may have ended before the first of these two lines. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parting->parent)
        _exit(1);
    prctl(PR_SET_NAME, "overlap-origin");
    close(parting->ready[0]);
    drop_standard_streams();
    int error = serve(parting, settings);
    if (error)
        tell(parting->ready[1], error);
    _exit(error ? 1 : 0);
}

static int open_listeners(struct parting *parting, uint16_t *ports)
{
    for (size_t n = 0; n < CHILD_SITES; n++) {
        int error = listener_open("127.0.0.1", 0, &parting->listeners[n], &ports[n]);
        if (error) {
            close_all(parting->listeners, n);
            return error;
        }
    }
    return 0;
}

/* Reads what the child tells; a child that ended before it told anything is -ECHILD. */
static int wait_ready(int fd)
{
    int error;
    ssize_t size;
    do
        size = read(fd, &error, sizeof error);
    while (size < 0 && errno == EINTR);
    return size == sizeof error ? error : -ECHILD;
}

static int part(struct parting *parting, const struct server_settings *settings,
                struct origin_child *child)
{
    if (pipe2(parting->ready, O_CLOEXEC) < 0)
        return -errno;
    child->pid = fork();
    if (child->pid == 0)
        be_child(parting, settings);
    int error = child->pid < 0 ? -errno : 0;
    close(parting->ready[1]);
    child->ready = parting->ready[0];
    if (error)
        close(child->ready);
    return error;
}

int child_start(const struct server_settings *settings, struct origin_child *ret_child)
{
    struct parting parting = {.parent = getpid()};
    struct origin_child child;
    int error = open_listeners(&parting, child.ports);
    if (error)
        return error;
    error = part(&parting, settings, &child);
    close_all(parting.listeners, CHILD_SITES);
    if (!error)
        *ret_child = child;
    return error;
}

int child_wait_ready(struct origin_child *child)
{
    int error = wait_ready(child->ready);
    close(child->ready);
    child->ready = -1;
    return error;
}

void child_end(struct origin_child *child)
{
    if (child->ready >= 0)
        close(child->ready);
    /* It has nothing to lose, and nobody to answer to any more. */
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}
