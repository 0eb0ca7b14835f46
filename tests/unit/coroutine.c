/* Proves that coroutines keep their registers and stacks apart, and that stacks are guarded and
 * reused. */
#include "coroutine/coroutine.h"
#include "../support/cases.h"
#include "../support/pattern.h"
#include "coroutine/stack.h"
#include <fenv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ovl__fiber thread_fiber;
static struct ovl__stack_pool pool;

/* What the coroutines of a case work on. */
struct work {
    struct ovl__coroutine *self;
    int number;
    int steps;
    long sum;
    double product;
    bool ended;
};

static void leave(struct work *work)
{
    ovl__fiber_switch(&work->self->fiber, &thread_fiber);
}

static void enter(struct work *work)
{
    ovl__fiber_switch(&thread_fiber, &work->self->fiber);
}

static void *ended(struct ovl__coroutine *coroutine)
{
    ((struct work *)coroutine->argument)->ended = true;
    return ovl__fiber_end(&coroutine->fiber, &thread_fiber);
}

static void begin(struct work *work, void (*fn)(void *))
{
    work->self = ovl__coroutine_new(&pool, fn, work, ended);
    assert_non_null(work->self);
}

static void set_up(void)
{
    ovl__fiber_init(&thread_fiber);
    ovl__stack_pool_init(&pool, 0);
}

static void count_steps(void *argument)
{
    struct work *work = argument;
    for (int i = 0; i < work->number; i++) {
        work->steps++;
        leave(work);
    }
}

static void coroutine_goes_on_where_it_left(void)
{
    set_up();
    struct work work = {.number = 10};
    begin(&work, count_steps);
    for (int i = 1; i <= 10; i++) {
        enter(&work);
        assert_int_equal(work.steps, i);
        assert_false(work.ended);
    }
    enter(&work);
    assert_true(work.ended);
    ovl__coroutine_free(&pool, work.self);
    ovl__stack_pool_release(&pool);
}

/* More numbers than there are registers that a call keeps. */
struct numbers {
    long a, b, c, d, e, f, g;
};

static struct numbers numbers_from(long a)
{
    return (struct numbers){a, a * 3, a * 5, a * 7, a * 11, a * 13, a * 17};
}

static struct numbers mixed(struct numbers n)
{
    return (struct numbers){n.a + n.b, n.b + n.c, n.c + n.d,     n.d + n.e,
                            n.e + n.f, n.f + n.g, n.g + n.a % 10};
}

static long total(struct numbers n)
{
    return n.a + n.b + n.c + n.d + n.e + n.f + n.g;
}

/* Keeps many values alive across switches, whole and floating, so that registers must be kept. */
static void mix_numbers(void *argument)
{
    struct work *work = argument;
    struct numbers numbers = numbers_from(work->number);
    double x = 1 + work->number * 0.001;
    double y = 1;
    char bytes[1000];
    pattern_fill(bytes, 0, sizeof bytes, (uint32_t)work->number);
    for (int i = 0; i < 50; i++) {
        y *= x;
        leave(work);
        numbers = mixed(numbers);
    }
    work->sum = total(numbers);
    work->product = y;
    work->steps = pattern_holds(bytes, sizeof bytes, (uint32_t)work->number);
}

static long expected_mix(long a)
{
    struct numbers numbers = numbers_from(a);
    for (int i = 0; i < 50; i++)
        numbers = mixed(numbers);
    return total(numbers);
}

static void registers_and_stacks_are_kept_apart(void)
{
    enum { COUNT = 100 };
    set_up();
    struct work works[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        works[i].number = i + 1;
        begin(&works[i], mix_numbers);
    }
    for (int round = 0; round < 51; round++)
        for (int i = 0; i < COUNT; i++)
            enter(&works[i]);
    for (int i = 0; i < COUNT; i++) {
        double expected = 1;
        for (int k = 0; k < 50; k++)
            expected *= 1 + works[i].number * 0.001;
        assert_true(works[i].ended);
        assert_int_equal(works[i].sum, expected_mix(i + 1));
        assert_true(works[i].product == expected);
        assert_int_equal(works[i].steps, 1);
        ovl__coroutine_free(&pool, works[i].self);
    }
    ovl__stack_pool_release(&pool);
}

/* The rounding mode is part of what a coroutine keeps. */
static void round_up(void *argument)
{
    struct work *work = argument;
    fesetround(FE_UPWARD);
    leave(work);
    work->steps = fegetround() == FE_UPWARD;
}

static void rounding_mode_is_kept_apart(void)
{
    set_up();
    struct work work = {0};
    begin(&work, round_up);
    int before = fegetround();
    enter(&work);
    assert_int_equal(fegetround(), before);
    enter(&work);
    assert_int_equal(work.steps, 1);
    assert_int_equal(fegetround(), before);
    ovl__coroutine_free(&pool, work.self);
    ovl__stack_pool_release(&pool);
}

