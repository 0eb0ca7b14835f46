/* The workers: coroutines of loops, and threads. */
#include "base/system.h"
#include "executor/auto/auto.h"
#include "loop/loop.h"

#include <errno.h>
#include <overlap/error.h>
#include <stdio.h>

/* --- numbers --- */

/* The caller's thread keeps its number from one task to the next, while no other wants it. */
static bool has_idle_caller(const struct ovl__auto *own)
{
    return own->has_caller && !own->caller_busy;
}

unsigned ovl__auto_take_number(struct ovl__auto *own, struct ovl__place *place)
{
    unsigned number = OVL_NO_WORKER;
    if (own->free_numbers.size) {
        own->free_numbers.size -= sizeof number;
        number = ((unsigned *)own->free_numbers.data)[own->free_numbers.size / sizeof number];
    } else if (own->numbers < own->executor->workers) {
        number = own->numbers++;
    } else if (has_idle_caller(own)) {
        number = own->caller.number;
        own->has_caller = false;
    }
    if (number != OVL_NO_WORKER)
        own->place_of[number] = place;
    return number;
}

void ovl__auto_give_number(struct ovl__auto *own, unsigned number)
{
    size_t size = own->free_numbers.size;
    own->place_of[number] = NULL;
    if (ovl__buffer_resize(&own->free_numbers, size + sizeof number))
        return; /* a worker less from now on */
    ((unsigned *)own->free_numbers.data)[size / sizeof number] = number;
}

static bool has_number(const struct ovl__auto *own)
{
    return own->free_numbers.size || own->numbers < own->executor->workers || has_idle_caller(own);
}

/* --- working --- */

static unsigned limit_of(const struct ovl__place *place)
{
    const struct ovl__auto *own = place->own;
    bool unknown = own->kind == OVL__UNKNOWN_WORK && place != &own->threads;
    return unknown ? ovl__auto_share(own) : place->limit;
}

static struct ovl_future *take(struct ovl__place *place)
{
    return place->active < limit_of(place) ? ovl__executor_take(place->own->executor) : NULL;
}

static void arrive(struct ovl__place *place)
{
    if (place->called)
        place->called--;
}

/* One that has too much company goes, so that its number is there for others: a coroutine for a
 * thread, a thread for whoever may run what is queued. */
static bool is_spare(const struct ovl__place *place)
{
    const struct ovl__place *threads = &place->own->threads;
    if (place->workers <= limit_of(place) || has_number(place->own))
        return false;
    return place == threads ? ovl__executor_may_take(place->own->executor)
                            : place->workers > 1 && threads->workers < threads->limit;
}

static void run(struct ovl__auto_worker *worker, struct ovl_future *future)
{
    struct ovl__place *place = worker->place;
    struct ovl__auto *own = place->own;
    pthread_mutex_t *lock = &own->executor->lock;
    place->active++;
    future->outcome.worker = worker->worker.number;
    ovl__auto_hand_out(own);
    ovl__park_unlock(lock);
    ovl__worker_run(&worker->worker, future);
    ovl__park_lock(lock);
    place->active--;
    place->held_up = false;
    ovl__auto_judge(own, place, future);
    ovl__future_finish(future);
}

void ovl__auto_work(struct ovl__auto_worker *worker)
{
    struct ovl__place *place = worker->place;
    struct ovl__auto *own = place->own;
    struct ovl_executor *executor = own->executor;
    ovl__park_lock(&executor->lock);
    arrive(place);
    for (;;) {
        struct ovl_future *future = take(place);
        if (future) {
            run(worker, future);
        } else if (is_spare(place)) {
            break;
        } else if (!executor->closing || !ovl__list_empty(&executor->queue)) {
            ovl__auto_hand_out(own);
            ovl__waits_for("work", -1);
            ovl__wait(&place->idle, &executor->lock, OVL_FOREVER);
            arrive(place);
        } else {
            break;
        }
    }
    ovl__park_unlock(&executor->lock);
    ovl__worker_release(&worker->worker);
    ovl__park_lock(&executor->lock);
    place->workers--;
    ovl__auto_give_number(own, worker->worker.number);
    ovl__auto_hand_out(own);
    ovl__park_unlock(&executor->lock);
}

/* --- handing out --- */

/* An idle worker, or a number for a new one: of few numbers each loop has its share. */
static bool has_worker(const struct ovl__place *place)
{
    const struct ovl__auto *own = place->own;
    if (!ovl__list_empty(&place->idle.waiters))
        return true;
    unsigned share = (own->executor->workers + own->loops_most - 1) / own->loops_most;
    return has_number(own) && (place == &own->threads || place->workers < share);
}

