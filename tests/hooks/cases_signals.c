/*
 * Signals that come while a call waits, with and without SA_RESTART. Compiled twice, under the name
 * CASES_SIGNALS: plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "../support/scratch.h"
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL

#ifndef __SANITIZE_THREAD__
static atomic_int came;

static void note(int number)
{
    (void)number;
    atomic_fetch_add(&came, 1);
}

static void note_with_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_signo == number)
        atomic_fetch_add(&came, 1);
}

/*
 * Another thread signals the one that waits: again and again until the call has ended, where it is
 * to be interrupted, since the first may come before the call has begun to wait. Where it is to go
 * on, it then gets what it waits for.
 */
struct signaller {
    pthread_t thread;
    int fd; /* to write to once the handler has run; -1: the call is to be interrupted */
    atomic_bool over;
};

static void send_signal(void *argument)
{
    struct signaller *signaller = argument;
    int before = atomic_load(&came);
    do {
        pthread_kill(signaller->thread, SIGUSR1);
        nanosleep(&(struct timespec){.tv_nsec = 5 * MS}, NULL);
    } while (signaller->fd < 0 && !atomic_load(&signaller->over));
    while (atomic_load(&came) == before)
        nanosleep(&(struct timespec){.tv_nsec = MS}, NULL);
    if (signaller->fd >= 0 && write(signaller->fd, "hello", 5) != 5)
        abort();
}

/* The call has ended. Keeps errno. */
static void signaller_end(struct signaller *signaller, struct later *later)
{
    int error = errno;
    atomic_store(&signaller->over, true);
    later_end(later);
    errno = error;
}

static void install(struct record *record, int flags)
{
    struct sigaction action = {.sa_flags = flags};
    if (flags & SA_SIGINFO)
        action.sa_sigaction = note_with_info;
    else
        action.sa_handler = note;
    NEED(record, sigaction(SIGUSR1, &action, NULL) == 0);
}

