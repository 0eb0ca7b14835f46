/*
 * Joins: two parts of one task, of which an idle worker may take one. The part lies on the stack of
 * who joins; it is pushed, and popped again where nobody has stolen it, for some nanoseconds in
 * all.
 *
 * Who waits for a stolen part does not sleep at once: it takes parts of it from the thief, and
 * nothing else. So what runs inside of a wait was begun by what is waited for: a task never runs a
 * stranger's work while it holds a lock, and waits in no circle.
 *
 * Source: Wagner and Calder, Leapfrogging: A Portable Technique for Implementing Efficient Futures
 * (1993).
 */
#include "executor/threads/pool.h"

#include <overlap/error.h>
#include <overlap/fork_join.h>
#include <string.h>

/* How often who waits looks for parts to do, before it sleeps. */
#define LOOKS 64

enum { OPEN, AWAITED, DONE };

struct ovl__job {
    OVL__ATOMIC(unsigned) state; /* who waits sleeps on it */
    int error;                   /* the part's; once DONE */
    ovl_part_fn *fn;
    void *argument;
    const struct ovl_task *task;             /* whose part it is */
    OVL__ATOMIC(struct ovl__thread *) thief; /* NULL: not stolen, or just now */
    int64_t base;                            /* the bottom of the thief's deque when it began */
};

struct part {
    ovl_part_fn *fn;
    void *argument;
};

static int call_part(struct ovl_task *task, void *argument)
{
    const struct part *part = argument;
    return part->fn(task, part->argument);
}

/* What it gives as a result is nobody's. */
static int run_part(struct ovl__thread *self, const struct ovl__job *job)
{
    struct ovl__buffer result = {0};
    struct ovl_task task = {
        .worker = &self->worker,
        .thread = self,
        .result = &result,
        .cancel = job->task->cancel,
        .deadline = job->task->deadline,
        .epoch = job->task->epoch,
    };
    if (ovl__worker_open_session(&self->worker, &task.session))
        return OVL_ESESSION;
    struct part part = {.fn = job->fn, .argument = job->argument};
    int error = ovl__task_call(&task, call_part, &part);
    ovl__worker_keep_session(&self->worker, task.session);
    ovl__buffer_release(&result);
    return error;
}

/* The job is on the stack of who waits: once it is DONE, it may be gone. */
void ovl__job_run(struct ovl__thread *self, struct ovl__job *job)
{
    job->base = ovl__load(&self->deque.bottom, relaxed);
    ovl__store(&job->thief, self, release);
    job->error = run_part(self, job);
    if (ovl__exchange(&job->state, DONE, acq_rel) == AWAITED)
        ovl__word_wake(&job->state, 1);
}

static bool is_done(struct ovl__job *job)
{
    return ovl__load(&job->state, acquire) == DONE;
}

/*
 * Where the job was done meanwhile, what was stolen may be a stranger's, and is handed on: anybody
 * without work may do it.
 */
static bool hand_on(struct ovl__thread *self, ovl__entry entry)
{
    ovl__lock(&self->pool->injector.lock);
    int error = ovl__pool_inject(self->pool, entry);
    ovl__unlock(&self->pool->injector.lock);
    if (!error)
        ovl__pool_notify(self->pool, false);
    return !error;
}

static bool help(struct ovl__thread *self, struct ovl__job *job)
{
    struct ovl__thread *thief = ovl__load(&job->thief, acquire);
    if (!thief || !ovl__deque_seems_filled(&thief->deque))
        return false;
    ovl__entry entry = ovl__deque_steal(&thief->deque, job->base, NULL);
    if (entry && !(is_done(job) && hand_on(self, entry)))
        ovl__pool_run(self, entry);
    return entry;
}

static void sleep_until_done(struct ovl__job *job)
{
    unsigned open = OPEN;
    /* Where it fails the part is done, which is_done sees with what the part has written. */
    (void)ovl__cas(&job->state, &open, AWAITED, acq_rel);
    while (!is_done(job))
        ovl__word_wait(&job->state, AWAITED, OVL_FOREVER);
}

/* The waits of the stolen part are seen by the one who waits for it as one. */
static int await_part(struct ovl_task *task, struct ovl__job *job)
{
    ovl_time began = task->meter ? ovl_now() : 0;
    for (int look = 0; look < LOOKS && !is_done(job); look++) {
        if (help(task->thread, job))
            look = 0;
        else
            ovl__spin_hint();
    }
    if (!is_done(job))
        sleep_until_done(job);
    if (began)
        ovl__meter_call(task->meter, OVL_WAIT_LOCK, began);
    return job->error;
}

/* One after the other, where nobody can steal. */
static int join_here(struct ovl_task *task, ovl_part_fn *first, void *first_argument,
                     ovl_part_fn *second, void *second_argument)
{
    int error = first(task, first_argument);
    int second_error = second(task, second_argument);
    return error ? error : second_error;
}

static void note_forking(struct ovl__pool *pool)
{
    ovl__store(&pool->forking, true, seq_cst);
    ovl__fence_heavy();
}

int ovl_fork_join(struct ovl_task *task, ovl_part_fn *first, void *first_argument,
                  ovl_part_fn *second, void *second_argument)
{
    struct ovl__thread *self = task ? task->thread : NULL;
    if (!self)
        return join_here(task, first, first_argument, second, second_argument);
    struct ovl__job job = {.fn = second, .argument = second_argument, .task = task};
    struct ovl__pool *pool = self->pool;
    if (__builtin_expect(!ovl__load(&pool->forking, relaxed), 0))
        note_forking(pool);
    ovl__entry entry = ovl__entry_of(&job, OVL__ENTRY_JOB);
    if (!ovl__deque_push(&self->deque, entry))
        return join_here(task, first, first_argument, second, second_argument);
    ovl__fence_light();
    ovl__idle_notify(&pool->idle, true);
    int error = first(task, first_argument);
    int second_error = ovl__deque_pop(&self->deque) == entry ? second(task, second_argument)
                                                             : await_part(task, &job);
    return error ? error : second_error;
}
