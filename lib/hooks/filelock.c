/*
 * Locks of files. Nothing tells when another process gives one up but a call that waits for it; so
 * where a try fails, a thread of the coroutine's own waits in the kernel. To it the lock belongs to
 * the process or to the open file, not to the thread that asked.
 *
 * A wait that is broken off may have had the lock in that very moment. Another try tells: who has
 * such a lock may take it again.
 */
#include "hooks/hooks.h"

#include "hooks/retry.h"
#include "loop/apart.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/file.h>

OVL__HOOK_FILE(filelock);

/* One lock that is wanted, by whichever call. */
struct file_lock {
    int (*ask)(const struct file_lock *lock, bool waits);
    int fd;
    int operation; /* flock's, or fcntl's command, each of which waits */
    void *argument;
    off_t size;
    int result; /* of the call that waited, and its errno */
    int error;
};

static int ask_flock(const struct file_lock *lock, bool waits)
{
    return ovl__sys.flock(lock->fd, waits ? lock->operation : lock->operation | LOCK_NB);
}

static int ask_fcntl(const struct file_lock *lock, bool waits)
{
    int at_once = lock->operation == F_SETLKW ? F_SETLK : F_OFD_SETLK;
    return ovl__sys.fcntl(lock->fd, waits ? lock->operation : at_once, lock->argument);
}

static int ask_lockf(const struct file_lock *lock, bool waits)
{
    return ovl__sys.lockf(lock->fd, waits ? F_LOCK : F_TLOCK, lock->size);
}

static bool is_taken(int result)
{
    return result < 0 && (errno == EWOULDBLOCK || errno == EACCES);
}

/* flock is no point of cancellation, but a mere call of the kernel: it may be left at any moment.
 */
OVL__BREAKABLE static void wait_for_lock(void *argument)
{
    struct file_lock *lock = argument;
    int before;
    /* NOLINTNEXTLINE(cert-pos47-c): nothing of libc's is held in the call of the kernel. */
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
    int result = lock->ask(lock, true);
    pthread_setcanceltype(before, NULL);
    lock->error = errno;
    lock->result = result;
}

static long try_again(const void *call)
{
    const struct file_lock *lock = call;
    return lock->ask(lock, false);
}

/* Where no thread is to be had: pauses between tries, and no deadlock of processes is found. */
static int retry_lock(const struct file_lock *lock)
{
    return (int)ovl__retry(&(struct ovl__retry){
        .try = try_again,
        .call = lock,
        .later = {EWOULDBLOCK, EACCES},
        .deadline = OVL_FOREVER,
        .waits = "file lock",
    });
}

static int lock_file(struct file_lock lock)
{
    int before = errno;
    int result = lock.ask(&lock, false);
    if (!is_taken(result))
        return result;
    int error = ovl__hook_call_apart(wait_for_lock, &lock, OVL_WAIT_LOCK, OVL__BY_CANCEL_OR_SIGNAL);
    if (error == -EAGAIN)
        return retry_lock(&lock);
    if (error && lock.ask(&lock, false))
        return ovl__fail(error);
    bool refused = !error && lock.result;
    errno = refused ? lock.error : before;
    return refused ? -1 : 0;
}

OVL__HOOK int flock(int fd, int operation)
{
    if (!ovl__in_task())
        return ovl__sys.flock(fd, operation);
    if (!ovl__current->coroutine || operation & (LOCK_NB | LOCK_UN))
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.flock(fd, operation));
    return lock_file((struct file_lock){.ask = ask_flock, .fd = fd, .operation = operation});
}

OVL__HOOK int lockf(int fd, int command, off_t size)
{
    if (!ovl__in_task())
        return ovl__sys.lockf(fd, command, size);
    if (!ovl__current->coroutine || command != F_LOCK)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK, ovl__sys.lockf(fd, command, size));
    return lock_file((struct file_lock){.ask = ask_lockf, .fd = fd, .size = size});
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
    return lock_file((struct file_lock){
        .ask = ask_fcntl,
        .fd = fd,
        .operation = command,
        .argument = argument,
    });
}
OVL__HOOK_ALIAS(fcntl, fcntl64)
