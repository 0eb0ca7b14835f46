/* What the tasks are like, and how many workers of which kind that calls for. */
#include "executor/auto/auto.h"
#include "executor/decisions.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* The tally counts so many tasks at most; then all that is in it fades to a part. What waited for
 * long outweighs many that compute: it must be gone before a few hundred of these have ended. */
#define TALLY 64
#define FADES 4

/* From this share of their time on, tasks wait where no hook sees it. */
#define UNSEEN_SHARE 0.2

/* From this share on, tasks compute. */
#define COMPUTING_SHARE 0.7

/* Below this share of computing the number of coroutines is the waits' affair alone. */
#define LITTLE_COMPUTING 0.02

/* What a tiny task takes at most, and how many are seen before it is believed. */
#define TINY_NS  (20 * OVL_MICROSECOND)
#define TINY_SEE 64

/* So many windows of as many tasks in a row must lose by being handed over, once that paid. */
#define TINY_WINDOWS 4

/* A tiny task that takes so many times as long has grown: several in a row, or one that takes long
 * beyond doubt, are another kind of work. */
#define GROWN       4
#define GROWN_TASKS 3
#define GROWN_NS    OVL_MILLISECOND

/* What running a task at once costs beside the task: about. */
#define AT_ONCE_NS 300

/* With how many coroutines it begins to search, once it has to. */
#define COROUTINES 256

/* --- decisions --- */

static struct ovl__basis basis_now(const struct ovl__auto *own)
{
    const struct ovl__tally *tally = &own->tally;
    if (tally->count < 1)
        return (struct ovl__basis){0};
    return (struct ovl__basis){
        .computing = (ovl_time)(tally->cpu / tally->count),
        .waits = (ovl_time)(tally->waits / tally->count),
        .unseen = (ovl_time)(tally->unseen / tally->count),
        .disk = (ovl_time)(tally->disk / tally->count),
        .tasks = own->executor->counts.queued + own->executor->counts.running,
        .cores = own->cores,
    };
}

__attribute__((format(printf, 4, 5))) static void
decide(struct ovl__auto *own, enum ovl_model model, unsigned workers, const char *reason, ...)
{
    struct ovl__decided *decided = ovl__decisions_add(own->executor->decisions);
    decided->basis = basis_now(own);
    struct ovl_decision *decision = &decided->decision;
    *decision = (struct ovl_decision){
        .time = ovl_now(),
        .model = model,
        .workers = workers,
        .tasks = own->ended,
    };
    va_list arguments;
    va_start(arguments, reason);
    vsnprintf(decision->reason, sizeof decision->reason, reason, arguments);
    va_end(arguments);
}

void ovl__auto_begin(struct ovl__auto *own)
{
    decide(own, OVL_ASYNC, own->executor->workers,
           "begins with coroutines, of up to %u loop%s, and looks at what the tasks do",
           own->loops_most, own->loops_most == 1 ? "" : "s");
}

/* --- limits --- */

unsigned ovl__auto_share(const struct ovl__auto *own)
{
    size_t tasks = own->executor->counts.queued + own->executor->active;
    size_t share = tasks / own->loops_most + 1;
    return share < 4 ? 4 : share > UINT32_MAX ? UINT32_MAX : (unsigned)share;
}

static void limit_loops(struct ovl__auto *own, unsigned each)
{
    for (unsigned i = 0; i < own->loops_most; i++)
        own->loops[i].place.limit = each;
}

/* Idle workers that are too many go, where numbers are short. */
static void thin_out(struct ovl__auto *own)
{
    for (unsigned i = 0; i < own->loop_count; i++)
        if (own->loops[i].place.workers > own->loops[i].place.limit)
            ovl__wake_all(&own->loops[i].place.idle);
}

static double share_of(double part, const struct ovl__tally *tally)
{
    return tally->duration > 0 ? part / tally->duration : 0;
}