static void check_alignment(void *argument)
{
    struct work *work = argument;
    _Alignas(16) volatile char bytes[16] = {0};
    work->steps = (uintptr_t)bytes % 16 == 0;
    char text[64];
    work->sum = snprintf(text, sizeof text, "%.3f", 1.5 + bytes[0]);
}

static void stacks_are_aligned(void)
{
    set_up();
    struct work work = {0};
    begin(&work, check_alignment);
    enter(&work);
    assert_int_equal(work.steps, 1);
    assert_int_equal(work.sum, 5);
    ovl__coroutine_free(&pool, work.self);
    ovl__stack_pool_release(&pool);
}

static void one_that_never_began_may_be_freed(void)
{
    set_up();
    struct work work = {.number = 1};
    begin(&work, count_steps);
    ovl__coroutine_free(&pool, work.self);
    assert_int_equal(work.steps, 0);
    ovl__stack_pool_release(&pool);
}

static void stacks_are_used_again(void)
{
    set_up();
    struct ovl__stack first = ovl__stack_take(&pool);
    assert_non_null(first.bottom);
    ovl__stack_give(&pool, first);
    assert_int_equal(pool.free_count, 1);
    struct ovl__stack again = ovl__stack_take(&pool);
    assert_ptr_equal(again.bottom, first.bottom);
    ovl__stack_give(&pool, again);
    ovl__stack_pool_release(&pool);
}

static size_t mappings(void)
{
    size_t count = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    assert_non_null(file);
    for (int byte; (byte = getc(file)) != EOF;)
        count += byte == '\n';
    fclose(file);
    return count;
}

static size_t slab_count(void)
{
    size_t count = 0;
    for (struct ovl__link *link = pool.slabs.next; link != &pool.slabs; link = link->next)
        count++;
    return count;
}

/* Nobody overlaps, the mappings are few, and what many needed is given back when few are left. */
__attribute__((unused)) static void many_stacks_take_few_mappings(void)
{
    enum { COUNT = 20000 };
    static struct ovl__stack stacks[COUNT];
    set_up();
    size_t before = mappings();
    for (int i = 0; i < COUNT; i++) {
        stacks[i] = ovl__stack_take(&pool);
        assert_non_null(stacks[i].bottom);
        ((int *)(void *)(stacks[i].bottom + pool.stack_bytes))[-1] = i;
    }
    assert_true(mappings() - before < 100 || stacks[0].slab->protected);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(((int *)(void *)(stacks[i].bottom + pool.stack_bytes))[-1], i);
    size_t slabs = slab_count();
    for (int i = 0; i < COUNT; i++)
        ovl__stack_give(&pool, stacks[i]);
    while (ovl__stack_pool_trim(&pool))
        ;
    assert_true(slab_count() < slabs);
    assert_true(pool.free_count < COUNT / 2);
    ovl__stack_pool_release(&pool);
    assert_true(SANITIZED || mappings() <= before + 2); /* theirs come and go */
}

static void stacks_are_as_large_as_asked(void)
{
    static const size_t sizes[] = {1, 4096, 10000, 65536, 1 << 20};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct ovl__stack_pool own;
        ovl__stack_pool_init(&own, sizes[i]);
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        assert_true(own.stack_bytes >= sizes[i]);
        assert_int_equal(own.stack_bytes % page, 0);
        struct ovl__stack stack = ovl__stack_take(&own);
        assert_non_null(stack.bottom);
        memset(stack.bottom + own.stack_bytes / 2, 1, own.stack_bytes / 2);
        ovl__stack_give(&own, stack);
        ovl__stack_pool_release(&own);
    }
}

/* Recurses until the stack is used up. */
static int overflow(volatile int depth)
{
    volatile char bytes[512];
    bytes[0] = (char)depth;
    return depth < 0 ? bytes[0] : overflow(depth + 1) + bytes[0];
}

static void overflow_stack(void *argument)
{
    struct work *work = argument;
    work->steps = overflow(1);
}

static void overflow_faults(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        set_up();
        struct work neighbour = {.number = 1};
        struct work work = {0};
        begin(&neighbour, count_steps);
        begin(&work, overflow_stack);
        enter(&work);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(coroutine_goes_on_where_it_left),
        TEST_CASE(registers_and_stacks_are_kept_apart),
        TEST_CASE(rounding_mode_is_kept_apart),
        TEST_CASE(stacks_are_aligned),
        TEST_CASE(one_that_never_began_may_be_freed),
        TEST_CASE(stacks_are_used_again),
#ifndef __SANITIZE_THREAD__ /* which has mappings of its own for every stack */
        TEST_CASE(many_stacks_take_few_mappings),
#endif
        TEST_CASE(stacks_are_as_large_as_asked),
        TEST_CASE(overflow_faults),
    };
    return run_cases("coroutine", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
