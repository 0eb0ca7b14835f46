#include "loop/loop.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/sanitize.h"
#include "base/system.h"
#include "loop/inside.h"
#include "loop/interrupt.h"
#include "loop/ring.h"

#include <errno.h>
#include <overlap/error.h>
#include <sched.h>
#include <sys/eventfd.h>

#define EVENTS_PER_LOOK 256

/*
 * Of timers that are due, a few fire at a time, and whom they wake runs before the next ones do: so
 * it comes less late, is still in the caches, and leaves its stack to one of the next.
 */
#define TIMERS_AT_A_TIME 16
#define TIMERS_PER_LOOK  256

_Thread_local struct ovl__loop *ovl__here;

static atomic_ullong loops; /* that were made */

struct ovl__loop *ovl__loop_here(void)
{
    return ovl__here;
}

/*
 * In a child of fork the loop does not go on: its epoll belongs to the parent as well, and its
 * other coroutines are the parent's. The one that forked is then plain code, and its calls block.
 */
static void leave_loop(void)
{
    ovl__current = NULL;
    ovl__here = NULL;
    ovl__clock = NULL;
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, leave_loop);
}

struct ovl__timers *ovl__loop_timers(struct ovl__loop *loop)
{
    return &loop->timers;
}

void ovl__loop_outside(int change)
{
    if (ovl__here)
        ovl__here->outside += (size_t)change;
}

size_t ovl__loop_coroutines(const struct ovl__loop *loop)
{
    return loop->coroutines;
}

/* The message may be all that keeps the loop: once it is in, the loop may end before the post has.
 */
void ovl__loop_post(struct ovl__loop *loop, struct ovl__message *message)
{
    atomic_fetch_add_explicit(&loop->posting, 1, memory_order_relaxed);
    struct ovl__message *head = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
    do
        message->next = head;
    while (!atomic_compare_exchange_weak(&loop->inbox, &head, message));
    if (atomic_exchange(&loop->asleep, false)) {
        uint64_t one = 1;
        (void)!ovl__sys.write(loop->wake_fd, &one, sizeof one);
    }
    atomic_fetch_sub_explicit(&loop->posting, 1, memory_order_release);
}

/* From a signal's handler too: nothing but a system call. */
void ovl__loop_nudge(void)
{
    int error = errno;
    uint64_t one = 1;
    if (ovl__here)
        (void)!ovl__sys.write(ovl__here->wake_fd, &one, sizeof one);
    errno = error;
}

static void handle_messages(struct ovl__loop *loop)
{
    struct ovl__message *message = atomic_exchange(&loop->inbox, NULL);
    struct ovl__message *in_order = NULL;
    while (message) {
        struct ovl__message *next = message->next;
        message->next = in_order;
        in_order = message;
        message = next;
    }
    while (in_order) {
        struct ovl__message *next = in_order->next;
        in_order->handle(in_order);
        in_order = next;
    }
}

/* How long the loop may sleep; where it may, it first tidies up, a little at a time. */
static ovl_time sleep_ns(struct ovl__loop *loop)
{
    if (loop->ready || ovl__stack_pool_trim(&loop->stacks))
        return 0;
    ovl_time next = ovl__timers_next(&loop->timers);
    if (next == OVL_FOREVER)
        return OVL_FOREVER;
    ovl_time now = ovl_now();
    return next > now ? next - now : 0;
}

/*
 * The kernel lets a wait end late, by a thousandth of its length: so a long one is begun a little
 * shorter, and its rest, which is short, is waited for by itself.
 */
#define LONG_WAIT_NS (50 * OVL_MILLISECOND)
#define REST_SHARE   512

static ovl_time first_part(ovl_time wait_ns)
{
    return wait_ns < LONG_WAIT_NS || wait_ns == OVL_FOREVER ? wait_ns
                                                            : wait_ns - wait_ns / REST_SHARE;
}

static int ask_epoll(struct ovl__loop *loop, struct epoll_event *events, ovl_time wait_ns)
{
    if (loop->trial)
        return ovl__trial_wait(loop, events, EVENTS_PER_LOOK, wait_ns);
    return ovl__sys.epoll_wait_ns(loop->epoll_fd, events, EVENTS_PER_LOOK, first_part(wait_ns));
}

static int wait_for_events(struct ovl__loop *loop, struct epoll_event *events)
{
    ovl_time wait_ns = sleep_ns(loop);
    if (!wait_ns)
        return ask_epoll(loop, events, 0);
    /* A store would do by the rules, but qemu's ARM lets the load behind it go first. */
    atomic_exchange(&loop->asleep, true);
    if (atomic_load(&loop->inbox))
        wait_ns = 0;
    int count = ask_epoll(loop, events, wait_ns);
    atomic_store(&loop->asleep, false);
    return count;
}

