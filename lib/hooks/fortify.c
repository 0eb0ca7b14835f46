/*
 * The names that code compiled with _FORTIFY_SOURCE calls instead: they say how large the buffer
 * is, and a call that would write past it ends the process before it does.
 */
#include "hooks/hooks.h"

#include <fcntl.h>

OVL__HOOK_FILE(fortify);

_Noreturn void __chk_fail(void);
ssize_t __read_chk(int fd, void *data, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *data, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags,
                       struct sockaddr *address, socklen_t *length);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t room);

ssize_t __pread_chk(int fd, void *data, size_t size, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *data, size_t size, off_t offset, size_t room);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

char *__fgets_chk(char *line, size_t room, int size, FILE *stream);
size_t __fread_chk(void *data, size_t room, size_t size, size_t count, FILE *stream);

static void check(size_t size, size_t room)
{
    if (size > room)
        __chk_fail();
}

OVL__HOOK ssize_t __read_chk(int fd, void *data, size_t size, size_t room)
{
    check(size, room);
    return read(fd, data, size);
}

OVL__HOOK ssize_t __recv_chk(int fd, void *data, size_t size, size_t room, int flags)
{
    check(size, room);
    return recv(fd, data, size, flags);
}

OVL__HOOK ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags,
                                 struct sockaddr *address, socklen_t *length)
{
    check(size, room);
    return recvfrom(fd, data, size, flags, address, length);
}

OVL__HOOK int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t room)
{
    check(count, room / sizeof *fds);
    return poll(fds, count, timeout_ms);
}

OVL__HOOK int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                          const sigset_t *mask, size_t room)
{
    check(count, room / sizeof *fds);
    return ppoll(fds, count, timeout, mask);
}

OVL__HOOK ssize_t __pread_chk(int fd, void *data, size_t size, off_t offset, size_t room)
{
    check(size, room);
    return pread(fd, data, size, offset);
}
OVL__HOOK_ALIAS(__pread_chk, __pread64_chk)

/* For calls without a mode, which must not be ones that need it. */
static void check_mode(int flags)
{
    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
        __chk_fail();
}

OVL__HOOK int __open_2(const char *path, int flags)
{
    check_mode(flags);
    return open(path, flags);
}
OVL__HOOK_ALIAS(__open_2, __open64_2)

OVL__HOOK int __openat_2(int folder, const char *path, int flags)
{
    check_mode(flags);
    return openat(folder, path, flags);
}
OVL__HOOK_ALIAS(__openat_2, __openat64_2)

OVL__HOOK char *__fgets_chk(char *line, size_t room, int size, FILE *stream)
{
    check(size > 0 ? (size_t)size : 0, room);
    return fgets(line, size, stream);
}

OVL__HOOK size_t __fread_chk(void *data, size_t room, size_t size, size_t count, FILE *stream)
{
    check(size && count > room / size ? room + 1 : 0, room);
    return fread(data, size, count, stream);
}
