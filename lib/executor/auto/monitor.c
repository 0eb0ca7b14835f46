/* The monitor: sees what cannot be seen from where tasks begin and end. */
#include "base/system.h"
#include "executor/auto/auto.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A loop that has not answered for so long is held up. */
#define HELD_UP_NS OVL_MILLISECOND

/* How often it looks: at first, and later. */
#define SHORT_NS (OVL_MILLISECOND / 2)
#define LONG_NS  (5 * OVL_MILLISECOND)

/* It looks closely for so long after something was queued to an idle executor... */
#define CLOSELY_NS (50 * OVL_MILLISECOND)

/* ...and sleeps when there has been nothing to do for so long. */
#define LINGER_NS OVL_SECOND

/* From this share on, the processors are busy, and more threads would be of no use. */
#define BUSY 0.85

/* A tiny task that has not ended after so long has not only lost its processor. */
#define GROWN_NS (20 * OVL_MILLISECOND)

/* Tasks are held back, none has ended for so long, and the processors are idle: those that run may
 * wait for those that may not begin. Tasks that wait are given longer: a server may be slow. */
#define STUCK_NS         (100 * OVL_MILLISECOND)
#define STUCK_WAITING_NS OVL_SECOND

/* Threads that are tried at once, at most, before any of their tasks has ended. */
#define THREADS_MOST 64

struct look {
    ovl_time at;
    ovl_time cpu;     /* of the process */
    unsigned held_up; /* loops that do not answer */
    int tids[OVL__LOOPS_MAX];
    unsigned idle;    /* of these, hardly computing: their threads are `tids` */
    unsigned blocked; /* of these, in calls that wait */
    double busy;      /* processors, since the last look */
    size_t in_place;  /* tasks that the caller's thread has begun */
    ovl_time since;   /* when it was first seen in the last one of these */
    bool held_back;   /* tasks, though processors are idle */
    size_t ended;     /* tasks */
    ovl_time stuck;   /* since when both are so; the time of the look: they are not */
};

static ovl_time cpu_of(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now))
        return 0;
    return (ovl_time)now.tv_sec * OVL_SECOND + now.tv_nsec;
}

static ovl_time cpu_of_loop(const struct ovl__auto_loop *loop)
{
    clockid_t clock;
    return pthread_getcpuclockid(loop->thread, &clock) ? 0 : cpu_of(clock);
}