static bool has_room(const struct ovl__place *place)
{
    return !place->held_up && place->active + place->called < limit_of(place) && has_worker(place);
}

static struct ovl__auto_loop *loop_of(struct ovl__place *place)
{
    return ovl__of(place, struct ovl__auto_loop, place);
}

static void post_wanted(struct ovl__auto_loop *loop)
{
    if (!loop->wanted || loop->spawning)
        return;
    loop->spawning = true;
    ovl__loop_post(loop->loop, &loop->spawn);
}

/* Calls a worker that is idle, or has one more begin; false where there can be none. */
static bool call_worker(struct ovl__auto *own, struct ovl__place *place)
{
    if (ovl__wake_one(&place->idle)) {
        place->called++;
        return true;
    }
    if (!has_number(own))
        return false;
    if (place == &own->threads)
        return !ovl__auto_start_thread(own);
    place->workers++;
    place->called++;
    loop_of(place)->wanted++;
    post_wanted(loop_of(place));
    return true;
}

/* The loop with the fewest tasks, or the threads. */
static struct ovl__place *find_place(struct ovl__auto *own)
{
    struct ovl__place *found = has_room(&own->threads) ? &own->threads : NULL;
    for (unsigned i = 0; i < own->loop_count; i++) {
        struct ovl__place *place = &own->loops[i].place;
        if (has_room(place) &&
            (!found || place->active + place->called < found->active + found->called))
            found = place;
    }
    return found;
}

static unsigned count_called(const struct ovl__auto *own)
{
    unsigned called = own->threads.called;
    for (unsigned i = 0; i < own->loop_count; i++)
        called += own->loops[i].place.held_up ? 0 : own->loops[i].place.called;
    return called;
}

void ovl__auto_hand_out(struct ovl__auto *own)
{
    struct ovl_executor *executor = own->executor;
    if (own->closing || !ovl__executor_may_take(executor))
        return;
    unsigned limit = atomic_load_explicit(&executor->limit, memory_order_relaxed);
    size_t tasks = executor->counts.queued;
    if (tasks > limit - executor->active)
        tasks = limit - executor->active;
    for (size_t called = count_called(own); called < tasks; called++) {
        struct ovl__place *place = find_place(own);
        if (!place || !call_worker(own, place)) {
            if (is_spare(&own->threads))
                ovl__wake_one(&own->threads.idle);
            break;
        }
    }
}

/* --- loops --- */

static void coroutine_main(void *argument)
{
    struct ovl__auto_worker *worker = argument;
    ovl__auto_work(worker);
    free(worker);
}

static int spawn_worker(struct ovl__auto *own, struct ovl__auto_loop *loop)
{
    struct ovl__auto_worker *worker = ovl__zalloc(sizeof *worker);
    if (!worker)
        return -ENOMEM;
    unsigned number = ovl__auto_take_number(own, &loop->place);
    *worker = (struct ovl__auto_worker){
        .worker = {.executor = own->executor, .number = number},
        .place = &loop->place,
    };
    int error = number == OVL_NO_WORKER ? -EAGAIN : 0;
    if (!error)
        error = ovl__loop_spawn(loop->loop, coroutine_main, worker);
    if (!error)
        return 0;
    if (number != OVL_NO_WORKER)
        ovl__auto_give_number(own, number);
    free(worker);
    return error;
}

/* Whether a number is with somebody who takes what is queued. */
static bool has_workers(const struct ovl__auto *own)
{
    size_t taken = own->numbers - own->free_numbers.size / sizeof(unsigned);
    return taken > has_idle_caller(own);
}

/* So many coroutines begin at once; then they run before more of them do. */
#define SPAWN_AT_ONCE 32

static void want_no_more(struct ovl__auto_loop *loop)
{
    loop->place.workers -= loop->wanted;
    loop->place.called -= loop->wanted < loop->place.called ? loop->wanted : loop->place.called;
    loop->wanted = 0;
}

/* Fewer workers than wanted will do; without any, nothing would ever run. */
static int spawn_some(struct ovl__auto *own, struct ovl__auto_loop *loop)
{
    int error = 0;
    for (unsigned n = 0; loop->wanted && n < SPAWN_AT_ONCE && !error; n++) {
        error = spawn_worker(own, loop);
        if (!error)
            loop->wanted--;
    }
    if (error)
        want_no_more(loop);
    return error;
}