static double computing_share(const struct ovl__tally *tally)
{
    double all = tally->cpu + tally->waits + tally->unseen + tally->disk;
    return all > 0 ? tally->cpu / all : 0;
}

/* As many coroutines as pay, and no more than keep a loop busy: a task that has begun stays. */
static unsigned coroutines_each(const struct ovl__auto *own)
{
    unsigned workers = own->loop_tuner ? ovl_tuner_workers(own->loop_tuner) : COROUTINES;
    unsigned each = (workers + own->loops_most - 1) / own->loops_most;
    double computing = computing_share(&own->tally);
    double busy = computing >= LITTLE_COMPUTING ? ceil(2 / computing) + 1 : each;
    return busy < each ? (unsigned)busy : each;
}

static unsigned threads_now(const struct ovl__auto *own)
{
    unsigned workers = own->thread_tuner ? ovl_tuner_workers(own->thread_tuner) : 0;
    return workers > own->threads.limit ? workers : own->threads.limit;
}

/* --- the kinds of work --- */

static void be_waiting(struct ovl__auto *own)
{
    own->threads.limit = 0;
    unsigned each = coroutines_each(own);
    limit_loops(own, each);
    double computing = 100 * computing_share(&own->tally);
    decide(own, OVL_ASYNC, each * own->loops_most,
           "the tasks wait for %.0f%% of their time, where they can give way", 100 - computing);
}

static void be_computing(struct ovl__auto *own)
{
    double share = computing_share(&own->tally);
    own->threads.limit = 0;
    limit_loops(own, share >= 0.9 ? 1 : 2);
    decide(own, OVL_THREADS, own->loops_most,
           "the tasks compute for %.0f%% of their time: one at a time on each processor",
           100 * share);
}

static void be_unseen(struct ovl__auto *own, unsigned threads)
{
    limit_loops(own, 1);
    if (own->threads.limit < threads)
        own->threads.limit = threads;
    bool disk = own->tally.disk > own->tally.unseen;
    decide(
        own, OVL_THREADS, own->threads.limit + own->loops_most, "%s",
        disk ? "the tasks wait for files, for each of which a coroutine would need a helper thread"
             : "the tasks wait where no hook sees it, and would hold up others in a loop");
    thin_out(own);
}

static void be_tiny(struct ovl__auto *own)
{
    own->tiny_ns = own->tally.cpu / own->tally.count;
    decide(own, OVL_SYNC, 1,
           "a task takes %.1f us: handing it over costs more than it gains, so that maps run them "
           "at once",
           own->tiny_ns / (double)OVL_MICROSECOND);
}

static void set_kind(struct ovl__auto *own, enum ovl__kind_of_work kind)
{
    own->kind = kind;
    atomic_store_explicit(&own->executor->in_place, kind == OVL__TINY_WORK, memory_order_relaxed);
}

static void become(struct ovl__auto *own, enum ovl__kind_of_work kind)
{
    set_kind(own, kind);
    switch (kind) {
    case OVL__WAITING_WORK:
        be_waiting(own);
        break;
    case OVL__COMPUTING_WORK:
        be_computing(own);
        break;
    case OVL__UNSEEN_WORK:
        be_unseen(own, OVL__THREADS_FIRST);
        break;
    case OVL__TINY_WORK:
        be_tiny(own);
        break;
    case OVL__UNKNOWN_WORK:
        break;
    }
    ovl__auto_hand_out(own);
}

/* Whether one after the other, at once, would have been as quick as it went: window by window. */
static void see_handing_over(struct ovl__auto *own, ovl_time now)
{
    size_t ended = own->ended - own->window_ended;
    if (ended < TINY_SEE)
        return;
    double mean = own->tally.duration / own->tally.count;
    double at_once = (mean + AT_ONCE_NS) * (double)ended;
    bool loses = at_once <= 1.1 * (double)(now - own->window_start);
    own->losing = loses ? own->losing + 1 : 0;
    own->window_start = now;
    own->window_ended = own->ended;
}

