/*
 * Names, and what other processes and threads do. Compiled twice, under the name CASES_OTHERS:
 * plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "places.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- names --- */

/* Looks a name up, and records what was found. */
static void look_up(struct record *record, const char *node, const char *service,
                    const struct addrinfo *hints)
{
    struct addrinfo *found = NULL;
    int error = getaddrinfo(node, service, hints, &found);
    record_call(record, "getaddrinfo", error ? 1000 - error : 0);
    if (error)
        return;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        CALL(record, at->ai_family);
        CALL(record, at->ai_socktype);
        record_bytes(record, "address", at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(found);
}

static void names(struct record *record)
{
    struct addrinfo numeric = {.ai_family = AF_INET,
                               .ai_socktype = SOCK_STREAM,
                               .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo local = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    look_up(record, "127.0.0.1", "80", &numeric);
    look_up(record, "localhost", "443", &local);
    look_up(record, "not a number", "80", &numeric);
    look_up(record, "127.0.0.1", "no such service", &local);
    look_up(record, NULL, NULL, &local);
    look_up(record, NULL, "8080", &local);
}

/* --- children and threads --- */

/* A child that exits with `code` once a byte comes, or the end. */
static pid_t child_that_awaits(struct record *record, int fds[2], int code)
{
    pipe_open(record, fds);
    pid_t child = fork();
    NEED(record, child >= 0);
    if (!child) {
        char byte;
        close(fds[1]);
        (void)!read(fds[0], &byte, 1);
        _exit(code);
    }
    return child;
}

static void children_are_waited_for(struct record *record)
{
    int fds[2];
    int status = 0;
    struct later later;
    pid_t child = child_that_awaits(record, fds, 7);
    CALL(record, waitpid(child, &status, WNOHANG));
    later_begin(&later, record, write_hello, &fds[1]);
    FACT(record, waitpid(child, &status, 0) == child);
    later_end(&later);
    FACT(record, WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CALL(record, waitpid(child, &status, 0));
    close_both(fds);

    struct rusage usage = {0};
    child = child_that_awaits(record, fds, 8);
    later_begin(&later, record, write_hello, &fds[1]);
    FACT(record, wait4(child, &status, 0, &usage) == child);
    later_end(&later);
    FACT(record, WEXITSTATUS(status) == 8 && usage.ru_maxrss > 0);
    close_both(fds);

    child = child_that_awaits(record, fds, 9);
    siginfo_t info = {0};
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, waitid(P_PID, (id_t)child, &info, WEXITED));
    later_end(&later);
    FACT(record, info.si_pid == child && info.si_status == 9);
    close_both(fds);
}

static void any_child_is_waited_for(struct record *record)
{
    int fds[2];
    int status = 0;
    struct later later;
    pid_t child = child_that_awaits(record, fds, 3);
    later_begin(&later, record, write_hello, &fds[1]);
    FACT(record, wait(&status) == child);
    later_end(&later);
    FACT(record, WEXITSTATUS(status) == 3);
    close_both(fds);
    child = child_that_awaits(record, fds, 4);
    later_begin(&later, record, write_hello, &fds[1]);
    FACT(record, waitpid(0, &status, 0) == child);
    later_end(&later);
    close_both(fds);
    CALL(record, wait(&status));
    CALL(record, waitid(P_ALL, 0, NULL, WEXITED));
    CALL(record, waitid(P_ALL, 0, NULL, 0));
    CALL(record, waitpid(-1, &status, 0x40000));
}

static void commands_run(struct record *record)
{
    struct stretch stretch = stretch_begin();
    CALL(record, WEXITSTATUS(system("sleep 0.05; exit 5")));
    stretch_end(&stretch, record, 50000000);
    CALL(record, system(NULL) != 0);
    FILE *stream = popen("cat; sleep 0.05; exit 6", "w"); /* sleeps once it is being closed */
    NEED(record, stream);
    stretch = stretch_begin();
    CALL(record, WEXITSTATUS(pclose(stream)));
    stretch_end(&stretch, record, 30000000);
}

#ifndef __SANITIZE_THREAD__
static void *await_byte(void *argument)
{
    const int *fds = argument;
    char byte;
    (void)!read(fds[0], &byte, 1);
    return argument;
}

static void threads_are_joined(struct record *record)
{
    int fds[2];
    pthread_t thread;
    void *value = NULL;
    pipe_open(record, fds);
    NEED(record, pthread_create(&thread, NULL, await_byte, fds) == 0);
    struct later later;
    later_begin(&later, record, write_hello, &fds[1]);
    CALL(record, pthread_join(thread, &value));
    later_end(&later);
    FACT(record, value == fds);
    CALL(record, pthread_join(pthread_self(), NULL));
    close_both(fds);
}

#endif

/* --- the older look-ups --- */

static void hosts_are_found(struct record *record)
{
    const struct hostent *host = gethostbyname("127.0.0.1");
    NEED(record, host);
    FACT(record, host->h_addrtype == AF_INET && host->h_length == 4);
    host = gethostbyname2("localhost", AF_INET);
    FACT(record, host != NULL);
    struct hostent entry;
    struct hostent *found = NULL;
    char buffer[2048];
    int error = 0;
    CALL(record, gethostbyname_r("127.0.0.1", &entry, buffer, sizeof buffer, &found, &error));
    FACT(record, found == &entry);
    CALL(record, gethostbyname_r("127.0.0.1", &entry, buffer, 2, &found, &error));
    CALL(record,
         gethostbyname2_r("127.0.0.1", AF_INET, &entry, buffer, sizeof buffer, &found, &error));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char node[64];
    CALL(record, getnameinfo((struct sockaddr *)&address, sizeof address, node, sizeof node, NULL,
                             0, NI_NUMERICHOST));
    FACT(record, !strcmp(node, "127.0.0.1"));
    CALL(record, getnameinfo((struct sockaddr *)&address, 1, node, sizeof node, NULL, 0, 0));
}

const struct hook_case CASES_OTHERS[] = {
    CASE(children_are_waited_for),
    CASE(any_child_is_waited_for),
    CASE(commands_run),
#ifndef __SANITIZE_THREAD__ /* under which a join blocks: lib/hooks/thread.c */
    CASE(threads_are_joined),
#endif
    CASE(hosts_are_found),
    CASE(names),
    {0},
};
