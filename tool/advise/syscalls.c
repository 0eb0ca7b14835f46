#include "advise/syscalls.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum waits_for {
    WAITS_DESCRIPTOR, /* what its first argument leads to */
    WAITS_POLL,       /* what the first entry of the array does that it points at */
    WAITS_SELECT,
    WAITS_KIND,
};

static const struct {
    long number;
    enum waits_for waits_for;
    enum record_kind kind;
} calls[] = {
    {SYS_read, WAITS_DESCRIPTOR, RECORD_OTHER},
    {SYS_write, WAITS_DESCRIPTOR, RECORD_OTHER},
    {SYS_readv, WAITS_DESCRIPTOR, RECORD_OTHER},
    {SYS_writev, WAITS_DESCRIPTOR, RECORD_OTHER},
    {SYS_pread64, WAITS_DESCRIPTOR, RECORD_OTHER},
    {SYS_pwrite64, WAITS_DESCRIPTOR, RECORD_OTHER},
    {SYS_fsync, WAITS_KIND, RECORD_DISK},
    {SYS_fdatasync, WAITS_KIND, RECORD_DISK},
    {SYS_openat, WAITS_KIND, RECORD_DISK},
    {SYS_recvfrom, WAITS_KIND, RECORD_NETWORK},
    {SYS_recvmsg, WAITS_KIND, RECORD_NETWORK},
    {SYS_sendto, WAITS_KIND, RECORD_NETWORK},
    {SYS_sendmsg, WAITS_KIND, RECORD_NETWORK},
    {SYS_connect, WAITS_KIND, RECORD_NETWORK},
    {SYS_accept, WAITS_KIND, RECORD_NETWORK},
    {SYS_accept4, WAITS_KIND, RECORD_NETWORK},
    {SYS_epoll_pwait, WAITS_KIND, RECORD_NETWORK},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, WAITS_KIND, RECORD_NETWORK},
#endif
#ifdef SYS_poll
    {SYS_poll, WAITS_POLL, RECORD_OTHER},
#endif
    {SYS_ppoll, WAITS_POLL, RECORD_OTHER},
#ifdef SYS_select
    {SYS_select, WAITS_SELECT, RECORD_OTHER},
#endif
    {SYS_pselect6, WAITS_SELECT, RECORD_OTHER},
    {SYS_nanosleep, WAITS_KIND, RECORD_SLEEP},
    {SYS_clock_nanosleep, WAITS_KIND, RECORD_SLEEP},
    {SYS_futex, WAITS_KIND, RECORD_LOCK},
    {SYS_flock, WAITS_KIND, RECORD_LOCK},
    {SYS_wait4, WAITS_KIND, RECORD_CHILD},
    {SYS_waitid, WAITS_KIND, RECORD_CHILD},
};

/* As the agent tells them, as far as it can be told from outside. */
static enum record_kind kind_of_descriptor(pid_t pid, long descriptor, bool writes)
{
    char path[64];
    char target[128];
    snprintf(path, sizeof path, "/proc/%d/fd/%ld", (int)pid, descriptor);
    ssize_t size = readlink(path, target, sizeof target - 1);
    if (size <= 0)
        return RECORD_OTHER;
    target[size] = '\0';
    if (strncmp(target, "socket:", 7) == 0)
        return RECORD_NETWORK;
    if (strncmp(target, "pipe:", 5) == 0)
        return descriptor <= STDERR_FILENO || writes ? RECORD_TERMINAL : RECORD_CHILD;
    if (strncmp(target, "/dev/pts/", 9) == 0 || strncmp(target, "/dev/tty", 8) == 0)
        return RECORD_TERMINAL;
    return target[0] == '/' && strncmp(target, "/dev/", 5) != 0 ? RECORD_DISK : RECORD_OTHER;
}

static enum record_kind kind_of_poll(pid_t pid, const long *arguments)
{
    int descriptor = -1;
    struct iovec here = {.iov_base = &descriptor, .iov_len = sizeof descriptor};
    struct iovec there = {.iov_base = (void *)arguments[0], .iov_len = sizeof descriptor};
    if (arguments[1] == 0)
        return RECORD_SLEEP;
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof descriptor)
        return RECORD_NETWORK;
    return kind_of_descriptor(pid, descriptor, false);
}

static bool read_call(pid_t pid, int thread, long *number, long *arguments)
{
    char path[64];
    char text[256];
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", (int)pid, thread);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0)
        return false;
    text[size] = '\0';
    char *at;
    *number = strtol(text, &at, 10);
    for (int n = 0; n < 3; n++)
        arguments[n] = (long)strtoul(at, &at, 16);
    return at > text && text[0] != 'r';
}

/*
 * A stop makes epoll's calls fail, and those on sockets where these have a timeout; where that is
 * mended (stopped.c) they wait for their whole time again.
 */
static bool restarts(long number, size_t call)
{
    bool epoll = number == SYS_epoll_pwait;
#ifdef SYS_epoll_wait
    epoll = epoll || number == SYS_epoll_wait;
#endif
#if defined(__x86_64__)
    (void)call;
    return !epoll;
#else
    return !epoll && !(calls[call].waits_for == WAITS_KIND && calls[call].kind == RECORD_NETWORK);
#endif
}

static enum record_kind kind_of(pid_t pid, size_t call, const long *arguments)
{
    switch (calls[call].waits_for) {
    case WAITS_DESCRIPTOR:
        return kind_of_descriptor(
            pid, arguments[0], calls[call].number == SYS_write || calls[call].number == SYS_writev);
    case WAITS_POLL:
        return kind_of_poll(pid, arguments);
    case WAITS_SELECT:
        return arguments[0] == 0 ? RECORD_SLEEP : RECORD_NETWORK;
    default:
        return calls[call].kind;
    }
}

struct syscalls_wait syscalls_wait_of(pid_t pid, int thread)
{
    struct syscalls_wait wait = {.kind = RECORD_OTHER};
    long number = -1;
    long arguments[3] = {0};
    if (!read_call(pid, thread, &number, arguments))
        return wait;
    for (size_t n = 0; n < sizeof calls / sizeof *calls; n++) {
        if (calls[n].number != number)
            continue;
        wait.restarts = restarts(number, n);
        wait.kind = kind_of(pid, n, arguments);
        wait.lock = number == SYS_futex ? (uint64_t)arguments[0] : 0;
        break;
    }
    return wait;
}
