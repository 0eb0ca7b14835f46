#include "watch/watch.h"

#include "base/sanitize.h"
#include "base/thread.h"
#include "ledger/meter.h"
#include "loop/inside.h"
#include "loop/park.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* Nobody else has a use for it, and whoever gets one too many ignores it. */
#define STOP_SIGNAL SIGURG

/* How long a thread may take to stop; it may have blocked the signal, or be deep in the kernel. */
#define STOP_NS (200 * OVL_MILLISECOND)

enum { RUNS, WANTED, STOPPED };

/* One for the process. */
static struct {
    pthread_mutex_t lock;
    struct ovl__wait_list changed; /* a watch came or went, or its handler has returned */
    struct ovl__link watches;
    unsigned loops;    /* that there ever were */
    unsigned limited;  /* watches with a limit */
    bool has_watchdog; /* its thread runs */
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static void prepare(void);
static struct sigaction former_action;

static _Thread_local struct ovl__watch *own_watch;

struct ovl__link *ovl__watches_lock(void)
{
    pthread_once(&prepared, prepare);
    pthread_mutex_lock(&registry.lock);
    return &registry.watches;
}

void ovl__watches_unlock(void)
{
    pthread_mutex_unlock(&registry.lock);
}

/* --- stopping a thread --- */

static void sleep_while(atomic_uint *word, unsigned value, const struct timespec *length)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, length, NULL, 0);
}

