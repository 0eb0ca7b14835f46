/* Several messages with one call. */
#include "hooks/hooks.h"

OVL__HOOK_FILE(messages);

/* The ledger is told what was in so many messages, -1: none; both return `count`. */
static int took_messages(const struct mmsghdr *messages, int count)
{
    for (int i = 0; i < count; i++)
        ovl__took((ssize_t)messages[i].msg_len);
    return count;
}

static int gave_messages(const struct mmsghdr *messages, int count)
{
    for (int i = 0; i < count; i++)
        ovl__gave((ssize_t)messages[i].msg_len);
    return count;
}

/*
 * The real call waits until all have come, or with MSG_WAITFORONE until one has; its timeout is
 * looked at after each message only.
 */
static int receive_until(int fd, struct mmsghdr *messages, unsigned count, int flags,
                         ovl_time deadline)
{
    struct ovl__blocked blocked = {.fd = fd, .events = POLLIN};
    unsigned done = 0;
    int error = errno;
    while (done < count) {
        int more = ovl__sys.recvmmsg(fd, messages + done, count - done, flags | MSG_DONTWAIT, NULL);
        if (more > 0)
            done += (unsigned)more;
        bool enough = done && (flags & MSG_WAITFORONE || ovl_now() >= deadline);
        if (enough)
            break;
        if (more < 0 && (errno != EAGAIN || !ovl__block(&blocked)))
            break;
    }
    if (!done && count)
        return -1;
    errno = error;
    return (int)done;
}

OVL__HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                       struct timespec *timeout)
{
    if (!ovl__in_task())
        return ovl__sys.recvmmsg(fd, messages, count, flags, timeout);
    bool odd = flags & (MSG_DONTWAIT | MSG_ERRQUEUE) || (timeout && !ovl__is_time(timeout));
    if (!ovl__current->coroutine || odd)
        return took_messages(messages,
                             OVL__METERED(int, -1, OVL_WAIT_NETWORK,
                                          ovl__sys.recvmmsg(fd, messages, count, flags, timeout)));
    ovl_time deadline = ovl__deadline_of(timeout);
    int received = receive_until(fd, messages, count, flags, deadline);
    if (timeout && received >= 0) {
        ovl_time rest = deadline - ovl_now();
        rest = rest < 0 ? 0 : rest;
        *timeout = (struct timespec){.tv_sec = rest / OVL_SECOND, .tv_nsec = rest % OVL_SECOND};
    }
    return took_messages(messages, received);
}

/* One after the other: a stream's message may go in pieces, with waits between them. */
static int send_each(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned done = 0;
    int error = errno;
    for (; done < count; done++) {
        ssize_t size = sendmsg(fd, &messages[done].msg_hdr, flags);
        if (size < 0)
            break;
        messages[done].msg_len = (unsigned)size;
    }
    if (!done && count)
        return -1;
    errno = error;
    return (int)done;
}

OVL__HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.sendmmsg(fd, messages, count, flags);
    if (!ovl__current->coroutine || flags & MSG_DONTWAIT || !count)
        return gave_messages(messages, OVL__METERED(int, -1, OVL_WAIT_NETWORK,
                                                    ovl__sys.sendmmsg(fd, messages, count, flags)));
    return send_each(fd, messages, count > 1024 ? 1024 : count, flags);
}