static void restore(struct record *record)
{
    NEED(record, signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

static void interrupt_reads(struct record *record, int flags)
{
    for (int kind = 0; kind < 4; kind++) {
        int fds[2];
        char bytes[16];
        if (kind == 0)
            NEED(record, pipe2(fds, O_CLOEXEC) == 0);
        else
            NEED(record, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        /* With a timeout, a call is interrupted whatever the handler was installed with. */
        struct timeval timeout = {.tv_sec = 60};
        if (kind == 3)
            setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        install(record, flags);
        bool goes_on = flags & SA_RESTART && kind != 3;
        struct signaller signaller = {.thread = pthread_self(), .fd = goes_on ? fds[1] : -1};
        struct later later;
        later_begin(&later, record, send_signal, &signaller);
        if (kind < 2)
            CALL(record, read(fds[0], bytes, 16));
        else
            CALL(record, recv(fds[0], bytes, 16, 0));
        signaller_end(&signaller, &later);
        restore(record);
        close(fds[0]);
        close(fds[1]);
    }
}

/* What is read from a stream ends as at an error; and the stream can be read on. */
static void handlers_end_a_line(struct record *record)
{
    int fds[2];
    char line[16] = "";
    NEED(record, pipe2(fds, O_CLOEXEC) == 0);
    FILE *stream = fdopen(fds[0], "r");
    NEED(record, stream != NULL);
    install(record, 0);
    struct signaller signaller = {.thread = pthread_self(), .fd = -1};
    struct later later;
    later_begin(&later, record, send_signal, &signaller);
    char *got = fgets(line, sizeof line, stream);
    signaller_end(&signaller, &later);
    record_call(record, "fgets", got ? 0 : -1);
    FACT(record, ferror(stream) != 0);
    restore(record);
    clearerr(stream);
    NEED(record, write(fds[1], "after it\n", 9) == 9);
    FACT(record, fgets(line, sizeof line, stream) == line);
    record_bytes(record, "line", line, sizeof line);
    fclose(stream);
    close(fds[1]);
}

static void handlers_interrupt(struct record *record)
{
    interrupt_reads(record, 0);
    interrupt_reads(record, SA_SIGINFO);
}

static void handlers_with_restart_do_not(struct record *record)
{
    interrupt_reads(record, SA_RESTART);
    interrupt_reads(record, SA_RESTART | SA_SIGINFO);
}

/* Those that end with EINTR whatever the handler was installed with. */
static void some_calls_are_always_interrupted(struct record *record)
{
    for (int way = 0; way < 6; way++) {
        int fds[2];
        NEED(record, pipe2(fds, O_CLOEXEC) == 0);
        struct pollfd wanted = {.fd = fds[0], .events = POLLIN};
        struct epoll_event event = {.events = EPOLLIN};
        int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        NEED(record, epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[0], &event) == 0);
        fd_set reads;
        FD_ZERO(&reads);
        FD_SET(fds[0], &reads);
        struct timespec long_time = {.tv_sec = 60};
        struct timespec rest = {0};
        install(record, SA_RESTART);
        struct signaller signaller = {.thread = pthread_self(), .fd = -1};
        struct later later;
        later_begin(&later, record, send_signal, &signaller);
        if (way == 0)
            CALL(record, poll(&wanted, 1, -1));
        else if (way == 1)
            CALL(record, select(fds[0] + 1, &reads, NULL, NULL, NULL));
        else if (way == 2)
            CALL(record, epoll_wait(epoll_fd, &event, 1, -1));
        else if (way == 3)
            CALL(record, nanosleep(&long_time, &rest));
        else if (way == 4)
            CALL(record, clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, &rest));
        else
            CALL(record, pause());
        FACT(record, rest.tv_sec >= 30);
        signaller_end(&signaller, &later);
        restore(record);
        close(epoll_fd);
        close(fds[0]);
        close(fds[1]);
    }
}

static void waits_for_children_are_interrupted(struct record *record)
{
    int fds[2];
    NEED(record, pipe2(fds, O_CLOEXEC) == 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(fds[1]);
        (void)!read(fds[0], &byte, 1);
        _exit(0);
    }
    int status;
    install(record, 0);
    struct signaller signaller = {.thread = pthread_self(), .fd = -1};
    struct later later;
    for (int way = 0; way < 3; way++) {
        atomic_store(&signaller.over, false);
        later_begin(&later, record, send_signal, &signaller);
        if (way == 0)
            CALL(record, waitpid(child, &status, 0));
        else if (way == 1)
            CALL(record, waitpid(-1, &status, 0));
        else
            CALL(record, waitid(P_ALL, 0, NULL, WEXITED));
        signaller_end(&signaller, &later);
    }
    install(record, SA_RESTART);
    signaller.fd = fds[1];
    later_begin(&later, record, send_signal, &signaller);
    FACT(record, waitpid(-1, &status, 0) == child);
    signaller_end(&signaller, &later);
    restore(record);
    close(fds[0]);
    close(fds[1]);
}

static void post(void *semaphore)
{
    sem_post(semaphore);
}

static void waits_for_semaphores_are_interrupted(struct record *record)
{
    sem_t semaphore;
    struct timespec end;
    sem_init(&semaphore, 0, 0);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 60;
    install(record, 0);
    struct signaller signaller = {.thread = pthread_self(), .fd = -1};
    struct later later;
    later_begin(&later, record, send_signal, &signaller);
    CALL(record, sem_wait(&semaphore));
    signaller_end(&signaller, &later);
    atomic_store(&signaller.over, false);
    later_begin(&later, record, send_signal, &signaller);
    CALL(record, sem_timedwait(&semaphore, &end));
    signaller_end(&signaller, &later);
    /* A post counts, whatever else comes. */
    later_begin(&later, record, post, &semaphore);
    CALL(record, sem_wait(&semaphore));
    later_end(&later);
    restore(record);
    sem_destroy(&semaphore);
}

static void wake_futex(void *argument)
{
    atomic_uint *word = argument;
    atomic_store(word, 2);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void waits_for_futexes_are_interrupted(struct record *record)
{
    atomic_uint word = 1;
    install(record, 0);
    struct signaller signaller = {.thread = pthread_self(), .fd = -1};
    struct later later;
    later_begin(&later, record, send_signal, &signaller);
    CALL(record, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
    signaller_end(&signaller, &later);
    later_begin(&later, record, wake_futex, &word);
    long woken = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
    FACT(record, !woken || errno == EAGAIN);
    later_end(&later);
    restore(record);
}

/* A signal that the thread holds back, and the call's own mask lets through. */
static void masks_let_signals_through(struct record *record)
{
    sigset_t held, none, before;
    int fds[2];
    sigemptyset(&none);
    sigemptyset(&held);
    sigaddset(&held, SIGUSR1);
    NEED(record, pipe2(fds, O_CLOEXEC) == 0);
    struct pollfd wanted = {.fd = fds[0], .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    NEED(record, epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[0], &event) == 0);
    install(record, SA_RESTART);
    pthread_sigmask(SIG_BLOCK, &held, &before);
    for (int way = 0; way < 5; way++) {
        fd_set reads;
        FD_ZERO(&reads);
        FD_SET(fds[0], &reads);
        int seen = atomic_load(&came);
        struct signaller signaller = {.thread = pthread_self(), .fd = -1};
        struct later later;
        later_begin(&later, record, send_signal, &signaller);
        if (way == 0)
            CALL(record, ppoll(&wanted, 1, NULL, &none));
        else if (way == 1)
            CALL(record, pselect(fds[0] + 1, &reads, NULL, NULL, NULL, &none));
        else if (way == 2)
            CALL(record, epoll_pwait(epoll_fd, &event, 1, -1, &none));
        else if (way == 3)
            CALL(record, sigsuspend(&none));
        else
            CALL(record, ppoll(NULL, 0, NULL, &none));
        FACT(record, atomic_load(&came) > seen);
        signaller_end(&signaller, &later);
        /* One that came too late is not for the next call. */
        sigtimedwait(&held, NULL, &(struct timespec){0});
    }
    /* With the mask that the thread has, nothing comes. */
    raise(SIGUSR1);
    struct timespec length = {.tv_nsec = 20 * MS};
    CALL(record, ppoll(&wanted, 1, &length, &held));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    restore(record);
    close(epoll_fd);
    close(fds[0]);
    close(fds[1]);
}

static void waits_for_file_locks_are_interrupted(struct record *record)
{
    char name[SCRATCH_BYTES];
    int fd = scratch_file(name, ANYWHERE);
    int other = open(name, O_RDWR | O_CLOEXEC);
    unlink(name);
    NEED(record, fd >= 0 && other >= 0 && flock(other, LOCK_EX) == 0);
    install(record, 0);
    struct signaller signaller = {.thread = pthread_self(), .fd = -1};
    struct later later;
    later_begin(&later, record, send_signal, &signaller);
    CALL(record, flock(fd, LOCK_EX));
    signaller_end(&signaller, &later);
    restore(record);
    close(fd);
    close(other);
}

/* Who asks for a handler gets its own; what was set is what is there. */
static void handlers_are_told(struct record *record)
{
    struct sigaction action = {.sa_sigaction = note_with_info, .sa_flags = SA_SIGINFO};
    struct sigaction before;
    CALL(record, sigaction(SIGUSR2, NULL, &before));
    FACT(record, before.sa_handler == SIG_DFL);
    CALL(record, sigaction(SIGUSR2, &action, &before));
    FACT(record, before.sa_handler == SIG_DFL);
    FACT(record, (uintptr_t)signal(SIGUSR2, note) == (uintptr_t)note_with_info);
    CALL(record, sigaction(SIGUSR2, NULL, &before));
    FACT(record, before.sa_handler == note);
    FACT(record, before.sa_flags & SA_RESTART);
    FACT(record, signal(SIGUSR2, SIG_IGN) == note);
    CALL(record, raise(SIGUSR2));
    FACT(record, signal(SIGUSR2, SIG_DFL) == SIG_IGN);
    FACT(record, signal(SIGKILL, note) == SIG_ERR);
    CALL(record, sigaction(SIGKILL, &action, NULL));
    CALL(record, sigaction(0, &action, NULL));
    CALL(record, sigaction(1000, &action, NULL));
    int seen = atomic_load(&came);
    action.sa_flags = SA_SIGINFO | (int)SA_RESETHAND;
    CALL(record, sigaction(SIGUSR2, &action, NULL));
    CALL(record, raise(SIGUSR2));
    CALL(record, atomic_load(&came) - seen);
    CALL(record, sigaction(SIGUSR2, NULL, &before));
    FACT(record, before.sa_handler == SIG_DFL);
}
#endif

static void send_blocked(void *thread)
{
    pthread_kill(*(pthread_t *)thread, SIGUSR2);
}

static void signals_are_waited_for(struct record *record)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    pthread_t self = pthread_self();
    struct timespec length = {.tv_nsec = 20 * MS};
    struct stretch stretch = stretch_begin();
    CALL(record, sigtimedwait(&set, NULL, &length));
    stretch_end(&stretch, record, 19 * MS);
    struct later later;
    siginfo_t info = {0};
    later_begin(&later, record, send_blocked, &self);
    CALL(record, sigwaitinfo(&set, &info));
    later_end(&later);
    CALL(record, info.si_signo);
    int number = 0;
    later_begin(&later, record, send_blocked, &self);
    CALL(record, sigwait(&set, &number));
    later_end(&later);
    CALL(record, number);
    length.tv_nsec = -1;
    CALL(record, sigtimedwait(&set, NULL, &length));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#define CASE(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }

const struct hook_case CASES_SIGNALS[] = {
#ifndef __SANITIZE_THREAD__ /* which holds signals back until a call of its own */
    CASE(handlers_interrupt),
    CASE(handlers_end_a_line),
    CASE(handlers_with_restart_do_not),
    CASE(some_calls_are_always_interrupted),
    CASE(waits_for_children_are_interrupted),
    CASE(waits_for_file_locks_are_interrupted),
    CASE(waits_for_semaphores_are_interrupted),
    CASE(waits_for_futexes_are_interrupted),
    CASE(masks_let_signals_through),
    CASE(handlers_are_told),
#endif
    CASE(signals_are_waited_for),
    {0},
};
