/*
 * What a hook costs outside of coroutines: calls by name, which the library hooks, beside the same
 * calls of libc by address. Turn by turn, so that what else the machine does meets both; the
 * medians of the turns are printed, in nanoseconds: NAME BARE HOOKED.
 */
#include <dlfcn.h>
#include <overlap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLS 20000
#define TURNS 101

typedef ssize_t recv_fn(int fd, void *data, size_t size, int flags);
typedef int mutex_fn(pthread_mutex_t *mutex);
typedef int cond_fn(pthread_cond_t *cond);

static struct {
    recv_fn *recv;
    mutex_fn *lock;
    mutex_fn *unlock;
    cond_fn *signal;
} bare, hooked = {recv, pthread_mutex_lock, pthread_mutex_unlock, pthread_cond_signal};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

/* Through pointers on both sides: what a call through the linker's table is as well. */
static void call_recv(recv_fn *volatile fn)
{
    char byte;
    for (int i = 0; i < CALLS; i++)
        fn(-1, &byte, 1, 0);
}

static void call_locks(mutex_fn *volatile lock, mutex_fn *volatile unlock)
{
    for (int i = 0; i < CALLS; i++) {
        lock(&mutex);
        unlock(&mutex);
    }
}

static void call_signal(cond_fn *volatile fn)
{
    for (int i = 0; i < CALLS; i++)
        fn(&cond);
}

static void run(int what, int is_hooked)
{
    if (what == 0)
        call_recv(is_hooked ? hooked.recv : bare.recv);
    else if (what == 1)
        call_locks(is_hooked ? hooked.lock : bare.lock, is_hooked ? hooked.unlock : bare.unlock);
    else
        call_signal(is_hooked ? hooked.signal : bare.signal);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(int what, const char *name)
{
    static double times[2][TURNS];
    for (int turn = 0; turn < TURNS; turn++) {
        for (int is_hooked = 0; is_hooked < 2; is_hooked++) {
            ovl_time began = ovl_now();
            run(what, is_hooked);
            times[is_hooked][turn] = (double)(ovl_now() - began) / CALLS;
        }
    }
    for (int is_hooked = 0; is_hooked < 2; is_hooked++)
        qsort(times[is_hooked], TURNS, sizeof times[is_hooked][0], compare);
    printf("%s %.3f %.3f\n", name, times[0][TURNS / 2], times[1][TURNS / 2]);
}

static void find(void *libc, const char *name, void *ret_fn)
{
    void *found = dlsym(libc, name);
    if (!found || found == dlsym(RTLD_DEFAULT, name)) {
        fprintf(stderr, "hook_cost: %s is not hooked\n", name);
        exit(1);
    }
    *(void **)ret_fn = found;
}

int main(void)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    if (!libc) {
        fprintf(stderr, "hook_cost: %s\n", dlerror());
        return 1;
    }
    find(libc, "recv", &bare.recv);
    find(libc, "pthread_mutex_lock", &bare.lock);
    find(libc, "pthread_mutex_unlock", &bare.unlock);
    find(libc, "pthread_cond_signal", &bare.signal);
    measure(0, "recv");
    measure(1, "lock_and_unlock");
    measure(2, "cond_signal");
    return 0;
}
