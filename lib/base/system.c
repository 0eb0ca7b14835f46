#include "base/system.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * Another library's constructor may make a hooked call before ours has run: until then each pointer
 * leads to a function that finds all the real ones first.
 */
#define DECLARE_EARLY(type, name, parameters, arguments) static type early_##name parameters;
OVL__HOOKED_MAP(DECLARE_EARLY)

/*
 * An allocator that is about to begin makes such calls, in place of those that others may stand in
 * for; a look-up would allocate, in the midst of it.
 */
#if defined(__x86_64__)
static long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    register long sixth __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(number)
                     : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return number;
}
#elif defined(__aarch64__)
static long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long which __asm__("x8") = number;
    register long first __asm__("x0") = a;
    register long second __asm__("x1") = b;
    register long third __asm__("x2") = c;
    register long fourth __asm__("x3") = d;
    register long fifth __asm__("x4") = e;
    register long sixth __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(first)
                     : "r"(which), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "memory");
    return first;
}
#endif

/* The kernel's errors are the last of all numbers. */
static long early_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    long result = kernel_call(number, a, b, c, d, e, f);
    if ((unsigned long)result < -4095ul)
        return result;
    errno = (int)-result;
    return -1;
}

/*
 * Descriptors of the library's own are closed behind ThreadSanitizer's back, as by a hook; so they
 * are opened and watched there, too: it would take who gets the number next for one who does not
 * know of the others.
 */
static int socketpair_call(int domain, int type, int protocol, int ret_fds[2])
{
    return (int)syscall(SYS_socketpair, domain, type, protocol, ret_fds);
}

static int epoll_create1_call(int flags)
{
    return (int)syscall(SYS_epoll_create1, flags);
}

static int epoll_ctl_call(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    return (int)syscall(SYS_epoll_ctl, epoll_fd, operation, fd, event);
}

static int eventfd_call(unsigned count, int flags)
{
    return (int)syscall(SYS_eventfd2, count, flags);
}

static int pidfd_open_call(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int pidfd_send_signal_call(int pidfd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static int io_uring_setup_call(unsigned entries, struct io_uring_params *params)
{
    return (int)syscall(SYS_io_uring_setup, entries, params);
}

static int io_uring_register_call(int fd, unsigned what, void *argument, unsigned count)
{
    return (int)syscall(SYS_io_uring_register, fd, what, argument, count);
}

static int io_uring_enter_call(int fd, unsigned submitted, unsigned wanted, unsigned flags)
{
    return (int)syscall(SYS_io_uring_enter, fd, submitted, wanted, flags, NULL, 0);
}

/*
 * epoll_pwait2 takes nanoseconds, from Linux 5.11 on. Elsewhere milliseconds are rounded up, so
 * that nothing wakes before its time.
 */
static int epoll_wait_ns(int epoll_fd, struct epoll_event *events, int count, ovl_time wait_ns)
{
    static int unsupported;
    if (wait_ns == OVL_FOREVER)
        return ovl__sys.epoll_wait(epoll_fd, events, count, -1);
    if (wait_ns <= 0)
        return ovl__sys.epoll_wait(epoll_fd, events, count, 0);
    if (!__atomic_load_n(&unsupported, __ATOMIC_RELAXED)) {
        struct timespec length = {.tv_sec = wait_ns / OVL_SECOND, .tv_nsec = wait_ns % OVL_SECOND};
        int n = ovl__sys.epoll_pwait2(epoll_fd, events, count, &length, NULL);
        if (n >= 0 || errno != ENOSYS)
            return n;
        __atomic_store_n(&unsupported, 1, __ATOMIC_RELAXED);
    }
    ovl_time ms = (wait_ns + OVL_MILLISECOND - 1) / OVL_MILLISECOND;
    return ovl__sys.epoll_wait(epoll_fd, events, count, ms > INT_MAX ? INT_MAX : (int)ms);
}

#define EARLY_POINTER(type, name, parameters, arguments) .name = early_##name,

struct ovl__system ovl__sys = {
    OVL__HOOKED_MAP(EARLY_POINTER) OVL__HOOKED_BY_NUMBER(EARLY_POINTER)
        /* clang-format off */
    .malloc = malloc,
    .realloc = realloc,
    .mmap = mmap,
    .mprotect = mprotect,
    .madvise = madvise,
    .pthread_create = pthread_create,
    .fork = fork,
    .socketpair = socketpair_call,
    .memfd_create = memfd_create,
    .fallocate = fallocate,
    .pidfd_open = pidfd_open_call,
    .pidfd_send_signal = pidfd_send_signal_call,
    .epoll_create1 = epoll_create1_call,
    .epoll_ctl = epoll_ctl_call,
    .epoll_wait_ns = epoll_wait_ns,
    .eventfd = eventfd_call,
    .io_uring_setup = io_uring_setup_call,
    .io_uring_register = io_uring_register_call,
    .io_uring_enter = io_uring_enter_call,
    /* clang-format on */
};

/*
 * Condition variables have two forms in glibc on x86-64, of which a name alone may find the older:
 * everything that was built since 2003 means the newer one.
 */
static void *find(const char *name)
{
    void *found = NULL;
    if (!strncmp(name, "pthread_cond_", strlen("pthread_cond_")))
        found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return found ? found : dlsym(RTLD_NEXT, name);
}

/* Assigning through a pointer to the pointer: ISO C has no cast from void * to a function. */
#define RESOLVE(type, name, parameters, arguments)                                                 \
    if (ovl__sys.name == early_##name)                                                             \
        *(void **)&ovl__sys.name = find(#name);

/* clang-format off: it knows no maps */
__attribute__((constructor)) static void resolve(void)
{
    OVL__HOOKED_MAP(RESOLVE)
    OVL__HOOKED_BY_NUMBER(RESOLVE)
}
/* clang-format on */

/* One of them stands for all: sanitizers have hooks of their own, in front of ours, but none of it.
 */
bool ovl__hooks_are_bound(void)
{
    Dl_info theirs;
    Dl_info ours;
    void *found = dlsym(RTLD_DEFAULT, "syncfs");
    return found && dladdr(found, &theirs) && dladdr(&ovl__sys, &ours) &&
           theirs.dli_fbase == ours.dli_fbase;
}

#define DEFINE_EARLY(type, name, parameters, arguments)                                            \
    static type early_##name parameters                                                            \
    {                                                                                              \
        resolve();                                                                                 \
        return ovl__sys.name arguments;                                                            \
    }
OVL__HOOKED_MAP(DEFINE_EARLY)
