#include "executor/executor.h"

#include "base/processor.h"
#include "coroutine/coroutine.h"

#include <errno.h>
#include <limits.h>
#include <overlap/error.h>
#include <overlap/ledger.h>
#include <string.h>

#define DEFAULT_QUEUE_LIMIT 1024

/* How long a close whose deadline has passed waits for tasks that notice that they were cancelled.
 */
#define GRACE_NS (200 * OVL_MILLISECOND)

static const struct {
    const char *name;
    const char *python_name;
    const struct ovl__model_ops *ops;
} models[OVL_MODEL_COUNT] = {
    [OVL_SYNC] = {"sync", "synchronous", &ovl__model_sync},
    [OVL_THREADS] = {"threads", "threading", &ovl__model_threads},
    [OVL_ASYNC] = {"async", "asyncio", &ovl__model_async},
    [OVL_PROCESSES] = {"processes", "multiprocessing", &ovl__model_processes},
};

const char *ovl_model_name(enum ovl_model model)
{
    return (unsigned)model < OVL_MODEL_COUNT ? models[model].name : NULL;
}

int ovl_model_parse(const char *name, enum ovl_model *ret_model)
{
    for (int i = 0; i < OVL_MODEL_COUNT; i++) {
        if (!strcmp(name, models[i].name) || !strcmp(name, models[i].python_name)) {
            *ret_model = (enum ovl_model)i;
            return 0;
        }
    }
    return OVL_EMODEL;
}

unsigned ovl_model_default_workers(enum ovl_model model)
{
    switch (model) {
    case OVL_SYNC:
        return 1;
    case OVL_THREADS:
        return 5;
    case OVL_ASYNC:
        return 10000;
    case OVL_PROCESSES:
        return ovl__processors();
    }
    return 1;
}

/* --- opening and closing --- */

void ovl__executor_hold(struct ovl_executor *executor)
{
    atomic_fetch_add_explicit(&executor->references, 1, memory_order_relaxed);
}

