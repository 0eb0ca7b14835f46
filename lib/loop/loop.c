#include "loop/loop.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "ledger/meter.h"
#include "loop/scope.h"
#include "loop/timer.h"

#include <errno.h>
#include <overlap/error.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>

/* Switches between two looks at epoll while coroutines keep each other busy. */
#define SWITCHES_PER_LOOK 256
#define EVENTS_PER_LOOK   256

/* Descriptors are looked up in tables of this many, made as they are needed. */
#define FD_TABLE 1024

/* Who waits for a descriptor. */
struct fd_entry {
    struct ovl__link waits; /* of struct fd_wait; next is NULL until the entry is first used */
    uint32_t armed;         /* what epoll was last asked for while somebody waited */
    bool known;             /* epoll had it when last asked */
    uint32_t generation;    /* goes up with each close, so that late events are known as such */
};

/* One descriptor of a waiting coroutine, on that coroutine's stack. */
struct fd_wait {
    struct ovl__link link;
    struct ovl__coroutine *coroutine;
    uint32_t events;
    bool closed;
};

struct ovl__loop {
    struct ovl__fiber fiber;      /* the thread's own stack, where the loop sleeps */
    int *thread_errno;            /* where the thread's errno is, which every switch looks up */
    struct ovl__coroutine *ready; /* a queue, through next_ready */
    struct ovl__coroutine **ready_end;
    struct ovl__coroutine *ended; /* left its stack for good, and is still to be freed */
    unsigned switches;            /* left until the next look at epoll */
    size_t coroutines;
    bool stopping;
    struct ovl__timers timers;
    struct ovl__stack_pool stacks;
    int epoll_fd;
    int wake_fd;
    struct fd_entry **fd_tables;
    size_t fd_table_count;
    _Atomic(struct ovl__message *) inbox; /* a stack: the last one in comes first */
    atomic_bool asleep;                   /* who posts must write to wake_fd */
    atomic_uint posting;                  /* threads that are in ovl__loop_post */
};

static _Thread_local struct ovl__loop *here;

struct ovl__loop *ovl__loop_here(void)
{
    return here;
}

/*
 * In a child of fork the loop does not go on: its epoll belongs to the parent as well, and its
 * other coroutines are the parent's. The one that forked is then plain code, and its calls block.
 */
static void leave_loop(void)
{
    ovl__current = NULL;
    here = NULL;
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, leave_loop);
}

/* --- descriptors --- */

static struct fd_entry *fd_find(const struct ovl__loop *loop, int fd)
{
    size_t table = (size_t)fd / FD_TABLE;
    if (fd < 0 || table >= loop->fd_table_count || !loop->fd_tables[table])
        return NULL;
    return &loop->fd_tables[table][(size_t)fd % FD_TABLE];
}

static int fd_tables_grow(struct ovl__loop *loop, size_t count)
{
    struct fd_entry **tables = ovl__sys.realloc(loop->fd_tables, count * sizeof *tables);
    if (!tables)
        return -ENOMEM;
    for (size_t i = loop->fd_table_count; i < count; i++)
        tables[i] = NULL;
    loop->fd_tables = tables;
    loop->fd_table_count = count;
    return 0;
}

static struct fd_entry *fd_find_or_add(struct ovl__loop *loop, int fd)
{
    size_t table = (size_t)fd / FD_TABLE;
    if (table >= loop->fd_table_count && fd_tables_grow(loop, table + 1))
        return NULL;
    if (!loop->fd_tables[table]) {
        loop->fd_tables[table] = ovl__zalloc(FD_TABLE * sizeof(struct fd_entry));
        if (!loop->fd_tables[table])
            return NULL;
    }
    struct fd_entry *entry = &loop->fd_tables[table][(size_t)fd % FD_TABLE];
    if (!entry->waits.next)
        ovl__list_init(&entry->waits);
    return entry;
}

static uint32_t fd_wanted(const struct fd_entry *entry)
{
    uint32_t events = EPOLLONESHOT;
    for (struct ovl__link *link = entry->waits.next; link != &entry->waits; link = link->next)
        events |= ovl__of(link, struct fd_wait, link)->events;
    return events;
}

