/*
 * Proves that locks which another process may hold, and System V's queues and semaphores, are
 * waited for by a thread in the kernel: nobody asks again and again, the loop goes on meanwhile,
 * what is broken off holds nothing, and what is interrupted loses nothing.
 */
#include "../support/cases.h"
#include "../support/scratch.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <overlap.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Longer than any pause between two tries. */
#define WHILE_NS 60000000
#define ROUNDS   SCALE(200, 50)

/* --- another process --- */

/* What both see. */
struct shared {
    pthread_rwlock_t rwlock;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int value;
    int files[2];             /* one file, opened twice */
    int messages, semaphores; /* System V's, which have nothing in them */
};

static struct shared *shared;

/* It does its part, says so, and goes on when it is told to. */
struct other {
    pid_t process;
    int says[2];
    int hears[2];
};

static void say(int fd)
{
    if (write(fd, "x", 1) != 1)
        abort();
}

static void hear(int fd)
{
    char byte;
    if (read(fd, &byte, 1) != 1)
        abort();
}

static void other_begin(struct other *other, int (*part)(struct other *other))
{
    assert_int_equal(pipe2(other->says, O_CLOEXEC), 0);
    assert_int_equal(pipe2(other->hears, O_CLOEXEC), 0);
    other->process = fork();
    if (!other->process)
        _exit(part(other));
    hear(other->says[0]);
}

