/*
 * bare_spawn N: starts `true` N times with nothing around it, two at a time: what the machine
 * itself gives at that moment.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv)
{
    int count = argc == 2 ? atoi(argv[1]) : 0;
    int running = 0;
    for (int n = 1; n <= count; n++) {
        char number[16];
        pid_t child;
        if (running == 2) {
            wait(NULL);
            running--;
        }
        snprintf(number, sizeof number, "%d", n);
        char *words[] = {"true", number, NULL};
        if (posix_spawn(&child, "/bin/true", NULL, NULL, words, environ))
            return EXIT_FAILURE;
        running++;
    }
    while (running--)
        wait(NULL);
    return EXIT_SUCCESS;
}
