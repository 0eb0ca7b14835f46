/*
 * What a million coroutines' memory takes by itself: maps so many stacks of 256 KiB, guards each,
 * and touches one page of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { STACK = 256 * 1024, PAGE = 4096, SLAB = 256 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void make_slab(void)
{
    char *base = mmap(NULL, (size_t)STACK * SLAB, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        exit(3);
    for (size_t i = 0; i < SLAB; i++)
        if (madvise(base + i * STACK, PAGE, MADV_GUARD_INSTALL))
            exit(3);
    for (size_t i = 0; i < SLAB; i++)
        ((volatile char *)base)[(i + 1) * STACK - 1] = 1;
}

int main(int argc, char *argv[])
{
    long count = argc > 1 ? atol(argv[1]) : 1000000;
    double begin = now();
    for (long i = 0; i < count; i += SLAB)
        make_slab();
    printf("Duration %.9f seconds\n", now() - begin);
    return 0;
}