static int other_end(struct other *other)
{
    int status;
    assert_int_equal(waitpid(other->process, &status, 0), other->process);
    for (int i = 0; i < 2; i++) {
        close(other->says[i]);
        close(other->hears[i]);
    }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void shared_open(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    pthread_rwlockattr_t rwlock;
    pthread_mutexattr_t mutex;
    pthread_condattr_t cond;
    pthread_rwlockattr_init(&rwlock);
    pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_condattr_init(&cond);
    pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
    pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
    pthread_rwlock_init(&shared->rwlock, &rwlock);
    pthread_mutex_init(&shared->mutex, &mutex);
    pthread_cond_init(&shared->cond, &cond);
    char name[SCRATCH_BYTES];
    shared->files[0] = scratch_file(name, ANYWHERE);
    shared->files[1] = open(name, O_RDWR | O_CLOEXEC);
    unlink(name);
    shared->messages = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    shared->semaphores = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    assert_true(shared->messages >= 0 && shared->semaphores >= 0);
}

static void shared_close(void)
{
    msgctl(shared->messages, IPC_RMID, NULL);
    semctl(shared->semaphores, 0, IPC_RMID);
    close(shared->files[0]);
    close(shared->files[1]);
    munmap(shared, sizeof *shared);
}

/* --- how often the system is asked --- */

static atomic_int asked;

static struct {
    __typeof__(&flock) flock;
    __typeof__(&pthread_rwlock_tryrdlock) tryrdlock;
    __typeof__(&pthread_rwlock_trywrlock) trywrlock;
    __typeof__(&msgrcv) msgrcv;
    __typeof__(&semtimedop) semtimedop;
    __typeof__(&pthread_create) create;
} real;

static int count_flock(int fd, int operation)
{
    atomic_fetch_add(&asked, 1);
    return real.flock(fd, operation);
}

static int count_tryrdlock(pthread_rwlock_t *lock)
{
    atomic_fetch_add(&asked, 1);
    return real.tryrdlock(lock);
}

static int count_trywrlock(pthread_rwlock_t *lock)
{
    atomic_fetch_add(&asked, 1);
    return real.trywrlock(lock);
}

static ssize_t count_msgrcv(int queue, void *message, size_t size, long type, int flags)
{
    atomic_fetch_add(&asked, 1);
    return real.msgrcv(queue, message, size, type, flags);
}

static int count_semtimedop(int set, struct sembuf *operations, size_t count,
                            const struct timespec *timeout)
{
    atomic_fetch_add(&asked, 1);
    return real.semtimedop(set, operations, count, timeout);
}

static void count_asks(void)
{
    atomic_store(&asked, 0);
    if (real.flock)
        return;
    real.flock = ovl__sys.flock;
    real.tryrdlock = ovl__sys.pthread_rwlock_tryrdlock;
    real.trywrlock = ovl__sys.pthread_rwlock_trywrlock;
    ovl__sys.flock = count_flock;
    ovl__sys.pthread_rwlock_tryrdlock = count_tryrdlock;
    ovl__sys.pthread_rwlock_trywrlock = count_trywrlock;
    real.msgrcv = ovl__sys.msgrcv;
    real.semtimedop = ovl__sys.semtimedop;
    ovl__sys.msgrcv = count_msgrcv;
    ovl__sys.semtimedop = count_semtimedop;
}

/* --- what waits --- */

static int lock_file(void *unused)
{
    (void)unused;
    return flock(shared->files[0], LOCK_EX) ? -errno : 0;
}

static int lock_for_reading(void *unused)
{
    (void)unused;
    int error = pthread_rwlock_rdlock(&shared->rwlock);
    return error ? -error : -pthread_rwlock_unlock(&shared->rwlock);
}

/* libc is to take the coroutine's thread for the one that writes. */
static int lock_for_writing(void *unused)
{
    (void)unused;
    int error = pthread_rwlock_wrlock(&shared->rwlock);
    if (!error && shared->rwlock.__data.__cur_writer != gettid())
        error = EPERM;
    return error ? -error : -pthread_rwlock_unlock(&shared->rwlock);
}

struct wait {
    ovl_coroutine_fn *fn;
    struct other *other;
};

/* A coroutine waits while its loop goes on; then the other process ends that. */
static int wait_and_go_on(void *argument)
{
    const struct wait *wait = argument;
    struct ovl_coroutine *coroutine;
    int error = ovl_go(wait->fn, NULL, &coroutine);
    nanosleep(&(struct timespec){.tv_nsec = WHILE_NS}, NULL);
    say(wait->other->hears[1]);
    return error ? error : ovl_join(coroutine);
}

static void expect_one_wait(int (*part)(struct other *other), ovl_coroutine_fn *fn, int asks)
{
    struct other other;
    shared_open();
    other_begin(&other, part);
    count_asks();
    assert_int_equal(ovl_run(wait_and_go_on, &(struct wait){fn, &other}, NULL), 0);
    assert_int_equal(atomic_load(&asked), asks);
    assert_int_equal(other_end(&other), 0);
    shared_close();
}

static int hold_file(struct other *other)
{
    int error = flock(shared->files[1], LOCK_EX);
    say(other->says[1]);
    hear(other->hears[0]);
    return error || flock(shared->files[1], LOCK_UN);
}

/* One try, and one call that waits. */
static void file_locks_are_asked_for_once(void)
{
    expect_one_wait(hold_file, lock_file, 2);
}

struct message {
    long type;
    char bytes[8];
};

static int receive_hello(void *unused)
{
    (void)unused;
    struct message message;
    ssize_t size = msgrcv(shared->messages, &message, sizeof message.bytes, 7, 0);
    return size == 5 && message.type == 7 && !memcmp(message.bytes, "hello", 5) ? 0 : -EIO;
}

static int send_hello(struct other *other)
{
    struct message message = {.type = 7, .bytes = "hello"};
    say(other->says[1]);
    hear(other->hears[0]);
    return msgsnd(shared->messages, &message, 5, 0);
}

static int go_down(void *unused)
{
    (void)unused;
    struct sembuf down = {.sem_op = -1};
    return semop(shared->semaphores, &down, 1) ? -errno : 0;
}

static int count_up(void)
{
    struct sembuf up = {.sem_op = 1};
    return semop(shared->semaphores, &up, 1);
}

static int go_up(struct other *other)
{
    say(other->says[1]);
    hear(other->hears[0]);
    return count_up();
}

static void system_v_is_asked_for_once(void)
{
    expect_one_wait(send_hello, receive_hello, 2);
    expect_one_wait(go_up, go_down, 2);
}

static int hold_for_writing(struct other *other)
{
    int error = pthread_rwlock_wrlock(&shared->rwlock);
    say(other->says[1]);
    hear(other->hears[0]);
    return error | pthread_rwlock_unlock(&shared->rwlock);
}

/*
 * ThreadSanitizer takes a lock that a thread hands over for a mistake, and looks condition
 * variables up past the hooks.
 */
#ifndef __SANITIZE_THREAD__
static void shared_rwlocks_are_asked_for_once(void)
{
    expect_one_wait(hold_for_writing, lock_for_reading, 1);
    expect_one_wait(hold_for_writing, lock_for_writing, 1);
}

/* --- shared condition variables --- */

static int await_value(void *unused)
{
    (void)unused;
    int error = pthread_mutex_lock(&shared->mutex);
    while (!error && !shared->value)
        error = pthread_cond_wait(&shared->cond, &shared->mutex);
    pthread_mutex_unlock(&shared->mutex);
    return -error;
}

static int signal_value(struct other *other)
{
    say(other->says[1]);
    hear(other->hears[0]);
    int error = pthread_mutex_lock(&shared->mutex);
    shared->value = 1;
    return error | pthread_cond_signal(&shared->cond) | pthread_mutex_unlock(&shared->mutex);
}

static void shared_conditions_are_waited_for(void)
{
    expect_one_wait(signal_value, await_value, 0);
}

static int wait_a_moment(void *unused)
{
    (void)unused;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    int error = pthread_mutex_lock(&shared->mutex);
    while (!error)
        error = pthread_cond_timedwait(&shared->cond, &shared->mutex, &time);
    return error == ETIMEDOUT ? -pthread_mutex_unlock(&shared->mutex) : -error;
}

static void waits_for_shared_conditions_time_out(void)
{
    shared_open();
    assert_int_equal(ovl_run(wait_a_moment, NULL, NULL), 0);
    shared_close();
}

/* As many turns as the other process, which answers each. */
static int answer_turns(struct other *other)
{
    int error = 0;
    say(other->says[1]);
    for (int i = 0; i < ROUNDS && !error; i++) {
        error = pthread_mutex_lock(&shared->mutex);
        while (!error && shared->value != 1)
            error = pthread_cond_wait(&shared->cond, &shared->mutex);
        shared->value = 0;
        error = error | pthread_cond_signal(&shared->cond) | pthread_mutex_unlock(&shared->mutex);
    }
    return error;
}

static int take_turns(void *unused)
{
    (void)unused;
    int error = 0;
    for (int i = 0; i < ROUNDS && !error; i++) {
        error = pthread_mutex_lock(&shared->mutex);
        shared->value = 1;
        error = error | pthread_cond_signal(&shared->cond);
        while (!error && shared->value)
            error = pthread_cond_wait(&shared->cond, &shared->mutex);
        error = error | pthread_mutex_unlock(&shared->mutex);
    }
    return -error;
}

static void no_signal_of_another_process_is_missed(void)
{
    struct other other;
    shared_open();
    other_begin(&other, answer_turns);
    assert_int_equal(ovl_run(take_turns, NULL, NULL), 0);
    assert_int_equal(other_end(&other), 0);
    shared_close();
}

#endif

/* --- what is broken off --- */

static int lock_or_not(void *ret_error)
{
    *(int *)ret_error = flock(shared->files[0], LOCK_EX) ? errno : 0;
    return 0;
}

static void *unlock_other(void *unused)
{
    (void)unused;
    return flock(shared->files[1], LOCK_UN) ? shared : NULL;
}

/* Cancelled while the lock becomes free: it is held exactly where the call says so. */
static int race_with_unlock(void *unused)
{
    (void)unused;
    struct ovl_group *group;
    pthread_t thread;
    void *failed;
    int result;
    if (flock(shared->files[1], LOCK_EX) || ovl_group_open(OVL_FOREVER, &group) ||
        ovl_group_go(group, lock_or_not, &result))
        return -EIO;
    ovl_yield();
    if (pthread_create(&thread, NULL, unlock_other, NULL))
        return -EIO;
    ovl_group_cancel(group);
    ovl_group_close(group);
    pthread_join(thread, &failed);
    int taken = flock(shared->files[1], LOCK_EX | LOCK_NB) ? errno : 0;
    flock(shared->files[0], LOCK_UN);
    flock(shared->files[1], LOCK_UN);
    bool right = result == 0 ? taken == EWOULDBLOCK : result == ECANCELED && taken == 0;
    return right && !failed ? 0 : -EPROTO;
}

static void what_is_broken_off_holds_no_lock(void)
{
    shared_open();
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(ovl_run(race_with_unlock, NULL, NULL), 0);
    shared_close();
}

static int receive_or_not(void *ret_error)
{
    struct message message;
    ssize_t size = msgrcv(shared->messages, &message, sizeof message.bytes, 0, 0);
    *(int *)ret_error = size < 0 ? errno : size == 5 ? 0 : EIO;
    return 0;
}

static int go_down_or_not(void *ret_error)
{
    *(int *)ret_error = -go_down(NULL);
    return 0;
}

static void *send_one(void *unused)
{
    (void)unused;
    struct message message = {.type = 1, .bytes = "hello"};
    return msgsnd(shared->messages, &message, 5, 0) ? shared : NULL;
}

static void *add_one(void *unused)
{
    (void)unused;
    return count_up() ? shared : NULL;
}

static bool message_is_there(void)
{
    struct message message;
    return msgrcv(shared->messages, &message, sizeof message.bytes, 0, IPC_NOWAIT) == 5;
}

static bool count_is_there(void)
{
    struct sembuf down = {.sem_op = -1, .sem_flg = IPC_NOWAIT};
    return semop(shared->semaphores, &down, 1) == 0;
}

struct interruption {
    int (*wait)(void *ret_error);
    void *(*give)(void *unused); /* in another thread */
    bool (*is_there)(void);
};

/* Cancelled while it is given: the call has it, and says so, or it is there still. */
static int race_with_giver(void *argument)
{
    const struct interruption *interruption = argument;
    struct ovl_group *group;
    pthread_t thread;
    void *failed;
    int result = -1;
    if (ovl_group_open(OVL_FOREVER, &group) || ovl_group_go(group, interruption->wait, &result))
        return -EIO;
    ovl_yield();
    if (pthread_create(&thread, NULL, interruption->give, NULL))
        return -EIO;
    ovl_group_cancel(group);
    ovl_group_close(group);
    pthread_join(thread, &failed);
    bool there = interruption->is_there();
    bool right = result == 0 ? !there : result == ECANCELED && there;
    return right && !failed ? 0 : -EPROTO;
}

static void what_is_interrupted_loses_nothing(void)
{
    struct interruption messages = {receive_or_not, send_one, message_is_there};
    struct interruption semaphores = {go_down_or_not, add_one, count_is_there};
    shared_open();
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(ovl_run(race_with_giver, &messages, NULL), 0);
        assert_int_equal(ovl_run(race_with_giver, &semaphores, NULL), 0);
    }
    shared_close();
}

