/*
 * Processes: what the parent's side, the helper and the workers share.
 *
 * - One thread of the parent, the supervisor, lives as long as the executor. It forks the helper
 *   (helper.h), hears of workers that start and die, looks at deadlines, and ends all at the close.
 * - Requests are handed out (dispatch.c, post.c) and replies collected (collect.c) by whatever
 *   thread of the parent has something to do with them: one that submits, one that waits, one that
 *   maps, the supervisor where no other does.
 *
 * All of the parent's side is guarded by the executor's lock, other than what is said to be atomic.
 */
#ifndef OVL_EXECUTOR_PROCESSES_PROCESSES_H
#define OVL_EXECUTOR_PROCESSES_PROCESSES_H

#include "executor/processes/helper.h"
#include "executor/processes/lane.h"
#include "executor/queue.h"

#include <signal.h>
#include <sys/types.h>

/* What an event of the supervisor's bell carries, and one of the helper's death. */
#define OVL__BELL   UINT32_MAX
#define OVL__HELPER (UINT32_MAX - 1)

/* How long after its deadline a task may still notice by itself. */
#define OVL__GRACE_NS (50 * OVL_MILLISECOND)

/* How often the memory of workers that are busy is looked at, where it is limited. */
#define OVL__MEMORY_TICK_NS (10 * OVL_MILLISECOND)

/*
 * Who is to be told of replies. Whoever waits for them writes its name here and then looks at the
 * lanes once more; a worker that has replied takes the name out, and wakes whose it is.
 */
enum ovl__listener {
    OVL__NOBODY,     /* someone is awake, and will look at the lanes */
    OVL__LEADER,     /* sleeps on the word itself (futex) */
    OVL__SUPERVISOR, /* sleeps on the bell's descriptor */
    OVL__STAND_IN,   /* the supervisor too, but somebody found a short task's reply just now, and is
                        likely to look again: it is told by a worker that is about to sleep */
};

/* Shared memory of the parent, the helper and the workers. */
struct ovl__shared {
    _Alignas(64) atomic_uint listener; /* enum ovl__listener */
    atomic_int processor;              /* where the parent's thread runs that posted last */
    atomic_uint over;                  /* the helper is to end */
    struct ovl__place places[];
};

/* What a request is for: the parent's note beside its slot. */
struct ovl__errand {
    struct ovl_future *future; /* or else */
    struct ovl__spread *spread;
    size_t first; /* a spread's: the index of the chunk's first task */
    size_t task;  /* a spread's: that task's number among the executor's */
    ovl_time posted;
    bool deadline; /* there is one */
};

/* A worker's place, as the parent sees it. */
struct ovl__process {
    unsigned number;
    bool alive; /* a process runs; or else none does yet, or none any more */
    int pidfd;  /* of it; -1: none, or the system has none */
    struct ovl__lane *lane;
    struct ovl__link link;      /* among the idle or the busy, while it is alive */
    uint32_t posted, collected; /* requests */
    struct ovl__errand errands[OVL__SLOTS];
    uint64_t given; /* tasks, since the process was forked */
    uint32_t seen;  /* what had ended at the last tick */
    ovl_time due;   /* when its task has run too long, or when the gap is to be filled */
    bool works;     /* counted among those that work */
    bool held;      /* somebody copies an item into its lane, without the lock */
    bool fresh;     /* has not replied since it was forked */
    bool stuck;     /* runs a task that takes long: nothing is posted behind it */
    bool doomed;    /* was sent SIGKILL: gets no more tasks */
    bool ending;    /* was told to end */
    int verdict;    /* doomed: what its task's error is */
};

struct ovl__processes {
    struct ovl_executor *executor;
    struct ovl__process *all; /* place_count of them */
    unsigned place_count;     /* no more than wanted */
    unsigned wanted;
    struct ovl__link idle;    /* who was busy last is first: its memory is warm */
    struct ovl__link busy;    /* has requests posted */
    struct ovl__link spreads; /* maps under way, of struct ovl__spread */
    unsigned alive;           /* processes that run */
    unsigned working;         /* of these, that have requests */
    ovl_time task_ns;         /* how long tasks by themselves take lately; 0: not known */
    bool returning;           /* requests are being taken back: what is queued is not handed out */
    unsigned pauses;          /* how often the lock was let go while something was posted */

