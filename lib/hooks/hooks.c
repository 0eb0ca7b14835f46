#include "hooks/hooks.h"

#include "base/clock.h"
#include "hooks/locks.h"
#include "loop/apart.h"
#include "loop/interrupt.h"
#include "loop/loop.h"
#include "loop/offload.h"

#include <fcntl.h>
#include <overlap/coroutine.h>
#include <sys/stat.h>

/* More threads than so many are not worth what they would save. */
#define APART_MAX 256

#define MARK(name) &ovl__hook_file_##name,
const char *const ovl__hooks[] = {OVL__HOOK_FILES(MARK)};

bool ovl_hooks_bound(void)
{
    return ovl__hooks_are_bound();
}

static void tell_waits(struct ovl__waits *waits, bool begins)
{
    int error = errno;
    waits->tell(waits, begins);
    errno = error;
}

ovl_time ovl__metered_begin(void)
{
    if (ovl__current->waits)
        tell_waits(ovl__current->waits, true);
    return ovl__current->meter ? ovl__stamp() : 0;
}

void ovl__metered_end(ovl_time began, int fd, enum ovl_wait kind)
{
    if (ovl__current->waits)
        tell_waits(ovl__current->waits, false);
    if (!began || !ovl__meter_is_long(began))
        return;
    int error = errno;
    ovl__meter_call(ovl__current->meter, fd < 0 ? kind : ovl__wait_kind(fd), began);
    errno = error;
}

enum ovl_wait ovl__wait_kind(int fd)
{
    struct stat status;
    if (fstat(fd, &status))
        return OVL_WAIT_OTHER;
    if (S_ISSOCK(status.st_mode))
        return OVL_WAIT_NETWORK;
    if (S_ISFIFO(status.st_mode))
        return OVL_WAIT_CHILD;
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || S_ISDIR(status.st_mode))
        return OVL_WAIT_DISK;
    return OVL_WAIT_OTHER;
}

bool ovl__is_nonblocking(int fd)
{
    int flags = ovl__sys.fcntl(fd, F_GETFL, NULL);
    return flags < 0 || flags & O_NONBLOCK;
}

/* The end of the descriptor's SO_RCVTIMEO or SO_SNDTIMEO, which only sockets have. */
static ovl_time socket_deadline(int fd, short events)
{
    struct timeval length = {0};
    socklen_t size = sizeof length;
    int option = events & POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO;
    if (getsockopt(fd, SOL_SOCKET, option, &length, &size) || (!length.tv_sec && !length.tv_usec))
        return OVL_FOREVER;
    return ovl_after((ovl_time)length.tv_sec * OVL_SECOND +
                     (ovl_time)length.tv_usec * OVL_MICROSECOND);
}

int ovl__fail(int error)
{
    errno = error == OVL_ECANCELED ? ECANCELED : -error;
    return -1;
}

int ovl__wait_fds_or_signal(struct pollfd *fds, nfds_t count, ovl_time deadline, bool by_all)
{
    struct ovl__interruptible interruptible;
    ovl__interruptible_begin(&interruptible, by_all);
    int error = ovl__wait_fds(fds, count, deadline);
    bool interrupted = ovl__interruptible_end(&interruptible);
    return interrupted && (!error || error == OVL_ETIMEDOUT) ? -EINTR : error;
}

int ovl__hook_wait_fds(struct pollfd *fds, nfds_t count, ovl_time deadline, bool by_all)
{
    struct ovl__meter *meter = ovl__current->meter;
    if (!meter)
        return ovl__wait_fds_or_signal(fds, count, deadline, by_all);
    enum ovl_wait kind = count ? ovl__wait_kind(fds[0].fd) : OVL_WAIT_SLEEP;
    for (nfds_t i = 1; i < count && kind != OVL_WAIT_NETWORK; i++)
        if (ovl__wait_kind(fds[i].fd) == OVL_WAIT_NETWORK)
            kind = OVL_WAIT_NETWORK;
    ovl_time began = ovl_now();
    int error = ovl__wait_fds_or_signal(fds, count, deadline, by_all);
    ovl__meter_wait(meter, kind, began);
    return error;
}

bool ovl__block(struct ovl__blocked *blocked)
{
    if (!blocked->begun) {
        if (ovl__is_nonblocking(blocked->fd)) {
            errno = EAGAIN;
            return false;
        }
        blocked->deadline = socket_deadline(blocked->fd, blocked->events);
        blocked->begun = true;
    } else if (ovl_now() >= blocked->deadline) {
        errno = EAGAIN;
        return false;
    }
    struct pollfd fd = {.fd = blocked->fd, .events = blocked->events};
    /* signal(7): with a timeout set, no handler's SA_RESTART makes the call go on. */
    bool by_all = blocked->deadline != OVL_FOREVER;
    int error = ovl__hook_wait_fds(&fd, 1, blocked->deadline, by_all);
    if (!error || error == OVL_ETIMEDOUT)
        return true;
    ovl__fail(error);
    return false;
}

