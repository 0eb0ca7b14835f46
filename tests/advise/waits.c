/* A program in C that waits twice in one function, over and over, and computes in another; with an
 * argument, it only computes. */
#include <stdio.h>
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

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        printf("%lu\n", sum(600000000));
        return 5;
    }
    for (int n = 0; n < 20; n++)
        download();
    printf("%lu\n", sum(50000000));
    return 5;
}