/*
 * Tasks that do not wait are done by the first few workers, before the others have begun: each
 * costs a stack, which makes a thousand tiny tasks dear.
 */
static void spawn_wanted(struct ovl__message *message)
{
    struct ovl__auto_loop *loop = ovl__of(message, struct ovl__auto_loop, spawn);
    struct ovl__auto *own = loop->place.own;
    struct ovl_executor *executor = own->executor;
    ovl__park_lock(&executor->lock);
    loop->spawning = false;
    if (has_workers(own) && !ovl__executor_may_take(executor))
        want_no_more(loop);
    int error = spawn_some(own, loop);
    if (error && !has_workers(own))
        ovl__executor_refuse_all(executor, error);
    post_wanted(loop);
    ovl__park_unlock(&executor->lock);
}

static void stop_loop(struct ovl__message *message)
{
    ovl__loop_stop(ovl__of(message, struct ovl__auto_loop, stop)->loop);
}

static void answer_ping(struct ovl__message *message)
{
    atomic_store(&ovl__of(message, struct ovl__auto_loop, ping)->answers, true);
}

static void *loop_main(void *argument)
{
    struct ovl__auto_loop *loop = argument;
    struct ovl__auto *own = loop->place.own;
    struct ovl_executor *executor = own->executor;
    pthread_setname_np(pthread_self(), "ovl-loop");
    atomic_store(&loop->tid, (int)gettid());
    if (loop == own->loops)
        ovl__auto_start_monitor(own);
    ovl__loop_run(loop->loop);
    ovl__park_lock(&executor->lock);
    loop->ended = true;
    ovl__park_unlock(&executor->lock);
    ovl__auto_drop(own);
    return NULL;
}

int ovl__auto_start_loop(struct ovl__auto *own)
{
    struct ovl__auto_loop *loop = &own->loops[own->loop_count];
    loop->place.own = own;
    loop->place.limit = own->executor->workers;
    ovl__wait_list_init(&loop->place.idle);
    loop->spawn.handle = spawn_wanted;
    loop->stop.handle = stop_loop;
    loop->ping.handle = answer_ping;
    int error = ovl__loop_new(own->executor->options.stack_bytes, &loop->loop);
    if (error)
        return error;
    atomic_fetch_add(&own->references, 1);
    error = -ovl__sys.pthread_create(&loop->thread, NULL, loop_main, loop);
    if (error) {
        atomic_fetch_sub(&own->references, 1);
        ovl__loop_free(loop->loop);
        loop->loop = NULL;
        return error;
    }
    own->loop_count++;
    return 0;
}

/* --- threads --- */

static void *thread_main(void *argument)
{
    struct ovl__auto_thread *thread = argument;
    struct ovl__auto *own = thread->of.place->own;
    struct ovl_executor *executor = own->executor;
    char name[16];
    snprintf(name, sizeof name, "ovl-%u", thread->of.worker.number);
    pthread_setname_np(pthread_self(), name);
    ovl__auto_work(&thread->of);
    ovl__park_lock(&executor->lock);
    thread->ended = true;
    ovl__park_unlock(&executor->lock);
    ovl__auto_drop(own);
    return NULL;
}

static int create(struct ovl__auto *own, struct ovl__auto_thread *thread)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (own->executor->options.stack_bytes >= (size_t)PTHREAD_STACK_MIN)
        pthread_attr_setstacksize(&attributes, own->executor->options.stack_bytes);
    int error = -ovl__sys.pthread_create(&thread->id, &attributes, thread_main, thread);
    pthread_attr_destroy(&attributes);
    return error;
}

int ovl__auto_start_thread(struct ovl__auto *own)
{
    struct ovl__auto_thread *thread = ovl__zalloc(sizeof *thread);
    if (!thread)
        return -ENOMEM;
    unsigned number = ovl__auto_take_number(own, &own->threads);
    thread->of = (struct ovl__auto_worker){
        .worker = {.executor = own->executor, .number = number},
        .place = &own->threads,
    };
    atomic_fetch_add(&own->references, 1);
    int error = number == OVL_NO_WORKER ? -EAGAIN : create(own, thread);
    if (error) {
        atomic_fetch_sub(&own->references, 1);
        if (number != OVL_NO_WORKER)
            ovl__auto_give_number(own, number);
        free(thread);
        return error;
    }
    own->threads.workers++;
    own->threads.called++;
    thread->next = own->all_threads;
    own->all_threads = thread;
    return 0;
}
