/* A program that the dynamic linker never sees. */
#include <time.h>

int main(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    return 0;
}
