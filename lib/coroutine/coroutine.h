/*
 * Coroutines: functions with stacks of their own, which run where they are switched to. When they
 * run is the loop's affair. A coroutine never leaves the thread that made it.
 */
#ifndef OVL_COROUTINE_COROUTINE_H
#define OVL_COROUTINE_COROUTINE_H

#include "base/list.h"
#include "base/sanitize.h"
#include "coroutine/exceptions.h"
#include "coroutine/stack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ovl__coroutine;
struct ovl__locals;
struct ovl__loop;
struct ovl__meter;
struct ovl__scope;
struct ovl_task;

/*
 * What runs in this thread on behalf of a task: the one thing that a hook looks at. A thread that
 * runs no task and no coroutine has none.
 */
struct ovl__context {
    struct ovl__coroutine *coroutine; /* the coroutine it is; NULL: a task in a plain thread */
    struct ovl__meter *meter;         /* what is recorded of the task; NULL: nothing */
    struct ovl_task *task;            /* the innermost task; NULL: a coroutine without one */
    struct ovl__waits *waits; /* who is told when a plain thread's task waits; NULL: nobody */
};

struct ovl__waits {
    /* The task is about to make a call that may wait, or has come back from one. */
    void (*tell)(struct ovl__waits *waits, bool begins);
};

extern _Thread_local struct ovl__context *ovl__current;

/* What can be switched away from and back to: a coroutine, or the thread's own stack. */
struct ovl__fiber {
    void *stack_pointer; /* while it does not run */
    struct ovl__context *context;
#ifdef OVL__ASAN
    const void *asan_bottom;
    size_t asan_size;
    void *asan_fake_stack;
#endif
#ifdef OVL__TSAN
    void *tsan_fiber;
#endif
};

/* How long a coroutine's name may be, its end included. */
#define OVL__NAME_BYTES 32

/* What a suspended coroutine waits for, for whoever asks. */
struct ovl__waiting {
    const char *kind; /* constant; NULL: it does not wait */
    int fd;           /* or -1 */
    int64_t since;    /* as ovl_now() */
};

/*
 * Lies at the top of its own stack, so that one that sleeps keeps a single page. What a wait and a
 * switch touch comes first, in two lines of the cache.
 */
struct ovl__coroutine {
    struct ovl__fiber fiber;
    struct ovl__context context;
    struct ovl__loop *loop;
    struct ovl__coroutine *next_ready; /* in the loop's queue of those ready to run */
    struct ovl__scope *scope;          /* the innermost one; NULL: none */
    bool is_ready;
    bool is_interruptible; /* suspended in a wait that a cancelled scope ends */
    bool has_ended;        /* its function has returned */
    bool is_kept;          /* after its end it stays until somebody has joined it */
    int error;             /* its errno, while it does not run */
    struct ovl__interruptible *interruptible; /* the wait that signals interrupt; NULL: none */
    struct ovl__waiting waiting;
    int result;                  /* its function's; for those that are kept */
    struct ovl__link scope_link; /* among the scope's coroutines */
    void (*fn)(void *argument);
    void *argument;
    int (*call)(void *argument);       /* for fn, where it has more to do than to call */
    void *owner;                       /* whoever started it may put something here */
    struct ovl__coroutine *joiner;     /* waits for its end */
    struct ovl__locals *locals;        /* coroutine-local values; NULL: none */
    struct ovl__exceptions exceptions; /* while it does not run */
    struct ovl__stack stack;
    uint64_t number;    /* counts the loop's coroutines, from 1 */
    size_t task_number; /* the task's that it runs, plus 1; 0: none */
    unsigned valgrind_id;
    char name[OVL__NAME_BYTES]; /* empty: none was given */
};

/* The coroutine that runs; NULL: none, but the thread itself. */
static inline struct ovl__coroutine *ovl__self(void)
{
    return ovl__current ? ovl__current->coroutine : NULL;
}

/*
 * Makes a coroutine that will call fn(argument) once it is first switched to, and `ended` when fn
 * returns: that returns ovl__fiber_end. NULL: no memory.
 */
struct ovl__coroutine *ovl__coroutine_new(struct ovl__stack_pool *pool, void (*fn)(void *),
                                          void *argument, void *(*ended)(struct ovl__coroutine *));

/* Ends one that does not run: it never began, or its function has returned. */
void ovl__coroutine_free(struct ovl__stack_pool *pool, struct ovl__coroutine *coroutine);

/* The coroutine that lies on a stack which is in use. */
struct ovl__coroutine *ovl__coroutine_on(const struct ovl__slab *slab, unsigned index);

/* Makes the fiber of the thread that runs. */
void ovl__fiber_init(struct ovl__fiber *fiber);

/* Stores what is to be preserved on the present stack, and goes on with another: switch.S. Returns
 * 0, so that who has no more to do than to return 0 may jump there. */
int ovl__switch(void **save, void *load);

#if defined(OVL__ASAN) || defined(OVL__TSAN)
void ovl__fiber_announce_leave(struct ovl__fiber *from, struct ovl__fiber *to, bool ends);
void ovl__fiber_announce_arrive(struct ovl__fiber *fiber);
#else
static inline void ovl__fiber_announce_leave(struct ovl__fiber *from, struct ovl__fiber *to,
                                             bool ends)
{
    (void)from;
    (void)to;
    (void)ends;
}

static inline void ovl__fiber_announce_arrive(struct ovl__fiber *fiber)
{
    (void)fiber;
}
#endif

/*
 * Leaves `from`, which runs, and goes on with `to`. Returns 0, when something switches to `from`
 * again.
 */
static inline int ovl__fiber_switch(struct ovl__fiber *from, struct ovl__fiber *to)
{
    ovl__fiber_announce_leave(from, to, false);
    ovl__current = to->context;
    int result = ovl__switch(&from->stack_pointer, to->stack_pointer);
    ovl__fiber_announce_arrive(from);
    return result;
}

/*
 * The end of `from`, whose function has returned: what it returns goes on with `to`. The sanitizers
 * want nothing to run on a stack that they were told is left, not even a return.
 */
static inline void *ovl__fiber_end(struct ovl__fiber *from, struct ovl__fiber *to)
{
    ovl__fiber_announce_leave(from, to, true);
    ovl__current = to->context;
#if defined(OVL__ASAN) || defined(OVL__TSAN)
    ovl__switch(&from->stack_pointer, to->stack_pointer);
#endif
    return to->stack_pointer;
}

#endif
