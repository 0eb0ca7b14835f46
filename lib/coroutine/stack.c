#include "coroutine/stack.h"

#include "base/memory.h"
#include "base/system.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>

/* From Linux 6.13 on: a guard that takes no mapping of its own (linux/mman.h may be older). */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Slabs grow with their number, from a few stacks for who needs few. */
#define FIRST_SLAB 16
#define LAST_SLAB  256

/* Who needs thousands gets so many at a time ready in one call of the system. */
#define BATCH 64

/* Stacks that stay mapped though nobody needs them now: enough for the ups and downs of a busy
 * server. */
#define KEEP 4096

/*
 * A guard of its own protection splits the mapping: two more of the 65,530 that the kernel allows a
 * process (vm.max_map_count). Half of them are left to the program; stacks beyond that are
 * unguarded.
 */
#define PROTECTED_MAX 16384

static atomic_uint protected_guards;

static void **top_word(const struct ovl__slab *slab, char *stack)
{
    return (void **)(void *)(stack + slab->stack_bytes) - 1;
}

void ovl__stack_pool_init(struct ovl__stack_pool *pool, size_t stack_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!stack_bytes)
        stack_bytes = OVL__STACK_BYTES;
    if (stack_bytes < 4 * page)
        stack_bytes = 4 * page;
    if (stack_bytes > SIZE_MAX / 4)
        stack_bytes = SIZE_MAX / 4; /* which no mapping will give */
    *pool = (struct ovl__stack_pool){
        .stack_bytes = (stack_bytes + page - 1) / page * page,
        .page_bytes = page,
        .next_count = FIRST_SLAB,
    };
    ovl__list_init(&pool->slabs);
    ovl__list_init(&pool->roomy);
    ovl__list_init(&pool->empty);
}

static void slab_free(struct ovl__slab *slab)
{
    ovl__list_remove(&slab->link);
    ovl__list_remove(&slab->roomy_link);
    atomic_fetch_sub_explicit(&protected_guards, slab->protected, memory_order_relaxed);
    munmap(slab->base, slab->count * slab->stack_bytes);
    free(slab);
}

void ovl__stack_pool_release(struct ovl__stack_pool *pool)
{
    while (!ovl__list_empty(&pool->slabs)) {
        struct ovl__link *first = pool->slabs.next;
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the analyzer sees no link change. */
        slab_free(ovl__of(first, struct ovl__slab, link));
    }
    pool->free_count = 0;
}

