/*
 * Runs a command and writes to FILE how long it took, wall clock and CPU, in seconds: "1.234567
 * 0.012345".
 *
 *     stopwatch FILE COMMAND [ARGUMENT]...
 *     stopwatch --first-line FILE COMMAND [ARGUMENT]...
 *
 * With --first-line it stops the time at the command's first line of output, and then ends the
 * command: the start-up of a server. The command has a process group of its own, all of which goes
 * when the command, or the stopwatch, is ended.
 *
 * Exits as the command does: 128 + N after signal N, 127 where it cannot be run; with --first-line
 * 0, or 1 where no line came.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_SECONDS 2

extern char **environ;

static volatile sig_atomic_t group;

static void kill_group(int signal_number)
{
    (void)signal_number;
    kill(-(pid_t)group, SIGKILL);
}

/* Asks the group to end, and no longer than GRACE_SECONDS later makes it. */
static void end_group(int signal_number)
{
    if (group > 0) {
        kill(-(pid_t)group, SIGTERM);
        signal(SIGALRM, kill_group);
        alarm(GRACE_SECONDS);
        while (waitpid((pid_t)group, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    _exit(128 + signal_number);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* Starts the command in a group of its own, its output to `output_fd` unless that is -1. */
static int start(char *command[], int output_fd)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT); /* which a shell ignores in what it starts in the background */
    sigaddset(&defaults, SIGQUIT);
    /* A signal must not come between the command's start and the note of which group to end. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &before);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawn_file_actions_init(&actions);
    if (output_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);

    pid_t child = 0;
    int error = posix_spawnp(&child, command[0], &actions, &attributes, command, environ);
    group = child;
    sigprocmask(SIG_SETMASK, &before, NULL);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* Returns whether a whole line came before the end. */
static bool read_line(int fd)
{
    char byte = '\0';
    ssize_t count = 1;
    while (byte != '\n' && (count = read(fd, &byte, 1)) != 0) {
        if (count < 0 && errno != EINTR)
            break;
    }
    return byte == '\n';
}

static int time_command(char *command[], bool first_line, double *ret_wall, double *ret_cpu)
{
    int ends[2] = {-1, -1};
    if (first_line && pipe2(ends, O_CLOEXEC))
        return errno;
    double begin = now();
    int error = start(command, ends[1]);
    if (error)
        return error;
    bool ready = false;
    if (first_line) {
        close(ends[1]);
        ready = read_line(ends[0]);
        *ret_wall = now() - begin;
        kill(-(pid_t)group, SIGTERM);
    }
    int status = 0;
    struct rusage usage;
    while (wait4((pid_t)group, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    if (!first_line)
        *ret_wall = now() - begin;
    *ret_cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    kill(-(pid_t)group, SIGTERM); /* whoever of the group was left behind */
    if (first_line)
        return ready ? 0 : -1;
    return WIFSIGNALED(status) ? -(128 + WTERMSIG(status)) : -WEXITSTATUS(status);
}

int main(int argc, char *argv[])
{
    bool first_line = argc > 1 && !strcmp(argv[1], "--first-line");
    char **rest = argv + 1 + first_line;
    if (argc < 3 + first_line) {
        fprintf(stderr, "usage: %s [--first-line] FILE COMMAND [ARGUMENT]...\n", argv[0]);
        return 2;
    }
    struct sigaction action = {.sa_handler = end_group};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);

    double wall = 0;
    double cpu = 0;
    int result = time_command(rest + 1, first_line, &wall, &cpu);
    if (result > 0) {
        fprintf(stderr, "%s: %s: %s\n", argv[0], rest[1], strerror(result));
        return 127;
    }
    FILE *file = fopen(rest[0], "w");
    if (!file || fprintf(file, "%.6f %.6f\n", wall, cpu) < 0 || fclose(file)) {
        fprintf(stderr, "%s: %s: %s\n", argv[0], rest[0], strerror(errno));
        return 3;
    }
    return -result;
}
