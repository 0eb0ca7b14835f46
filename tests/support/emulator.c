#include "emulator.h"
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void *read_byte(void *pipe)
{
    char byte;
    return read(*(int *)pipe, &byte, 1) < 0 ? pipe : NULL;
}

static void *return_at_once(void *argument)
{
    return argument;
}

/* An emulator's last words, and its core, are of no interest. What stdout has buffered stays the
 * parent's. */
static void start_in_child(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pthread_t thread;
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
        pthread_create(&thread, NULL, return_at_once, NULL))
        _exit(1);
    pthread_join(thread, NULL);
    _exit(0);
}

bool forks_can_start_threads(void)
{
    int ends[2];
    pthread_t thread;
    if (pipe(ends) || pthread_create(&thread, NULL, read_byte, &ends[0]))
        return true; /* the case will tell */
    int status = 1;
    pid_t child = fork();
    if (child == 0)
        start_in_child();
    if (child > 0)
        waitpid(child, &status, 0);
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
    if (status)
        printf("not here: a child of a process with threads cannot start any (qemu's user mode "
               "still counts the parent's)\n");
    return !status;
}

bool spawns_tell_errors(void)
{
    char *command[] = {(char *)"/there/is/no/such/command", NULL};
    pid_t child;
    if (posix_spawn(&child, command[0], NULL, NULL, command, environ))
        return true;
    waitpid(child, NULL, 0);
    printf("not here: posix_spawn does not tell that a program is missing (qemu's user mode makes "
           "vfork a fork)\n");
    return false;
}
