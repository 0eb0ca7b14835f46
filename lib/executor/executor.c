#include "executor/decisions.h"
#include "executor/queue.h"

#include "base/processor.h"
#include "coroutine/coroutine.h"

#include <errno.h>
#include <limits.h>
#include <overlap/error.h>
#include <overlap/ledger.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_QUEUE_LIMIT 1024

/* How long a close whose deadline has passed waits for tasks that notice that they were cancelled.
 */
#define GRACE_NS (200 * OVL_MILLISECOND)

struct row {
    const char *name;
    const char *python_name;
    const struct ovl__model_ops *ops;
};

static const struct row automatic = {"auto", "auto", &ovl__model_auto};
static const struct row clustered = {"cluster", "mpi", &ovl__model_cluster};

static const struct row models[OVL_MODEL_COUNT] = {
    [OVL_SYNC] = {"sync", "synchronous", &ovl__model_sync},
    [OVL_THREADS] = {"threads", "threading", &ovl__model_threads},
    [OVL_ASYNC] = {"async", "asyncio", &ovl__model_async},
    [OVL_PROCESSES] = {"processes", "multiprocessing", &ovl__model_processes},
};

/* The table's row of a model; NULL: it is none. */
static const struct row *row_of(enum ovl_model model)
{
    if (model == OVL_AUTO)
        return &automatic;
    if (model == OVL_CLUSTER)
        return &clustered;
    return (unsigned)model < OVL_MODEL_COUNT ? &models[model] : NULL;
}

const char *ovl_model_name(enum ovl_model model)
{
    return row_of(model) ? row_of(model)->name : NULL;
}

int ovl_model_parse(const char *name, enum ovl_model *ret_model)
{
    for (int i = 0; i < OVL_MODEL_COUNT; i++) {
        if (!strcmp(name, models[i].name) || !strcmp(name, models[i].python_name)) {
            *ret_model = (enum ovl_model)i;
            return 0;
        }
    }
    if (!strcmp(name, automatic.name))
        *ret_model = OVL_AUTO;
    else if (!strcmp(name, clustered.name))
        *ret_model = OVL_CLUSTER;
    else
        return OVL_EMODEL;
    return 0;
}

