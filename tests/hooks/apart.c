/*
 * Proves that locks which another process may hold, and System V's queues and semaphores, are
 * waited for by a thread in the kernel: nobody asks again and again, the loop goes on meanwhile,
 * what is broken off holds nothing, and what is interrupted loses nothing. Here are the locks.
 */
#include "apart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

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

static int hold_for_writing(struct other *other)
{
    int error = pthread_rwlock_wrlock(&shared->rwlock);
    say(other->says[1]);
    hear(other->hears[0]);
    return error | pthread_rwlock_unlock(&shared->rwlock);
}

/* ThreadSanitizer takes a lock that a thread hands over for a mistake. */
#ifndef __SANITIZE_THREAD__
static void shared_rwlocks_are_asked_for_once(void)
{
    expect_one_wait(hold_for_writing, lock_for_reading, 1);
    expect_one_wait(hold_for_writing, lock_for_writing, 1);
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

static void the_loop_goes_on_where_no_thread_is_to_be_had(void)
{
    without_threads(hold_file, lock_file);
    without_threads(hold_for_writing, lock_for_reading);
    without_threads(hold_for_writing, lock_for_writing);
}

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(file_locks_are_asked_for_once),
        TEST_CASE(what_is_broken_off_holds_no_lock),
#ifndef __SANITIZE_THREAD__
        TEST_CASE(shared_rwlocks_are_asked_for_once),
#endif
        TEST_CASE(deadlocks_of_processes_are_found),
        TEST_CASE(the_loop_goes_on_where_no_thread_is_to_be_had),
    };
    const char *only = argc > 1 ? argv[1] : NULL;
    int failed = run_cases("apart", cases, COUNT_OF(cases), only);
    failed += run_system_v_cases(only);
    failed += run_condition_cases(only);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
