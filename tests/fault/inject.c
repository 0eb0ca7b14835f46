#include "inject.h"

#include "../support/cases.h"
#include "base/system.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define CALLS    60 /* since inject_begin */
#define FAILING  61 /* which of them fails; 0: none */
#define GOING_ON 62 /* whether those after it do, too */
#define MET      63

static struct ovl__system real;
static const struct inject_point *installed;

static bool fails(void)
{
    long n = atomic_load(&board->number[FAILING]);
    if (!n)
        return false;
    long call = atomic_fetch_add(&board->number[CALLS], 1) + 1;
    bool hit = call == n || (call > n && atomic_load(&board->number[GOING_ON]));
    if (hit)
        atomic_store(&board->number[MET], 1);
    return hit;
}

/* A function that fails as most do. */
#define FAULTY(type, name, parameters, arguments, failure, number)                                 \
    static type faulty_##name parameters                                                           \
    {                                                                                              \
        if (!fails())                                                                              \
            return real.name arguments;                                                            \
        errno = (number);                                                                          \
        return failure;                                                                            \
    }                                                                                              \
    static void install_##name(void)                                                               \
    {                                                                                              \
        ovl__sys.name = faulty_##name;                                                             \
    }

FAULTY(void *, malloc, (size_t size), (size), NULL, ENOMEM)
FAULTY(void *, realloc, (void *data, size_t size), (data, size), NULL, ENOMEM)
FAULTY(void *, mmap, (void *address, size_t size, int protection, int flags, int fd, off_t offset),
       (address, size, protection, flags, fd, offset), MAP_FAILED, ENOMEM)
FAULTY(int, madvise, (void *address, size_t size, int advice), (address, size, advice), -1, EINVAL)
FAULTY(int, mprotect, (void *address, size_t size, int protection), (address, size, protection), -1,
       ENOMEM)
FAULTY(int, pthread_create,
       (pthread_t * thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *argument),
       (thread, attributes, fn, argument), EAGAIN, errno)
FAULTY(pid_t, fork, (void), (), -1, EAGAIN)
FAULTY(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
FAULTY(int, fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size), -1,
       ENOSPC)
FAULTY(int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags), -1, EMFILE)
FAULTY(int, pidfd_send_signal, (int pidfd, int signal), (pidfd, signal), -1, EPERM)
FAULTY(int, epoll_create1, (int flags), (flags), -1, EMFILE)
FAULTY(int, epoll_ctl, (int epoll_fd, int operation, int fd, struct epoll_event *event),
       (epoll_fd, operation, fd, event), -1, ENOSPC)
FAULTY(int, epoll_wait_ns, (int epoll_fd, struct epoll_event *events, int count, ovl_time wait_ns),
       (epoll_fd, events, count, wait_ns), -1, EINTR)
FAULTY(int, eventfd, (unsigned count, int flags), (count, flags), -1, ENFILE)

/* As before Linux 6.13, which has no guards but those of mprotect. */
static int no_guard_madvise(void *address, size_t size, int advice)
{
    if (advice == MADV_DONTFORK)
        return real.madvise(address, size, advice);
    errno = EINVAL;
    return -1;
}

static void install_mprotect_alone(void)
{
    ovl__sys.madvise = no_guard_madvise;
    install_mprotect();
}

#define IN_ALL   (IN_SYNC | IN_THREADS | IN_ASYNC | IN_PROCESSES | IN_NATIVE)
#define IN_LOOPS (IN_ASYNC | IN_NATIVE)

const struct inject_point inject_points[] = {
    {"malloc", -ENOMEM, false, IN_ALL, install_malloc},
    {"realloc", -ENOMEM, false, IN_ALL, install_realloc},
    {"mmap", -ENOMEM, false, IN_LOOPS | IN_PROCESSES | FOR_LARGE, install_mmap},
    {"madvise", 0, false, IN_LOOPS | IN_PROCESSES | FOR_LARGE, install_madvise},
    {"mprotect", -ENOMEM, false, IN_LOOPS, install_mprotect_alone},
    {"pthread_create", -EAGAIN, false, IN_THREADS | IN_ASYNC | IN_PROCESSES,
     install_pthread_create},
    {"fork", -EAGAIN, false, IN_PROCESSES, install_fork},
    {"memfd_create", -EMFILE, false, IN_PROCESSES, install_memfd_create},
    {"fallocate", -ENOMEM, false, IN_PROCESSES | FOR_LARGE, install_fallocate},
    {"pidfd_open", -EMFILE, false, IN_PROCESSES, install_pidfd_open},
    {"pidfd_send_signal", 0, false, IN_PROCESSES, install_pidfd_send_signal},
    {"epoll_create1", -EMFILE, false, IN_LOOPS | IN_PROCESSES, install_epoll_create1},
    {"epoll_ctl", -ENOSPC, false, IN_LOOPS | IN_PROCESSES, install_epoll_ctl},
    {"epoll_wait_ns", 0, true, IN_LOOPS | IN_PROCESSES, install_epoll_wait_ns},
    {"eventfd", -ENFILE, false, IN_LOOPS | IN_PROCESSES, install_eventfd},
};
const size_t inject_point_count = COUNT_OF(inject_points);

void inject_install(const struct inject_point *point)
{
    real = ovl__sys;
    installed = point;
    point->install();
}

void inject_begin(long n, bool on)
{
    atomic_store(&board->number[CALLS], 0);
    atomic_store(&board->number[MET], 0);
    atomic_store(&board->number[GOING_ON], on);
    atomic_store(&board->number[FAILING], n);
}

bool inject_end(void)
{
    atomic_store(&board->number[FAILING], 0);
    return atomic_load(&board->number[MET]);
}

bool is_told(int error)
{
    return installed->told && error == installed->told;
}

static void tell(int signal_number)
{
    char text[128];
    int length = snprintf(text, sizeof text, "out of time: %s fails at call %ld%s\n",
                          installed->name, atomic_load(&board->number[FAILING]),
                          atomic_load(&board->number[GOING_ON]) ? " and on" : "");
    (void)!write(STDERR_FILENO, text, (size_t)length);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void inject_tell_alarm(void)
{
    signal(SIGALRM, tell);
}
