/*
 * Names, and what other processes and threads do. Compiled twice, under the name CASES_OTHERS:
 * plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "places.h"
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <resolv.h>
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

/* --- users and groups --- */

static void users_are_found(struct record *record)
{
    struct passwd user;
    struct passwd *found = NULL;
    struct group group;
    struct group *found_group = NULL;
    char buffer[4096];
    CALL(record, getpwuid_r(0, &user, buffer, sizeof buffer, &found));
    FACT(record, found == &user && !strcmp(user.pw_name, "root"));
    CALL(record, getpwnam_r("root", &user, buffer, sizeof buffer, &found));
    FACT(record, found == &user && user.pw_uid == 0);
    CALL(record, getpwnam_r("root", &user, buffer, 2, &found));
    FACT(record, !found);
    CALL(record, getpwnam_r("no such user", &user, buffer, sizeof buffer, &found));
    FACT(record, !found);
    CALL(record, getgrgid_r(0, &group, buffer, sizeof buffer, &found_group));
    FACT(record, found_group == &group && !strcmp(group.gr_name, "root"));
    CALL(record, getgrnam_r("root", &group, buffer, sizeof buffer, &found_group));
    FACT(record, found_group == &group && group.gr_gid == 0);
    CALL(record, getgrnam_r("no such group", &group, buffer, sizeof buffer, &found_group));
    FACT(record, !found_group);
}

/* Into memory that is not the caller's. */
static void users_are_found_without_a_buffer(struct record *record)
{
    gid_t groups[64];
    int count = 64;
    struct passwd *user = getpwnam("root");
    FACT(record, user && user->pw_uid == 0 && !strcmp(user->pw_name, "root"));
    user = getpwuid(0);
    FACT(record, user && !strcmp(user->pw_name, "root") && user->pw_dir[0] == '/');
    const struct group *group = getgrnam("root");
    FACT(record, group && group->gr_gid == 0);
    group = getgrgid(0);
    FACT(record, group && !strcmp(group->gr_name, "root"));
    FACT(record, user->pw_uid == 0); /* which a look-up of a group leaves as it is */
    FACT(record, !getpwnam("no such user") && !getgrnam("no such group"));
    CALL(record, getgrouplist("root", 4711, groups, &count));
    CALL(record, groups[0]);
    count = 0;
    CALL(record, getgrouplist("root", 4711, groups, &count));
    FACT(record, count > 0);
}

/* --- queries of the name system --- */

struct name_server {
    int fd;
    int code; /* of the answer */
};

/* Answers one query: with its own question, and an address where there is no error. */
static void answer_query(void *argument)
{
    static const unsigned char address[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7};
    struct name_server *server = argument;
    unsigned char message[512];
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t size =
        recvfrom(server->fd, message, sizeof message / 2, 0, (struct sockaddr *)&from, &length);
    if (size < 12)
        abort();
    message[2] |= 0x80;
    message[3] = (unsigned char)(0x80 | server->code);
    message[10] = message[11] = 0;
    message[7] = server->code == 0;
    if (!server->code) {
        memcpy(message + size, address, sizeof address);
        size += (ssize_t)sizeof address;
    }
    if (sendto(server->fd, message, (size_t)size, 0, (struct sockaddr *)&from, length) != size)
        abort();
}

/* The state then asks this server, once, without extensions. */
static void ask_only(struct __res_state *state, const struct sockaddr_in *address)
{
    state->nscount = 1;
    state->nsaddr_list[0] = *address;
    state->retry = 1;
    state->retrans = 30;
    state->options &= ~(unsigned long)(RES_USE_EDNS0 | RES_USE_DNSSEC);
}

static void record_answer(struct record *record, const unsigned char *answer, int size)
{
    NEED(record, size > 16);
    record_bytes(record, "flags", answer + 2, 10);
    record_bytes(record, "address", answer + size - 4, 4);
}

static void queries_are_answered(struct record *record)
{
    struct sockaddr_in address;
    struct name_server server = {.fd = bound(record, SOCK_DGRAM, &address)};
    struct __res_state state = {0};
    unsigned char question[128];
    unsigned char answer[512];
    struct later later;
    NEED(record, res_ninit(&state) == 0 && res_init() == 0);
    ask_only(&state, &address);
    ask_only(&_res, &address);
    int length = res_nmkquery(&state, QUERY, "one.example.test", C_IN, T_A, NULL, 0, NULL, question,
                              sizeof question);
    NEED(record, length > 0);
    for (int way = 0; way < 8; way++) {
        int size = 0;
        later_begin(&later, record, answer_query, &server);
        if (way == 0)
            size = res_nquery(&state, "one.example.test", C_IN, T_A, answer, sizeof answer);
        else if (way == 1)
            size = res_query("one.example.test", C_IN, T_A, answer, sizeof answer);
        else if (way == 2)
            size = res_nsearch(&state, "one.example.test.", C_IN, T_A, answer, sizeof answer);
        else if (way == 3)
            size = res_search("one.example.test.", C_IN, T_A, answer, sizeof answer);
        else if (way == 4)
            size =
                res_nquerydomain(&state, "one", "example.test", C_IN, T_A, answer, sizeof answer);
        else if (way == 5)
            size = res_querydomain("one", "example.test", C_IN, T_A, answer, sizeof answer);
        else if (way == 6)
            size = res_nsend(&state, question, length, answer, sizeof answer);
        else
            size = res_send(question, length, answer, sizeof answer);
        later_end(&later);
        CALL(record, size);
        record_answer(record, answer, size);
    }
    server.code = NXDOMAIN;
    later_begin(&later, record, answer_query, &server);
    FACT(record, res_nquery(&state, "two.example.test", C_IN, T_A, answer, sizeof answer) == -1);
    later_end(&later);
    CALL(record, h_errno);
    res_nclose(&state);
    NEED(record, res_init() == 0);
    close(server.fd);
}

const struct hook_case CASES_OTHERS[] = {
    CASE(children_are_waited_for),
    CASE(any_child_is_waited_for),
    CASE(commands_run),
#ifndef __SANITIZE_THREAD__ /* under which a join blocks: lib/hooks/thread.c */
    CASE(threads_are_joined),
#endif
    CASE(hosts_are_found),
    CASE(users_are_found),
    CASE(users_are_found_without_a_buffer),
    CASE(queries_are_answered),
    CASE(names),
    {0},
};
