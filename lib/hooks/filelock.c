/*
 * Locks of files. Nothing tells when another process gives one up but a call that waits for it; so
 * a coroutine tries, and tries again after pauses that grow to some milliseconds. A deadlock of
 * processes, which fcntl's wait would find, is not found that way.
 */
#include "hooks/hooks.h"

#include "loop/interrupt.h"
#include "loop/loop.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/file.h>

OVL__HOOK_FILE(filelock);

#define PAUSE_MIN (50 * OVL_MICROSECOND)
#define PAUSE_MAX (5 * OVL_MILLISECOND)

/* One lock that is wanted, by whichever call. */
struct file_lock {
    int fd;
    int operation; /* flock's, fcntl's command or lockf's, each of which does not wait */
    void *argument;
    off_t size;
};

typedef int try_fn(const struct file_lock *lock);

static int try_flock(const struct file_lock *lock)
{
    return ovl__sys.flock(lock->fd, lock->operation);
}

static int try_fcntl(const struct file_lock *lock)
{
    return ovl__sys.fcntl(lock->fd, lock->operation, lock->argument);
}

static int try_lockf(const struct file_lock *lock)
{
    return ovl__sys.lockf(lock->fd, lock->operation, lock->size);
}

static bool is_held(int result)
{
    return result < 0 && (errno == EWOULDBLOCK || errno == EACCES);
}

/* 0 after the pause; OVL_ECANCELED; -EINTR. */
static int pause_for(ovl_time length)
{
    struct ovl__interruptible interruptible;
    ovl__interruptible_begin(&interruptible, false);
    int error = ovl__suspend(ovl_after(length));
    if (ovl__interruptible_end(&interruptible) && error != OVL_ECANCELED)
        error = -EINTR;
    return error == OVL_ETIMEDOUT ? 0 : error;
}

static int lock_file(try_fn *try, const struct file_lock *lock)
{
    int before = errno;
    int result = try(lock);
    if (!is_held(result))
        return result;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    ovl_time length = PAUSE_MIN;
    int error = 0;
    while (!error && is_held(result)) {
        error = pause_for(length);
        if (!error)
            result = try(lock);
        length = length * 2 < PAUSE_MAX ? length * 2 : PAUSE_MAX;
    }
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_LOCK, began);
    if (error)
        return ovl__fail(error);
    if (!result)
        errno = before;
    return result;
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
