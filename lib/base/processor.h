/* The processors that the process may use. */
#ifndef OVL_BASE_PROCESSOR_H
#define OVL_BASE_PROCESSOR_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

/* How many there are; 1 where the system does not say. */
unsigned ovl__processors(void);

/*
 * Where a worker begins: on the processor that falls to its number, of those that the calling
 * thread may use, until it is let go. Left alone, workers that one thread starts or wakes one after
 * the other may share a processor for milliseconds while another is idle.
 */
struct ovl__processor_place {
    cpu_set_t one; /* where it begins */
    cpu_set_t all; /* where it may run later */
    bool known;    /* false: the system did not say, and the worker is left alone */
};

struct ovl__processor_place ovl__processor_place(unsigned number);

/* Binds the calling thread to its place, or lets it go from there. */
void ovl__processor_bind(const struct ovl__processor_place *place);
void ovl__processor_let_go(const struct ovl__processor_place *place);

/*
 * Tells the scheduler that the calling thread runs for moments only, so that it gets a processor
 * soon when it is woken while all of them compute. Kernels that do not know of it do as they did.
 */
void ovl__processor_be_brief(void);

/* Notes where the calling thread runs. */
static inline void ovl__processor_note(atomic_int *place)
{
    int here = sched_getcpu();
    if (atomic_load_explicit(place, memory_order_relaxed) != here)
        atomic_store_explicit(place, here, memory_order_relaxed);
}

/* Whether the calling thread runs where that was noted: to look again and again for what another
 * one does there keeps that one from it. */
static inline bool ovl__processor_is_here(const atomic_int *place)
{
    return atomic_load_explicit(place, memory_order_relaxed) == sched_getcpu();
}

#endif
