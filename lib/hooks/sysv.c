/*
 * System V's message queues and semaphores, which are no descriptors. Nothing tells when one of
 * these calls could succeed but the call itself; so where a try fails, a thread of the coroutine's
 * own waits in the kernel. When the coroutine is to wait no longer, the call is interrupted: it has
 * done all or nothing then, and says which.
 */
#include "hooks/hooks.h"

#include "hooks/retry.h"
#include "loop/loop.h"

OVL__HOOK_FILE(sysv);

/* SEMOPM of Linux: who says more has no array that long, and the kernel refuses it. */
#define OPERATIONS_MAX 500

/* One call, whichever it is. */
struct sysv_call {
    long (*ask)(const struct sysv_call *call, bool waits);
    int id; /* of the queue or the set */
    void *message;
    const void *given;
    size_t size;
    long type;
    int flags;
    struct sembuf *operations;
    size_t count;
    bool may_refuse; /* rather than wait, and then a try cannot tell which */
    int later;       /* what errno is where it would wait */
    ovl_time deadline;
    enum ovl_wait kind;
    const char *waits; /* for what, as ovl__waits_for has it */
    long result;       /* of the call that waited, and its errno */
    int error;
};

static long receive(const struct sysv_call *call, bool waits)
{
    int flags = waits ? call->flags : call->flags | IPC_NOWAIT;
    return ovl__sys.msgrcv(call->id, call->message, call->size, call->type, flags);
}

static long send_message(const struct sysv_call *call, bool waits)
{
    int flags = waits ? call->flags : call->flags | IPC_NOWAIT;
    return ovl__sys.msgsnd(call->id, call->given, call->size, flags);
}

/* A try by a timeout of zero would take the thread off its processor. */
static long operate(const struct sysv_call *call, bool waits)
{
    struct sembuf at_once[OPERATIONS_MAX];
    if (waits)
        return ovl__sys.semtimedop(call->id, call->operations, call->count, NULL);
    for (size_t i = 0; i < call->count; i++) {
        at_once[i] = call->operations[i];
        at_once[i].sem_flg |= IPC_NOWAIT;
    }
    return ovl__sys.semtimedop(call->id, at_once, call->count, NULL);
}

static long try_again(const void *call)
{
    return ((const struct sysv_call *)call)->ask(call, false);
}

/* Where no thread is to be had: pauses between tries, and no other coroutine where they would not
 * do. */
static long retry(const struct sysv_call *call)
{
    if (call->may_refuse)
        return call->ask(call, true);
    return ovl__retry(&(struct ovl__retry){
        .try = try_again,
        .call = call,
        .later = {call->later, call->later},
        .deadline = call->deadline,
        .may_vanish = true,
        .by_all = true,
        .waits = call->waits,
    });
}

static void wait_in_kernel(void *argument)
{
    struct sysv_call *call = argument;
    call->result = call->ask(call, true);
    call->error = errno;
}

static bool was_interrupted(const struct sysv_call *call)
{
    return call->result < 0 && call->error == EINTR;
}

/* Other signals, as that by which setuid reaches all threads, are none of the caller's. */
static int wait_apart(struct sysv_call *call)
{
    int error;
    do {
        ovl__waits_for(call->waits, -1);
        error = ovl__hook_call_interruptible(wait_in_kernel, call, call->kind, call->deadline);
    } while (!error && was_interrupted(call));
    return error;
}

static long call_or_wait(struct sysv_call call)
{
    int before = errno;
    long result = call.ask(&call, false);
    if (result >= 0 || errno != call.later || ovl_now() >= call.deadline)
        return result;
    int error = wait_apart(&call);
    if (error == -EAGAIN)
        return retry(&call);
    if (was_interrupted(&call))
        return ovl__fail(error == OVL_ETIMEDOUT ? -EAGAIN : error);
    /* It was there at the first try: it has been removed since. */
    errno = call.result >= 0 ? before : call.error == EINVAL ? EIDRM : call.error;
    return call.result;
}

/* --- messages --- */

OVL__HOOK ssize_t msgrcv(int queue, void *message, size_t size, long type, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.msgrcv(queue, message, size, type, flags);
    if (!ovl__current->coroutine || flags & (IPC_NOWAIT | MSG_COPY))
        return OVL__METERED(ssize_t, -1, OVL_WAIT_OTHER,
                            ovl__sys.msgrcv(queue, message, size, type, flags));
    return call_or_wait((struct sysv_call){
        .ask = receive,
        .id = queue,
        .message = message,
        .size = size,
        .type = type,
        .flags = flags,
        .later = ENOMSG,
        .deadline = OVL_FOREVER,
        .kind = OVL_WAIT_OTHER,
        .waits = "message",
    });
}

OVL__HOOK int msgsnd(int queue, const void *message, size_t size, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.msgsnd(queue, message, size, flags);
    if (!ovl__current->coroutine || flags & IPC_NOWAIT)
        return OVL__METERED(int, -1, OVL_WAIT_OTHER, ovl__sys.msgsnd(queue, message, size, flags));
    return (int)call_or_wait((struct sysv_call){
        .ask = send_message,
        .id = queue,
        .given = message,
        .size = size,
        .flags = flags,
        .later = EAGAIN,
        .deadline = OVL_FOREVER,
        .kind = OVL_WAIT_OTHER,
        .waits = "room in a message queue",
    });
}

/* --- semaphores --- */

/* How many of them fail rather than wait. */
static size_t count_nowait(const struct sembuf *operations, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += operations[i].sem_flg & IPC_NOWAIT ? 1 : 0;
    return found;
}

OVL__HOOK int semtimedop(int set, struct sembuf *operations, size_t count,
                         const struct timespec *timeout)
{
    if (!ovl__in_task())
        return ovl__sys.semtimedop(set, operations, count, timeout);
    bool odd = count > OPERATIONS_MAX || (timeout && !ovl__is_time(timeout));
    size_t nowait = odd ? 0 : count_nowait(operations, count);
    if (!ovl__current->coroutine || odd || nowait == count)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK,
                            ovl__sys.semtimedop(set, operations, count, timeout));
    return (int)call_or_wait((struct sysv_call){
        .ask = operate,
        .id = set,
        .operations = operations,
        .count = count,
        .may_refuse = nowait > 0,
        .later = EAGAIN,
        .deadline = ovl__deadline_of(timeout),
        .kind = OVL_WAIT_LOCK,
        .waits = "System V semaphore",
    });
}

OVL__HOOK int semop(int set, struct sembuf *operations, size_t count)
{
    if (!ovl__in_task())
        return ovl__sys.semop(set, operations, count);
    return semtimedop(set, operations, count, NULL);
}
