#include "coroutine/stack.h"

#include "base/system.h"

#include <stdint.h>

/* From Linux 6.13 on: a guard that takes no mapping of its own (linux/mman.h may be older). */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* Stacks kept mapped beyond what runs: enough for the ups and downs of a busy server. */
#define KEEP 1024

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void **top_word(const struct ovl__stack_pool *pool, void *stack)
{
    return (void **)(void *)((char *)stack + pool->stack_bytes) - 1;
}

void ovl__stack_pool_init(struct ovl__stack_pool *pool, size_t stack_bytes)
{
    size_t page = page_bytes();
    if (!stack_bytes)
        stack_bytes = OVL__STACK_BYTES;
    if (stack_bytes < 4 * page)
        stack_bytes = 4 * page;
    *pool = (struct ovl__stack_pool){.stack_bytes = (stack_bytes + page - 1) / page * page};
}

void ovl__stack_pool_release(struct ovl__stack_pool *pool)
{
    while (pool->free) {
        void *stack = pool->free;
        pool->free = *top_word(pool, stack);
        munmap(stack, pool->stack_bytes);
    }
    pool->free_count = 0;
}

static int guard(void *stack)
{
    size_t page = page_bytes();
    if (!ovl__sys.madvise(stack, page, MADV_GUARD_INSTALL))
        return 0;
    return ovl__sys.mprotect(stack, page, PROT_NONE);
}

void *ovl__stack_take(struct ovl__stack_pool *pool)
{
    if (pool->free) {
        void *stack = pool->free;
        pool->free = *top_word(pool, stack);
        pool->free_count--;
        return stack;
    }
    void *stack = ovl__sys.mmap(NULL, pool->stack_bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return NULL;
    if (guard(stack)) {
        munmap(stack, pool->stack_bytes);
        return NULL;
    }
    return stack;
}

void ovl__stack_give(struct ovl__stack_pool *pool, void *stack)
{
    if (pool->free_count >= KEEP) {
        munmap(stack, pool->stack_bytes);
        return;
    }
    *top_word(pool, stack) = pool->free;
    pool->free = stack;
    pool->free_count++;
}
