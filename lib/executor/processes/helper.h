/*
 * The helper: a process that the parent forks when the executor is opened, and that forks, watches
 * and reaps the workers for as long as the executor is open.
 *
 * It has one thread, and the program's memory as it was at the open. So workers that take a dead
 * one's place begin as the first ones did, whatever the program does meanwhile with its threads,
 * locks and memory; and they are not the program's children: its own waits never see them.
 *
 * Places are shared memory. Whose turn a place is, its state tells:
 *
 *     EMPTY ──parent──► WANTED ──helper──► RUNS ──helper──► DEAD ──parent──► WANTED, LEFT
 *                          └───helper────► FAILED ──parent──► WANTED
 *     LEFT ──helper──► EMPTY
 *
 * A worker that is DEAD is reaped only when the parent has seen to it: until then its number is no
 * other process's.
 */
#ifndef OVL_EXECUTOR_PROCESSES_HELPER_H
#define OVL_EXECUTOR_PROCESSES_HELPER_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>

struct ovl__processes;

enum ovl__place_state {
    OVL__EMPTY,
    OVL__WANTED,
    OVL__FAILED,
    OVL__RUNS,
    OVL__DEAD,
    OVL__LEFT,
};

struct ovl__place {
    atomic_uint state; /* enum ovl__place_state */
    pid_t pid;         /* RUNS, DEAD */
    int error;         /* FAILED: why there is no worker, -errno */
    int status;        /* DEAD: as waitpid gives it */
};

static inline enum ovl__place_state ovl__place_look(const struct ovl__place *place)
{
    return (enum ovl__place_state)atomic_load_explicit(&place->state, memory_order_acquire);
}

static inline void ovl__place_set(struct ovl__place *place, enum ovl__place_state state)
{
    atomic_store_explicit(&place->state, state, memory_order_release);
}

/*
 * Has the calling process end when `parent`, which forked it, does; it ends at once where that has
 * gone already. The system forgets this where the process changes its user.
 */
void ovl__end_with(pid_t parent);

/*
 * Forks the helper: called by the thread that lives as long as the executor, since the helper ends
 * with it, and the workers with the helper. 0, or -errno.
 */
int ovl__helper_start(struct ovl__processes *processes);

/* Asks the helper to look at the places; any thread. */
void ovl__helper_ring(struct ovl__processes *processes);

#endif
