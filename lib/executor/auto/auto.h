/*
 * The model `auto`: coroutines of several loops, and threads, that take tasks from one queue.
 *
 *     place    where workers of one kind run: a loop, or the threads. Each has a limit of how many
 *              tasks it runs at once; auto's decisions are these limits
 *     judge    what the tasks that ended were like, and what limits follow from it
 *     monitor  a thread that looks now and then: whether loops are held up, by tasks that compute,
 *              or that wait where no hook sees it
 *
 * All of it is guarded by the executor's lock, but what is said not to be.
 */
#ifndef OVL_EXECUTOR_AUTO_AUTO_H
#define OVL_EXECUTOR_AUTO_AUTO_H

#include "executor/queue.h"

#include <overlap/tuner.h>

#define OVL__LOOPS_MAX 64

/* With so many threads it begins where tasks wait as no coroutine can: as many as share what a disk
 * does for one, and few enough to be begun in vain. */
#define OVL__THREADS_FIRST 16

struct ovl__auto;

struct ovl__place {
    struct ovl__auto *own;
    struct ovl__wait_list idle; /* workers with nothing to do */
    unsigned workers;           /* that there are, or that are wanted */
    unsigned called;            /* of these, on their way to a task */
    unsigned active;            /* tasks that they run */
    unsigned limit;             /* of these */
    bool held_up;               /* a loop that does not get on: nothing is offered to it */
};

struct ovl__auto_loop {
    struct ovl__place place;
    struct ovl__loop *loop;
    pthread_t thread;
    atomic_int tid;
    struct ovl__message spawn;
    struct ovl__message stop;
    struct ovl__message ping;
    unsigned wanted;     /* workers that its thread has still to begin */
    bool spawning;       /* `spawn` is on its way */
    bool ended;          /* its thread touches nothing any more */
    ovl_time pinged;     /* when the ping was sent; 0: never */
    ovl_time pinged_cpu; /* and what CPU time its thread had used by then */
    atomic_bool answers; /* it has come back; without the lock */
};

/* A worker of either kind. */
struct ovl__auto_worker {
    struct ovl__worker worker;
    struct ovl__place *place;
};

struct ovl__auto_thread {
    struct ovl__auto_worker of;
    pthread_t id;
    bool ended;
    struct ovl__auto_thread *next;
};

/* What the tasks that ended were like; older ones count less and less. Nanoseconds. */
struct ovl__tally {
    double count;
    double duration;
    double cpu;
    double waits;
    double unseen;
    double disk; /* waits for files: a loop has each made by a helper thread */
};

enum ovl__kind_of_work {
    OVL__UNKNOWN_WORK,
    OVL__WAITING_WORK,   /* in calls that are yields in a coroutine */
    OVL__COMPUTING_WORK, /* for most of the time */
    OVL__UNSEEN_WORK,    /* waiting in calls that hold up a loop, or for files */
    OVL__TINY_WORK,      /* not worth being handed over */
};

struct ovl__auto {
    struct ovl_executor *executor;
    atomic_uint references; /* of the opener, each loop's thread, each thread, the monitor */
    unsigned cores;
    unsigned loops_most;
    unsigned loop_count; /* that have been started */
    struct ovl__auto_loop *loops;
    struct ovl__place threads;
    struct ovl__auto_thread *all_threads;

    /* Numbers of workers: those given back, then those from `numbers` on. */
    struct ovl__buffer free_numbers; /* of unsigned */
    unsigned numbers;
    struct ovl__place **place_of; /* by number */

    /* The caller's own thread, where it runs the tasks of a map itself. */
    struct ovl__worker caller;
    bool has_caller; /* it has a number; another worker may take that while it is idle */
    bool caller_busy;
    size_t in_place; /* tasks that it has begun */

    /* The judge's. */
    enum ovl__kind_of_work kind;
    struct ovl__tally tally;
    size_t ended;
    size_t judged;         /* `ended`, when it last judged */
    ovl_time window_start; /* since when it looks whether handing over loses; 0: not yet */
    size_t window_ended;   /* and `ended`, then */
    unsigned losing;       /* windows in a row in which it did */
    double tiny_ns;        /* a tiny task's mean duration, when it was found to be tiny */
    unsigned grown;        /* tasks in a row that took much longer */
    struct ovl_tuner *loop_tuner;
    struct ovl_tuner *thread_tuner;

    /* The monitor's. */
    pthread_t monitor;
    bool has_monitor;
    bool monitor_ended;
    bool monitor_sleeps;
    struct ovl__wait_list attention;
    bool closing;
    bool abandoned; /* nobody joins the threads; the last one frees all */
};

/* --- places.c --- */

/* Begins the next loop, or one more thread. Errors: -ENOMEM, -EAGAIN, -EMFILE, -ENFILE. */
int ovl__auto_start_loop(struct ovl__auto *own);
int ovl__auto_start_thread(struct ovl__auto *own);

/* Sees that as many workers come as there are tasks for, and room. */
void ovl__auto_hand_out(struct ovl__auto *own);

/* What a worker does, as a coroutine or a thread. Without the lock. */
void ovl__auto_work(struct ovl__auto_worker *worker);

/* A worker's number, or OVL_NO_WORKER: there are as many as may be. */
unsigned ovl__auto_take_number(struct ovl__auto *own, struct ovl__place *place);
void ovl__auto_give_number(struct ovl__auto *own, unsigned number);

/* Gives back a reference; without the lock. */
void ovl__auto_drop(struct ovl__auto *own);

/* --- judge.c --- */

/* A task has ended; its future is not finished yet. */
void ovl__auto_judge(struct ovl__auto *own, struct ovl__place *place, struct ovl_future *future);

/* Loops are held up in calls that no hook sees: `threads` more are to be tried. */
void ovl__auto_unseen(struct ovl__auto *own, unsigned threads);

/* The tasks were tiny, and the one that the caller's thread runs is not. */
void ovl__auto_outgrown(struct ovl__auto *own);

/* Tasks are held back, and none of those that run ends or computes. */
void ovl__auto_stuck(struct ovl__auto *own);

/* The first decision: how it begins. */
void ovl__auto_begin(struct ovl__auto *own);

/* A loop's limit while nothing is known: an even share of all there is. */
unsigned ovl__auto_share(const struct ovl__auto *own);

/* --- monitor.c --- */

/* Starts the monitor; called in another thread than the opener's. Errors: -EAGAIN. */
int ovl__auto_start_monitor(struct ovl__auto *own);

/* Something was queued. */
void ovl__auto_notice(struct ovl__auto *own);

#endif