/* Whether the thread waits in the kernel: neither runs nor is ready to. */
static bool is_blocked(int tid)
{
    char path[64];
    char line[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = ovl__sys.fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = '\0';
    const char *state = strrchr(line, ')');
    return state && (state[2] == 'S' || state[2] == 'D');
}

static void ping(struct ovl__auto_loop *loop, ovl_time now)
{
    loop->pinged = now;
    loop->pinged_cpu = cpu_of_loop(loop);
    atomic_store(&loop->answers, false);
    ovl__loop_post(loop->loop, &loop->ping);
}

/* The lock is held. */
static void look_at_loops(struct ovl__auto *own, struct look *look)
{
    for (unsigned i = 0; i < own->loop_count; i++) {
        struct ovl__auto_loop *loop = &own->loops[i];
        if (!loop->pinged || atomic_load(&loop->answers)) {
            loop->place.held_up = false;
            if (loop->place.active)
                ping(loop, look->at);
            continue;
        }
        if (look->at - loop->pinged < HELD_UP_NS)
            continue;
        loop->place.held_up = true;
        look->held_up++;
        if (cpu_of_loop(loop) - loop->pinged_cpu < (look->at - loop->pinged) / 2)
            look->tids[look->idle++] = atomic_load(&loop->tid);
    }
}

/* The caller's thread runs tasks that were tiny: one that it has been at for so long is not. */
static void look_at_caller(struct ovl__auto *own, struct look *look, const struct look *last)
{
    bool same = own->caller_busy && own->kind == OVL__TINY_WORK && own->in_place == last->in_place;
    look->in_place = own->in_place;
    look->since = same ? last->since : look->at;
    if (look->at - look->since >= GROWN_NS)
        ovl__auto_outgrown(own);
}

/* Whether all stands still that was let begin. */
static void look_for_standstill(struct ovl__auto *own, struct look *look, const struct look *last)
{
    ovl_time enough = own->kind == OVL__WAITING_WORK ? STUCK_WAITING_NS : STUCK_NS;
    look->held_back = own->kind != OVL__UNKNOWN_WORK && own->executor->counts.queued &&
                      ovl__executor_may_take(own->executor) && look->busy < BUSY * own->cores;
    look->ended = own->ended;
    bool goes_on = look->held_back && last->held_back && look->ended == last->ended;
    look->stuck = goes_on ? last->stuck : look->at;
    if (look->at - look->stuck < enough)
        return;
    ovl__auto_stuck(own);
    look->stuck = look->at;
}

/* Without the lock. */
static void look_at_threads(struct look *look)
{
    for (unsigned i = 0; i < look->idle; i++)
        look->blocked += is_blocked(look->tids[i]);
}

/*
 * Tasks wait to begin, loops are held up by calls that wait, and the processors are idle: threads
 * that wait in their place. Twice as many as before, until the first of their tasks have ended.
 */
static void answer_blocked(struct ovl__auto *own, const struct look *look)
{
    bool more = look->blocked && own->executor->counts.queued && look->busy < BUSY * own->cores &&
                own->threads.active >= own->threads.limit && !own->thread_tuner &&
                own->kind != OVL__TINY_WORK;
    if (!more)
        return;
    unsigned threads = own->threads.limit ? 2 * own->threads.limit : OVL__THREADS_FIRST;
    if (threads <= THREADS_MOST && threads < 2 * own->executor->workers)
        ovl__auto_unseen(own, threads);
}

/* Tasks wait to begin, or a loop is held up: another loop, on another processor. */
static void start_loops(struct ovl__auto *own, const struct look *look)
{
    bool wanted = own->executor->counts.queued || look->held_up;
    while (wanted && own->loop_count < own->loops_most && !ovl__auto_start_loop(own))
        ;
}

static void look_around(struct ovl__auto *own, struct look *look)
{
    pthread_mutex_t *lock = &own->executor->lock;
    struct look last = *look;
    *look = (struct look){.at = ovl_now(), .cpu = cpu_of(CLOCK_PROCESS_CPUTIME_ID)};
    ovl_time since = look->at - last.at;
    look->busy = since > 0 ? (double)(look->cpu - last.cpu) / (double)since : 0;
    look_at_loops(own, look);
    look_at_caller(own, look, &last);
    if (look->idle) {
        ovl__park_unlock(lock);
        look_at_threads(look);
        ovl__park_lock(lock);
    }
    if (own->closing)
        return;
    start_loops(own, look);
    answer_blocked(own, look);
    look_for_standstill(own, look, &last);
    ovl__auto_hand_out(own);
}

static void *monitor_main(void *argument)
{
    struct ovl__auto *own = argument;
    struct ovl_executor *executor = own->executor;
    pthread_setname_np(pthread_self(), "ovl-auto");
    ovl__park_lock(&executor->lock);
    struct look look = {.at = ovl_now(), .cpu = cpu_of(CLOCK_PROCESS_CPUTIME_ID)};
    ovl_time woken = look.at;
    ovl_time worked = look.at;
    while (!own->closing) {
        bool works = executor->counts.queued || executor->counts.running;
        if (works)
            worked = look.at;
        own->monitor_sleeps = !works && look.at - worked > LINGER_NS;
        ovl_time length = look.at - woken < CLOSELY_NS ? SHORT_NS : LONG_NS;
        ovl_time until = own->monitor_sleeps ? OVL_FOREVER : ovl_after(length);
        if (!ovl__wait(&own->attention, &executor->lock, until))
            worked = woken = ovl_now();
        own->monitor_sleeps = false;
        if (!own->closing)
            look_around(own, &look);
    }
    own->monitor_ended = true;
    ovl__park_unlock(&executor->lock);
    ovl__auto_drop(own);
    return NULL;
}

int ovl__auto_start_monitor(struct ovl__auto *own)
{
    ovl__park_lock(&own->executor->lock);
    int error = 0;
    if (!own->closing) {
        atomic_fetch_add(&own->references, 1);
        error = -ovl__sys.pthread_create(&own->monitor, NULL, monitor_main, own);
        own->has_monitor = !error;
        if (error)
            atomic_fetch_sub(&own->references, 1);
    }
    ovl__park_unlock(&own->executor->lock);
    return error;
}

void ovl__auto_notice(struct ovl__auto *own)
{
    if (own->monitor_sleeps)
        ovl__wake_one(&own->attention);
}
