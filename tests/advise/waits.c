/* A program in C that waits twice in one function, over and over, and computes in another. With
 * "compute" it only computes: in a function that a loop calls; and with "forever" it does both
 * until it is ended. A second argument: so many times as much. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void nap(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

static void download(void)
{
    nap(15);
    nap(5);
}

__attribute__((noinline)) static unsigned long sum(unsigned long most)
{
    unsigned long all = 0;
    for (unsigned long n = 0; n < most; n++)
        __asm__ volatile("" : "+r"(all) : "r"(n));
    return all;
}

__attribute__((noinline)) static unsigned long part(unsigned long n)
{
    return sum(20000000 + n) + 1; /* not its last doing: a compiler would jump there */
}

static void both(void)
{
    puts("on");
    fflush(stdout);
    for (unsigned long n = 0;; n++) {
        part(n);
        download();
    }
}

static int compute(unsigned long times)
{
    unsigned long all = 0;
    for (unsigned long n = 0; n < 40 * times; n++)
        all += part(n);
    printf("%lu\n", all);
    return 5;
}

int main(int argc, char **argv)
{
    unsigned long times = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    if (argc > 1 && strcmp(argv[1], "forever") == 0)
        both();
    if (argc > 1 && strcmp(argv[1], "compute") == 0)
        return compute(times);
    for (unsigned long n = 0; n < 20 * times; n++)
        download();
    printf("%lu\n", sum(10000000));
    return 5;
}
