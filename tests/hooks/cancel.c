/*
 * Proves that a cancelled scope ends whatever a coroutine waits in, and every later wait too; that
 * what was waited for is then as if nobody had; and that nothing is left behind.
 */
#include "../support/cases.h"
#include "../support/scratch.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <overlap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

/* What the calls wait for, none of which ever comes. */
static struct {
    int silent[2];  /* a pipe that nobody writes to */
    int full[2];    /* a pipe without room */
    int sockets[2]; /* a pair, the first without room to send, and nothing to receive */
    int listener;
    int epoll_fd;
    int held[2]; /* one file, locked by the second */
    mqd_t empty_queue, full_queue;
    int messages, semaphores; /* System V's */
    pid_t child;
    pthread_t thread;
    int thread_waits[2];
    sem_t semaphore;
} nothing;

static const struct timespec far_away = {.tv_sec = 1000000000000};

static bool called_off(long result)
{
    return result == -1 && errno == ECANCELED;
}

/* --- descriptors --- */

static bool reads(void)
{
    char bytes[4];
    return called_off(read(nothing.silent[0], bytes, 4));
}

static bool writes(void)
{
    return called_off(write(nothing.full[1], "hello", 5));
}

static bool receives(void)
{
    char bytes[4];
    return called_off(recv(nothing.sockets[0], bytes, 4, 0));
}

static bool sends(void)
{
    return called_off(send(nothing.sockets[0], "hello", 5, 0));
}

/* What is read from a stream ends as at an error: nothing came, and errno says why. */
static bool reads_line(void)
{
    char line[4];
    FILE *stream = fdopen(dup(nothing.silent[0]), "r");
    errno = 0;
    bool well = !fgets(line, sizeof line, stream) && ferror(stream) && errno == ECANCELED;
    fclose(stream);
    return well;
}

static bool receives_many(void)
{
    char bytes[4];
    struct iovec part = {.iov_base = bytes, .iov_len = 4};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    return called_off(recvmmsg(nothing.sockets[0], &message, 1, 0, NULL));
}

static bool splices(void)
{
    return called_off(splice(nothing.silent[0], NULL, nothing.full[1], NULL, 4, 0));
}

static bool polls(void)
{
    struct pollfd fd = {.fd = nothing.silent[0], .events = POLLIN};
    return called_off(poll(&fd, 1, -1));
}

static bool selects(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(nothing.silent[0], &set);
    return called_off(select(nothing.silent[0] + 1, &set, NULL, NULL, NULL));
}

static bool asks_epoll(void)
{
    struct epoll_event event;
    return called_off(epoll_wait(nothing.epoll_fd, &event, 1, -1));
}

static bool accepts(void)
{
    return called_off(accept(nothing.listener, NULL, NULL));
}

/* --- time, signals, locks --- */

static bool sleeps(void)
{
    return called_off(nanosleep(&(struct timespec){.tv_sec = 1000}, NULL));
}

static bool pauses(void)
{
    return called_off(pause());
}

static bool suspends(void)
{
    sigset_t mask;
    sigfillset(&mask);
    return called_off(sigsuspend(&mask));
}

static bool awaits_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return called_off(sigwaitinfo(&set, NULL));
}

static bool locks_file(void)
{
    return called_off(flock(nothing.held[0], LOCK_EX));
}

static bool locks_part(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
    return called_off(fcntl(nothing.held[0], F_OFD_SETLKW, &lock));
}

static bool awaits_semaphore(void)
{
    return called_off(sem_wait(&nothing.semaphore));
}

static bool awaits_semaphore_for_long(void)
{
    return called_off(sem_timedwait(&nothing.semaphore, &far_away));
}

#ifndef __SANITIZE_THREAD__ /* under which conditions and joins block: docs/decisions/0014 */
static bool awaits_condition(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&mutex);
    int error = pthread_cond_wait(&cond, &mutex);
    pthread_mutex_unlock(&mutex);
    return error == ECANCELED;
}

static bool joins(void)
{
    return pthread_join(nothing.thread, NULL) == ECANCELED;
}

static bool joins_for_long(void)
{
    return pthread_timedjoin_np(nothing.thread, NULL, &far_away) == ECANCELED;
}
#endif

/* --- queues --- */

static bool receives_message(void)
{
    char bytes[8];
    return nothing.empty_queue < 0 ||
           called_off(mq_receive(nothing.empty_queue, bytes, sizeof bytes, NULL));
}

static bool sends_message(void)
{
    return nothing.full_queue < 0 || called_off(mq_send(nothing.full_queue, "x", 1, 0));
}

static bool receives_from_sysv(void)
{
    long message[2];
    return nothing.messages < 0 ||
           called_off(msgrcv(nothing.messages, message, sizeof message[1], 77, 0));
}

static bool operates_sysv(void)
{
    struct sembuf down = {.sem_op = -1};
    return nothing.semaphores < 0 || called_off(semop(nothing.semaphores, &down, 1));
}

/* --- children --- */

static bool awaits_child(void)
{
    int status;
    return called_off(waitpid(nothing.child, &status, 0));
}