/* --- signals --- */

static void ignore(int signal)
{
    (void)signal;
}

static int raise_in_a_wait(void *unused)
{
    (void)unused;
    struct ovl_group *group;
    int result = -1;
    if (ovl_group_open(OVL_FOREVER, &group) || ovl_group_go(group, receive_or_not, &result))
        return -EIO;
    ovl_yield();
    raise(SIGUSR1);
    int error = ovl_group_close(group);
    return error ? error : -result;
}

static void signals_interrupt_system_v(void)
{
    struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
    shared_open();
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(ovl_run(raise_in_a_wait, NULL, NULL), -EINTR);
    shared_close();
}

/* Whoever changes the group of a process of several threads does it by a signal to each. */
static int change_group_in_a_wait(void *unused)
{
    (void)unused;
    struct ovl_coroutine *coroutine;
    int error = ovl_go(receive_hello, NULL, &coroutine);
    if (error)
        return error;
    for (int i = 0; i < ROUNDS; i++) {
        ovl_yield();
        if (setgid(getgid()))
            return -errno;
    }
    struct message message = {.type = 7, .bytes = "hello"};
    if (msgsnd(shared->messages, &message, 5, 0))
        return -errno;
    return ovl_join(coroutine);
}

static void signals_of_libc_s_own_are_not_shown(void)
{
    shared_open();
    assert_int_equal(ovl_run(change_group_in_a_wait, NULL, NULL), 0);
    shared_close();
}