static void set_state(struct ovl__watch *watch, unsigned state)
{
    atomic_store(&watch->state, state);
    syscall(SYS_futex, &watch->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void stand_still(struct ovl__watch *watch, const ucontext_t *registers)
{
    struct ovl__context *context = ovl__current;
    watch->registers = registers;
    watch->running = context ? context->coroutine : NULL;
    if (watch->stalled_turn && context && context->meter)
        ovl__meter_stalled(context->meter);
    set_state(watch, STOPPED);
    while (atomic_load(&watch->state) == STOPPED)
        sleep_while(&watch->state, STOPPED, NULL);
}

static void pass_on(int signal, siginfo_t *info, void *registers)
{
    if (former_action.sa_flags & SA_SIGINFO)
        former_action.sa_sigaction(signal, info, registers);
    else if (former_action.sa_handler != SIG_DFL && former_action.sa_handler != SIG_IGN)
        former_action.sa_handler(signal);
}

static void on_stop(int signal, siginfo_t *info, void *registers)
{
    int error = errno;
    struct ovl__watch *watch = own_watch;
    if (!watch || atomic_load(&watch->state) != WANTED)
        pass_on(signal, info, registers);
    else if (watch->stalled_turn && watch->stalled_turn != ovl__loop_turn(watch->loop))
        set_state(watch, RUNS); /* it has just gone on */
    else
        stand_still(watch, registers);
    errno = error;
}

bool ovl__watch_stop(struct ovl__watch *watch, uint64_t turn)
{
    watch->stalled_turn = turn;
    atomic_store(&watch->state, WANTED);
    if (syscall(SYS_tgkill, getpid(), watch->thread, STOP_SIGNAL)) {
        atomic_store(&watch->state, RUNS);
        return false;
    }
    ovl_time deadline = ovl_after(STOP_NS);
    while (atomic_load(&watch->state) == WANTED && ovl_now() < deadline)
        sleep_while(&watch->state, WANTED, &(struct timespec){.tv_nsec = STOP_NS / 10});
    unsigned wanted = WANTED;
    atomic_compare_exchange_strong(&watch->state, &wanted, RUNS);
    return atomic_load(&watch->state) == STOPPED;
}

void ovl__watch_release(struct ovl__watch *watch)
{
    set_state(watch, RUNS);
}

/* --- the watchdog --- */

enum { FRAMES_MAX = 64, STACK_MAX = 256 * 1024 };

/* Calls the handler, without the lock. */
static void tell(struct ovl__watch *watch, const struct ovl__task_copy *copy, ovl_time length_ns)
{
    struct ovl_frame frames[FRAMES_MAX];
    struct ovl_stall stall = {
        .task = copy->task,
        .coroutine = copy->number,
        .name = copy->name,
        .length_ns = length_ns,
        .frames = frames,
    };
    struct ovl__symbols *symbols = copy->stack.pc ? ovl__symbols_open() : NULL;
    if (symbols)
        stall.frame_count = ovl__backtrace(symbols, &copy->stack, frames, FRAMES_MAX);
    watch->options.stalled(watch->options.context, &stall);
    ovl__symbols_close(symbols);
}

/* The lock is held, and let go meanwhile: the watch stays, for its end waits. */
static void report(struct ovl__watch *watch, ovl_time now)
{
    static char data[STACK_MAX]; /* the watchdog's only */
    struct ovl__task_copy copy = {.task = OVL_NO_TASK};
    if (ovl__watch_stop(watch, watch->seen_turn)) {
        if (watch->running)
            ovl__task_copy(&copy, watch->running, watch->registers, data, sizeof data);
        ovl__watch_release(watch);
    } else if (ovl__loop_turn(watch->loop) != watch->seen_turn) {
        return;
    }
    watch->is_told = true;
    if (!watch->options.stalled)
        return;
    watch->is_telling = true;
    ovl__watches_unlock();
    tell(watch, &copy, now - watch->seen_at);
    ovl__watches_lock();
    watch->is_telling = false;
    ovl__wake_all(&registry.changed);
}

/* Looks at one loop. Returns whether it was, and the lock let go meanwhile. */
static bool check(struct ovl__watch *watch, ovl_time now)
{
    uint64_t turn = ovl__loop_turn(watch->loop);
    if (turn != watch->seen_turn || ovl__loop_is_asleep(watch->loop)) {
        watch->seen_turn = turn;
        watch->seen_at = now;
        watch->is_told = false;
        return false;
    }
    if (watch->is_told || now - watch->seen_at < watch->options.stall_ns)
        return false;
    report(watch, now);
    return true;
}

static void check_all(void)
{
    ovl_time now = ovl_now();
    struct ovl__link *link = registry.watches.next;
    while (link != &registry.watches) {
        struct ovl__watch *watch = ovl__of(link, struct ovl__watch, link);
        link = watch->options.stall_ns < OVL_FOREVER && check(watch, now) ? registry.watches.next
                                                                          : link->next;
    }
}

/* A quarter of the shortest limit, so that a stall is seen before it is much longer than that. */
static ovl_time tick_ns(void)
{
    ovl_time least = OVL_SECOND;
    for (struct ovl__link *link = registry.watches.next; link != &registry.watches;
         link = link->next) {
        const struct ovl__watch *watch = ovl__of(link, struct ovl__watch, link);
        if (watch->options.stall_ns / 4 < least)
            least = watch->options.stall_ns / 4;
    }
    return least < OVL_MILLISECOND ? OVL_MILLISECOND : least;
}

static void *watchdog_main(void *unused)
{
    pthread_setname_np(pthread_self(), "ovl-watchdog");
    ovl__watches_lock();
    while (registry.limited) {
        ovl__wait(&registry.changed, &registry.lock, ovl_after(tick_ns()));
        check_all();
    }
    registry.has_watchdog = false;
    ovl__watches_unlock();
    return unused;
}

static void start_watchdog(void)
{
    registry.has_watchdog = !ovl__thread_start(watchdog_main, NULL, NULL);
}

/* --- beginning and ending --- */

static void lock_registry(void)
{
    pthread_mutex_lock(&registry.lock);
}

/* In a child of fork no loop goes on, and there is no watchdog. */
static void start_anew(void)
{
    ovl__list_init(&registry.watches);
    ovl__wait_list_init(&registry.changed);
    registry.limited = 0;
    registry.has_watchdog = false;
    own_watch = NULL;
    ovl__watches_unlock();
}

static void prepare(void)
{
    ovl__list_init(&registry.watches);
    ovl__wait_list_init(&registry.changed);
    pthread_atfork(lock_registry, ovl__watches_unlock, start_anew);
    struct sigaction action = {.sa_sigaction = on_stop,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    sigaction(STOP_SIGNAL, &action, &former_action);
}

/* Handlers need a stack of their own where the coroutine's is at its end. */
static void *give_signal_stack(void)
{
    enum { BYTES = 64 * 1024 };
    stack_t stack;
    if (sigaltstack(NULL, &stack) || !(stack.ss_flags & SS_DISABLE))
        return NULL;
    stack = (stack_t){.ss_sp = malloc(BYTES), .ss_size = BYTES};
    if (stack.ss_sp)
        sigaltstack(&stack, NULL);
    return stack.ss_sp;
}

static void take_signal_stack(void *memory)
{
    if (!memory)
        return;
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(memory);
}

static void unblock_stop(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, STOP_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
}

/* ThreadSanitizer slows all so much that most would be stalls: there only who asks is told. */
static ovl_time usual_limit(bool is_asked_for)
{
#ifdef OVL__TSAN
    return is_asked_for ? OVL_STALL_NS : OVL_FOREVER;
#else
    (void)is_asked_for;
    return OVL_STALL_NS;
#endif
}

void ovl__watch_begin(struct ovl__watch *watch, struct ovl__loop *loop,
                      const struct ovl__watch_options *options)
{
    ovl__overflow_watch();
    *watch = (struct ovl__watch){
        .loop = loop,
        .thread = gettid(),
        .options = *options,
        .seen_at = ovl_now(),
        .signal_stack = give_signal_stack(),
    };
    if (!watch->options.stalled && getenv("OVL_WATCHDOG")) {
        watch->options.stalled = ovl_stall_print;
        watch->options.context = NULL;
        if (watch->options.stall_ns == OVL_FOREVER)
            watch->options.stall_ns = 0;
    }
    if (!watch->options.stall_ns)
        watch->options.stall_ns = usual_limit(watch->options.stalled);
    unblock_stop();
    own_watch = watch;
    struct ovl__link *watches = ovl__watches_lock();
    watch->number = ++registry.loops;
    ovl__list_append(watches, &watch->link);
    if (watch->options.stall_ns < OVL_FOREVER && !registry.limited++ && !registry.has_watchdog)
        start_watchdog();
    ovl__watches_unlock();
}

void ovl__watch_end(struct ovl__watch *watch)
{
    ovl__watches_lock();
    while (watch->is_telling)
        ovl__wait(&registry.changed, &registry.lock, OVL_FOREVER);
    ovl__list_remove(&watch->link);
    if (watch->options.stall_ns < OVL_FOREVER && !--registry.limited)
        ovl__wake_all(&registry.changed);
    ovl__watches_unlock();
    own_watch = NULL;
    take_signal_stack(watch->signal_stack);
}
