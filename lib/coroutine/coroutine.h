/*
 * Coroutines: functions with stacks of their own, which run where they are switched to. When they
 * run is the loop's affair. A coroutine never leaves the thread that made it.
 */
#ifndef OVL_COROUTINE_COROUTINE_H
#define OVL_COROUTINE_COROUTINE_H

#include "base/list.h"
#include "coroutine/stack.h"

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define OVL__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OVL__ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define OVL__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OVL__TSAN 1
#endif
#endif

struct ovl__coroutine;
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

/* Lies at the top of its own stack, so that one that sleeps keeps a single page. */
struct ovl__coroutine {
    struct ovl__fiber fiber;
    struct ovl__context context;
    struct ovl__loop *loop;
    struct ovl__coroutine *next_ready; /* in the loop's queue of those ready to run */
    bool is_ready;
    bool is_interruptible;       /* suspended in a wait that a cancelled scope ends */
    struct ovl__scope *scope;    /* the innermost one; NULL: none */
    struct ovl__link scope_link; /* among the scope's coroutines */
    void *stack;
    unsigned valgrind_id;
    void (*fn)(void *argument);
    void *argument;
};

/*
 * Makes a coroutine that will call fn(argument) once it is first switched to, and `ended` (which
 * must switch away for good) when fn returns. NULL: no memory.
 */
struct ovl__coroutine *ovl__coroutine_new(struct ovl__stack_pool *pool, void (*fn)(void *),
                                          void *argument, void (*ended)(struct ovl__coroutine *));

/* Ends one that does not run: it never began, or its function has returned. */
void ovl__coroutine_free(struct ovl__stack_pool *pool, struct ovl__coroutine *coroutine);

/* Makes the fiber of the thread that runs. */
void ovl__fiber_init(struct ovl__fiber *fiber);

/*
 * Leaves `from`, which runs, and goes on with `to`. Returns when something switches to `from`
 * again. With `ends`, nothing ever will.
 */
void ovl__fiber_switch(struct ovl__fiber *from, struct ovl__fiber *to, bool ends);

#endif