static enum ovl__kind_of_work look(const struct ovl__auto *own)
{
    const struct ovl__tally *tally = &own->tally;
    double mean = (tally->cpu + tally->waits + tally->disk) /
                  tally->count; /* what it lost to others is not its own */
    if (share_of(tally->unseen + tally->disk, tally) >= UNSEEN_SHARE)
        return OVL__UNSEEN_WORK;
    if (tally->cpu < COMPUTING_SHARE * (tally->cpu + tally->waits))
        return OVL__WAITING_WORK;
    if (mean >= TINY_NS)
        return OVL__COMPUTING_WORK;
    bool unknown = own->kind == OVL__UNKNOWN_WORK;
    if (own->kind == OVL__TINY_WORK || own->losing >= (unknown ? 1 : TINY_WINDOWS))
        return OVL__TINY_WORK;
    return unknown && own->ended < TINY_SEE ? OVL__UNKNOWN_WORK : OVL__COMPUTING_WORK;
}

/* --- tasks that end --- */

static void fade(struct ovl__tally *tally)
{
    tally->count /= FADES;
    tally->duration /= FADES;
    tally->cpu /= FADES;
    tally->waits /= FADES;
    tally->unseen /= FADES;
    tally->disk /= FADES;
}

static void add(struct ovl__tally *tally, const struct ovl__meter *meter)
{
    if (tally->count >= TALLY)
        fade(tally);
    tally->count++;
    tally->duration += (double)(meter->record.end - meter->record.start);
    tally->cpu += (double)meter->record.cpu_ns;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        tally->waits += (double)meter->record.wait_ns[i];
    tally->waits -= (double)meter->record.wait_ns[OVL_WAIT_DISK];
    tally->disk += (double)meter->record.wait_ns[OVL_WAIT_DISK];
    for (uint32_t i = 0; i < meter->trail.count; i++) {
        struct ovl_segment segment = ovl__trail_read(&meter->trail, i);
        if (segment.kind == OVL_UNSEEN)
            tally->unseen += (double)segment.length_ns;
    }
}

static struct ovl_tuner *tuner_for(struct ovl__auto *own, const struct ovl__place *place)
{
    bool threads = place == &own->threads;
    struct ovl_tuner **tuner = threads ? &own->thread_tuner : &own->loop_tuner;
    unsigned most = own->executor->workers;
    if (threads && most > OVL_WORKERS_MAX)
        most = OVL_WORKERS_MAX;
    struct ovl_tuner_options options = {
        .most = most,
        .start = threads ? (own->threads.limit ? own->threads.limit : 1) : COROUTINES,
        .cores = own->cores,
    };
    if (!*tuner && ovl_tuner_open(&options, tuner))
        return NULL;
    return *tuner;
}

static unsigned active_at(const struct ovl__auto *own, const struct ovl__place *place)
{
    if (place == &own->threads)
        return place->active;
    unsigned active = 0;
    for (unsigned i = 0; i < own->loop_count; i++)
        active += own->loops[i].place.active;
    return active;
}

/* Whether the tuner of the place has another number now. */
static void tune(struct ovl__auto *own, struct ovl__place *place, const struct ovl_record *record)
{
    struct ovl_tuner *tuner = tuner_for(own, place);
    if (!tuner)
        return;
    struct ovl_completion completion = {
        .end = record->end,
        .duration_ns = record->end - record->start,
        .cpu_ns = record->cpu_ns,
        .bytes = record->bytes_in + record->bytes_out,
        .running = active_at(own, place) + 1,
        .failed = record->error != 0,
    };
    unsigned before = ovl_tuner_workers(tuner);
    unsigned after = ovl_tuner_add(tuner, &completion);
    if (after == before)
        return;
    struct ovl_tuner_event event = {0};
    ovl_tuner_event(tuner, ovl_tuner_event_count(tuner) - 1, &event);
    if (place == &own->threads && own->kind == OVL__UNSEEN_WORK) {
        own->threads.limit = after;
        decide(own, OVL_THREADS, after, "%s", event.reason);
    } else if (place != &own->threads && own->kind == OVL__WAITING_WORK) {
        limit_loops(own, coroutines_each(own));
        decide(own, OVL_ASYNC, after, "%s", event.reason);
    }
    ovl__auto_hand_out(own);
}

