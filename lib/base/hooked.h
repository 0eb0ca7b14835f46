/*
 * The calls of libc that the library hooks: X(return type, name, parameters, arguments). The
 * pointers of struct ovl__system lead past the hooks, to the next definition in the process:
 * libc's, or a sanitizer's.
 */
#ifndef OVL_BASE_HOOKED_H
#define OVL_BASE_HOOKED_H

#include <grp.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

/* Descriptors, sleeps, names, children. */
#define OVL__HOOKED_CALLS(X)                                                                       \
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
    X(int, sched_yield, (void), ())                                                                \
    X(int, usleep, (useconds_t microseconds), (microseconds))                                      \
    X(int, nanosleep, (const struct timespec *length, struct timespec *rest), (length, rest))      \
    X(int, clock_nanosleep,                                                                        \
      (clockid_t clock, int flags, const struct timespec *length, struct timespec *rest),          \
      (clock, flags, length, rest))                                                                \
    X(int, close, (int fd), (fd))                                                                  \
    X(int, close_range, (unsigned first, unsigned last, int flags), (first, last, flags))          \
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

/* Threads that wait for each other. */
#define OVL__HOOKED_LOCKS(X)                                                                       \
    X(int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))                                 \
    X(int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))                              \
    X(int, pthread_mutex_timedlock, (pthread_mutex_t * mutex, const struct timespec *deadline),    \
      (mutex, deadline))                                                                           \
    X(int, pthread_mutex_clocklock,                                                                \
      (pthread_mutex_t * mutex, clockid_t clock, const struct timespec *deadline),                 \
      (mutex, clock, deadline))                                                                    \
    X(int, pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex))                               \
    X(int, pthread_cond_wait, (pthread_cond_t * cond, pthread_mutex_t * mutex), (cond, mutex))     \
    X(int, pthread_cond_timedwait,                                                                 \
      (pthread_cond_t * cond, pthread_mutex_t * mutex, const struct timespec *deadline),           \
      (cond, mutex, deadline))                                                                     \
    X(int, pthread_cond_clockwait,                                                                 \
      (pthread_cond_t * cond, pthread_mutex_t * mutex, clockid_t clock,                            \
       const struct timespec *deadline),                                                           \
      (cond, mutex, clock, deadline))                                                              \
    X(int, pthread_cond_signal, (pthread_cond_t * cond), (cond))                                   \
    X(int, pthread_cond_broadcast, (pthread_cond_t * cond), (cond))                                \
    X(int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))                               \
    X(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t * lock), (lock))                            \
    X(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t * lock, const struct timespec *deadline), \
      (lock, deadline))                                                                            \
    X(int, pthread_rwlock_clockrdlock,                                                             \
      (pthread_rwlock_t * lock, clockid_t clock, const struct timespec *deadline),                 \
      (lock, clock, deadline))                                                                     \
    X(int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))                               \
    X(int, pthread_rwlock_trywrlock, (pthread_rwlock_t * lock), (lock))                            \
    X(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t * lock, const struct timespec *deadline), \
      (lock, deadline))                                                                            \
    X(int, pthread_rwlock_clockwrlock,                                                             \
      (pthread_rwlock_t * lock, clockid_t clock, const struct timespec *deadline),                 \
      (lock, clock, deadline))                                                                     \
    X(int, pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock))                               \
    X(int, pthread_barrier_wait, (pthread_barrier_t * barrier), (barrier))                         \
    X(int, pthread_once, (pthread_once_t * control, void (*fn)(void)), (control, fn))              \
    X(int, pthread_join, (pthread_t thread, void **ret_value), (thread, ret_value))                \
    X(int, pthread_timedjoin_np,                                                                   \
      (pthread_t thread, void **ret_value, const struct timespec *deadline),                       \
      (thread, ret_value, deadline))                                                               \
    X(int, pthread_clockjoin_np,                                                                   \
      (pthread_t thread, void **ret_value, clockid_t clock, const struct timespec *deadline),      \
      (thread, ret_value, clock, deadline))                                                        \
    X(int, sem_wait, (sem_t * semaphore), (semaphore))                                             \
    X(int, sem_trywait, (sem_t * semaphore), (semaphore))                                          \
    X(int, sem_timedwait, (sem_t * semaphore, const struct timespec *deadline),                    \
      (semaphore, deadline))                                                                       \
    X(int, sem_clockwait, (sem_t * semaphore, clockid_t clock, const struct timespec *deadline),   \
      (semaphore, clock, deadline))                                                                \
    X(int, mtx_lock, (mtx_t * mutex), (mutex))                                                     \
    X(int, mtx_trylock, (mtx_t * mutex), (mutex))                                                  \
    X(int, mtx_timedlock, (mtx_t * mutex, const struct timespec *deadline), (mutex, deadline))     \
    X(int, mtx_unlock, (mtx_t * mutex), (mutex))                                                   \
    X(int, cnd_wait, (cnd_t * cond, mtx_t * mutex), (cond, mutex))                                 \
    X(int, cnd_timedwait, (cnd_t * cond, mtx_t * mutex, const struct timespec *deadline),          \
      (cond, mutex, deadline))                                                                     \
    X(int, cnd_signal, (cnd_t * cond), (cond))                                                     \
    X(int, cnd_broadcast, (cnd_t * cond), (cond))                                                  \
    X(int, thrd_join, (thrd_t thread, int *ret_value), (thread, ret_value))                        \
    X(int, thrd_sleep, (const struct timespec *length, struct timespec *rest), (length, rest))

