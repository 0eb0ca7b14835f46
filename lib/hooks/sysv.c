/*
 * System V's message queues and semaphores, which are no descriptors: a coroutine tries, and tries
 * again after pauses.
 */
#include "hooks/hooks.h"

#include "hooks/retry.h"

OVL__HOOK_FILE(sysv);

/* --- messages --- */

struct message_call {
    int queue;
    void *message;
    const void *given;
    size_t size;
    long type;
    int flags; /* IPC_NOWAIT among them */
};

static long try_receive(const void *argument)
{
    const struct message_call *call = argument;
    return ovl__sys.msgrcv(call->queue, call->message, call->size, call->type, call->flags);
}

static long try_send(const void *argument)
{
    const struct message_call *call = argument;
    return ovl__sys.msgsnd(call->queue, call->given, call->size, call->flags);
}

OVL__HOOK ssize_t msgrcv(int queue, void *message, size_t size, long type, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.msgrcv(queue, message, size, type, flags);
    if (!ovl__current->coroutine || flags & IPC_NOWAIT)
        return OVL__METERED(ssize_t, -1, OVL_WAIT_OTHER,
                            ovl__sys.msgrcv(queue, message, size, type, flags));
    struct message_call call = {
        .queue = queue,
        .message = message,
        .size = size,
        .type = type,
        .flags = flags | IPC_NOWAIT,
    };
    return ovl__retry(&(struct ovl__retry){
        .try = try_receive,
        .call = &call,
        .later = {ENOMSG, ENOMSG},
        .deadline = OVL_FOREVER,
        .may_vanish = true,
        .by_all = true,
        .waits = "message",
    });
}

OVL__HOOK int msgsnd(int queue, const void *message, size_t size, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.msgsnd(queue, message, size, flags);
    if (!ovl__current->coroutine || flags & IPC_NOWAIT)
        return OVL__METERED(int, -1, OVL_WAIT_OTHER, ovl__sys.msgsnd(queue, message, size, flags));
    struct message_call call = {
        .queue = queue,
        .given = message,
        .size = size,
        .flags = flags | IPC_NOWAIT,
    };
    return (int)ovl__retry(&(struct ovl__retry){
        .try = try_send,
        .call = &call,
        .later = {EAGAIN, EAGAIN},
        .deadline = OVL_FOREVER,
        .may_vanish = true,
        .by_all = true,
        .waits = "room in a message queue",
    });
}

/* --- semaphores --- */

struct semaphore_call {
    int set;
    const struct sembuf *operations;
    size_t count;
};

/*
 * A set of operations is done whole or not at all. One that would wait has EAGAIN whether that
 * operation has IPC_NOWAIT of its own or only here: then the caller's own answer is asked for.
 */
static long try_operations(const void *argument)
{
    static const struct timespec at_once;
    const struct semaphore_call *call = argument;
    return ovl__sys.semtimedop(call->set, (struct sembuf *)call->operations, call->count, &at_once);
}

static bool has_nowait(const struct sembuf *operations, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (operations[i].sem_flg & IPC_NOWAIT)
            return true;
    return false;
}

OVL__HOOK int semtimedop(int set, struct sembuf *operations, size_t count,
                         const struct timespec *timeout)
{
    if (!ovl__in_task())
        return ovl__sys.semtimedop(set, operations, count, timeout);
    bool odd = !count || count > 500 || has_nowait(operations, count) ||
               (timeout && !ovl__is_time(timeout));
    if (!ovl__current->coroutine || odd)
        return OVL__METERED(int, -1, OVL_WAIT_LOCK,
                            ovl__sys.semtimedop(set, operations, count, timeout));
    struct semaphore_call call = {.set = set, .operations = operations, .count = count};
    return (int)ovl__retry(&(struct ovl__retry){
        .try = try_operations,
        .call = &call,
        .later = {EAGAIN, EAGAIN},
        .deadline = ovl__deadline_of(timeout),
        .may_vanish = true,
        .by_all = true,
        .waits = "System V semaphore",
    });
}

OVL__HOOK int semop(int set, struct sembuf *operations, size_t count)
{
    if (!ovl__in_task())
        return ovl__sys.semop(set, operations, count);
    return semtimedop(set, operations, count, NULL);
}
