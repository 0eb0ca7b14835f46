#include "apart.h"

#include "../support/scratch.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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

struct shared *shared;

void say(int fd)
{
    if (write(fd, "x", 1) != 1)
        abort();
}

void hear(int fd)
{
    char byte;
    if (read(fd, &byte, 1) != 1)
        abort();
}

void other_begin(struct other *other, int (*part)(struct other *other))
{
    assert_int_equal(pipe2(other->says, O_CLOEXEC), 0);
    assert_int_equal(pipe2(other->hears, O_CLOEXEC), 0);
    other->process = fork();
    if (!other->process)
        _exit(part(other));
    hear(other->says[0]);
}

int other_end(struct other *other)
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

void shared_open(void)
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

void shared_close(void)
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

/* --- one wait --- */

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

void expect_one_wait(int (*part)(struct other *other), ovl_coroutine_fn *fn, int asks)
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

static int no_thread(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                     void *argument)
{
    (void)ret_thread;
    (void)attributes;
    (void)fn;
    (void)argument;
    return EAGAIN;
}

void without_threads(int (*part)(struct other *other), ovl_coroutine_fn *fn)
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