/*
 * Asks epoll for what all who wait want, once. A descriptor may have been closed and its number
 * reused behind the hooks' back, so what was asked before is only trusted while somebody waits.
 */
static int fd_arm(struct ovl__loop *loop, int fd, struct fd_entry *entry)
{
    uint32_t wanted = fd_wanted(entry);
    if (entry->armed == wanted)
        return 0;
    struct epoll_event event = {
        .events = wanted,
        .data.u64 = (uint64_t)entry->generation << 32 | (uint32_t)fd,
    };
    int first = entry->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int second = entry->known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (ovl__sys.epoll_ctl(loop->epoll_fd, first, fd, &event) &&
        ((errno != ENOENT && errno != EEXIST) ||
         ovl__sys.epoll_ctl(loop->epoll_fd, second, fd, &event)))
        return -errno;
    entry->known = true;
    entry->armed = wanted;
    return 0;
}

static void fd_wait_end(struct ovl__loop *loop, int fd, struct fd_wait *wait)
{
    ovl__list_remove(&wait->link);
    struct fd_entry *entry = fd_find(loop, fd);
    if (entry && ovl__list_empty(&entry->waits))
        entry->armed = 0;
}

static int fd_wait_begin(struct ovl__loop *loop, int fd, struct fd_wait *wait)
{
    struct fd_entry *entry = fd_find_or_add(loop, fd);
    if (!entry)
        return -ENOMEM;
    ovl__list_append(&entry->waits, &wait->link);
    int error = fd_arm(loop, fd, entry);
    /* A file, which no event is asked of: it will have none. */
    return error == -EPERM && !wait->events ? 0 : error;
}

static void fd_happened(struct ovl__loop *loop, const struct epoll_event *event)
{
    int fd = (int)(uint32_t)event->data.u64;
    struct fd_entry *entry = fd_find(loop, fd);
    if (!entry || !entry->waits.next || entry->generation != (uint32_t)(event->data.u64 >> 32))
        return;
    entry->armed = 0;
    struct ovl__link *next;
    for (struct ovl__link *link = entry->waits.next; link != &entry->waits; link = next) {
        next = link->next;
        struct fd_wait *wait = ovl__of(link, struct fd_wait, link);
        if (event->events & (wait->events | EPOLLERR | EPOLLHUP)) {
            ovl__list_remove(link);
            ovl__resume(wait->coroutine);
        }
    }
    /* Whoever is left is woken to look for itself where epoll refuses. */
    if (!ovl__list_empty(&entry->waits) && fd_arm(loop, fd, entry))
        for (struct ovl__link *link; (link = ovl__list_take(&entry->waits));)
            ovl__resume(ovl__of(link, struct fd_wait, link)->coroutine);
}

void ovl__loop_forget_fd(int fd)
{
    struct ovl__loop *loop = here;
    struct fd_entry *entry = loop ? fd_find(loop, fd) : NULL;
    if (!entry || !entry->waits.next)
        return;
    ovl__sys.epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    entry->armed = 0;
    entry->known = false;
    entry->generation++;
    for (struct ovl__link *link; (link = ovl__list_take(&entry->waits));) {
        struct fd_wait *wait = ovl__of(link, struct fd_wait, link);
        wait->closed = true;
        ovl__resume(wait->coroutine);
    }
}

/* poll's events are epoll's, number for number. */
_Static_assert(POLLIN == EPOLLIN && POLLPRI == EPOLLPRI && POLLOUT == EPOLLOUT &&
                   POLLRDHUP == EPOLLRDHUP && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP &&
                   POLLRDNORM == EPOLLRDNORM && POLLRDBAND == EPOLLRDBAND &&
                   POLLWRNORM == EPOLLWRNORM && POLLWRBAND == EPOLLWRBAND,
               "poll's and epoll's events differ");

static int wait_fds(struct ovl__loop *loop, struct pollfd *fds, nfds_t count, struct fd_wait *waits,
                    ovl_time deadline)
{
    int error = 0;
    nfds_t begun = 0;
    for (; begun < count && !error; begun++) {
        waits[begun] = (struct fd_wait){
            .coroutine = ovl__current->coroutine,
            .events = (uint16_t)fds[begun].events,
        };
        ovl__list_init(&waits[begun].link);
        if (fds[begun].fd >= 0)
            error = fd_wait_begin(loop, fds[begun].fd, &waits[begun]);
    }
    if (!error)
        error = ovl__suspend(deadline);
    for (nfds_t i = 0; i < begun; i++) {
        if (fds[i].fd >= 0)
            fd_wait_end(loop, fds[i].fd, &waits[i]);
        if (waits[i].closed)
            error = -EBADF;
    }
    return error;
}