    ovl_time due;      /* the earliest of the workers', or earlier */
    ovl_time tick;     /* when lanes with several requests are looked at, or OVL_FOREVER */
    unsigned failures; /* in a row: forks that failed, workers that died before their first reply */
    int cause;         /* of the last failure */

    pthread_t thread; /* the supervisor */
    pid_t parent;
    pid_t helper;
    int helper_pidfd;    /* -1: the system has none */
    int helper_child_fd; /* the helper's own: its children's deaths */
    int helper_fd;       /* an eventfd: the helper's bell */
    int bell_fd;         /* an eventfd: the supervisor's */
    int epoll_fd;
    sigset_t mask; /* the opener's, for the workers */
    struct ovl__shared *shared;
    struct ovl__lane *store; /* large items that were submitted; NULL: they are copied to lanes */

    unsigned spinners;          /* who waits for a reply, awake */
    bool attended;              /* who was the last of them found one */
    struct ovl__spread *leader; /* the map whose caller collects */
    bool leader_sleeps;         /* on the listener's word */
    bool supervisor_sleeps;     /* on its descriptor */
    ovl_time supervisor_wakes;  /* then: when */
    bool opened;                /* all workers were forked, or not to be had; `error` tells */
    int error;
    bool closing;
    bool abandon;                  /* closing, and running tasks are to be killed */
    ovl_time close_by;             /* when who still closes its session is killed */
    bool ended;                    /* the supervisor touches nothing any more */
    bool detached;                 /* nobody joins it: it frees all this itself */
    struct ovl__wait_list changed; /* the opener until opened, the closer until ended */
};

/* A map under way, on the stack of its caller. */
struct ovl__spread {
    struct ovl__link link;
    const struct ovl__map *map;
    size_t next;                /* tasks from here on were never posted */
    size_t left;                /* that have not ended */
    struct ovl__link back;      /* ranges that were taken back, of struct ovl__range */
    ovl_time task_ns;           /* how long its tasks take; 0: not known */
    int refused;                /* those that are not posted are not to be: why */
    bool failed;                /* some task did */
    struct ovl__wait_list turn; /* its caller, while another one leads */
};

/* Tasks of a spread: those from `first` on, `count` of them. */
struct ovl__range {
    struct ovl__link link;
    size_t first, count;
};

/* --- the supervisor (supervisor.c) --- */

/*
 * The supervisor's life: has the helper and the workers forked, serves, and buries workers until
 * told to close and all are gone. Called without the lock.
 */
void ovl__supervise(struct ovl__processes *processes);

/* Has the supervisor look around; any process and thread, no lock needed. */
void ovl__processes_wake_supervisor(struct ovl__processes *processes);

/* Has the supervisor look at this worker again at `at`. */
void ovl__processes_set_due(struct ovl__processes *processes, struct ovl__process *process,
                            ovl_time at);

/* Whether tasks are measured. */
static inline bool ovl__is_recorded(const struct ovl__processes *processes)
{
    return processes->executor->metered;
}

/* --- a worker's requests --- */

static inline uint32_t ovl__in_flight(const struct ovl__process *process)
{
    return process->posted - process->collected;
}

static inline struct ovl__errand *ovl__errand_of(struct ovl__process *process, uint32_t request)
{
    return &process->errands[request % OVL__SLOTS];
}

static inline struct ovl__slot *ovl__slot_of(const struct ovl__process *process, uint32_t request)
{
    return ovl__lane_slot(process->lane, request);
}

/* --- handing out (dispatch.c) --- */

/* Hands out what is queued, as far as workers are to have it now; any thread. */
void ovl__dispatch(struct ovl__processes *processes);

bool ovl__is_there_work(const struct ovl__processes *processes);

/* How many tasks the worker may still be given before it is replaced. */
uint64_t ovl__allowance(const struct ovl__processes *processes, const struct ovl__process *process);

/* Looks at lanes with more than one task: what waits behind one that takes long goes elsewhere. */
void ovl__tick(struct ovl__processes *processes);

/* --- posting (post.c) --- */

/* Lists the process among the idle or the busy, as it is now. */
void ovl__process_list(struct ovl__processes *processes, struct ovl__process *process);

/* Wakes a worker that sleeps, or is about to, after something was written for it. */
void ovl__wake_worker(struct ovl__lane_head *head);

/* Gives back the block of a request's items, where it is the lane's. */
void ovl__give_items(struct ovl__process *process, const struct ovl__request *request);

