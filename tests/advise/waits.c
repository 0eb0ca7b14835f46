/* A program in C that sleeps in one function, over and over, and computes in another. */
#include <stdio.h>
#include <time.h>

__attribute__((noinline)) static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

__attribute__((noinline)) static unsigned long sum(unsigned long most)
{
    unsigned long all = 0;
    for (unsigned long n = 0; n < most; n++)
        __asm__ volatile("" : "+r"(all) : "r"(n));
    return all;
}

int main(void)
{
    for (int n = 0; n < 20; n++)
        nap();
    printf("%lu\n", sum(50000000));
    return 5;
}