/* --- in a test's time --- */

static int hold_for_seconds(void *unused)
{
    (void)unused;
    int error = flock(shared->files[1], LOCK_EX);
    sleep(10);
    return error | count_up() | flock(shared->files[1], LOCK_UN);
}

static int wait_for_seconds(void *unused)
{
    (void)unused;
    struct ovl_coroutine *coroutine;
    ovl_time begin = ovl_now();
    int error = ovl_go(hold_for_seconds, NULL, &coroutine);
    if (error)
        return error;
    ovl_yield();
    error = go_down(NULL);
    if (!error)
        error = lock_file(NULL);
    ovl_time length = ovl_now() - begin;
    if (!error && (length < 10 * OVL_SECOND || length > 11 * OVL_SECOND))
        error = -ETIME;
    return error | ovl_join(coroutine);
}

/* The clock jumps, whatever a coroutine waits for that another is to give. */
static void a_test_s_clock_goes_on(void)
{
    shared_open();
    assert_int_equal(ovl_run_test(wait_for_seconds, NULL, NULL), 0);
    shared_close();
}

#ifndef __SANITIZE_THREAD__
static int wait_for_value_once(void *ret_error)
{
    pthread_mutex_lock(&shared->mutex);
    *(int *)ret_error = pthread_cond_wait(&shared->cond, &shared->mutex);
    return -pthread_mutex_unlock(&shared->mutex);
}

