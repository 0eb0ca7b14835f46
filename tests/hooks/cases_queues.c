/*
 * Queues of messages, and System V's semaphores. Compiled twice, under the name CASES_QUEUES:
 * plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL

/* A queue of one message; -1: the kernel has none. */
static mqd_t queue_open(int flags)
{
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
    snprintf(name, sizeof name, "/overlap-cases-%d", (int)getpid());
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600, &attributes);
    if (queue >= 0)
        mq_unlink(name);
    return queue;
}

static void send_hello(void *argument)
{
    if (mq_send(*(mqd_t *)argument, "hello", 5, 3))
        abort();
}

static void take_one(void *argument)
{
    char bytes[8];
    if (mq_receive(*(mqd_t *)argument, bytes, sizeof bytes, NULL) < 0)
        abort();
}

static void queues_are_waited_for(struct record *record)
{
    char bytes[8] = {0};
    unsigned priority = 0;
    struct later later;
    mqd_t queue = queue_open(0);
    if (queue < 0)
        return;
    later_begin(&later, record, send_hello, &queue);
    CALL(record, mq_receive(queue, bytes, sizeof bytes, &priority));
    later_end(&later);
    CALL(record, priority);
    record_bytes(record, "message", bytes, 5);
    CALL(record, mq_send(queue, "one", 3, 0));
    later_begin(&later, record, take_one, &queue);
    CALL(record, mq_send(queue, "two", 3, 1));
    later_end(&later);
    CALL(record, mq_receive(queue, bytes, sizeof bytes, &priority));
    CALL(record, mq_receive(queue, bytes, 2, NULL));
    CALL(record, mq_send(queue, "too long a message", 18, 0));
    CALL(record, mq_send(queue, "x", 1, 1u << 31));
    mq_close(queue);
    CALL(record, mq_receive(queue, bytes, sizeof bytes, NULL));
}

