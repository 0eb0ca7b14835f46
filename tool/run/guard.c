#include "run/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORD_BITS 64

struct guard {
    struct guard_slot *slots; /* shared with the guard and with jobs before their exec */
    size_t count;
    int pipe; /* its writing end */
    pid_t process;

    pthread_mutex_t lock; /* `taken`; and a signal is sent under it, so that no group is forgotten
                             meanwhile */
    uint64_t *taken;
    size_t low; /* every word below has no free bit */
    size_t top; /* no slot from here on was ever taken */
};

/* --- the guard's process --- */

static void kill_all(const struct guard *guard)
{
    for (size_t n = 0; n < guard->count; n++) {
        pid_t group = atomic_load(&guard->slots[n].group);
        if (group > 0)
            kill(-group, SIGKILL);
    }
}

/* Only what its table and its pipe are: everything else would be held open by it. */
static void keep_only(int pipe)
{
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    dup2(pipe, 3);
    syscall(SYS_close_range, 4, ~0U, 0);
}

__attribute__((noreturn)) static void guard_jobs(const struct guard *guard, int pipe)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, "overlap-guard");
    keep_only(pipe);
    char byte;
    while (read(3, &byte, 1) < 0 && errno == EINTR)
        ;
    kill_all(guard);
    _exit(0);
}

/* --- overlap's side --- */

static int start(struct guard *guard)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    guard->process = fork();
    if (guard->process == 0) {
        close(ends[1]);
        guard_jobs(guard, ends[0]);
    }
    int error = guard->process < 0 ? -errno : 0;
    close(ends[0]);
    guard->pipe = ends[1];
    if (error)
        close(ends[1]);
    return error;
}

static size_t table_size(const struct guard *guard)
{
    return guard->count * sizeof *guard->slots;
}

int guard_open(size_t slots, struct guard **ret_guard)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (!guard)
        return -ENOMEM;
    guard->count = slots;
    pthread_mutex_init(&guard->lock, NULL);
    guard->taken = calloc(slots / WORD_BITS + 1, sizeof *guard->taken);
    guard->slots = mmap(NULL, table_size(guard), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int error = !guard->taken || guard->slots == MAP_FAILED ? -ENOMEM : start(guard);
    if (!error) {
        *ret_guard = guard;
        return 0;
    }
    if (guard->slots != MAP_FAILED)
        munmap(guard->slots, table_size(guard));
    free(guard->taken);
    free(guard);
    return error;
}

void guard_close(struct guard *guard)
{
    if (!guard)
        return;
    close(guard->pipe);
    while (waitpid(guard->process, NULL, 0) < 0 && errno == EINTR)
        ;
    munmap(guard->slots, table_size(guard));
    pthread_mutex_destroy(&guard->lock);
    free(guard->taken);
    free(guard);
}

static bool find_free(struct guard *guard, size_t *ret_number)
{
    for (size_t word = guard->low; word <= guard->count / WORD_BITS; word++) {
        if (guard->taken[word] == UINT64_MAX)
            continue;
        guard->low = word;
        *ret_number = word * WORD_BITS + (size_t)__builtin_ctzll(~guard->taken[word]);
        return *ret_number < guard->count;
    }
    return false;
}

struct guard_slot *guard_take(struct guard *guard)
{
    size_t number;
    pthread_mutex_lock(&guard->lock);
    bool found = find_free(guard, &number);
    if (found) {
        guard->taken[number / WORD_BITS] |= (uint64_t)1 << (number % WORD_BITS);
        guard->top = number >= guard->top ? number + 1 : guard->top;
    }
    pthread_mutex_unlock(&guard->lock);
    if (!found)
        return NULL;
    atomic_store(&guard->slots[number].exec_error, 0);
    return &guard->slots[number];
}

void guard_forget(struct guard *guard, struct guard_slot *slot)
{
    pthread_mutex_lock(&guard->lock);
    atomic_store(&slot->group, 0);
    pthread_mutex_unlock(&guard->lock);
}

void guard_give(struct guard *guard, struct guard_slot *slot)
{
    size_t number = guard_number(guard, slot);
    pthread_mutex_lock(&guard->lock);
    guard->taken[number / WORD_BITS] &= ~((uint64_t)1 << (number % WORD_BITS));
    if (number / WORD_BITS < guard->low)
        guard->low = number / WORD_BITS;
    pthread_mutex_unlock(&guard->lock);
}

size_t guard_number(const struct guard *guard, const struct guard_slot *slot)
{
    return (size_t)(slot - guard->slots);
}

size_t guard_groups(struct guard *guard, pid_t *ret_groups, size_t most)
{
    size_t count = 0;
    pthread_mutex_lock(&guard->lock);
    for (size_t n = 0; n < guard->top && count < most; n++) {
        pid_t group = atomic_load(&guard->slots[n].group);
        if (group > 0)
            ret_groups[count++] = group;
    }
    pthread_mutex_unlock(&guard->lock);
    return count;
}

size_t guard_signal(struct guard *guard, int number)
{
    size_t count = 0;
    pthread_mutex_lock(&guard->lock);
    for (size_t n = 0; n < guard->top; n++) {
        pid_t group = atomic_load(&guard->slots[n].group);
        if (group > 0) {
            kill(-group, number);
            count++;
        }
    }
    pthread_mutex_unlock(&guard->lock);
    return count;
}