static bool awaits_any_child(void)
{
    int status;
    return called_off(waitpid(-1, &status, 0));
}

static bool awaits_any_change(void)
{
    siginfo_t info;
    return called_off(waitid(P_ALL, 0, &info, WEXITED | WSTOPPED));
}

static bool runs_command(void)
{
    return called_off(system("exec sleep 1000"));
}

/* --- a terminal that nobody reads --- */

/* In a call that ThreadSanitizer has no interceptor of, as it has none of tcdrain. */
static int stalled_tcdrain(int fd)
{
    long message[2];
    (void)fd;
    return (int)ovl__sys.msgrcv(nothing.messages, message, sizeof message[1], 77, 0);
}

static bool drains(void)
{
    return nothing.messages < 0 || called_off(tcdrain(nothing.silent[0]));
}

/* --- names: look-ups that take for ever --- */

static sem_t lookups_end;

static int stalled_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                               struct addrinfo **ret_list)
{
    (void)node, (void)service, (void)hints, (void)ret_list;
    ovl__sys.sem_wait(&lookups_end);
    return EAI_AGAIN;
}

static int stalled_getnameinfo(const struct sockaddr *address, socklen_t length, char *node,
                               socklen_t node_size, char *service, socklen_t service_size,
                               int flags)
{
    (void)address, (void)length, (void)service, (void)service_size, (void)flags;
    ovl__sys.sem_wait(&lookups_end);
    memset(node, 'x', node_size); /* whose memory is there still, however late it is */
    return EAI_AGAIN;
}

static int stalled_gethostbyname_r(const char *name, struct hostent *entry, char *buffer,
                                   size_t size, struct hostent **ret_entry, int *ret_error)
{
    (void)name, (void)entry, (void)ret_entry;
    ovl__sys.sem_wait(&lookups_end);
    memset(buffer, 'x', size);
    *ret_error = TRY_AGAIN;
    return EAGAIN;
}

static bool looks_up(void)
{
    struct addrinfo *list;
    return getaddrinfo("a.test", NULL, NULL, &list) == EAI_SYSTEM && errno == ECANCELED;
}

static bool looks_up_address(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char node[64];
    return getnameinfo((struct sockaddr *)&address, sizeof address, node, sizeof node, NULL, 0,
                       0) == EAI_SYSTEM &&
           errno == ECANCELED;
}

static bool looks_up_host(void)
{
    return !gethostbyname("a.test") && h_errno == NETDB_INTERNAL && errno == ECANCELED;
}

static bool looks_up_host_into(void)
{
    struct hostent entry;
    struct hostent *found = &entry;
    char buffer[512];
    int error = 0;
    return gethostbyname_r("a.test", &entry, buffer, sizeof buffer, &found, &error) == ECANCELED &&
           !found && error == NETDB_INTERNAL;
}

/* --- the native API --- */

static bool receives_from_channel(void)
{
    struct ovl_channel *channel;
    assert_int_equal(ovl_channel_open(1, 1, &channel), 0);
    char byte;
    int error = ovl_channel_receive(channel, &byte, OVL_FOREVER);
    ovl_channel_free(channel);
    return error == OVL_ECANCELED;
}

static int await_release(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task, (void)item;
    char byte;
    return read(nothing.thread_waits[0], &byte, 1) == 1 ? 0 : -errno;
}

/* The future of another executor: the task goes on. */
static bool awaits_future(void)
{
    struct ovl_executor *executor;
    struct ovl_future *future;
    assert_int_equal(ovl_executor_open(OVL_THREADS, &(struct ovl_options){.workers = 1}, &executor),
                     0);
    assert_int_equal(ovl_submit(executor, await_release, (struct ovl_bytes){0}, &future), 0);
    int error = ovl_future_wait(future, OVL_FOREVER);
    bool goes_on = !ovl_future_done(future);
    assert_int_equal(ovl__sys.write(nothing.thread_waits[1], "x", 1), 1);
    int result = ovl_future_result(future, NULL);
    ovl_future_free(future);
    ovl_executor_close(executor, OVL_FOREVER);
    return error == OVL_ECANCELED && goes_on && !result;
}

/* --- trying them --- */

static const struct {
    const char *name;
    bool (*call)(void);
} calls[] = {
    {"read", reads},
    {"write", writes},
    {"recv", receives},
    {"send", sends},
    {"fgets", reads_line},
    {"recvmmsg", receives_many},
    {"splice", splices},
    {"poll", polls},
    {"select", selects},
    {"epoll_wait", asks_epoll},
    {"accept", accepts},
    {"nanosleep", sleeps},
    {"pause", pauses},
    {"sigsuspend", suspends},
    {"sigwaitinfo", awaits_signal},
    {"flock", locks_file},
    {"fcntl", locks_part},
    {"sem_wait", awaits_semaphore},
    {"sem_timedwait", awaits_semaphore_for_long},
#ifndef __SANITIZE_THREAD__
    {"pthread_cond_wait", awaits_condition},
    {"pthread_join", joins},
    {"pthread_timedjoin_np", joins_for_long},
#endif
    {"mq_receive", receives_message},
    {"mq_send", sends_message},
    {"msgrcv", receives_from_sysv},
    {"semop", operates_sysv},
    {"tcdrain", drains},
    {"waitpid", awaits_child},
    {"waitpid(-1)", awaits_any_child},
    {"waitid", awaits_any_change},
    {"system", runs_command},
    {"getaddrinfo", looks_up},
    {"getnameinfo", looks_up_address},
    {"gethostbyname", looks_up_host},
    {"gethostbyname_r", looks_up_host_into},
    {"ovl_channel_receive", receives_from_channel},
    {"ovl_future_wait", awaits_future},
};