static void queues_time_out(struct record *record)
{
    char bytes[8];
    struct timespec past = {.tv_sec = 1};
    struct timespec never = {.tv_nsec = -1};
    struct timespec soon;
    mqd_t queue = queue_open(0);
    if (queue < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec++;
    CALL(record, mq_timedreceive(queue, bytes, sizeof bytes, NULL, &past));
    CALL(record, mq_timedreceive(queue, bytes, sizeof bytes, NULL, &never));
    CALL(record, mq_timedsend(queue, "one", 3, 0, &past));
    CALL(record, mq_timedsend(queue, "two", 3, 0, &past));
    CALL(record, mq_timedsend(queue, "two", 3, 0, &never));
    CALL(record, mq_timedreceive(queue, bytes, sizeof bytes, NULL, &past));
    struct stretch stretch = stretch_begin();
    CALL(record, mq_timedreceive(queue, bytes, sizeof bytes, NULL, &soon));
    stretch_end(&stretch, record, 500 * MS);
    mq_close(queue);
}

static void nonblocking_queues_do_not_wait(struct record *record)
{
    char bytes[8];
    mqd_t queue = queue_open(O_NONBLOCK);
    if (queue < 0)
        return;
    CALL(record, mq_receive(queue, bytes, sizeof bytes, NULL));
    CALL(record, mq_send(queue, "one", 3, 0));
    CALL(record, mq_send(queue, "two", 3, 0));
    mq_close(queue);
}

/* --- System V --- */

/* Outside of coroutines nobody knows whether the call had begun to wait by then. */
static bool was_removed(const struct record *record)
{
    return errno == EIDRM || (errno == EINVAL && !record->in_coroutine);
}

struct message {
    long type;
    char bytes[8];
};

static void send_typed(void *argument)
{
    struct message other = {.type = 1, .bytes = "other"};
    struct message message = {.type = 7, .bytes = "hello"};
    if (msgsnd(*(int *)argument, &other, 6, 0) || msgsnd(*(int *)argument, &message, 6, 0))
        abort();
}

static void receive_any(void *argument)
{
    struct message message;
    if (msgrcv(*(int *)argument, &message, sizeof message.bytes, 0, 0) < 0)
        abort();
}

static void remove_queue(void *argument)
{
    msgctl(*(int *)argument, IPC_RMID, NULL);
}

static void messages_are_waited_for(struct record *record)
{
    struct message message = {0};
    struct later later;
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (queue < 0)
        return;
    CALL(record, msgrcv(queue, &message, sizeof message.bytes, 7, IPC_NOWAIT));
    CALL(record, msgrcv(queue, &message, sizeof message.bytes, 0, MSG_COPY));
    later_begin(&later, record, send_typed, &queue);
    CALL(record, msgrcv(queue, &message, sizeof message.bytes, 7, 0));
    later_end(&later);
    record_bytes(record, "message", message.bytes, 6);
    CALL(record, msgrcv(queue, &message, 2, 1, 0));
    CALL(record, msgrcv(queue, &message, 2, 1, MSG_NOERROR));
    struct msqid_ds state;
    NEED(record, msgctl(queue, IPC_STAT, &state) == 0);
    state.msg_qbytes = 8;
    NEED(record, msgctl(queue, IPC_SET, &state) == 0);
    CALL(record, msgsnd(queue, &message, 6, IPC_NOWAIT));
    CALL(record, msgsnd(queue, &message, 6, IPC_NOWAIT));
    later_begin(&later, record, receive_any, &queue);
    CALL(record, msgsnd(queue, &message, 6, 0));
    later_end(&later);
    message.type = 0;
    CALL(record, msgsnd(queue, &message, 6, 0));
    while (msgrcv(queue, &message, sizeof message.bytes, 0, IPC_NOWAIT) >= 0)
        ;
    later_begin(&later, record, remove_queue, &queue);
    FACT(record, msgrcv(queue, &message, sizeof message.bytes, 0, 0) < 0 && was_removed(record));
    later_end(&later);
    CALL(record, msgrcv(queue, &message, sizeof message.bytes, 0, 0));
}

static void go_up(void *argument)
{
    struct sembuf up = {.sem_op = 2};
    if (semop(*(int *)argument, &up, 1))
        abort();
}

static void remove_them(void *argument)
{
    semctl(*(int *)argument, 0, IPC_RMID);
}

static void semaphore_sets_are_waited_for(struct record *record)
{
    struct sembuf down = {.sem_op = -2};
    struct sembuf at_once = {.sem_op = -1, .sem_flg = IPC_NOWAIT};
    struct sembuf beyond = {.sem_num = 9, .sem_op = 1};
    struct timespec length = {.tv_nsec = 30 * MS};
    struct timespec never = {.tv_nsec = -1};
    struct later later;
    int set = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    if (set < 0)
        return;
    CALL(record, semop(set, &at_once, 1));
    later_begin(&later, record, go_up, &set);
    CALL(record, semop(set, &down, 1));
    later_end(&later);
    CALL(record, semctl(set, 0, GETVAL));
    struct stretch stretch = stretch_begin();
    CALL(record, semtimedop(set, &down, 1, &length));
    stretch_end(&stretch, record, 29 * MS);
    CALL(record, semtimedop(set, &down, 1, &never));
    CALL(record, semop(set, &beyond, 1));
    CALL(record, semop(set, &down, 0));
    /* What one of a set refuses, and what another waits for. */
    struct sembuf mixed[] = {{.sem_op = -1, .sem_flg = IPC_NOWAIT}, {.sem_op = -1}};
    CALL(record, semop(set, mixed, 2));
    NEED(record, semctl(set, 0, SETVAL, 1) == 0);
    later_begin(&later, record, go_up, &set);
    CALL(record, semop(set, mixed, 2));
    later_end(&later);
    CALL(record, semctl(set, 0, GETVAL));
    later_begin(&later, record, remove_them, &set);
    FACT(record, semop(set, &down, 1) < 0 && was_removed(record));
    later_end(&later);
    CALL(record, semop(set, &down, 1));
}

#define CASE(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }

const struct hook_case CASES_QUEUES[] = {
    CASE(queues_are_waited_for),          CASE(queues_time_out),
    CASE(nonblocking_queues_do_not_wait), CASE(messages_are_waited_for),
    CASE(semaphore_sets_are_waited_for),  {0},
};
