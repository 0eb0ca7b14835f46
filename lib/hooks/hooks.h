/*
 * What the hooks share. A hook is libc's function under libc's name:
 *
 *   outside of tasks    it calls the real one: one thread-local test is all that it costs
 *   in a coroutine      it tries without blocking, and gives way until another try may succeed
 *   in a task elsewhere it calls the real one, and tells the ledger how long that waited
 *
 * Hooks answer as the manual says that the real call does, errno included.
 */
#ifndef OVL_HOOKS_HOOKS_H
#define OVL_HOOKS_HOOKS_H

#include "base/system.h"
#include "coroutine/coroutine.h"
#include "ledger/meter.h"

#include <errno.h>
#include <overlap/error.h>
#include <stdbool.h>

/* Hooks are exported whatever the visibility of the rest. */
#define OVL__HOOK __attribute__((visibility("default")))

/* The same call under another name: that of large files, which are as others on 64 bits. */
#define OVL__HOOK_ALIAS(name, other)                                                               \
    OVL__HOOK extern __typeof__(name) other __attribute__((alias(#name)));

/*
 * Each file of hooks has a mark, and a table of the marks pulls them all out of the static library:
 * libc's names alone would not, where another library on the command line has them too.
 */
#define OVL__HOOK_FILE(name) const char ovl__hook_file_##name = 0
/* clang-format off */
#define OVL__HOOK_FILES(X) \
    X(c11) X(child) X(close) X(cond) X(connect) X(dns) X(file) X(filelock) \
    X(fortify) X(guard) X(host) X(io) X(messages) X(mqueue) X(mutex) X(once) X(path) X(poll) X(print) \
    X(resolve) X(rwlock) X(scan) X(semaphore) X(signal) X(sleep) X(splice) X(stream) X(streamlock) X(syscall) X(sysv) X(thread) X(users)
/* clang-format on */
#define OVL__DECLARE_MARK(name) extern const char ovl__hook_file_##name;
OVL__HOOK_FILES(OVL__DECLARE_MARK)
extern const char *const ovl__hooks[];

static inline bool ovl__in_task(void)
{
    return __builtin_expect(ovl__current != NULL, 0);
}

static inline bool ovl__in_coroutine(void)
{
    return ovl__in_task() && ovl__current->coroutine;
}

/*
 * A real call of a task that is no coroutine: when it begins (0: nothing is recorded), and when it
 * has ended. The end keeps errno; `fd` tells the kind of wait, or where it is -1, `kind` does.
 */
ovl_time ovl__metered_begin(void);
void ovl__metered_end(ovl_time began, int fd, enum ovl_wait kind);

/* The value of `call`, its time told to the ledger. */
#define OVL__METERED(type, fd, kind, call)                                                         \
    ({                                                                                             \
        ovl_time began_ = ovl__metered_begin();                                                    \
        type value_ = (call);                                                                      \
        ovl__metered_end(began_, (fd), (kind));                                                    \
        value_;                                                                                    \
    })

/* A call of a task has moved so many bytes, which its ledger is told; returns `size`. */
static inline ssize_t ovl__took(ssize_t size)
{
    if (size > 0 && ovl__current->meter)
        ovl__meter_read(ovl__current->meter, (uint64_t)size);
    return size;
}

static inline ssize_t ovl__gave(ssize_t size)
{
    if (size > 0 && ovl__current->meter)
        ovl__meter_wrote(ovl__current->meter, (uint64_t)size);
    return size;
}

/* What a descriptor is waited for as. */
enum ovl_wait ovl__wait_kind(int fd);

/* A call in a coroutine that would block. All zero but the two at the start. */
struct ovl__blocked {
    int fd;
    short events; /* POLLIN or POLLOUT */
    bool begun;
    ovl_time deadline;
};

/*
 * After a try failed with EAGAIN: gives way until another may succeed, and says that it is worth
 * it.
 *
 * False where the call is to fail, with errno set: EAGAIN where the application has made the
 * descriptor non-blocking or its SO_RCVTIMEO or SO_SNDTIMEO has passed, EBADF where it was closed
 * meanwhile, EINTR, ECANCELED, ENOMEM.
 */
bool ovl__block(struct ovl__blocked *blocked);

/*
 * Sets errno to what a failed wait is in a hooked call, and returns -1. A call in a scope that was
 * cancelled fails with ECANCELED, which no system call of these has of its own.
 */
int ovl__fail(int error);

/*
 * As ovl__wait_fds, and -EINTR where a signal's handler came, one without SA_RESTART or, with
 * `by_all`, any. ovl__hook_wait_fds tells the ledger.
 */
int ovl__wait_fds_or_signal(struct pollfd *fds, nfds_t count, ovl_time deadline, bool by_all);
int ovl__hook_wait_fds(struct pollfd *fds, nfds_t count, ovl_time deadline, bool by_all);

/*
 * As ovl__hook_wait_fds for calls that take a signal mask (NULL: the thread's own), which any
 * handler interrupts: returns 0 also where a signal is pending that the thread blocks and the mask
 * does not. Whoever then looks with the mask, as the real call does, has it delivered.
 */
int ovl__hook_wait_masked(struct pollfd *fds, nfds_t count, ovl_time deadline,
                          const sigset_t *mask);

struct ovl__offload;

/* As ovl__offload, and tells the ledger. */
int ovl__hook_offload(struct ovl__offload *offload, enum ovl_wait kind);

/*
 * Calls fn(argument) in a helper thread for a coroutine, and tells the ledger. The helper's errno
 * is fn's affair: it is another thread's.
 */
void ovl__hook_call_in_thread(void (*fn)(void *argument), void *argument, enum ovl_wait kind);

/* What makes the coroutine wait no longer for a call in a thread of its own. */
enum ovl__breaks { OVL__BY_NOTHING, OVL__BY_CANCEL, OVL__BY_CANCEL_OR_SIGNAL };

/*
 * Calls fn(argument) in a thread of its own (loop/apart.h, also on fn where it may be broken off),
 * and tells the ledger. A signal is one whose handler has no SA_RESTART.
 *
 * 0: fn has returned. OVL_ECANCELED or -EINTR: it was broken off. -EAGAIN: no thread is to be had,
 * or many of this thread's coroutines wait so already; nothing was called.
 */
int ovl__hook_call_apart(void (*fn)(void *argument), void *argument, enum ovl_wait kind,
                         enum ovl__breaks breaks);

/*
 * The same until `deadline`, for an fn whose call is interrupted rather than broken off
 * (ovl__apart_begin_interruptible); any signal is one. OVL_ETIMEDOUT, OVL_ECANCELED, -EINTR: fn has
 * returned all the same.
 */
int ovl__hook_call_interruptible(void (*fn)(void *argument), void *argument, enum ovl_wait kind,
                                 ovl_time deadline);

/*
 * The same as the first for calls that have no other way: without a thread fn runs in this one, and
 * blocks the loop. True: fn has returned; false with errno set where it was broken off.
 */
bool ovl__hook_call_breakable(void (*fn)(void *argument), void *argument, enum ovl_wait kind,
                              enum ovl__breaks breaks);

/* The end of a call that was given a timeout in milliseconds as poll has it. */
ovl_time ovl__deadline_of_ms(int timeout_ms);

/* The end of one that was given a length of time; NULL: none. */
ovl_time ovl__deadline_of(const struct timespec *timeout);

/* Whether a length of time is one. */
bool ovl__is_time(const struct timespec *length);

/* Whether the application has made the descriptor non-blocking; also where it is none. */
bool ovl__is_nonblocking(int fd);

#endif