int ovl__wait_fds(struct pollfd *fds, nfds_t count, ovl_time deadline)
{
    struct fd_wait few[8];
    if (count <= sizeof few / sizeof *few)
        return wait_fds(here, fds, count, few, deadline);
    struct fd_wait *many = ovl__sys.malloc(count * sizeof *many);
    if (!many)
        return -ENOMEM;
    int error = wait_fds(here, fds, count, many, deadline);
    free(many);
    return error;
}

int ovl__wait_fd(int fd, short events, ovl_time deadline)
{
    return ovl__wait_fds(&(struct pollfd){.fd = fd, .events = events}, 1, deadline);
}

/* --- switching --- */

static void free_ended(struct ovl__loop *loop)
{
    if (!loop->ended)
        return;
    ovl__coroutine_free(&loop->stacks, loop->ended);
    ovl__timers_unreserve(&loop->timers);
    loop->ended = NULL;
    loop->coroutines--;
}

static void make_ready(struct ovl__loop *loop, struct ovl__coroutine *coroutine)
{
    coroutine->is_ready = true;
    coroutine->next_ready = NULL;
    *loop->ready_end = coroutine;
    loop->ready_end = &coroutine->next_ready;
}

/* Who runs next: the first that is ready, or the loop itself. */
static struct ovl__fiber *next_fiber(struct ovl__loop *loop)
{
    struct ovl__coroutine *next = loop->ready;
    if (!loop->switches || !next)
        return &loop->fiber;
    loop->switches--;
    loop->ready = next->next_ready;
    if (!loop->ready)
        loop->ready_end = &loop->ready;
    next->is_ready = false;
    return &next->fiber;
}

/* Leaves the coroutine that runs; comes back when it is its turn again. */
static void leave(struct ovl__loop *loop, struct ovl__coroutine *self)
{
    struct ovl__fiber *next = next_fiber(loop);
    if (next == &self->fiber)
        return;
    struct ovl__meter *meter = self->context.meter;
    if (meter)
        ovl__meter_pause(meter);
    int error = *loop->thread_errno; /* the thread's, but each coroutine's own affair */
    ovl__fiber_switch(&self->fiber, next, false);
    *loop->thread_errno = error;
    if (meter)
        ovl__meter_resume(meter);
    free_ended(loop);
}

void ovl__yield(void)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    ovl__resume(self);
    leave(self->loop, self);
}

struct suspension {
    struct ovl__timer timer;
    struct ovl__coroutine *coroutine;
    bool expired;
};

static void expire(struct ovl__timer *timer)
{
    struct suspension *suspension = ovl__of(timer, struct suspension, timer);
    suspension->expired = true;
    ovl__resume(suspension->coroutine);
}

int ovl__suspend_shielded(ovl_time deadline)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    struct ovl__loop *loop = self->loop;
    struct suspension suspension = {.timer = {.fire = expire}, .coroutine = self};
    if (deadline != OVL_FOREVER)
        ovl__timer_start_reserved(&loop->timers, &suspension.timer, deadline);
    leave(loop, self);
    ovl__timer_stop(&loop->timers, &suspension.timer);
    return suspension.expired ? OVL_ETIMEDOUT : 0;
}

int ovl__suspend(ovl_time deadline)
{
    struct ovl__coroutine *self = ovl__current->coroutine;
    if (ovl__scope_reason(self->scope))
        return OVL_ECANCELED;
    self->is_interruptible = true;
    int error = ovl__suspend_shielded(deadline);
    self->is_interruptible = false;
    return ovl__scope_reason(self->scope) ? OVL_ECANCELED : error;
}

void ovl__interrupt(struct ovl__coroutine *coroutine)
{
    if (coroutine->is_interruptible)
        ovl__resume(coroutine);
}

