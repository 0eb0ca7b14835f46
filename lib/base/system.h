/*
 * The seam to the system: every call of libc that the library makes and that can fail or block goes
 * through this table. The library's own hooks never see these calls, and tests put their faults
 * here.
 */
#ifndef OVL_BASE_SYSTEM_H
#define OVL_BASE_SYSTEM_H

#include <netdb.h>
#include <overlap/time.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The calls that the library hooks: X(return type, name, parameters, arguments). Their pointers
 * lead past the hooks, to the next definition in the process: libc's, or a sanitizer's.
 */
#define OVL__HOOKED_MAP(X)                                                                         \
    X(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))                          \
    X(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))                   \
    X(ssize_t, readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))          \
    X(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))         \
    X(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))        \
    X(ssize_t, recvfrom,                                                                           \
      (int fd, void *data, size_t size, int flags, struct sockaddr *address, socklen_t *length),   \
      (fd, data, size, flags, address, length))                                                    \
    X(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))         \
    X(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))  \
    X(ssize_t, sendto,                                                                             \
      (int fd, const void *data, size_t size, int flags, const struct sockaddr *address,           \
       socklen_t length),                                                                          \
      (fd, data, size, flags, address, length))                                                    \
    X(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))   \
    X(int, connect, (int fd, const struct sockaddr *address, socklen_t length),                    \
      (fd, address, length))                                                                       \
    X(int, accept, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))   \
    X(int, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags),              \
      (fd, address, length, flags))                                                                \
    X(int, poll, (struct pollfd * fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms))    \
    X(int, ppoll,                                                                                  \
      (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),   \
      (fds, count, timeout, mask))                                                                 \
    X(int, select,                                                                                 \
      (int count, fd_set *reads, fd_set *writes, fd_set *exceptions, struct timeval *timeout),     \
      (count, reads, writes, exceptions, timeout))                                                 \
    X(unsigned, sleep, (unsigned seconds), (seconds))                                              \
    X(int, usleep, (useconds_t microseconds), (microseconds))                                      \
    X(int, nanosleep, (const struct timespec *length, struct timespec *rest), (length, rest))      \
    X(int, clock_nanosleep,                                                                        \
      (clockid_t clock, int flags, const struct timespec *length, struct timespec *rest),          \
      (clock, flags, length, rest))                                                                \
    X(int, close, (int fd), (fd))                                                                  \
    X(int, getaddrinfo,                                                                            \
      (const char *node, const char *service, const struct addrinfo *hints,                        \
       struct addrinfo **ret_list),                                                                \
      (node, service, hints, ret_list))                                                            \
    X(int, pselect,                                                                                \
      (int count, fd_set *reads, fd_set *writes, fd_set *exceptions,                               \
       const struct timespec *timeout, const sigset_t *mask),                                      \
      (count, reads, writes, exceptions, timeout, mask))                                           \
    X(int, epoll_wait, (int epoll_fd, struct epoll_event *events, int count, int timeout_ms),      \
      (epoll_fd, events, count, timeout_ms))                                                       \
    X(int, epoll_pwait,                                                                            \
      (int epoll_fd, struct epoll_event *events, int count, int timeout_ms, const sigset_t *mask), \
      (epoll_fd, events, count, timeout_ms, mask))                                                 \
    X(int, recvmmsg,                                                                               \
      (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),     \
      (fd, messages, count, flags, timeout))                                                       \
    X(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags),                \
      (fd, messages, count, flags))                                                                \
    X(pid_t, wait, (int *ret_status), (ret_status))                                                \
    X(pid_t, waitpid, (pid_t pid, int *ret_status, int options), (pid, ret_status, options))       \
    X(pid_t, wait3, (int *ret_status, int options, struct rusage *ret_usage),                      \
      (ret_status, options, ret_usage))                                                            \
    X(pid_t, wait4, (pid_t pid, int *ret_status, int options, struct rusage *ret_usage),           \
      (pid, ret_status, options, ret_usage))                                                       \
    X(int, waitid, (idtype_t type, id_t id, siginfo_t * ret_info, int options),                    \
      (type, id, ret_info, options))                                                               \
    X(int, system, (const char *command), (command))                                               \
    X(int, pclose, (FILE * stream), (stream))                                                      \
    X(int, pthread_join, (pthread_t thread, void **ret_value), (thread, ret_value))                \
    X(struct hostent *, gethostbyname, (const char *name), (name))                                 \
    X(struct hostent *, gethostbyname2, (const char *name, int family), (name, family))            \
    X(struct hostent *, gethostbyaddr, (const void *address, socklen_t length, int family),        \
      (address, length, family))                                                                   \
    X(int, gethostbyname_r,                                                                        \
      (const char *name, struct hostent *entry, char *buffer, size_t size,                         \
       struct hostent **ret_entry, int *ret_error),                                                \
      (name, entry, buffer, size, ret_entry, ret_error))                                           \
    X(int, gethostbyname2_r,                                                                       \
      (const char *name, int family, struct hostent *entry, char *buffer, size_t size,             \
       struct hostent **ret_entry, int *ret_error),                                                \
      (name, family, entry, buffer, size, ret_entry, ret_error))                                   \
    X(int, gethostbyaddr_r,                                                                        \
      (const void *address, socklen_t length, int family, struct hostent *entry, char *buffer,     \
       size_t size, struct hostent **ret_entry, int *ret_error),                                   \
      (address, length, family, entry, buffer, size, ret_entry, ret_error))                        \
    X(int, getnameinfo,                                                                            \
      (const struct sockaddr *address, socklen_t length, char *node, socklen_t node_size,          \
       char *service, socklen_t service_size, int flags),                                          \
      (address, length, node, node_size, service, service_size, flags))

#define OVL__HOOKED_POINTER(type, name, parameters, arguments) type(*name) parameters;

struct ovl__system {
    OVL__HOOKED_MAP(OVL__HOOKED_POINTER)

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
    int (*ftruncate)(int fd, off_t size);
    int (*fallocate)(int fd, int mode, off_t offset, off_t size);
    int (*pidfd_open)(pid_t pid, unsigned flags);
    int (*pidfd_send_signal)(int pidfd, int signal);
    int (*epoll_create1)(int flags);
    int (*epoll_ctl)(int epoll_fd, int operation, int fd, struct epoll_event *event);
    int (*epoll_wait_ns)(int epoll_fd, struct epoll_event *events, int count, ovl_time wait_ns);
    int (*eventfd)(unsigned count, int flags);
};

extern struct ovl__system ovl__sys;

#endif
