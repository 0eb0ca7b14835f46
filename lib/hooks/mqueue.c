/* POSIX's message queues, which on Linux are descriptors that can be waited for. */
#include "hooks/locks.h"

OVL__HOOK_FILE(mqueue);

/* A try with this for its deadline fails with ETIMEDOUT where it would wait. */
static const struct timespec long_ago;

/* Whether a call that failed with ETIMEDOUT is worth another try; false with errno set. */
static bool wait_again(mqd_t queue, short events, ovl_time deadline)
{
    if (errno != ETIMEDOUT || ovl_now() >= deadline)
        return false;
    struct pollfd fd = {.fd = queue, .events = events};
    int error = ovl__hook_wait_fds(&fd, 1, deadline, false);
    if (error && error != OVL_ETIMEDOUT)
        ovl__fail(error);
    return !error || error == OVL_ETIMEDOUT;
}

static ssize_t yielding_receive(mqd_t queue, char *data, size_t size, unsigned *ret_priority,
                                ovl_time deadline)
{
    int before = errno;
    ssize_t received;
    do
        received = ovl__sys.mq_timedreceive(queue, data, size, ret_priority, &long_ago);
    while (received < 0 && wait_again(queue, POLLIN, deadline));
    if (received >= 0)
        errno = before;
    return ovl__took(received);
}

OVL__HOOK ssize_t mq_timedreceive(mqd_t queue, char *restrict data, size_t size,
                                  unsigned *restrict ret_priority,
                                  const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.mq_timedreceive(queue, data, size, ret_priority, time);
    ovl_time deadline;
    if (!ovl__current->coroutine || !ovl__deadline_at(CLOCK_REALTIME, time, &deadline))
        return OVL__METERED(ssize_t, -1, OVL_WAIT_OTHER,
                            ovl__sys.mq_timedreceive(queue, data, size, ret_priority, time));
    return yielding_receive(queue, data, size, ret_priority, deadline);
}

OVL__HOOK ssize_t mq_receive(mqd_t queue, char *data, size_t size, unsigned *ret_priority)
{
    if (!ovl__in_task())
        return ovl__sys.mq_receive(queue, data, size, ret_priority);
    if (!ovl__current->coroutine)
        return OVL__METERED(ssize_t, -1, OVL_WAIT_OTHER,
                            ovl__sys.mq_receive(queue, data, size, ret_priority));
    return yielding_receive(queue, data, size, ret_priority, OVL_FOREVER);
}

static int yielding_send(mqd_t queue, const char *data, size_t size, unsigned priority,
                         ovl_time deadline)
{
    int before = errno;
    int error;
    do
        error = ovl__sys.mq_timedsend(queue, data, size, priority, &long_ago);
    while (error && wait_again(queue, POLLOUT, deadline));
    if (error)
        return error;
    errno = before;
    ovl__gave((ssize_t)size);
    return 0;
}

OVL__HOOK int mq_timedsend(mqd_t queue, const char *data, size_t size, unsigned priority,
                           const struct timespec *time)
{
    if (!ovl__in_task())
        return ovl__sys.mq_timedsend(queue, data, size, priority, time);
    ovl_time deadline;
    if (!ovl__current->coroutine || !ovl__deadline_at(CLOCK_REALTIME, time, &deadline))
        return OVL__METERED(int, -1, OVL_WAIT_OTHER,
                            ovl__sys.mq_timedsend(queue, data, size, priority, time));
    return yielding_send(queue, data, size, priority, deadline);
}

OVL__HOOK int mq_send(mqd_t queue, const char *data, size_t size, unsigned priority)
{
    if (!ovl__in_task())
        return ovl__sys.mq_send(queue, data, size, priority);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_OTHER, ovl__sys.mq_send(queue, data, size, priority));
    return yielding_send(queue, data, size, priority, OVL_FOREVER);
}
