/*
 * Processes: what the supervisor (in the parent) and the workers (in their own processes) share.
 *
 * One thread of the parent, the supervisor, lives as long as the executor. It forks every worker: a
 * worker ends with the thread that forked it (PR_SET_PDEATHSIG), so that not even SIGKILL of the
 * parent leaves one behind. It waits for all workers at once, for their replies and their deaths.
 *
 * All of this is guarded by the executor's lock, other than the lanes (lane.h) and the bell.
 */
#ifndef OVL_EXECUTOR_PROCESSES_PROCESSES_H
#define OVL_EXECUTOR_PROCESSES_PROCESSES_H

#include "executor/executor.h"
#include "executor/processes/lane.h"

#include <signal.h>
#include <sys/types.h>

#define OVL__BELL_WORDS (OVL_WORKERS_MAX / 64)

/* What an event of the bell carries; an event of a death carries the worker's number. */
#define OVL__BELL UINT32_MAX

/*
 * How workers and submitters tell the supervisor that there is something to do. Who changes
 * something does so first, and then wakes the supervisor if it sleeps; the supervisor says that it
 * sleeps, and then looks once more. Shared memory.
 */
struct ovl__bell {
    atomic_bool sleeps;                         /* whoever takes this back writes to the eventfd */
    _Atomic(uint64_t) replied[OVL__BELL_WORDS]; /* a bit for each worker that has replied */
};

/* A worker's place: a process, or a gap where one is to be. */
struct ovl__process {
    unsigned number;
    pid_t pid; /* 0: none runs */
    int pidfd; /* -1: the system has none */
    struct ovl__lane lane;
    struct ovl__link idle;     /* in the list of idle workers; alone: not in it */
    struct ovl_future *future; /* what it was asked to run, or NULL */
    ovl_time asked;            /* when, where there is a ledger */
    ovl_time due;              /* when its task has run too long, or when the gap is to be filled */
    bool fresh;                /* has not replied since it was forked */
    bool doomed;               /* was sent SIGKILL: gets no more tasks */
    bool ending;               /* was told to end */
    int verdict;               /* doomed: what its task's error is */
};

struct ovl__processes {
    struct ovl_executor *executor;
    struct ovl__process *all; /* executor->workers of them */
    struct ovl__link idle;    /* who was busy last is first: its memory is warm */
    unsigned alive;           /* processes that run */
    ovl_time due;             /* the earliest of the workers', or earlier */
    unsigned failures; /* in a row: forks that failed, workers that died before their first reply */
    int cause;         /* of the last failure */
    bool without_pidfd; /* deaths are looked for now and then */

    pthread_t thread;
    pid_t parent;
    sigset_t mask; /* the opener's, for the workers */
    int epoll_fd;
    int bell_fd; /* an eventfd */
    struct ovl__bell *bell;

    bool opened; /* the first forks were tried; `error` tells whether any worked */
    int error;
    bool closing;
    bool abandon;                  /* closing, and running tasks are to be killed */
    ovl_time close_by;             /* when who still closes its session is killed */
    bool ended;                    /* the supervisor touches nothing any more */
    bool detached;                 /* nobody joins it: it frees all this itself */
    struct ovl__wait_list changed; /* the opener until opened, the closer until ended */
};

/* Asks the supervisor to look around; any process and thread. False: the bell is out of reach. */
bool ovl__processes_ring(struct ovl__bell *bell, int bell_fd);

/*
 * The supervisor's life: fork, serve, and bury workers until told to close and all are gone. Called
 * without the lock.
 */
void ovl__supervise(struct ovl__processes *processes);

/* Hands what is queued to an idle worker, if that takes a moment only; any thread. The lock is
 * held. */
void ovl__processes_hand_out(struct ovl__processes *processes);

/* Kills the worker that runs this task; its outcome is `verdict` unless it ends first. Locked. */
void ovl__processes_kill(struct ovl__processes *processes, struct ovl_future *future, int verdict);

/* A worker's life, in the child of the fork. */
_Noreturn void ovl__process_main(struct ovl__processes *processes, struct ovl__process *process);

#endif