/* Files, whole or in parts, and signals. open, openat and fcntl take what they take as it is. */
#define OVL__HOOKED_FILES(X)                                                                       \
    X(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))                  \
    X(int, openat, (int folder, const char *path, int flags, mode_t mode),                         \
      (folder, path, flags, mode))                                                                 \
    X(int, fcntl, (int fd, int command, void *argument), (fd, command, argument))                  \
    X(ssize_t, pread, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))   \
    X(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t offset),                      \
      (fd, data, size, offset))                                                                    \
    X(ssize_t, preadv, (int fd, const struct iovec *parts, int count, off_t offset),               \
      (fd, parts, count, offset))                                                                  \
    X(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t offset),              \
      (fd, parts, count, offset))                                                                  \
    X(ssize_t, preadv2, (int fd, const struct iovec *parts, int count, off_t offset, int flags),   \
      (fd, parts, count, offset, flags))                                                           \
    X(ssize_t, pwritev2, (int fd, const struct iovec *parts, int count, off_t offset, int flags),  \
      (fd, parts, count, offset, flags))                                                           \
    X(ssize_t, sendfile, (int to_fd, int from_fd, off_t *offset, size_t count),                    \
      (to_fd, from_fd, offset, count))                                                             \
    X(ssize_t, splice,                                                                             \
      (int from_fd, off_t *from_offset, int to_fd, off_t *to_offset, size_t size, unsigned flags), \
      (from_fd, from_offset, to_fd, to_offset, size, flags))                                       \
    X(ssize_t, tee, (int from_fd, int to_fd, size_t size, unsigned flags),                         \
      (from_fd, to_fd, size, flags))                                                               \
    X(ssize_t, vmsplice, (int fd, const struct iovec *parts, size_t count, unsigned flags),        \
      (fd, parts, count, flags))                                                                   \
    X(ssize_t, copy_file_range,                                                                    \
      (int from_fd, off_t *from_offset, int to_fd, off_t *to_offset, size_t size, unsigned flags), \
      (from_fd, from_offset, to_fd, to_offset, size, flags))                                       \
    X(int, fsync, (int fd), (fd))                                                                  \
    X(int, fdatasync, (int fd), (fd))                                                              \
    X(int, syncfs, (int fd), (fd))                                                                 \
    X(int, sync_file_range, (int fd, off_t offset, off_t size, unsigned flags),                    \
      (fd, offset, size, flags))                                                                   \
    X(int, msync, (void *address, size_t size, int flags), (address, size, flags))                 \
    X(int, stat, (const char *path, struct stat *ret_status), (path, ret_status))                  \
    X(int, lstat, (const char *path, struct stat *ret_status), (path, ret_status))                 \
    X(int, fstatat, (int folder, const char *path, struct stat *ret_status, int flags),            \
      (folder, path, ret_status, flags))                                                           \
    X(int, statx,                                                                                  \
      (int folder, const char *path, int flags, unsigned mask, struct statx *ret_status),          \
      (folder, path, flags, mask, ret_status))                                                     \
    X(int, flock, (int fd, int operation), (fd, operation))                                        \
    X(int, lockf, (int fd, int command, off_t size), (fd, command, size))                          \
    X(int, dup2, (int fd, int as_fd), (fd, as_fd))                                                 \
    X(int, dup3, (int fd, int as_fd, int flags), (fd, as_fd, flags))                               \
    X(int, epoll_pwait2,                                                                           \
      (int epoll_fd, struct epoll_event *events, int count, const struct timespec *timeout,        \
       const sigset_t *mask),                                                                      \
      (epoll_fd, events, count, timeout, mask))                                                    \
    X(int, sigaction, (int number, const struct sigaction *action, struct sigaction *ret_before),  \
      (number, action, ret_before))                                                                \
    X(sighandler_t, signal, (int number, sighandler_t handler), (number, handler))                 \
    X(int, siginterrupt, (int number, int interrupts), (number, interrupts))                       \
    X(int, sigtimedwait,                                                                           \
      (const sigset_t *set, siginfo_t *ret_info, const struct timespec *timeout),                  \
      (set, ret_info, timeout))                                                                    \
    X(int, sigwaitinfo, (const sigset_t *set, siginfo_t *ret_info), (set, ret_info))               \
    X(int, sigwait, (const sigset_t *set, int *ret_number), (set, ret_number))                     \
    X(int, pause, (void), ())                                                                      \
    X(int, sigsuspend, (const sigset_t *mask), (mask))