/* A coroutine that is in the queue already is not put there twice: several events may call for it.
 */
void ovl__resume(struct ovl__coroutine *coroutine)
{
    if (!coroutine->is_ready)
        make_ready(coroutine->loop, coroutine);
}

static void ended(struct ovl__coroutine *self)
{
    struct ovl__loop *loop = self->loop;
    free_ended(loop);
    loop->ended = self;
    ovl__fiber_switch(&self->fiber, next_fiber(loop), true);
}

int ovl__loop_spawn_coroutine(struct ovl__loop *loop, void (*fn)(void *argument), void *argument,
                              struct ovl__coroutine **ret_coroutine)
{
    /* Each has room for the timer of its waits from the start, so that no wait can fail for it. */
    if (ovl__timers_reserve(&loop->timers))
        return -ENOMEM;
    struct ovl__coroutine *coroutine = ovl__coroutine_new(&loop->stacks, fn, argument, ended);
    if (!coroutine) {
        ovl__timers_unreserve(&loop->timers);
        return -ENOMEM;
    }
    coroutine->loop = loop;
    loop->coroutines++;
    make_ready(loop, coroutine);
    *ret_coroutine = coroutine;
    return 0;
}

int ovl__loop_spawn(struct ovl__loop *loop, void (*fn)(void *argument), void *argument)
{
    struct ovl__coroutine *unused;
    return ovl__loop_spawn_coroutine(loop, fn, argument, &unused);
}

struct ovl__timers *ovl__loop_timers(struct ovl__loop *loop)
{
    return &loop->timers;
}

size_t ovl__loop_coroutines(const struct ovl__loop *loop)
{
    return loop->coroutines - (loop->ended != NULL);
}

/* --- the loop itself --- */

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

static ovl_time sleep_ns(const struct ovl__loop *loop)
{
    if (loop->ready)
        return 0;
    ovl_time next = ovl__timers_next(&loop->timers);
    if (next == OVL_FOREVER)
        return OVL_FOREVER;
    ovl_time now = ovl_now();
    return next > now ? next - now : 0;
}

static void look(struct ovl__loop *loop)
{
    struct epoll_event events[EVENTS_PER_LOOK];
    ovl_time wait_ns = sleep_ns(loop);
    if (wait_ns) {
        atomic_store(&loop->asleep, true);
        if (atomic_load(&loop->inbox))
            wait_ns = 0;
    }
    int count = ovl__sys.epoll_wait_ns(loop->epoll_fd, events, EVENTS_PER_LOOK, wait_ns);
    atomic_store(&loop->asleep, false);
    for (int i = 0; i < count; i++) {
        uint64_t ignored;
        if (events[i].data.u64 == UINT64_MAX)
            (void)!ovl__sys.read(loop->wake_fd, &ignored, sizeof ignored);
        else
            fd_happened(loop, &events[i]);
    }
}

static void run_ready(struct ovl__loop *loop)
{
    loop->switches = SWITCHES_PER_LOOK;
    struct ovl__fiber *next = next_fiber(loop);
    if (next != &loop->fiber)
        ovl__fiber_switch(&loop->fiber, next, false);
    free_ended(loop);
}

void ovl__loop_run(struct ovl__loop *loop)
{
    here = loop;
    ovl__fiber_init(&loop->fiber);
    loop->thread_errno = &errno;
    while (!loop->stopping || loop->coroutines) {
        look(loop);
        handle_messages(loop);
        if (loop->timers.count)
            ovl__timers_run(&loop->timers, ovl_now());
        run_ready(loop);
    }
    here = NULL;
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
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    return ovl__sys.epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) ? -errno : 0;
}

int ovl__loop_new(size_t stack_bytes, struct ovl__loop **ret_loop)
{
    struct ovl__loop *loop = ovl__zalloc(sizeof *loop);
    if (!loop)
        return -ENOMEM;
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
    if (loop->epoll_fd >= 0)
        ovl__sys.close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        ovl__sys.close(loop->wake_fd);
    ovl__stack_pool_release(&loop->stacks);
    ovl__timers_release(&loop->timers);
    for (size_t i = 0; i < loop->fd_table_count; i++)
        free(loop->fd_tables[i]);
    free(loop->fd_tables);
    free(loop);
}
