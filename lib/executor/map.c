#include "base/atomic.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "executor/executor.h"
#include "executor/in_place.h"

#include <errno.h>
#include <overlap/error.h>
#include <overlap/map.h>
#include <string.h>

/* A task of a stream, between `next` and `each`. */
struct place {
    struct ovl__link order; /* among the free ones, or among those taken, by their index */
    struct ovl__link done;  /* among those that have ended */
    struct stream_run *run;
    struct ovl_future *future;
    size_t index;
};

struct stream_run {
    const struct ovl_stream *stream;
    struct ovl_executor *executor;
    ovl_task_fn *fn;
    struct ovl__in_place in_place;
    struct place *places;   /* as many as the window; made when they are first needed */
    size_t room;            /* how many that is */
    size_t made;            /* and how many are made */
    struct ovl__link free;  /* of struct place */
    struct ovl__link taken; /* of struct place, by their index */
    size_t count;           /* of items taken from `next` so far */
    bool ended;             /* `next` gives no more */
    bool later;             /* `next` has none now; it is asked again when something has changed */
    ovl_time later_at;      /* or by then */
    bool stopped;           /* `each` takes no more */
    int error;              /* what ended the stream */
    bool failed;            /* some task did */
    bool unannounced;       /* some task was submitted quietly */
    struct ovl__link gathered; /* of struct place: taken out of `done` together, in its order */
    size_t given;              /* how many of those that have ended */
    atomic_size_t ends;        /* how many have ended; written under the lock */
    pthread_mutex_t lock;
    /* Under the lock, which is taken after the executor's: */
    struct ovl__link done;          /* of struct place, as they ended */
    bool dozing;                    /* the caller may sleep on though `done` is not empty, */
    bool starving;                  /* unless workers may run out of tasks */
    struct ovl__wait_list progress; /* the caller, while `done` is empty */
};