/* Queues of messages, System V's semaphores, and what a terminal has yet to send. */
#define OVL__HOOKED_QUEUES(X)                                                                      \
    X(ssize_t, mq_receive, (mqd_t queue, char *data, size_t size, unsigned *ret_priority),         \
      (queue, data, size, ret_priority))                                                           \
    X(ssize_t, mq_timedreceive,                                                                    \
      (mqd_t queue, char *data, size_t size, unsigned *ret_priority, const struct timespec *time), \
      (queue, data, size, ret_priority, time))                                                     \
    X(int, mq_send, (mqd_t queue, const char *data, size_t size, unsigned priority),               \
      (queue, data, size, priority))                                                               \
    X(int, mq_timedsend,                                                                           \
      (mqd_t queue, const char *data, size_t size, unsigned priority,                              \
       const struct timespec *time),                                                               \
      (queue, data, size, priority, time))                                                         \
    X(ssize_t, msgrcv, (int queue, void *message, size_t size, long type, int flags),              \
      (queue, message, size, type, flags))                                                         \
    X(int, msgsnd, (int queue, const void *message, size_t size, int flags),                       \
      (queue, message, size, flags))                                                               \
    X(int, tcdrain, (int fd), (fd))                                                                \
    X(int, semop, (int set, struct sembuf *operations, size_t count), (set, operations, count))    \
    X(int, semtimedop,                                                                             \
      (int set, struct sembuf *operations, size_t count, const struct timespec *timeout),          \
      (set, operations, count, timeout))

/* Streams that are read. */
#define OVL__HOOKED_STREAMS(X)                                                                     \
    X(size_t, fread, (void *data, size_t size, size_t count, FILE *stream),                        \
      (data, size, count, stream))                                                                 \
    X(int, fgetc, (FILE * stream), (stream))                                                       \
    X(int, __uflow, (FILE * stream), (stream))                                                     \
    X(char *, fgets, (char *line, int size, FILE *stream), (line, size, stream))                   \
    X(ssize_t, getdelim, (char **line, size_t *room, int delimiter, FILE *stream),                 \
      (line, room, delimiter, stream))

/*
 * Streams that are written, or scanned: those that take lists stand for the others, and
 * the fortified names for the plain ones.
 */
#define OVL__HOOKED_PRINTS(X)                                                                      \
    X(size_t, fwrite, (const void *data, size_t size, size_t count, FILE *stream),                 \
      (data, size, count, stream))                                                                 \
    X(int, fputc, (int byte, FILE *stream), (byte, stream))                                        \
    X(int, fputs, (const char *text, FILE *stream), (text, stream))                                \
    X(int, puts, (const char *text), (text))                                                       \
    X(int, fflush, (FILE * stream), (stream))                                                      \
    X(int, fclose, (FILE * stream), (stream))

