/*
 * bare_sums PROCESSES: the 20 sums of squares in so many processes, an equal share each, with
 * nothing around them: what the machine itself can give at this moment. Prints its time as the
 * classic programs do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SUMS  20
#define FIRST 5000000

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static volatile unsigned long kept;

static void sum_squares(unsigned long below)
{
    unsigned __int128 total = 0;
    for (unsigned long i = 0; i < below; i++) {
        __asm__ volatile("" : "+r"(i)); /* so that the loop is run */
        total += (unsigned __int128)i * i;
    }
    kept += (unsigned long)total;
}

static void sum_share(int process, int processes)
{
    for (int i = process; i < SUMS; i += processes)
        sum_squares(FIRST + (unsigned long)i);
}

int main(int argc, char *argv[])
{
    int processes = argc > 1 ? atoi(argv[1]) : 1;
    int failed = 0;
    double begin = now();
    for (int i = 1; i < processes; i++) {
        pid_t child = fork();
        if (!child) {
            sum_share(i, processes);
            _exit(0);
        }
        failed |= child < 0;
    }
    sum_share(0, processes);
    while (wait(NULL) > 0)
        ;
    printf("Duration %.6f seconds\n", now() - begin);
    return failed;
}