/*
 * Posts the oldest task that is queued, or up to `most` tasks of a spread; false: there is none.
 * `ring`: whoever listens is to be told when it has ended, even if the worker has more to do. The
 * lock may be let go, while large items are copied: the lists may be others then (`pauses`).
 */
bool ovl__post_future(struct ovl__processes *processes, struct ovl__process *process, bool ring);
bool ovl__post_chunk(struct ovl__processes *processes, struct ovl__process *process,
                     struct ovl__spread *spread, size_t most);

/* --- collecting (collect.c) --- */

/* Collects what the worker has replied; returns whether there was something. */
bool ovl__collect(struct ovl__processes *processes, struct ovl__process *process);

/* Collects all replies, and hands out more. */
void ovl__collect_all(struct ovl__processes *processes);

/* Whether some worker has replied to what it was asked. */
bool ovl__any_reply(const struct ovl__processes *processes);

/* Has a worker with nothing to do close its sessions and end. */
void ovl__end_worker(struct ovl__process *process);

/* The worker is dead: settles what it leaves. Returns whether it had begun a task. */
struct ovl__death {
    int error; /* an outcome's error and detail */
    int detail;
};
bool ovl__settle_death(struct ovl__processes *processes, struct ovl__process *process,
                       struct ovl__death death);

/* --- taking back (retract.c) --- */

/* Takes back what the worker has not begun. */
void ovl__withdraw(struct ovl__processes *processes, struct ovl__process *process);

/* Tasks that were taken and are not begun are queued again, or the spread's again; an errand's
 * future is NULL then. Nothing is handed out. */
void ovl__give_back(struct ovl__processes *processes, struct ovl__errand *errand, size_t count);

/* The same of one future; what is queued is handed out unless `returning`. */
void ovl__return_future(struct ovl_future *future);

/* Kills a worker that runs a task; the task's outcome is `verdict` unless it ends first. */
void ovl__processes_kill(struct ovl__processes *processes, struct ovl__process *process,
                         int verdict);

/* Whether a task that was posted has begun, and not ended. */
bool ovl__is_running(const struct ovl__process *process);

/* The same of this one. */
bool ovl__is_at_work(const struct ovl__process *process, const struct ovl_future *future);

/* The first request that is not complete; `posted`: there is none. */
uint32_t ovl__oldest_incomplete(const struct ovl__process *process);

/* --- who listens (listen.c) --- */

/* Rings a bell, an eventfd that does not block; false: it is out of reach. Any process. */
bool ovl__ring(int bell_fd);

/* Says who is to be told of replies. The lanes are to be looked at afterwards. */
void ovl__listen(struct ovl__processes *processes);

/* In a worker: tells whoever listens, and where it `may_wait`, no stand-in; false: the bell is out
 * of reach. */
bool ovl__tell_reply(struct ovl__shared *shared, int bell_fd, bool may_wait);

/* Waits a little, awake, for a future that is about to end. The lock is let go. */
void ovl__processes_help(struct ovl_executor *executor, struct ovl_future *future);

/* Sleeps until something is replied, as the leader. The lock is let go. */
void ovl__lead_sleep(struct ovl__processes *processes);

/* Has the leader, if it sleeps, look around. */
void ovl__wake_leader(struct ovl__processes *processes);

/* --- maps (spread.c) --- */

int ovl__processes_map(struct ovl_executor *executor, const struct ovl__map *map);

/* Takes up to `most` tasks to post them now; returns how many. */
size_t ovl__spread_post(struct ovl_executor *executor, struct ovl__spread *spread, size_t most,
                        size_t *ret_first);

/* Tasks that are to be posted. */
size_t ovl__spread_waiting(const struct ovl__spread *spread);

/* Puts tasks back that were taken and are not begun; without memory for that they are refused. */
void ovl__spread_return(struct ovl_executor *executor, struct ovl__spread *spread, size_t first,
                        size_t count);

/* A task ended; its result, where there is one, is there already. */
void ovl__spread_end(struct ovl_executor *executor, struct ovl__spread *spread, size_t index,
                     const struct ovl_outcome *outcome);

/* Ends all tasks that are not posted. */
void ovl__spread_refuse(struct ovl_executor *executor, struct ovl__spread *spread, int error);

/* Bytes of its own that a process has in memory; 0 where that is not known. */
size_t ovl__process_size(pid_t pid);

/* --- a worker's life, in the child of the helper (worker.c) --- */

_Noreturn void ovl__process_main(struct ovl__processes *processes, struct ovl__process *process,
                                 pid_t helper);

#endif