static int call_twice(void *argument)
{
    const size_t *at = argument;
    struct ovl_scope scope;
    assert_int_equal(ovl_scope_enter(&scope, ovl_after(10 * OVL_MILLISECOND), 0), 0);
    bool first = calls[*at].call();
    bool again = calls[*at].call();
    int reason = ovl_scope_leave(&scope);
    if (!first || !again || reason != OVL_ETIMEDOUT)
        fprintf(stderr, "%s: first %d, again %d, reason %d\n", calls[*at].name, first, again,
                reason);
    return first && again && reason == OVL_ETIMEDOUT ? 0 : -EIO;
}

static void fill(int fd)
{
    char bytes[1024] = {0};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static mqd_t queue_open(bool full)
{
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
    snprintf(name, sizeof name, "/overlap-test-%d-%d", (int)getpid(), full);
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    if (queue < 0)
        return queue; /* a kernel without them */
    mq_unlink(name);
    if (full)
        assert_int_equal(mq_send(queue, "x", 1, 0), 0);
    return queue;
}

static void files_open(void)
{
    assert_int_equal(pipe2(nothing.silent, O_CLOEXEC), 0);
    assert_int_equal(pipe2(nothing.full, O_CLOEXEC), 0);
    assert_int_equal(pipe2(nothing.thread_waits, O_CLOEXEC), 0);
    fill(nothing.full[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, nothing.sockets), 0);
    fill(nothing.sockets[0]);
    nothing.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(nothing.listener, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(nothing.listener, 1), 0);
    nothing.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    char name[SCRATCH_BYTES];
    nothing.held[0] = scratch_file(name, ANYWHERE);
    nothing.held[1] = open(name, O_RDWR | O_CLOEXEC);
    unlink(name);
    assert_int_equal(flock(nothing.held[1], LOCK_EX), 0);
    struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
    assert_int_equal(fcntl(nothing.held[1], F_OFD_SETLK, &lock), 0);
}

static void *await_byte(void *unused)
{
    char byte;
    (void)unused;
    return read(nothing.thread_waits[0], &byte, 1) == 1 ? &nothing : NULL;
}

static void nothing_open(void)
{
    files_open();
    nothing.empty_queue = queue_open(false);
    nothing.full_queue = queue_open(true);
    nothing.messages = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    nothing.semaphores = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    sem_init(&nothing.semaphore, 0, 0);
    sem_init(&lookups_end, 0, 0);
    nothing.child = fork();
    if (!nothing.child) {
        pause();
        _exit(0);
    }
    ovl__sys.tcdrain = stalled_tcdrain;
    ovl__sys.getaddrinfo = stalled_getaddrinfo;
    ovl__sys.getnameinfo = stalled_getnameinfo;
    ovl__sys.gethostbyname_r = stalled_gethostbyname_r;
}

static void close_pair(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static void nothing_close(void)
{
    int status;
    for (int i = 0; i < 8; i++) /* four were asked twice each, and go on until now */
        sem_post(&lookups_end);
    kill(nothing.child, SIGKILL);
    assert_int_equal(waitpid(nothing.child, &status, 0), nothing.child); /* still there to await */
    msgctl(nothing.messages, IPC_RMID, NULL);
    semctl(nothing.semaphores, 0, IPC_RMID);
    if (nothing.empty_queue >= 0)
        mq_close(nothing.empty_queue);
    if (nothing.full_queue >= 0)
        mq_close(nothing.full_queue);
    close(nothing.listener);
    close(nothing.epoll_fd);
    close_pair(nothing.silent);
    close_pair(nothing.full);
    close_pair(nothing.sockets);
    close_pair(nothing.held);
    close_pair(nothing.thread_waits);
}

static void a_cancelled_scope_ends_every_wait(void)
{
    int failed = 0;
    nothing_open();
    void *value = NULL;
    assert_int_equal(pthread_create(&nothing.thread, NULL, await_byte, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        bool reads_too = calls[i].call == awaits_future; /* what the thread waits for */
        if (reads_too) {
            assert_int_equal(write(nothing.thread_waits[1], "x", 1), 1);
            assert_int_equal(pthread_join(nothing.thread, &value), 0); /* still there to join */
            assert_ptr_equal(value, &nothing);
        }
        if (ovl_run(call_twice, &i, NULL))
            failed++;
    }
    nothing_close();
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(a_cancelled_scope_ends_every_wait),
    };
    return run_cases("cancel", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
