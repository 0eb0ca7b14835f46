/* Signals that are awaited: the handler writes to the eventfd of each who waits for its number. */
#include "base/memory.h"
#include "base/system.h"
#include "loop/loop.h"

#include <errno.h>
#include <overlap/coroutine.h>
#include <overlap/process.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#define OPEN_MAX_SIGNALS 64

struct ovl_signal {
    int number;
    int fd;
    unsigned place; /* in the table */
};

/* Read by the handler: a place is free where its signal is 0, which is stored last and taken first.
 */
static struct {
    atomic_int signal;
    atomic_int fd;
} table[OPEN_MAX_SIGNALS];

/* Under the lock: */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned open_count[NSIG];
static struct sigaction former[NSIG];

static void on_signal(int signal)
{
    int error = errno;
    uint64_t one = 1;
    for (int i = 0; i < OPEN_MAX_SIGNALS; i++)
        if (atomic_load(&table[i].signal) == signal)
            (void)!ovl__sys.write(atomic_load(&table[i].fd), &one, sizeof one);
    errno = error;
}

static int take_place(struct ovl_signal *self)
{
    for (unsigned i = 0; i < OPEN_MAX_SIGNALS; i++) {
        if (atomic_load(&table[i].signal))
            continue;
        self->place = i;
        atomic_store(&table[i].fd, self->fd);
        atomic_store(&table[i].signal, self->number);
        return 0;
    }
    return -EAGAIN;
}

static int catch (struct ovl_signal *self)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    if (open_count[self->number]++)
        return 0;
    if (!sigaction(self->number, &action, &former[self->number]))
        return 0;
    open_count[self->number]--;
    return -errno;
}

static int open_locked(struct ovl_signal *self)
{
    int error = take_place(self);
    if (error)
        return error;
    error = catch (self);
    if (error)
        atomic_store(&table[self->place].signal, 0);
    return error;
}

int ovl_signal_open(int signal, struct ovl_signal **ret_signal)
{
    if (signal <= 0 || signal >= NSIG)
        return -EINVAL;
    struct ovl_signal *self = ovl__zalloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    self->number = signal;
    self->fd = ovl__sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = self->fd < 0 ? -errno : 0;
    if (!error) {
        pthread_mutex_lock(&lock);
        error = open_locked(self);
        pthread_mutex_unlock(&lock);
    }
    if (error) {
        if (self->fd >= 0)
            ovl__sys.close(self->fd);
        free(self);
        return error;
    }
    *ret_signal = self;
    return 0;
}

void ovl_signal_close(struct ovl_signal *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&lock);
    if (!--open_count[self->number])
        sigaction(self->number, &former[self->number], NULL);
    atomic_store(&table[self->place].signal, 0);
    pthread_mutex_unlock(&lock);
    ovl__loop_forget_fd(self->fd);
    ovl__sys.close(self->fd);
    free(self);
}

int ovl_signal_wait(struct ovl_signal *self, ovl_time deadline)
{
    for (;;) {
        uint64_t count;
        int error = ovl_wait_fd(self->fd, POLLIN, deadline);
        if (error)
            return error;
        if (ovl__sys.read(self->fd, &count, sizeof count) == sizeof count)
            return 0;
    }
}