static void note_end(void *context, struct ovl_future *future)
{
    (void)future;
    struct place *place = context;
    struct stream_run *run = place->run;
    ovl__park_lock(&run->lock);
    ovl__list_append(&run->done, &place->done);
    atomic_store_explicit(&run->ends, atomic_load_explicit(&run->ends, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (run->dozing && !run->executor->ops->core->queued(run->executor))
        run->starving = true;
    if (!run->dozing || run->starving)
        ovl__wake_all(&run->progress);
    ovl__park_unlock(&run->lock);
}

static void stop(struct stream_run *run, int error)
{
    run->ended = true;
    if (!run->error)
        run->error = error;
}

/* Whether one more task may be taken. */
static bool has_place(const struct stream_run *run)
{
    return !ovl__list_empty(&run->free) || run->made < run->room;
}

static struct place *free_place(struct stream_run *run)
{
    if (ovl__list_empty(&run->free)) {
        struct place *place = &run->places[run->made++];
        *place = (struct place){.run = run};
        ovl__list_init(&place->done);
        ovl__list_append(&run->free, &place->order);
    }
    return ovl__of(run->free.next, struct place, order);
}

static void hand_over(struct stream_run *run, size_t index, const struct ovl_outcome *outcome,
                      struct ovl_bytes result)
{
    run->later = false;
    run->failed |= outcome->error != 0;
    if (!run->stream->each || run->stopped)
        return;
    int wish = run->stream->each(run->stream->context, index, outcome, result);
    if (wish) {
        stop(run, wish);
        run->error = wish;
        run->stopped = true;
    }
}

/* Results in the order of the items wait for those before them. */
static bool runs_in_place(struct stream_run *run, struct ovl_bytes item)
{
    bool in_turn = run->stream->as_completed || ovl__list_empty(&run->taken);
    if (!in_turn || !ovl__in_place_run(&run->in_place, item))
        return false;
    const struct ovl_future *future = &run->in_place.future;
    bool failed = future->outcome.error != 0;
    struct ovl_bytes result = {future->result.data, failed ? 0 : future->result.size};
    hand_over(run, run->count++, &future->outcome, result);
    return true;
}

static void submit_item(struct stream_run *run, struct ovl_bytes item)
{
    struct place *place = free_place(run);
    place->index = run->count;
    struct ovl__submit_extras extras = {
        .notify = note_end,
        .notify_context = place,
        .quietly = run->stream->prompt,
    };
    int error =
        ovl__submit(run->executor, run->fn, item, &run->stream->task, &extras, &place->future);
    if (error) {
        stop(run, error);
        return;
    }
    run->unannounced |= run->stream->prompt;
    run->count++;
    ovl__list_remove(&place->order);
    ovl__list_append(&run->taken, &place->order);
}

static void take_next(struct stream_run *run)
{
    struct ovl_bytes item = {0};
    int more = run->stream->next(run->stream->context, &item);
    if (more == OVL_STREAM_LATER) {
        run->later = true;
        run->later_at = run->stream->later ? run->stream->later(run->stream->context) : OVL_FOREVER;
    } else if (more <= 0) {
        stop(run, more);
    } else if (!runs_in_place(run, item)) {
        submit_item(run, item);
    }
}

static void give(struct stream_run *run, struct place *place)
{
    struct ovl_bytes result;
    ovl_future_result(place->future, &result);
    struct ovl_outcome outcome = ovl_future_outcome(place->future);
    hand_over(run, place->index, &outcome, result);
    if (!run->stream->as_completed) { /* else it was taken out when it was found */
        ovl__park_lock(&run->lock);
        ovl__list_remove(&place->done);
        ovl__park_unlock(&run->lock);
    }
    run->given++;
    ovl_future_free(place->future);
    ovl__list_remove(&place->order);
    ovl__list_prepend(&run->free, &place->order); /* what was used last is near */
}

/* Until when the caller waits for a task to end: then `next` is asked again. */
static ovl_time wait_end(const struct stream_run *run)
{
    return run->later ? run->later_at : OVL_FOREVER;
}

/* Lets results gather for a while, as long as no worker runs out of tasks. */
static void doze(struct stream_run *run)
{
    ovl_time end = ovl_after(run->stream->patience_ns);
    if (end > wait_end(run))
        end = wait_end(run);
    ovl__park_lock(&run->lock);
    run->dozing = true; /* whatever ends from here on looks whether there is more */
    run->starving = false;
    ovl__park_unlock(&run->lock);
    struct ovl_counts counts;
    ovl_executor_counts(run->executor, &counts);
    ovl__park_lock(&run->lock);
    if (!counts.queued)
        run->starving = true;
    while (!run->starving && !ovl__wait(&run->progress, &run->lock, end))
        ;
    run->dozing = false;
    ovl__park_unlock(&run->lock);
}

static void help(struct stream_run *run)
{
    struct ovl_executor *executor = run->executor;
    ovl__park_lock(&run->lock);
    bool waits = ovl__list_empty(&run->done);
    ovl__park_unlock(&run->lock);
    if (!waits)
        return;
    ovl__park_lock(&executor->lock);
    executor->ops->help(executor, NULL);
    ovl__park_unlock(&executor->lock);
}

/* A task that ended waits to be given. It may not be seen at once. */
static bool some_ended(const struct stream_run *run)
{
    return atomic_load_explicit(&run->ends, memory_order_relaxed) != run->given;
}

static void look_around(const struct stream_run *run)
{
    if (ovl__current && ovl__current->coroutine)
        return;
    for (int look = 0; look < OVL__LOOKS && !some_ended(run); look++)
        ovl__spin_hint();
}

/* Takes out all tasks that have ended. The lock is held. */
static void take_done(struct stream_run *run)
{
    ovl__list_splice(&run->gathered, &run->done);
}

/* The task that ended first of those that were taken out; NULL: there is none. */
static struct place *next_gathered(struct stream_run *run)
{
    struct ovl__link *link = ovl__list_take(&run->gathered);
    return link ? ovl__of(link, struct place, done) : NULL;
}

/* Takes out the first task that ended; NULL where the time is up. */
static struct place *wait_done(struct stream_run *run)
{
    if (run->stream->patience_ns)
        doze(run);
    else if (!run->executor->ops->help)
        look_around(run);
    if (run->executor->ops->help)
        help(run);
    ovl__park_lock(&run->lock);
    int error = 0;
    while (ovl__list_empty(&run->done) && !error)
        error = ovl__wait(&run->progress, &run->lock, wait_end(run));
    take_done(run);
    ovl__park_unlock(&run->lock);
    return next_gathered(run);
}

/*
 * The next task that ended; NULL where it is time to ask `next` again. A caller that is itself a
 * task of the executor must not only wait: it waits for its oldest task, and runs it if nobody has
 * begun it.
 */
static struct place *next_done(struct stream_run *run)
{
    if (ovl__list_empty(&run->taken))
        return wait_done(run);
    struct place *oldest = ovl__of(run->taken.next, struct place, order);
    if (!run->stream->as_completed || ovl__task_here(run->executor)) {
        if (ovl__future_await(oldest->future, wait_end(run)))
            return NULL;
        if (!run->stream->as_completed)
            return oldest;
    }
    return wait_done(run);
}

/* Waits for what is taken, or for the time to ask `next` again. */
static void await(struct stream_run *run)
{
    if (run->later && run->later_at == OVL_FOREVER && ovl__list_empty(&run->taken)) {
        stop(run, -EDEADLK);
        return;
    }
    struct place *place = next_done(run);
    if (place)
        give(run, place);
    else
        run->later = false;
}

static void cancel_rest(struct stream_run *run)
{
    for (struct ovl__link *link = run->taken.next; link != &run->taken; link = link->next)
        ovl_future_cancel(ovl__of(link, struct place, order)->future);
}

/* The next task to give, if it is seen to have ended already. */
static struct place *ready_now(struct stream_run *run)
{
    if (ovl__list_empty(&run->taken))
        return NULL;
    if (!run->stream->as_completed) {
        struct place *oldest = ovl__of(run->taken.next, struct place, order);
        return ovl_future_done(oldest->future) ? oldest : NULL;
    }
    if (ovl__list_empty(&run->gathered) && some_ended(run)) {
        ovl__park_lock(&run->lock);
        take_done(run);
        ovl__park_unlock(&run->lock);
    }
    return next_gathered(run);
}

static void announce(struct stream_run *run)
{
    run->unannounced = false;
    ovl__executor_announce(run->executor);
}

/* What has ended is given before more is taken: under sync that is each task before the next
 * begins. */
static void pump(struct stream_run *run)
{
    bool cancelled = false;
    for (;;) {
        if (run->stopped && !cancelled) {
            cancel_rest(run);
            cancelled = true;
        }
        struct place *ready = ready_now(run);
        if (ready)
            give(run, ready);
        else if (!run->ended && !run->later && has_place(run))
            take_next(run);
        else if (run->unannounced)
            announce(run);
        else if (!ovl__list_empty(&run->taken) || (run->later && !run->ended))
            await(run);
        else
            return;
    }
}

static size_t default_window(const struct ovl_executor *executor)
{
    size_t window = 2 * (size_t)executor->workers;
    return window < 64 ? 64 : window;
}

/* A window may be wide, and its map short: what is not used is not touched. */
static int prepare_places(struct stream_run *run, size_t count)
{
    if (count > SIZE_MAX / sizeof *run->places)
        return -ENOMEM;
    run->places = ovl__sys.malloc(count * sizeof *run->places);
    run->room = count;
    return run->places ? 0 : -ENOMEM;
}

int ovl_map_stream(struct ovl_executor *executor, ovl_task_fn *fn, const struct ovl_stream *stream)
{
    struct stream_run run = {.stream = stream, .executor = executor, .fn = fn};
    ovl__list_init(&run.free);
    ovl__list_init(&run.taken);
    ovl__list_init(&run.done);
    ovl__list_init(&run.gathered);
    ovl__wait_list_init(&run.progress);
    ovl__park_lock_init(&run.lock);
    int error = prepare_places(&run, stream->window ? stream->window : default_window(executor));
    if (error)
        return error;
    ovl__in_place_init(&run.in_place, executor, fn, &stream->task);
    pump(&run);
    ovl__in_place_release(&run.in_place);
    free(run.places);
    pthread_mutex_destroy(&run.lock);
    if (run.error)
        return run.error;
    return run.failed ? OVL_ETASKS : 0;
}

/* --- a map over arrays, where the core has no better way, is a stream over their places --- */

struct array_map {
    const struct ovl__map *map;
    size_t next;
    bool failed;
};

static int next_place(void *context, struct ovl_bytes *ret_item)
{
    struct array_map *run = context;
    const struct ovl__map *map = run->map;
    if (run->next == map->count)
        return 0;
    *ret_item = (struct ovl_bytes){
        .data = map->items + run->next * map->item_size,
        .size = map->item_size,
    };
    run->next++;
    return 1;
}

static int put_result(void *context, size_t index, const struct ovl_outcome *outcome,
                      struct ovl_bytes result)
{
    struct array_map *run = context;
    const struct ovl__map *map = run->map;
    struct ovl_outcome final = *outcome;
    if (!final.error && map->result_size && result.size != map->result_size)
        final.error = OVL_ERESULTSIZE;
    if (map->result_size && !final.error)
        memcpy(map->results + index * map->result_size, result.data, map->result_size);
    if (map->outcomes)
        map->outcomes[index] = final;
    run->failed |= final.error != 0;
    return 0;
}

static int map_by_stream(struct ovl_executor *executor, const struct ovl__map *map)
{
    struct array_map run = {.map = map};
    struct ovl_stream stream = {
        .next = next_place,
        .each = put_result,
        .context = &run,
        .prompt = true,
        .as_completed = true,
    };
    int error = ovl_map_stream(executor, map->fn, &stream);
    return !error && run.failed ? OVL_ETASKS : error;
}

/* What a map finds where it ends before it has begun. */
static void refuse_all(const struct ovl__map *map)
{
    if (map->result_size && map->count)
        memset(map->results, 0, map->count * map->result_size);
    for (size_t i = 0; map->outcomes && i < map->count; i++)
        map->outcomes[i] = (struct ovl_outcome){.error = OVL_ECANCELED, .worker = OVL_NO_WORKER};
}

int ovl_map(struct ovl_executor *executor, ovl_task_fn *fn, const void *items, size_t item_size,
            void *results, size_t result_size, size_t count, struct ovl_outcome *outcomes)
{
    struct ovl__map map = {
        .fn = fn,
        .items = items,
        .item_size = item_size,
        .results = results,
        .result_size = result_size,
        .count = count,
        .outcomes = outcomes,
    };
    const struct ovl__model_ops *ops = executor->ops;
    if (ops->core->map)
        return ops->core->map(executor, &map);
    refuse_all(&map);
    if (ovl__executor_is_copy(executor))
        return OVL_ECLOSED;
    return ops->map ? ops->map(executor, &map) : map_by_stream(executor, &map);
}
