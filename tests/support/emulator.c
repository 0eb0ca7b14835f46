#include "emulator.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What a thread beside a fork waits for, once it has said that it is there. */
struct beside {
    int begun[2];
    int end[2];
};

static void *be_beside(void *argument)
{
    struct beside *beside = argument;
    char byte = 0;
    bool told = write(beside->begun[1], &byte, 1) == 1;
    return read(beside->end[0], &byte, 1) < 0 || !told ? argument : NULL;
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
    struct beside beside;
    pthread_t thread;
    if (pipe(beside.begun) || pipe(beside.end) || pthread_create(&thread, NULL, be_beside, &beside))
        return true; /* the case will tell */
    /* While it begins it may hold the lock of a sanitizer's allocator. */
    char byte;
    int status = read(beside.begun[0], &byte, 1) != 1;
    pid_t child = fork();
    if (child == 0)
        start_in_child();
    if (child > 0)
        waitpid(child, &status, 0);
    close(beside.end[1]);
    pthread_join(thread, NULL);
    close(beside.end[0]);
    close(beside.begun[0]);
    close(beside.begun[1]);
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

bool memory_can_be_read(void)
{
    char here = 'a';
    char copy = 'b';
    struct iovec from = {.iov_base = &here, .iov_len = 1};
    struct iovec to = {.iov_base = &copy, .iov_len = 1};
    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) >= 0 || errno != ENOSYS)
        return true;
    printf("not here: nobody's memory can be read (qemu's user mode has no process_vm_readv)\n");
    return false;
}