unsigned ovl_model_default_workers(enum ovl_model model)
{
    switch (model) {
    case OVL_SYNC:
        return 1;
    case OVL_THREADS:
        return 5;
    case OVL_ASYNC:
    case OVL_AUTO:
        return 10000;
    case OVL_PROCESSES:
        return ovl__processors();
    case OVL_CLUSTER:
        return ovl__cluster_workers();
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
    if (executor->ops->free)
        executor->ops->free(executor);
    pthread_mutex_destroy(&executor->lock);
    ovl_tuner_close(executor->tuner);
    free(executor->decisions);
    ovl__ledger_drop(executor->ledger);
    free(executor);
}

void ovl__executor_init_lists(struct ovl_executor *executor)
{
    ovl__park_lock_init(&executor->lock);
    ovl__list_init(&executor->queue);
    ovl__list_init(&executor->running);
    ovl__wait_list_init(&executor->work);
    ovl__wait_list_init(&executor->room);
    ovl__wait_list_init(&executor->quiet);
}

static struct ovl_executor *new_executor(const struct ovl__model_ops *ops,
                                         const struct ovl_options *options)
{
    struct ovl_executor *executor = ovl__zalloc(sizeof *executor);
    if (!executor)
        return NULL;
    executor->ops = ops;
    executor->forks = ovl__forks;
    executor->options = *options;
    if (!executor->options.queue_limit)
        executor->options.queue_limit = DEFAULT_QUEUE_LIMIT;
    executor->workers = options->workers;
    atomic_init(&executor->limit, options->limit ? options->limit : UINT_MAX);
    executor->ledger = options->ledger;
    ovl__ledger_hold(executor->ledger);
    executor->metered = options->ledger != NULL;
    snprintf(executor->name, sizeof executor->name, "%s", options->name ? options->name : "ovl");
    atomic_init(&executor->references, 1);
    ovl__executor_init_lists(executor);
    return executor;
}

/* Of more processes than there are processors, the others begin to take tasks where that pays. */
#define PROCESSES_EACH 8

static void begin_with_processors(struct ovl_options *options)
{
    unsigned cores = ovl__processors();
    if (!options->workers)
        options->workers = PROCESSES_EACH * cores;
    if (!options->limit)
        options->limit = cores;
}

static int tune_limit(struct ovl_executor *executor)
{
    executor->metered = true;
    struct ovl_tuner_options options = {
        .most = executor->workers,
        .start = executor->options.limit,
    };
    struct ovl_decision *decision = &ovl__decisions_add(executor->decisions)->decision;
    decision->time = ovl_now();
    decision->model = OVL_PROCESSES;
    decision->workers = executor->options.limit;
    snprintf(decision->reason, sizeof decision->reason,
             "each task is to crash alone: begins with %u processes, and tries whether more pay",
             decision->workers);
    return ovl_tuner_open(&options, &executor->tuner);
}

/* What finds the model by itself says what it found. */
static int prepare_to_decide(struct ovl_executor *executor, bool isolated)
{
    executor->decisions = ovl__zalloc(sizeof *executor->decisions);
    if (!executor->decisions)
        return -ENOMEM;
    return isolated ? tune_limit(executor) : 0;
}

int ovl_executor_open(enum ovl_model model, const struct ovl_options *options,
                      struct ovl_executor **ret_executor)
{
    bool isolated = model == OVL_AUTO && options && options->isolated;
    const struct row *row = row_of(isolated ? OVL_PROCESSES : model);
    if (!row)
        return OVL_EMODEL;
    const struct ovl__model_ops *ops = row->ops;
    struct ovl_options filled = options ? *options : (struct ovl_options){0};
    if (isolated)
        begin_with_processors(&filled);
    if (!filled.workers) /* how many ranks there are is known once they are joined */
        filled.workers = model == OVL_CLUSTER ? OVL_WORKERS_MAX : ovl_model_default_workers(model);
    if (filled.workers > ops->workers_max || filled.loops > OVL_LOOPS_MAX)
        return -EINVAL;
    struct ovl_executor *executor = new_executor(ops, &filled);
    if (!executor)
        return -ENOMEM;
    int error = model == OVL_AUTO ? prepare_to_decide(executor, isolated) : 0;
    if (!error)
        error = ops->open(executor);
    if (error) {
        ovl__executor_drop(executor);
        return error;
    }
    *ret_executor = executor;
    return 0;
}

void ovl_executor_cancel(struct ovl_executor *executor)
{
    executor->ops->core->cancel_all(executor);
}

int ovl_executor_close(struct ovl_executor *executor, ovl_time deadline)
{
    if (!executor)
        return 0;
    if (ovl__executor_is_copy(executor)) {
        ovl__executor_drop(executor); /* what it waits for, its parent waits for */
        return 0;
    }
    const struct ovl__core *core = executor->ops->core;
    core->begin_close(executor);
    bool quiet = core->await_quiet(executor, deadline);
    bool cancelled = !quiet;
    if (cancelled) {
        core->cancel_all(executor);
        quiet = core->await_quiet(executor, ovl_after(GRACE_NS));
    }
    executor->ops->close(executor, !quiet);
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
    if (ovl__executor_is_copy(executor))
        return;
    ovl__park_lock(&executor->lock);
    atomic_store_explicit(&executor->limit, workers ? workers : UINT_MAX, memory_order_relaxed);
    if (ops->limited)
        ops->limited(executor);
    else if (ops->queued_many && ovl__executor_may_take(executor))
        ops->queued_many(executor);
    ovl__park_unlock(&executor->lock);
}

void ovl_executor_counts(struct ovl_executor *executor, struct ovl_counts *ret_counts)
{
    executor->ops->core->counts(executor, ret_counts);
}

/* --- workers --- */

static void *take_session(struct ovl__worker *worker)
{
    worker->sessions.size -= sizeof(void *);
    return *(void **)(void *)((char *)worker->sessions.data + worker->sessions.size);
}

/* Room for it was made before it was opened, so that it cannot fail. */
void ovl__worker_keep_session(struct ovl__worker *worker, void *session)
{
    if (!worker->executor->options.session_open)
        return;
    ((void **)worker->sessions.data)[worker->sessions.size / sizeof(void *)] = session;
    worker->sessions.size += sizeof(void *);
}

/*
 * A session belongs to one task at a time: one that runs inside of another's wait finds the list
 * empty, and opens another.
 */
int ovl__worker_open_session(struct ovl__worker *worker, void **ret_session)
{
    const struct ovl_options *options = &worker->executor->options;
    *ret_session = NULL;
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
    if (!error)
        worker->session_count++;
    return error;
}

void ovl__worker_name(const struct ovl__worker *worker, char *name)
{
    snprintf(name, OVL__NAME, "%s-%u", worker->executor->name, worker->number);
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

static int call(struct ovl_task *task, int (*fn)(struct ovl_task *, void *), void *argument)
{
    if (!task->meter)
        return fn(task, argument);
    ovl__meter_start(task->meter);
    int error = fn(task, argument);
    ovl__meter_stop(task->meter);
    return error;
}

/* The outer task waits meanwhile. */
static int call_inside(struct ovl_task *task, struct ovl__context *here,
                       int (*fn)(struct ovl_task *, void *), void *argument)
{
    struct ovl__meter *outer_meter = here->meter;
    ovl_time began = outer_meter ? ovl_now() : 0;
    if (outer_meter)
        ovl__meter_pause(outer_meter);
    task->outer = here->task;
    here->task = task;
    here->meter = task->meter;
    int error = call(task, fn, argument);
    here->meter = outer_meter;
    here->task = task->outer;
    if (outer_meter) {
        ovl__meter_resume(outer_meter);
        ovl__meter_wait(outer_meter, OVL_WAIT_LOCK, began);
    }
    return error;
}

int ovl__task_call(struct ovl_task *task, int (*fn)(struct ovl_task *, void *), void *argument)
{
    struct ovl__context *before = ovl__current;
    if (before)
        return call_inside(task, before, fn, argument);
    struct ovl__context own = {.meter = task->meter, .task = task, .waits = task->worker->waits};
    ovl__current = &own;
    int error = call(task, fn, argument);
    ovl__current = NULL;
    return error;
}

int ovl__task_asked_to_end(const struct ovl_task *task)
{
    int error = task->cancel ? atomic_load_explicit(task->cancel, memory_order_relaxed) : 0;
    if (error)
        return error;
    if (task->epoch != atomic_load_explicit(&task->worker->executor->epoch, memory_order_relaxed))
        return OVL_ECANCELED;
    return task->deadline != OVL_FOREVER && ovl_now() >= task->deadline ? OVL_ETIMEDOUT : 0;
}

static int call_fn(struct ovl_task *task, void *argument)
{
    const struct ovl_future *future = argument;
    return future->fn(task, future->item);
}

/* In a coroutine the task's waits end with its deadline, or when it is cancelled. */
static int call_in_scope(struct ovl_task *task, struct ovl_future *future)
{
    struct ovl__coroutine *coroutine = ovl__current ? ovl__current->coroutine : NULL;
    if (!coroutine || !future->more)
        return ovl__task_call(task, call_fn, future);
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
    error = ovl__task_call(task, call_fn, future);
    coroutine->task_number = outer_number;
    ovl__scope_move(coroutine, outer);
    future->more->scope = NULL;
    ovl__scope_end(&scope);
    return error;
}

/* In the loop's thread. */
static void interrupt(struct ovl__message *message)
{
    struct ovl__future_more *more = ovl__of(message, struct ovl__future_more, interrupt);
    if (more->scope)
        ovl__scope_cancel(more->scope, OVL_ECANCELED);
    ovl__future_drop(more->future);
}

void ovl__future_interrupt(struct ovl_future *future, struct ovl__loop *loop)
{
    struct ovl__future_more *more = future->more;
    if (more->interrupting)
        return;
    more->interrupting = true;
    ovl__future_hold(future);
    more->interrupt.handle = interrupt;
    ovl__loop_post(loop, &more->interrupt);
}

static void run(struct ovl__worker *worker, struct ovl_future *future, struct ovl__meter *meter)
{
    struct ovl_task task = {
        .worker = worker,
        .thread = worker->thread,
        .result = &future->result,
        .lender = future->more && future->more->room ? future : NULL,
        .cancel = &future->cancel,
        .deadline = future->deadline,
        .epoch = future->epoch,
        .meter = meter,
    };
    /* Where the model has told it under its lock, others may be reading it. */
    if (future->outcome.worker != worker->number)
        future->outcome.worker = worker->number;
    if (future->more)
        future->more->meter.record.worker = worker->number;
    int error = ovl__worker_open_session(worker, &task.session);
    if (error) {
        future->outcome.error = OVL_ESESSION;
        future->outcome.detail = error;
        return;
    }
    error = call_in_scope(&task, future);
    ovl__worker_keep_session(worker, task.session);
    if (!error)
        return;
    int asked = ovl__task_asked_to_end(&task);
    future->outcome.error = asked ? asked : error;
    if (task.lender)
        future->result = (struct ovl__buffer){0};
    else
        ovl__buffer_release(&future->result);
}

static void record(const struct ovl_future *future, struct ovl__meter *meter)
{
    struct ovl_record *record = &meter->record;
    if (!record->start)
        return; /* its session could not be opened */
    /* It has begun at once, or the threads' clocks are a little apart. */
    if (!record->submitted || record->submitted > record->start)
        record->submitted = record->start;
    record->error = future->outcome.error;
    ovl__ledger_add(future->executor->ledger, meter);
}

/*
 * Measured where the worker's stack is warm, and not in the future: its memory is the submitter's,
 * who has it back at once, on another processor perhaps.
 */
static void run_recorded(struct ovl__worker *worker, struct ovl_future *future)
{
    const struct ovl_record *known = &future->more->meter.record;
    struct ovl__meter meter;
    meter.record.task = known->task;
    meter.record.submitted = known->submitted;
    meter.record.worker = worker->number;
    meter.record.start = 0;
    run(worker, future, &meter);
    record(future, &meter);
}

void ovl__worker_run(struct ovl__worker *worker, struct ovl_future *future)
{
    const struct ovl_executor *executor = worker->executor;
    bool records = executor->ledger != NULL;
    if (records && !executor->ops->judges) {
        run_recorded(worker, future);
        return;
    }
    bool measures = executor->metered && !worker->unmetered;
    run(worker, future, measures ? &future->more->meter : NULL);
    if (records)
        record(future, &future->more->meter);
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
    return ovl__task_asked_to_end(task) != 0;
}

void *ovl_task_result(struct ovl_task *task, size_t size)
{
    struct ovl__buffer *result = task->result;
    if (task->lender)
        return task->lender->more->room(task->lender, size);
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
    size_t before = task->result->size;
    if (size > SIZE_MAX / 2 - before)
        return -ENOMEM;
    void *place = ovl_task_result(task, before + size);
    if (!place)
        return -ENOMEM;
    if (size)
        memcpy((char *)place + before, data, size);
    return 0;
}