#define OVL__HOOKED_FORMATS(X)                                                                     \
    X(int, __vfprintf_chk, (FILE * stream, int checks, const char *format, va_list list),          \
      (stream, checks, format, list))                                                              \
    X(int, __vdprintf_chk, (int fd, int checks, const char *format, va_list list),                 \
      (fd, checks, format, list))                                                                  \
    X(int, vfscanf, (FILE * stream, const char *format, va_list list), (stream, format, list))     \
    X(int, __isoc99_vfscanf, (FILE * stream, const char *format, va_list list),                    \
      (stream, format, list))                                                                      \
    X(int, __isoc23_vfscanf, (FILE * stream, const char *format, va_list list),                    \
      (stream, format, list)) /* from glibc 2.38 on */

struct __res_state; /* of resolv.h, which has macros that others clash with */

/* What a server in the network may be asked for: the name system, users and groups. */
#define OVL__HOOKED_DIRECTORIES(X)                                                                 \
    X(int, res_query, (const char *name, int class, int type, unsigned char *answer, int size),    \
      (name, class, type, answer, size))                                                           \
    X(int, res_nquery,                                                                             \
      (struct __res_state * state, const char *name, int class, int type, unsigned char *answer,   \
       int size),                                                                                  \
      (state, name, class, type, answer, size))                                                    \
    X(int, res_search, (const char *name, int class, int type, unsigned char *answer, int size),   \
      (name, class, type, answer, size))                                                           \
    X(int, res_nsearch,                                                                            \
      (struct __res_state * state, const char *name, int class, int type, unsigned char *answer,   \
       int size),                                                                                  \
      (state, name, class, type, answer, size))                                                    \
    X(int, res_querydomain,                                                                        \
      (const char *name, const char *domain, int class, int type, unsigned char *answer,           \
       int size),                                                                                  \
      (name, domain, class, type, answer, size))                                                   \
    X(int, res_nquerydomain,                                                                       \
      (struct __res_state * state, const char *name, const char *domain, int class, int type,      \
       unsigned char *answer, int size),                                                           \
      (state, name, domain, class, type, answer, size))                                            \
    X(int, res_send, (const unsigned char *message, int length, unsigned char *answer, int size),  \
      (message, length, answer, size))                                                             \
    X(int, res_nsend,                                                                              \
      (struct __res_state * state, const unsigned char *message, int length,                       \
       unsigned char *answer, int size),                                                           \
      (state, message, length, answer, size))                                                      \
    X(int, getpwnam_r,                                                                             \
      (const char *name, struct passwd *entry, char *buffer, size_t size,                          \
       struct passwd **ret_entry),                                                                 \
      (name, entry, buffer, size, ret_entry))                                                      \
    X(int, getpwuid_r,                                                                             \
      (uid_t number, struct passwd * entry, char *buffer, size_t size, struct passwd **ret_entry), \
      (number, entry, buffer, size, ret_entry))                                                    \
    X(int, getgrnam_r,                                                                             \
      (const char *name, struct group *entry, char *buffer, size_t size,                           \
       struct group **ret_entry),                                                                  \
      (name, entry, buffer, size, ret_entry))                                                      \
    X(int, getgrgid_r,                                                                             \
      (gid_t number, struct group * entry, char *buffer, size_t size, struct group **ret_entry),   \
      (number, entry, buffer, size, ret_entry))                                                    \
    X(struct passwd *, getpwnam, (const char *name), (name))                                       \
    X(struct passwd *, getpwuid, (uid_t number), (number))                                         \
    X(struct group *, getgrnam, (const char *name), (name))                                        \
    X(struct group *, getgrgid, (gid_t number), (number))                                          \
    X(int, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *count),               \
      (user, group, groups, count))

/* Calls of the kernel by their number, which take what they take as it is. */
#define OVL__HOOKED_BY_NUMBER(X)                                                                   \
    X(long, syscall, (long number, long a, long b, long c, long d, long e, long f),                \
      (number, a, b, c, d, e, f))

/* All of those that the first call looks up. */
#define OVL__HOOKED_MAP(X)                                                                         \
    OVL__HOOKED_CALLS(X)                                                                           \
    OVL__HOOKED_LOCKS(X)                                                                           \
    OVL__HOOKED_FILES(X)                                                                           \
    OVL__HOOKED_QUEUES(X)                                                                          \
    OVL__HOOKED_STREAMS(X)                                                                         \
    OVL__HOOKED_PRINTS(X)                                                                          \
    OVL__HOOKED_FORMATS(X)                                                                         \
    OVL__HOOKED_DIRECTORIES(X)

#endif
