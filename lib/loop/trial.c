#include "loop/trial.h"

#include "base/clock.h"
#include "base/system.h"
#include "loop/inside.h"

#include <stdlib.h>

void ovl__loop_try(struct ovl__loop *loop, struct ovl__trial *trial)
{
    loop->trial = trial;
    trial->now = ovl_now();
    if (trial->has_clock)
        ovl__clock = &trial->now;
}

void ovl__trial_release(struct ovl__trial *trial)
{
    ovl__clock = NULL;
    free(trial->order);
}

int ovl__trial_wait(struct ovl__loop *loop, struct epoll_event *events, int count, ovl_time wait_ns)
{
    struct ovl__trial *trial = loop->trial;
    if (!trial->has_clock || !wait_ns)
        return ovl__sys.epoll_wait_ns(loop->epoll_fd, events, count, wait_ns);
    bool is_endless = wait_ns == OVL_FOREVER || loop->outside;
    int found = ovl__sys.epoll_wait_ns(loop->epoll_fd, events, count,
                                       is_endless ? OVL_FOREVER : trial->patience_ns);
    if (!found && !is_endless && !atomic_load(&loop->inbox))
        trial->now += wait_ns;
    return found;
}

/* Marsaglia's xorshift, with 64 bits. */
static uint64_t roll(struct ovl__trial *trial)
{
    trial->dice ^= trial->dice << 13;
    trial->dice ^= trial->dice >> 7;
    trial->dice ^= trial->dice << 17;
    return trial->dice;
}

static size_t count_ready(const struct ovl__loop *loop)
{
    size_t count = 0;
    for (const struct ovl__coroutine *at = loop->ready; at; at = at->next_ready)
        count++;
    return count;
}

static bool make_room(struct ovl__trial *trial, size_t count)
{
    if (count <= trial->capacity)
        return true;
    void *order = ovl__sys.realloc(trial->order, count * sizeof *trial->order);
    if (!order)
        return false;
    trial->order = order;
    trial->capacity = count;
    return true;
}

static void queue_again(struct ovl__loop *loop, size_t count)
{
    loop->ready_end = &loop->ready;
    for (size_t i = 0; i < count; i++) {
        *loop->ready_end = loop->trial->order[i];
        loop->ready_end = &loop->trial->order[i]->next_ready;
    }
    *loop->ready_end = NULL;
}

size_t ovl__trial_shuffle(struct ovl__loop *loop)
{
    struct ovl__trial *trial = loop->trial;
    size_t count = count_ready(loop);
    if (count < 2 || !make_room(trial, count))
        return count;
    struct ovl__coroutine *at = loop->ready;
    for (size_t i = 0; i < count; i++, at = at->next_ready) {
        size_t place = roll(trial) % (i + 1);
        trial->order[i] = trial->order[place];
        trial->order[place] = at;
    }
    queue_again(loop, count);
    return count;
}