int ovl__hook_offload(struct ovl__offload *offload, enum ovl_wait kind)
{
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = ovl__offload(offload);
    if (meter)
        ovl__meter_wait(meter, kind, began);
    return error;
}

void ovl__hook_call_in_thread(void (*fn)(void *argument), void *argument, enum ovl_wait kind)
{
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    ovl__call_in_thread(fn, argument);
    if (meter)
        ovl__meter_wait(meter, kind, began);
}

/* A call in a thread of its own. */
struct apart_call {
    void (*fn)(void *argument);
    void *argument;
    enum ovl__breaks breaks;
    bool interruptible; /* rather than to be broken off: until `deadline`, and by any signal */
    ovl_time deadline;
};

static int begin_apart(struct ovl__apart *call, const struct apart_call *what)
{
    return what->interruptible ? ovl__apart_begin_interruptible(call, what->fn, what->argument)
                               : ovl__apart_begin(call, what->fn, what->argument);
}

static int end_apart(struct ovl__apart *call, const struct apart_call *what)
{
    return what->interruptible ? ovl__apart_end_by(call, what->deadline)
                               : ovl__apart_end(call, what->breaks != OVL__BY_NOTHING);
}

static int call_apart(const struct apart_call *what)
{
    struct ovl__apart call;
    int error = begin_apart(&call, what);
    if (error)
        return error;
    struct ovl__interruptible interruptible;
    if (what->breaks == OVL__BY_CANCEL_OR_SIGNAL)
        ovl__interruptible_begin(&interruptible, what->interruptible);
    error = end_apart(&call, what);
    if (what->breaks == OVL__BY_CANCEL_OR_SIGNAL)
        ovl__interruptible_end(&interruptible);
    return error;
}

static int call_one_of_few_apart(const struct apart_call *what, enum ovl_wait kind)
{
    static _Thread_local unsigned under_way;
    /* A test's clock would stand still meanwhile, and for ever where one of its loop is waited for.
     */
    if (under_way == APART_MAX || ovl__clock)
        return -EAGAIN;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    under_way++;
    int error = call_apart(what);
    under_way--;
    if (meter && error != -EAGAIN)
        ovl__meter_wait(meter, kind, began);
    return error;
}

int ovl__hook_call_apart(void (*fn)(void *argument), void *argument, enum ovl_wait kind,
                         enum ovl__breaks breaks)
{
    struct apart_call what = {.fn = fn, .argument = argument, .breaks = breaks};
    return call_one_of_few_apart(&what, kind);
}

int ovl__hook_call_interruptible(void (*fn)(void *argument), void *argument, enum ovl_wait kind,
                                 ovl_time deadline)
{
    struct apart_call what = {
        .fn = fn,
        .argument = argument,
        .breaks = OVL__BY_CANCEL_OR_SIGNAL,
        .interruptible = true,
        .deadline = deadline,
    };
    return call_one_of_few_apart(&what, kind);
}

bool ovl__hook_call_breakable(void (*fn)(void *argument), void *argument, enum ovl_wait kind,
                              enum ovl__breaks breaks)
{
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = call_apart(&(struct apart_call){fn, argument, .breaks = breaks});
    if (error == -EAGAIN) {
        fn(argument);
        error = 0;
    }
    if (meter)
        ovl__meter_wait(meter, kind, began);
    if (error)
        ovl__fail(error);
    return !error;
}

ovl_time ovl__deadline_of_ms(int timeout_ms)
{
    return timeout_ms < 0 ? OVL_FOREVER : ovl_after(timeout_ms * OVL_MILLISECOND);
}

ovl_time ovl__deadline_of(const struct timespec *timeout)
{
    if (!timeout || timeout->tv_sec >= OVL_FOREVER / OVL_SECOND)
        return OVL_FOREVER;
    return ovl_after((ovl_time)timeout->tv_sec * OVL_SECOND + timeout->tv_nsec);
}

bool ovl__deadline_at(clockid_t clock, const struct timespec *time, ovl_time *ret_deadline)
{
    struct timespec now;
    if (time->tv_nsec < 0 || time->tv_nsec >= OVL_SECOND || clock_gettime(clock, &now))
        return false;
    ovl_time seconds = time->tv_sec - now.tv_sec;
    if (seconds > OVL_FOREVER / OVL_SECOND / 2)
        *ret_deadline = OVL_FOREVER;
    else if (time->tv_sec < 0 || seconds < 0)
        *ret_deadline = 0;
    else
        *ret_deadline = ovl_after(seconds * OVL_SECOND + (time->tv_nsec - now.tv_nsec));
    return true;
}

bool ovl__is_time(const struct timespec *length)
{
    return length->tv_sec >= 0 && length->tv_nsec >= 0 && length->tv_nsec < OVL_SECOND;
}