void ovl__executor_drop(struct ovl_executor *executor)
{
    if (atomic_fetch_sub_explicit(&executor->references, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&executor->lock);
    free(executor);
}

static struct ovl_executor *new_executor(const struct ovl__model_ops *ops,
                                         const struct ovl_options *options)
{
    struct ovl_executor *executor = ovl__zalloc(sizeof *executor);
    if (!executor)
        return NULL;
    executor->ops = ops;
    executor->options = *options;
    if (!executor->options.queue_limit)
        executor->options.queue_limit = DEFAULT_QUEUE_LIMIT;
    executor->workers = options->workers;
    atomic_init(&executor->limit, options->limit ? options->limit : UINT_MAX);
    executor->ledger = options->ledger;
    atomic_init(&executor->references, 1);
    pthread_mutex_init(&executor->lock, NULL);
    ovl__list_init(&executor->queue);
    ovl__list_init(&executor->running);
    ovl__wait_list_init(&executor->work);
    ovl__wait_list_init(&executor->room);
    ovl__wait_list_init(&executor->quiet);
    return executor;
}

int ovl_executor_open(enum ovl_model model, const struct ovl_options *options,
                      struct ovl_executor **ret_executor)
{
    if ((unsigned)model >= OVL_MODEL_COUNT)
        return OVL_EMODEL;
    const struct ovl__model_ops *ops = models[model].ops;
    struct ovl_options filled = options ? *options : (struct ovl_options){0};
    if (!filled.workers)
        filled.workers = ovl_model_default_workers(model);
    if (filled.workers > ops->workers_max)
        return -EINVAL;
    struct ovl_executor *executor = new_executor(ops, &filled);
    if (!executor)
        return -ENOMEM;
    int error = ops->open(executor);
    if (error) {
        ovl__executor_drop(executor);
        return error;
    }
    *ret_executor = executor;
    return 0;
}

static bool is_quiet(const struct ovl_executor *executor)
{
    return !executor->counts.queued && !executor->counts.running;
}

static void wait_until_quiet(struct ovl_executor *executor, ovl_time deadline)
{
    while (!is_quiet(executor) && !ovl__wait(&executor->quiet, &executor->lock, deadline))
        ;
}

static void cancel_all(struct ovl_executor *executor)
{
    struct ovl__link *next;
    for (struct ovl__link *link = executor->running.next; link != &executor->running; link = next) {
        next = link->next;
        struct ovl_future *future = ovl__of(link, struct ovl_future, link);
        atomic_store(&future->cancel, OVL_ECANCELED);
        if (executor->ops->cancel_running && !executor->ops->cancel_all)
            executor->ops->cancel_running(executor, future);
    }
    if (executor->ops->cancel_all)
        executor->ops->cancel_all(executor);
    ovl__executor_refuse_all(executor, OVL_ECANCELED);
}

void ovl_executor_cancel(struct ovl_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    cancel_all(executor);
    pthread_mutex_unlock(&executor->lock);
}

int ovl_executor_close(struct ovl_executor *executor, ovl_time deadline)
{
    if (!executor)
        return 0;
    pthread_mutex_lock(&executor->lock);
    executor->closing = true;
    ovl__wake_all(&executor->room);
    wait_until_quiet(executor, deadline);
    bool cancelled = !is_quiet(executor);
    if (cancelled) {
        cancel_all(executor);
        wait_until_quiet(executor, ovl_after(GRACE_NS));
    }
    bool abandon = !is_quiet(executor);
    if (abandon)
        executor->ledger = NULL;
    pthread_mutex_unlock(&executor->lock);
    executor->ops->close(executor, abandon);
    ovl__executor_drop(executor);
    return cancelled ? OVL_ETIMEDOUT : 0;
}

enum ovl_model ovl_executor_model(const struct ovl_executor *executor)
{
    return executor->ops->model;
}

unsigned ovl_executor_workers(const struct ovl_executor *executor)
{
    return executor->workers;
}

unsigned ovl_executor_limit(const struct ovl_executor *executor)
{
    unsigned limit = atomic_load_explicit(&executor->limit, memory_order_relaxed);
    return limit < executor->workers ? limit : executor->workers;
}

void ovl_executor_set_workers(struct ovl_executor *executor, unsigned workers)
{
    const struct ovl__model_ops *ops = executor->ops;
    pthread_mutex_lock(&executor->lock);
    atomic_store_explicit(&executor->limit, workers ? workers : UINT_MAX, memory_order_relaxed);
    if (ops->limited)
        ops->limited(executor);
    else if (ops->queued_many && ovl__executor_may_take(executor))
        ops->queued_many(executor);
    pthread_mutex_unlock(&executor->lock);
}

void ovl_executor_counts(struct ovl_executor *executor, struct ovl_counts *ret_counts)
{
    pthread_mutex_lock(&executor->lock);
    *ret_counts = executor->counts;
    if (executor->ops->count)
        executor->ops->count(executor, ret_counts);
    pthread_mutex_unlock(&executor->lock);
}

/* --- the queue --- */

bool ovl__future_try_take(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    if (atomic_load_explicit(&future->state, memory_order_relaxed) != OVL__QUEUED)
        return false;
    if (future->deadline != OVL_FOREVER && ovl_now() >= future->deadline) {
        ovl__future_refuse(future, OVL_ETIMEDOUT);
        return false;
    }
    ovl__list_remove(&future->link);
    ovl__list_append(&executor->running, &future->link);
    atomic_store_explicit(&future->state, OVL__RUNNING, memory_order_relaxed);
    future->outcome.attempts++;
    executor->counts.queued--;
    executor->counts.running++;
    ovl__wake_one(&executor->room);
    return true;
}

bool ovl__executor_may_take(const struct ovl_executor *executor)
{
    return !ovl__list_empty(&executor->queue) &&
           executor->active < atomic_load_explicit(&executor->limit, memory_order_relaxed);
}

bool ovl__future_take(struct ovl_future *future)
{
    if (!ovl__future_try_take(future))
        return false;
    future->counted = true;
    future->executor->active++;
    return true;
}

struct ovl_future *ovl__executor_take(struct ovl_executor *executor)
{
    while (ovl__executor_may_take(executor)) {
        struct ovl_future *future = ovl__of(executor->queue.next, struct ovl_future, link);
        if (ovl__future_take(future))
            return future;
    }
    return NULL;
}

void ovl__future_requeue(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    ovl__list_remove(&future->link);
    ovl__list_append(executor->queue.next, &future->link);
    atomic_store_explicit(&future->state, OVL__QUEUED, memory_order_relaxed);
    executor->active -= future->counted;
    future->counted = false;
    executor->counts.running--;
    executor->counts.queued++;
    executor->ops->queued(executor, future);
}

void ovl__executor_refuse_all(struct ovl_executor *executor, int error)
{
    while (!ovl__list_empty(&executor->queue))
        ovl__future_refuse(ovl__of(executor->queue.next, struct ovl_future, link), error);
}

/* --- workers --- */

static void *take_session(struct ovl__worker *worker)
{
    worker->sessions.size -= sizeof(void *);
    return *(void **)(void *)((char *)worker->sessions.data + worker->sessions.size);
}

/* Room for it was made before it was opened, so that it cannot fail. */
static void keep_session(struct ovl__worker *worker, void *session)
{
    ((void **)worker->sessions.data)[worker->sessions.size / sizeof(void *)] = session;
    worker->sessions.size += sizeof(void *);
}

/*
 * A session belongs to one task at a time: one that runs inside of another's wait finds the list
 * empty, and opens another.
 */
static int open_session(struct ovl__worker *worker, struct ovl_future *future, void **ret_session)
{
    const struct ovl_options *options = &worker->executor->options;
    if (!options->session_open)
        return 0;
    if (worker->sessions.size) {
        *ret_session = take_session(worker);
        return 0;
    }
    int error = ovl__buffer_resize(&worker->sessions, (worker->session_count + 1) * sizeof(void *));
    worker->sessions.size = 0;
    if (!error)
        error = options->session_open(options->session_context, ret_session);
    if (error) {
        future->outcome.error = OVL_ESESSION;
        future->outcome.detail = error;
    } else {
        worker->session_count++;
    }
    return error;
}

void ovl__worker_release(struct ovl__worker *worker)
{
    const struct ovl_options *options = &worker->executor->options;
    while (worker->sessions.size) {
        void *session = take_session(worker);
        if (options->session_close)
            options->session_close(options->session_context, session);
    }
    ovl__buffer_release(&worker->sessions);
}

/* Calls the task function as `task`, and says so to the hooks and to nested calls. */
static int call(struct ovl_task *task)
{
    struct ovl__context own = {0};
    struct ovl__context *before = ovl__current;
    struct ovl__context *here = before ? before : &own;
    struct ovl__meter *outer_meter = here->meter;
    struct ovl_future *future = task->future;
    struct ovl__meter *meter = task->worker->executor->options.ledger ? &future->more->meter : NULL;

    /* The outer task, if there is one, waits for this one. */
    ovl_time began = outer_meter ? ovl_now() : 0;
    if (outer_meter)
        ovl__meter_pause(outer_meter);
    task->outer = here->task;
    here->task = task;
    here->meter = meter;
    ovl__current = here;
    if (meter)
        ovl__meter_start(meter);
    int error = future->fn(task, future->item);
    if (meter)
        ovl__meter_stop(meter);
    ovl__current = before;
    here->meter = outer_meter;
    here->task = task->outer;
    if (outer_meter) {
        ovl__meter_resume(outer_meter);
        ovl__meter_wait(outer_meter, OVL_WAIT_LOCK, began);
    }
    return error;
}

static int asked_to_end(const struct ovl_future *future)
{
    int error = atomic_load_explicit(&future->cancel, memory_order_relaxed);
    if (error)
        return error;
    return future->deadline != OVL_FOREVER && ovl_now() >= future->deadline ? OVL_ETIMEDOUT : 0;
}

/* In a coroutine the task's waits end with its deadline, or when it is cancelled. */
static int call_in_scope(struct ovl_task *task)
{
    struct ovl__coroutine *coroutine = ovl__current ? ovl__current->coroutine : NULL;
    if (!coroutine)
        return call(task);
    struct ovl_future *future = task->future;
    struct ovl__scope *outer = coroutine->scope;
    struct ovl__scope scope;
    int error = ovl__scope_begin(&scope, coroutine->loop, NULL, future->deadline, false);
    if (error)
        return error;
    if (atomic_load(&future->cancel)) /* before there was a scope to cancel */
        ovl__scope_cancel(&scope, OVL_ECANCELED);
    future->more->scope = &scope;
    ovl__scope_move(coroutine, &scope);
    size_t outer_number = coroutine->task_number;
    coroutine->task_number = future->more->meter.record.task + 1;
    error = call(task);
    coroutine->task_number = outer_number;
    ovl__scope_move(coroutine, outer);
    future->more->scope = NULL;
    ovl__scope_end(&scope);
    return error;
}

void ovl__worker_run(struct ovl__worker *worker, struct ovl_future *future)
{
    struct ovl_task task = {.future = future, .worker = worker};
    future->outcome.worker = worker->number;
    if (future->more)
        future->more->meter.record.worker = worker->number;
    if (open_session(worker, future, &task.session))
        return;
    int error = call_in_scope(&task);
    if (worker->executor->options.session_open)
        keep_session(worker, task.session);
    int asked = error ? asked_to_end(future) : 0;
    future->outcome.error = asked ? asked : error;
    if (error && future->more && future->more->room)
        future->result = (struct ovl__buffer){0};
    else if (error)
        ovl__buffer_release(&future->result);
}

void ovl__worker_loop(struct ovl__worker *worker)
{
    struct ovl_executor *executor = worker->executor;
    pthread_mutex_lock(&executor->lock);
    for (;;) {
        struct ovl_future *future = ovl__executor_take(executor);
        if (future) {
            if (ovl__executor_may_take(executor)) /* whoever woke this one may not get to it */
                ovl__wake_one(&executor->work);
            pthread_mutex_unlock(&executor->lock);
            ovl__worker_run(worker, future);
            pthread_mutex_lock(&executor->lock);
            ovl__future_finish(future);
        } else if (!executor->closing || !ovl__list_empty(&executor->queue)) {
            ovl__wait(&executor->work, &executor->lock, OVL_FOREVER);
        } else {
            break;
        }
    }
    pthread_mutex_unlock(&executor->lock);
    ovl__worker_release(worker);
}

/* --- what a task may ask --- */

struct ovl_task *ovl__task_here(const struct ovl_executor *executor)
{
    struct ovl_task *task = ovl__current ? ovl__current->task : NULL;
    while (task && task->worker->executor != executor)
        task = task->outer;
    return task;
}

void *ovl_task_session(const struct ovl_task *task)
{
    return task->session;
}

unsigned ovl_task_worker(const struct ovl_task *task)
{
    return task->worker->number;
}

struct ovl_executor *ovl_task_executor(const struct ovl_task *task)
{
    return task->worker->executor;
}

bool ovl_task_cancelled(const struct ovl_task *task)
{
    return asked_to_end(task->future) != 0;
}

void *ovl_task_result(struct ovl_task *task, size_t size)
{
    struct ovl__buffer *result = &task->future->result;
    if (task->future->more && task->future->more->room)
        return task->future->more->room(task->future, size);
    return ovl__buffer_resize(result, size) ? NULL : result->data;
}

int ovl_task_return(struct ovl_task *task, const void *data, size_t size)
{
    void *place = ovl_task_result(task, size);
    if (!place)
        return -ENOMEM;
    if (size)
        memmove(place, data, size);
    return 0;
}

int ovl_task_append(struct ovl_task *task, const void *data, size_t size)
{
    size_t before = task->future->result.size;
    if (size > SIZE_MAX / 2 - before)
        return -ENOMEM;
    void *place = ovl_task_result(task, before + size);
    if (!place)
        return -ENOMEM;
    if (size)
        memcpy((char *)place + before, data, size);
    return 0;
}