static char *map_stacks(const struct ovl__stack_pool *pool, unsigned count)
{
    size_t size;
    if (__builtin_mul_overflow(pool->stack_bytes, (size_t)count, &size))
        return NULL;
    char *base = ovl__sys.mmap(NULL, size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    /* A huge page would hold many stacks, and a stack needs one small page. It is only a hint. */
    madvise(base, size, MADV_NOHUGEPAGE);
    return base;
}

static struct ovl__slab *slab_new_of(struct ovl__stack_pool *pool, unsigned count)
{
    struct ovl__slab *slab = ovl__zalloc(sizeof *slab + count * sizeof *slab->in_use);
    if (!slab)
        return NULL;
    slab->stack_bytes = pool->stack_bytes;
    slab->count = count;
    slab->base = map_stacks(pool, count);
    if (!slab->base) {
        free(slab);
        return NULL;
    }
    ovl__list_init(&slab->roomy_link);
    ovl__list_append(&pool->roomy, &slab->roomy_link);
    ovl__list_append(&pool->slabs, &slab->link);
    return slab;
}

/* Where the address space has no room for many, it may have some for a few. */
static struct ovl__slab *slab_new(struct ovl__stack_pool *pool)
{
    unsigned count = pool->next_count;
    struct ovl__slab *slab = slab_new_of(pool, count);
    while (!slab && count > 1)
        slab = slab_new_of(pool, count /= 2);
    if (slab && pool->next_count < LAST_SLAB)
        pool->next_count *= 2;
    return slab;
}

/* 0: guarded, or in an unguarded one of those beyond the limit. */
static int guard(struct ovl__stack_pool *pool, struct ovl__slab *slab, char *stack)
{
    if (!ovl__sys.madvise(stack, pool->page_bytes, MADV_GUARD_INSTALL))
        return 0;
    if (atomic_load_explicit(&protected_guards, memory_order_relaxed) >= PROTECTED_MAX)
        return 0;
    if (ovl__sys.mprotect(stack, pool->page_bytes, PROT_NONE))
        return -errno;
    slab->protected ++;
    atomic_fetch_add_explicit(&protected_guards, 1, memory_order_relaxed);
    return 0;
}

/* Advises one page of each stack of a batch; false where not all was done. */
static bool advise_many(int self, char *first, size_t stride, size_t page_bytes, int advice)
{
    struct iovec pages[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        pages[i] = (struct iovec){.iov_base = first + i * stride, .iov_len = page_bytes};
    return syscall(SYS_process_madvise, self, pages, (size_t)BATCH, advice, 0) ==
           (long)(BATCH * page_bytes);
}

/*
 * Guards a batch, and has the kernel give the top page of each, which takes a third less time than
 * a fault for each. Where any of it fails, each is guarded by itself, and none is the worse for it:
 * a process may advise itself from Linux 6.13 on.
 */
static void make_batch_ready(const struct ovl__stack_pool *pool, struct ovl__slab *slab)
{
    char *first = slab->base + slab->fresh * slab->stack_bytes;
    size_t stride = slab->stack_bytes;
    int self = ovl__sys.pidfd_open(getpid(), 0);
    if (self < 0)
        return;
    if (advise_many(self, first, stride, pool->page_bytes, MADV_GUARD_INSTALL)) {
        slab->ready = slab->fresh + BATCH;
        advise_many(self, first + stride - pool->page_bytes, stride, pool->page_bytes,
                    MADV_POPULATE_WRITE);
    }
    ovl__sys.close(self);
}

static char *take_fresh(struct ovl__stack_pool *pool, struct ovl__slab *slab)
{
    char *stack = slab->base + slab->fresh * slab->stack_bytes;
    if (slab->count == LAST_SLAB && slab->fresh % BATCH == 0)
        make_batch_ready(pool, slab);
    if (slab->fresh >= slab->ready && guard(pool, slab, stack))
        return NULL;
    slab->fresh++;
    return stack;
}

static char *take_used(struct ovl__stack_pool *pool, struct ovl__slab *slab)
{
    char *stack = slab->free;
    slab->free = *top_word(slab, stack);
    pool->free_count--;
    return stack;
}

/* One with a free stack: those that are in use already come first, so that others become empty. */
static struct ovl__slab *roomy_slab(struct ovl__stack_pool *pool)
{
    struct ovl__link *link = pool->roomy.next;
    if (link != &pool->roomy)
        return ovl__of(link, struct ovl__slab, roomy_link);
    link = ovl__list_take(&pool->empty);
    if (!link)
        return slab_new(pool);
    ovl__list_append(&pool->roomy, link);
    return ovl__of(link, struct ovl__slab, roomy_link);
}

static bool is_full(const struct ovl__slab *slab)
{
    return !slab->free && slab->fresh == slab->count;
}

struct ovl__stack ovl__stack_take(struct ovl__stack_pool *pool)
{
    struct ovl__slab *slab = roomy_slab(pool);
    if (!slab)
        return (struct ovl__stack){0};
    char *stack = slab->free ? take_used(pool, slab) : take_fresh(pool, slab);
    if (!stack)
        return (struct ovl__stack){0};
    slab->taken++;
    if (is_full(slab))
        ovl__list_remove(&slab->roomy_link);
    return (struct ovl__stack){.bottom = stack, .slab = slab};
}

void ovl__stack_give(struct ovl__stack_pool *pool, struct ovl__stack stack)
{
    struct ovl__slab *slab = stack.slab;
    bool was_full = is_full(slab);
    *top_word(slab, stack.bottom) = slab->free;
    slab->free = stack.bottom;
    slab->taken--;
    pool->free_count++;
    if (!slab->taken) {
        ovl__list_remove(&slab->roomy_link);
        ovl__list_append(&pool->empty, &slab->roomy_link);
    } else if (was_full) { /* to the front: its pages were touched last */
        ovl__list_append(pool->roomy.next, &slab->roomy_link);
    }
}

bool ovl__stack_pool_trim(struct ovl__stack_pool *pool)
{
    if (ovl__list_empty(&pool->empty))
        return false;
    struct ovl__slab *slab = ovl__of(pool->empty.next, struct ovl__slab, roomy_link);
    if (pool->free_count < KEEP + slab->fresh)
        return false;
    pool->free_count -= slab->fresh;
    slab_free(slab);
    return true;
}
