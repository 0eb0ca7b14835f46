/*
 * The seam to the system: every call of libc that the library makes and that can fail or block goes
 * through this table. The library's own hooks never see these calls, and tests put their faults
 * here.
 */
#ifndef OVL_BASE_SYSTEM_H
#define OVL_BASE_SYSTEM_H

#include "base/hooked.h"

#include <overlap/time.h>
#include <stdbool.h>
#include <sys/mman.h>

struct io_uring_params;

#define OVL__HOOKED_POINTER(type, name, parameters, arguments) type(*name) parameters;

struct ovl__system {
    OVL__HOOKED_MAP(OVL__HOOKED_POINTER)
    OVL__HOOKED_BY_NUMBER(OVL__HOOKED_POINTER)

    void *(*malloc)(size_t size);
    void *(*realloc)(void *data, size_t size);
    void *(*mmap)(void *address, size_t size, int protection, int flags, int fd, off_t offset);
    int (*mprotect)(void *address, size_t size, int protection);
    int (*madvise)(void *address, size_t size, int advice);
    int (*pthread_create)(pthread_t *ret_thread, const pthread_attr_t *attributes,
                          void *(*fn)(void *), void *argument);
    pid_t (*fork)(void);
    int (*socketpair)(int domain, int type, int protocol, int ret_fds[2]);
    int (*memfd_create)(const char *name, unsigned flags);
    int (*fallocate)(int fd, int mode, off_t offset, off_t size);
    int (*pidfd_open)(pid_t pid, unsigned flags);
    int (*pidfd_send_signal)(int pidfd, int signal);
    int (*epoll_create1)(int flags);
    int (*epoll_ctl)(int epoll_fd, int operation, int fd, struct epoll_event *event);
    int (*epoll_wait_ns)(int epoll_fd, struct epoll_event *events, int count, ovl_time wait_ns);
    int (*eventfd)(unsigned count, int flags);
    int (*io_uring_setup)(unsigned entries, struct io_uring_params *params);
    int (*io_uring_register)(int fd, unsigned what, void *argument, unsigned count);
    int (*io_uring_enter)(int fd, unsigned submitted, unsigned wanted, unsigned flags);
};

extern struct ovl__system ovl__sys;

/* Whether the program's calls lead to the hooks: where this library came by dlopen, libc is before
 * it. */
bool ovl__hooks_are_bound(void);

/* Past its hook, with as many arguments as it takes: for hooks, too, which own.h does not reach. */
/* NOLINTNEXTLINE(readability-redundant-declaration): new is where the name leads. */
extern __typeof__(syscall) syscall __asm__("ovl__own_syscall");

#endif