/* Often at first, then now and then. */
static bool is_time_to_judge(const struct ovl__auto *own)
{
    size_t since = own->ended - own->judged;
    return since >= TALLY / 2 || own->ended <= 4 || (own->ended & (own->ended - 1)) == 0;
}

/* Whether tiny tasks have become others. What a task lost to others is not its own. */
static bool have_grown(struct ovl__auto *own, const struct ovl_record *record)
{
    ovl_time length = record->cpu_ns;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        length += record->wait_ns[i];
    if (own->kind != OVL__TINY_WORK || (double)length <= GROWN * own->tiny_ns + (double)TINY_NS) {
        own->grown = 0;
        return false;
    }
    return ++own->grown >= GROWN_TASKS || length >= GROWN_NS;
}

static void forget_tiny(struct ovl__auto *own)
{
    own->tally = (struct ovl__tally){0};
    own->grown = 0;
    own->losing = 0;
}

void ovl__auto_judge(struct ovl__auto *own, struct ovl__place *place, struct ovl_future *future)
{
    const struct ovl__meter *meter = &future->more->meter;
    const struct ovl_record *record = &meter->record;
    own->ended++;
    if (!record->start)
        return; /* not measured, or its session could not be opened */
    if (!own->window_start || record->start < own->window_start) {
        own->window_start = record->start;
        own->window_ended = own->ended - 1;
    }
    bool grown = have_grown(own, record);
    if (grown)
        forget_tiny(own);
    add(&own->tally, meter);
    if (place && record->end - record->start >= TINY_NS)
        tune(own, place, record);
    if (!is_time_to_judge(own) && !grown)
        return;
    own->judged = own->ended;
    see_handing_over(own, record->end);
    enum ovl__kind_of_work kind = look(own);
    if (kind != own->kind)
        become(own, kind);
    else if (kind == OVL__WAITING_WORK)
        limit_loops(own, coroutines_each(own));
}

void ovl__auto_outgrown(struct ovl__auto *own)
{
    forget_tiny(own);
    set_kind(own, OVL__UNKNOWN_WORK);
    decide(own, OVL_ASYNC, own->executor->workers,
           "a task takes long in the thread that called: looks at what they do anew");
}

/* A slow server looks the same: not all at once. Each time that they stand still, twice as many. */
static void raise_waiting(struct ovl__auto *own)
{
    struct ovl_tuner *tuner = tuner_for(own, &own->loops[0].place);
    if (!tuner)
        return;
    unsigned before = coroutines_each(own);
    own->tally = (struct ovl__tally){0}; /* it tells how many keep a loop busy: these do not */
    if (coroutines_each(own) <= before)
        ovl_tuner_raise(tuner, ovl_now(), 2 * ovl_tuner_workers(tuner), "none of them ends");
    if (coroutines_each(own) <= before)
        return;
    limit_loops(own, coroutines_each(own));
    decide(own, OVL_ASYNC, coroutines_each(own) * own->loops_most,
           "none ends, and the processors are idle: they may wait for each other, and more begin");
}

void ovl__auto_stuck(struct ovl__auto *own)
{
    if (own->kind == OVL__WAITING_WORK) {
        raise_waiting(own);
        return;
    }
    set_kind(own, OVL__UNKNOWN_WORK);
    decide(
        own, OVL_ASYNC, own->executor->workers,
        "none ends, and the processors are idle: they may wait for each other, and all may begin");
}

void ovl__auto_unseen(struct ovl__auto *own, unsigned threads)
{
    set_kind(own, OVL__UNSEEN_WORK);
    be_unseen(own, threads > threads_now(own) ? threads : threads_now(own));
    ovl__auto_hand_out(own);
}
