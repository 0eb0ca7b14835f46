/*
 * Locks of files. Nothing tells when another process gives one up but a call that waits for it; so
 * a coroutine tries, and tries again after pauses that grow to some milliseconds. A deadlock of
 * processes, which fcntl's wait would find, is not found that way.
 */
#include "hooks/hooks.h"

#include "hooks/retry.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/file.h>

OVL__HOOK_FILE(filelock);

/* One lock that is wanted, by whichever call. */
struct file_lock {
    int fd;
    int operation; /* flock's, fcntl's command or lockf's, each of which does not wait */
    void *argument;
    off_t size;
};

static long try_flock(const void *call)
{
    const struct file_lock *lock = call;
    return ovl__sys.flock(lock->fd, lock->operation);
}

static long try_fcntl(const void *call)
{
    const struct file_lock *lock = call;
    return ovl__sys.fcntl(lock->fd, lock->operation, lock->argument);
}

static long try_lockf(const void *call)
{
    const struct file_lock *lock = call;
    return ovl__sys.lockf(lock->fd, lock->operation, lock->size);
}

static int lock_file(long (*try)(const void *call), const struct file_lock *lock)
{
    return (int)ovl__retry(&(struct ovl__retry){
        .try = try,
        .call = lock,
        .later = {EWOULDBLOCK, EACCES},
        .deadline = OVL_FOREVER,
        .waits = "file lock",
    });
}

OVL__HOOK int flock(int fd, int operation)
{
    if (!ovl__in_task())
        return ovl__sys.flock(fd, operation);
    if (!ovl__current->coroutine || operation & (LOCK_NB | LOCK_UN))
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.flock(fd, operation));
    return lock_file(try_flock, &(struct file_lock){.fd = fd, .operation = operation | LOCK_NB});
}

OVL__HOOK int lockf(int fd, int command, off_t size)
{
    if (!ovl__in_task())
        return ovl__sys.lockf(fd, command, size);
    if (!ovl__current->coroutine || command != F_LOCK)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.lockf(fd, command, size));
    return lock_file(try_lockf, &(struct file_lock){.fd = fd, .operation = F_TLOCK, .size = size});
}
OVL__HOOK_ALIAS(lockf, lockf64)

/* Every other command goes through as it is, with whatever it takes. */
OVL__HOOK int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    bool waits = command == F_SETLKW || command == F_OFD_SETLKW;
    if (!waits || !ovl__in_task())
        return ovl__sys.fcntl(fd, command, argument);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.fcntl(fd, command, argument));
    int operation = command == F_SETLKW ? F_SETLK : F_OFD_SETLK;
    return lock_file(try_fcntl,
                     &(struct file_lock){.fd = fd, .operation = operation, .argument = argument});
}
OVL__HOOK_ALIAS(fcntl, fcntl64)
