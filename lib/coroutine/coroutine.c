#include "coroutine/coroutine.h"

#include "coroutine/local.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#ifdef OVL__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef OVL__TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0
#define VALGRIND_STACK_DEREGISTER(id)      (void)(id)
#define RUNNING_ON_VALGRIND                0
#endif

_Thread_local struct ovl__context *ovl__current;

void ovl__switch_entry(void);

/* Stacks are told to Valgrind only where it runs: the telling takes as long as a switch. */
static bool on_valgrind;

__attribute__((constructor)) static void find_valgrind(void)
{
    on_valgrind = RUNNING_ON_VALGRIND;
}

/* What lies between the coroutine at the top of its stack and its first frame. */
struct top {
    _Alignas(64) struct ovl__coroutine coroutine;
    void *(*ended)(struct ovl__coroutine *);
};

#if defined(OVL__ASAN) || defined(OVL__TSAN)
/* Tells the sanitizers that the stack of `to` is the one from here on. */
void ovl__fiber_announce_leave(struct ovl__fiber *from, struct ovl__fiber *to, bool ends)
{
    (void)from;
    (void)ends;
#ifdef OVL__ASAN
    __sanitizer_start_switch_fiber(ends ? NULL : &from->asan_fake_stack, to->asan_bottom,
                                   to->asan_size);
#endif
#ifdef OVL__TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
}

void ovl__fiber_announce_arrive(struct ovl__fiber *fiber)
{
    (void)fiber;
#ifdef OVL__ASAN
    __sanitizer_finish_switch_fiber(fiber->asan_fake_stack, NULL, NULL);
#endif
}
#endif

void ovl__fiber_init(struct ovl__fiber *fiber)
{
    *fiber = (struct ovl__fiber){.context = ovl__current};
#ifdef OVL__ASAN
    /* The bounds of the thread's own stack, as the sanitizer knows them: the switch tells them. */
    pthread_attr_t attributes;
    if (!pthread_getattr_np(pthread_self(), &attributes)) {
        void *bottom;
        pthread_attr_getstack(&attributes, &bottom, &fiber->asan_size);
        fiber->asan_bottom = bottom;
        pthread_attr_destroy(&attributes);
    }
#endif
#ifdef OVL__TSAN
    fiber->tsan_fiber = __tsan_get_current_fiber();
#endif
}

/* Returns the stack pointer to go on with. */
static void *run(struct top *top)
{
    struct ovl__coroutine *self = &top->coroutine;
    ovl__fiber_announce_arrive(&self->fiber);
    self->fn(self->argument);
    ovl__locals_free(self->locals);
    self->locals = NULL;
    return top->ended(self);
}

/*
 * Lays out what ovl__switch loads first: zeros, but for the address where it goes on, the two
 * registers of ovl__switch_entry, and the floating-point modes of the thread.
 */
static void *first_frame(struct top *top)
{
    uintptr_t high = (uintptr_t)top & ~(uintptr_t)15;
#if defined(__x86_64__)
    uint64_t *frame = (uint64_t *)high - 10;
    memset(frame, 0, 10 * sizeof *frame);
    __asm__("stmxcsr %0" : "=m"(*(uint32_t *)frame));
    __asm__("fnstcw %0" : "=m"(*((uint16_t *)frame + 2)));
    *((uint16_t *)frame + 3) = 1;            /* it never ran */
    frame[4] = (uintptr_t)top;               /* r12 */
    frame[5] = (uintptr_t)run;               /* rbx */
    frame[7] = (uintptr_t)ovl__switch_entry; /* the stack is then aligned as before a call */
#else
    uint64_t *frame = (uint64_t *)high - 22;
    memset(frame, 0, 22 * sizeof *frame);
    frame[0] = (uintptr_t)run;                /* x19 */
    frame[1] = (uintptr_t)top;                /* x20 */
    frame[11] = (uintptr_t)ovl__switch_entry; /* x30 */
    __asm__("mrs %0, fpcr" : "=r"(frame[20]));
    frame[21] = 1; /* it never ran: ovl__switch stores 0 there */
#endif
    return frame;
}

/*
 * Where a stack's top lies differs from stack to stack. Otherwise all coroutines would have the
 * same things in the same place of their pages: in the same sets of the cache, and, worse, what one
 * stores as it leaves would be taken for what the next one loads as it goes on, since processors
 * compare the lowest 12 bits first: a switch then takes five times as long.
 */
#define TOPS       4
#define TOPS_BYTES 256

static struct top *top_of(const struct ovl__slab *slab, size_t index)
{
    char *end = slab->base + (index + 1) * slab->stack_bytes;
    return (struct top *)(void *)(end - index % TOPS * TOPS_BYTES) - 1;
}

struct ovl__coroutine *ovl__coroutine_on(const struct ovl__slab *slab, unsigned index)
{
    return &top_of(slab, index)->coroutine;
}

struct ovl__coroutine *ovl__coroutine_new(struct ovl__stack_pool *pool, void (*fn)(void *),
                                          void *argument, void *(*ended)(struct ovl__coroutine *))
{
    struct ovl__stack stack = ovl__stack_take(pool);
    if (!stack.bottom)
        return NULL;
    struct top *top = top_of(stack.slab, ovl__stack_index(stack));
    top->ended = ended;
    struct ovl__coroutine *self = &top->coroutine;
    *self = (struct ovl__coroutine){
        .stack = stack,
        .fn = fn,
        .argument = argument,
    };
    self->context.coroutine = self;
    self->fiber.context = &self->context;
    self->fiber.stack_pointer = first_frame(top);
    if (on_valgrind)
        self->valgrind_id = VALGRIND_STACK_REGISTER(stack.bottom, stack.bottom + pool->stack_bytes);
#ifdef OVL__ASAN
    self->fiber.asan_bottom = stack.bottom;
    self->fiber.asan_size = pool->stack_bytes;
#endif
#ifdef OVL__TSAN
    self->fiber.tsan_fiber = __tsan_create_fiber(0);
#endif
    ovl__stack_mark(stack, true);
    return self;
}

void ovl__coroutine_free(struct ovl__stack_pool *pool, struct ovl__coroutine *self)
{
    struct ovl__stack stack = self->stack;
    ovl__stack_mark(stack, false);
    if (on_valgrind)
        VALGRIND_STACK_DEREGISTER(self->valgrind_id);
#ifdef OVL__TSAN
    __tsan_destroy_fiber(self->fiber.tsan_fiber);
#endif
#ifdef OVL__ASAN
    __asan_unpoison_memory_region(stack.bottom, pool->stack_bytes);
#endif
    ovl__stack_give(pool, stack);
}