static int cancel_a_wait(void *unused)
{
    (void)unused;
    struct ovl_group *group;
    int result = -1;
    if (ovl_group_open(OVL_FOREVER, &group) || ovl_group_go(group, wait_for_value_once, &result))
        return -EIO;
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    ovl_group_cancel(group);
    ovl_group_close(group);
    return result == ECANCELED ? 0 : -EPROTO;
}

static void waits_for_shared_conditions_are_cancelled(void)
{
    shared_open();
    assert_int_equal(ovl_run(cancel_a_wait, NULL, NULL), 0);
    assert_int_equal(pthread_mutex_trylock(&shared->mutex), 0);
    assert_int_equal(pthread_mutex_unlock(&shared->mutex), 0);
    shared_close();
}
#endif

/* --- deadlocks of processes --- */

static int lock_byte(int byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = byte, .l_len = 1};
    return fcntl(shared->files[0], F_SETLKW, &lock) ? errno : 0;
}

static int lock_crosswise(struct other *other)
{
    if (lock_byte(2))
        return EIO;
    say(other->says[1]);
    hear(other->hears[0]);
    return lock_byte(1);
}

static int lock_second(void *other)
{
    say(((struct other *)other)->hears[1]);
    return -lock_byte(2);
}

/* Each holds what the other waits for: the kernel tells one of them. */
static void deadlocks_of_processes_are_found(void)
{
    struct other other;
    shared_open();
    other_begin(&other, lock_crosswise);
    assert_int_equal(lock_byte(1), 0);
    int ours = -ovl_run(lock_second, &other, NULL);
    close(shared->files[0]); /* all locks of this process on the file */
    shared->files[0] = dup(shared->files[1]);
    int its = other_end(&other);
    assert_int_equal(ours + its, EDEADLK);
    shared_close();
}

/* --- without threads --- */

static int no_thread(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                     void *argument)
{
    (void)ret_thread;
    (void)attributes;
    (void)fn;
    (void)argument;
    return EAGAIN;
}

static void without_threads(int (*part)(struct other *other), ovl_coroutine_fn *fn)
{
    struct other other;
    shared_open();
    other_begin(&other, part);
    real.create = ovl__sys.pthread_create;
    ovl__sys.pthread_create = no_thread;
    assert_int_equal(ovl_run(wait_and_go_on, &(struct wait){fn, &other}, NULL), 0);
    ovl__sys.pthread_create = real.create;
    assert_int_equal(other_end(&other), 0);
    shared_close();
}

static void the_loop_goes_on_where_no_thread_is_to_be_had(void)
{
    without_threads(hold_file, lock_file);
    without_threads(send_hello, receive_hello);
    without_threads(go_up, go_down);
    without_threads(hold_for_writing, lock_for_reading);
    without_threads(hold_for_writing, lock_for_writing);
#ifndef __SANITIZE_THREAD__
    without_threads(signal_value, await_value);
#endif
}

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(file_locks_are_asked_for_once),
        TEST_CASE(what_is_broken_off_holds_no_lock),
        TEST_CASE(system_v_is_asked_for_once),
        TEST_CASE(what_is_interrupted_loses_nothing),
        TEST_CASE(signals_interrupt_system_v),
        TEST_CASE(signals_of_libc_s_own_are_not_shown),
        TEST_CASE(a_test_s_clock_goes_on),
#ifndef __SANITIZE_THREAD__
        TEST_CASE(shared_rwlocks_are_asked_for_once),
        TEST_CASE(shared_conditions_are_waited_for),
        TEST_CASE(waits_for_shared_conditions_time_out),
        TEST_CASE(no_signal_of_another_process_is_missed),
        TEST_CASE(waits_for_shared_conditions_are_cancelled),
#endif
        TEST_CASE(deadlocks_of_processes_are_found),
        TEST_CASE(the_loop_goes_on_where_no_thread_is_to_be_had),
    };
    const char *only = argc > 1 ? argv[1] : NULL;
    return run_cases("apart", cases, COUNT_OF(cases), only) ? EXIT_FAILURE : EXIT_SUCCESS;
}