static bool is_of_stream(const struct epoll_event *event)
{
    return event->data.u64 & OVL__EVENT_STREAM && event->data.u64 != OVL__EVENT_WAKE;
}

static void woken(struct ovl__loop *loop)
{
    uint64_t ignored;
    (void)!ovl__sys.read(loop->wake_fd, &ignored, sizeof ignored);
    ovl__ring_look(loop);
}

static void happened(struct ovl__loop *loop, const struct epoll_event *event)
{
    if (event->data.u64 == OVL__EVENT_WAKE)
        woken(loop);
    else if (is_of_stream(event))
        ovl__stream_happened(event);
    else
        ovl__fd_happened(loop, event);
}

/*
 * Streams and those who wait for them lie on pages of their own, which the system's calls have
 * driven out of the caches since: all are asked for before the first is needed, and come together.
 */
static void handle_events(struct ovl__loop *loop, const struct epoll_event *events, int count)
{
    enum { AHEAD = 4 };
    for (int i = 0; i < count; i++)
        if (is_of_stream(&events[i]))
            ovl__stream_fetch(&events[i]);
    for (int i = 0; i < count; i++) {
        if (i + AHEAD < count && is_of_stream(&events[i + AHEAD]))
            ovl__stream_fetch_waiters(&events[i + AHEAD]);
        happened(loop, &events[i]);
    }
}

static void look(struct ovl__loop *loop)
{
    struct epoll_event events[EVENTS_PER_LOOK];
    int count = wait_for_events(loop, events);
    if (count < 0)
        ovl__let_handlers_run();
    ovl__loop_next_turn(loop);
    loop->looked_at = ovl_now();
    handle_events(loop, events, count);
}

/*
 * Runs what is due and what is ready, until it is time for another look: at the latest when there
 * is somebody left who is ready. A test's order is drawn among all who are due.
 */
static void work(struct ovl__loop *loop)
{
    size_t few = loop->trial ? TIMERS_PER_LOOK : TIMERS_AT_A_TIME;
    size_t left = TIMERS_PER_LOOK;
    do {
        ovl__timers_run(&loop->timers, loop->looked_at, few);
        ovl__run_ready(loop);
        left -= few;
    } while (left && !loop->ready && ovl__timers_next(&loop->timers) <= loop->looked_at);
}

void ovl__loop_run(struct ovl__loop *loop)
{
    ovl__here = loop;
    ovl__fiber_init(&loop->fiber);
    loop->thread_errno = &errno;
    loop->exceptions = ovl__exceptions_here();
    if (loop->exceptions)
        loop->callers = *loop->exceptions;
    while (!loop->stopping || loop->coroutines) {
        look(loop);
        ovl__interrupt_waits();
        if (atomic_load_explicit(&loop->inbox, memory_order_relaxed))
            handle_messages(loop);
        work(loop);
    }
    ovl__here = NULL;
}

void ovl__loop_stop(struct ovl__loop *loop)
{
    loop->stopping = true;
}

static int open_fds(struct ovl__loop *loop)
{
    loop->epoll_fd = ovl__sys.epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return -errno;
    loop->wake_fd = ovl__sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return -errno;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = OVL__EVENT_WAKE};
    return ovl__sys.epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) ? -errno : 0;
}

int ovl__loop_new(size_t stack_bytes, struct ovl__loop **ret_loop)
{
    struct ovl__loop *loop = ovl__zalloc(sizeof *loop);
    if (!loop)
        return -ENOMEM;
    loop->number = atomic_fetch_add_explicit(&loops, 1, memory_order_relaxed) + 1;
    loop->ready_end = &loop->ready;
    ovl__stack_pool_init(&loop->stacks, stack_bytes);
    loop->epoll_fd = -1;
    loop->wake_fd = -1;
    int error = open_fds(loop);
    if (error) {
        ovl__loop_free(loop);
        return error;
    }
    *ret_loop = loop;
    return 0;
}

void ovl__loop_free(struct ovl__loop *loop)
{
    if (!loop)
        return;
    while (atomic_load_explicit(&loop->posting, memory_order_acquire))
        sched_yield(); /* for the few instructions that are left of it */
    ovl__ring_free(loop->ring);
    if (loop->epoll_fd >= 0)
        ovl__sys.close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        ovl__sys.close(loop->wake_fd);
    ovl__stack_pool_release(&loop->stacks);
    ovl__timers_release(&loop->timers);
    ovl__fd_tables_release(loop);
    free(loop);
}
