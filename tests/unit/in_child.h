/* Runs parts of a test in a child that may die, and reads what it says. */
#ifndef TESTS_UNIT_IN_CHILD_H
#define TESTS_UNIT_IN_CHILD_H

#include "../support/cases.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Runs fn in a child whose standard error is read, and ends it once that has `last` in it (NULL: it
 * ends by itself); returns its status.
 */
static int run_in_child(void (*fn)(void), const char *last, char *text, size_t size)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(fds[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(fds[1]);
    size_t used = 0;
    ssize_t count;
    while ((count = read(fds[0], text + used, size - 1 - used)) > 0) {
        used += (size_t)count;
        text[used] = '\0';
        if (last && strstr(text, last))
            kill(child, SIGKILL);
    }
    text[used] = '\0';
    close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

#endif
