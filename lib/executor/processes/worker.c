/*
 * A worker process. It has a copy of everything that the parent had when it was forked, and only
 * one thread: no lock of the parent's may be taken here but those that are made anew.
 */
#include "base/processor.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* Exit codes of a worker that could not go on; only tests of the parent's see them. */
enum { ENDED_WELL = 0, LOST_PARENT = 120, NO_MEMORY = 121, NO_BELL = 122 };

/* --- tasks that the worker's own tasks submit: each runs at once, in this process --- */

/* A thread that a task started is no task: what it submits runs beside the worker's own sessions.
 */
static void nested_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    struct ovl_task *outer = ovl__task_here(executor);
    struct ovl__worker *own = executor->own;
    struct ovl__worker guest = {.executor = executor, .number = own->number};
    if (!ovl__future_try_take(future))
        return;
    pthread_mutex_unlock(&executor->lock);
    ovl__worker_run(outer ? outer->worker : &guest, future);
    ovl__worker_release(&guest);
    pthread_mutex_lock(&executor->lock);
    ovl__future_finish(future);
}

static void nested_close(struct ovl_executor *executor, bool abandon)
{
    (void)executor;
    (void)abandon;
}

static const struct ovl__model_ops in_worker = {
    .model = OVL_PROCESSES,
    .workers_max = OVL_WORKERS_MAX,
    .queued = nested_queued,
    .close = nested_close,
};

/*
 * The executor that the parent opened is the same object here, so that tasks find it where they
 * remember it. The parent's tasks, waiters and counts are not in this process, nor is its ledger.
 */
static void make_executor_own(struct ovl_executor *executor, struct ovl__worker *worker)
{
    executor->ops = &in_worker;
    executor->own = worker;
    executor->counts = (struct ovl_counts){0};
    executor->active = 0;
    atomic_store(&executor->limit, UINT_MAX);
    executor->closing = false;
    executor->ledger = NULL;
    atomic_fetch_add(&executor->references, 1);
    pthread_mutex_init(&executor->lock, NULL);
    ovl__list_init(&executor->queue);
    ovl__list_init(&executor->running);
    ovl__wait_list_init(&executor->work);
    ovl__wait_list_init(&executor->room);
    ovl__wait_list_init(&executor->quiet);
}

/* --- becoming a worker --- */

/* The parent may have gone before the first line took effect. */
static void end_with_parent(const struct ovl__processes *processes)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != processes->parent)
        _exit(LOST_PARENT);
}

static void close_others(struct ovl__processes *processes, const struct ovl__process *self)
{
    ovl__sys.close(processes->epoll_fd);
    for (unsigned i = 0; i < processes->executor->workers; i++) {
        struct ovl__process *other = &processes->all[i];
        if (other->pid && other->pidfd >= 0)
            ovl__sys.close(other->pidfd);
        if (other != self && other->lane.head)
            ovl__sys.close(other->lane.fd);
    }
}

/* Ctrl-C reaches every process of the terminal: what becomes of the tasks is the parent's to
 * decide. */
static void settle_signals(const struct ovl__processes *processes)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &processes->mask, NULL);
}

/*
 * A task that calls exit() ends its worker. What the parent has registered to be done at its own
 * exit, and what its streams hold, is not this process's to do; what was registered here was done
 * before.
 */
_Noreturn static void leave(int status, void *argument)
{
    (void)argument;
    fflush(stdout);
    _exit(status);
}

static void become_worker(struct ovl__processes *processes, struct ovl__process *self)
{
    end_with_parent(processes);
    char name[16];
    snprintf(name, sizeof name, "ovl-%u", self->number);
    prctl(PR_SET_NAME, name);
    struct ovl__processor_place place = ovl__processor_place(self->number);
    ovl__processor_bind(&place);
    ovl__processor_let_go(&place);
    close_others(processes, self);
    if (ovl__lane_adopt(&self->lane) || on_exit(leave, NULL))
        _exit(NO_MEMORY);
    ovl__current = NULL;
    __fpurge(stdout); /* what the parent has not written yet is the parent's to write */
    settle_signals(processes);
}

/* --- serving --- */

/* Fills in the reply; what does not fit into memory fails its task. */
static void put_reply(struct ovl__lane *lane, struct ovl_future *future)
{
    size_t size = future->outcome.error ? 0 : future->result.size;
    int error = future->outcome.error;
    if (!error)
        error = ovl__lane_reserve(lane, size);
    if (error)
        size = 0;
    if (size)
        memcpy(ovl__lane_payload(lane), future->result.data, size);
    lane->head->reply = (struct ovl__reply){
        .error = error,
        .detail = future->outcome.detail,
        .result_size = size,
        .meter = future->more->meter,
    };
}

static void serve(struct ovl__lane *lane, struct ovl__worker *worker)
{
    ovl__lane_pass(lane, OVL__BEGUN);
    ovl__lane_trim(lane);
    struct ovl__request request = lane->head->request;
    struct ovl__future_more more = {0};
    struct ovl_future future = {
        .more = &more,
        .executor = worker->executor,
        .fn = request.fn,
        .deadline = request.deadline,
        .outcome = {.worker = worker->number, .attempts = 1},
    };
    ovl__list_init(&future.link);
    ovl__wait_list_init(&future.waiters);
    atomic_init(&future.references, 1);
    atomic_init(&future.state, OVL__RUNNING);
    future.outcome.error = ovl__lane_reserve(lane, request.item_size);
    future.item = (struct ovl_bytes){ovl__lane_payload(lane), request.item_size};
    if (!future.outcome.error)
        ovl__worker_run(worker, &future);
    fflush(stdout); /* what a task has written is written once its future is done */
    put_reply(lane, &future);
    ovl__buffer_release(&future.result);
}

static void tell_reply(struct ovl__processes *processes, struct ovl__process *self)
{
    ovl__lane_pass(&self->lane, OVL__REPLIED);
    struct ovl__bell *bell = processes->bell;
    atomic_fetch_or(&bell->replied[self->number / 64], (uint64_t)1 << self->number % 64);
    if (!ovl__processes_ring(bell, processes->bell_fd))
        _exit(NO_BELL); /* the supervisor sees that, and then the reply */
}

_Noreturn void ovl__process_main(struct ovl__processes *processes, struct ovl__process *self)
{
    struct ovl__worker worker = {.executor = processes->executor, .number = self->number};
    become_worker(processes, self);
    make_executor_own(processes->executor, &worker);
    while (ovl__lane_await(&self->lane) == OVL__ASKED) {
        serve(&self->lane, &worker);
        tell_reply(processes, self);
    }
    ovl__worker_release(&worker);
    leave(ENDED_WELL, NULL);
}
