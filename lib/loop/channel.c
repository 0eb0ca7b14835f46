#include "base/memory.h"
#include "base/system.h"
#include "loop/loop.h"
#include "loop/park.h"

#include <errno.h>
#include <overlap/channel.h>
#include <overlap/error.h>
#include <stdint.h>
#include <string.h>

struct ovl_channel {
    pthread_mutex_t mutex;
    size_t item_size;
    size_t capacity;
    size_t count; /* of items in it */
    size_t first; /* the oldest one's place */
    bool shut;
    struct ovl__wait_list senders;
    struct ovl__wait_list receivers;
    char items[];
};

int ovl_channel_open(size_t item_size, size_t capacity, struct ovl_channel **ret_channel)
{
    size_t size;
    if (!capacity || __builtin_mul_overflow(item_size, capacity, &size) ||
        __builtin_add_overflow(size, sizeof(struct ovl_channel), &size))
        return -EINVAL;
    struct ovl_channel *channel = ovl__sys.malloc(size);
    if (!channel)
        return -ENOMEM;
    *channel = (struct ovl_channel){.item_size = item_size, .capacity = capacity};
    pthread_mutex_init(&channel->mutex, NULL);
    ovl__wait_list_init(&channel->senders);
    ovl__wait_list_init(&channel->receivers);
    *ret_channel = channel;
    return 0;
}

void ovl_channel_free(struct ovl_channel *channel)
{
    if (!channel)
        return;
    pthread_mutex_destroy(&channel->mutex);
    free(channel);
}

static char *place(struct ovl_channel *channel, size_t n)
{
    return channel->items + (channel->first + n) % channel->capacity * channel->item_size;
}

/* 1: done; 0: not now; OVL_ECLOSED: never more. The mutex is held. */
static int try_send(struct ovl_channel *channel, const void *item)
{
    if (channel->shut)
        return OVL_ECLOSED;
    if (channel->count == channel->capacity)
        return 0;
    if (channel->item_size)
        memcpy(place(channel, channel->count), item, channel->item_size);
    channel->count++;
    ovl__wake_one(&channel->receivers);
    return 1;
}

static int try_receive(struct ovl_channel *channel, void *ret_item)
{
    if (!channel->count)
        return channel->shut ? OVL_ECLOSED : 0;
    if (channel->item_size)
        memcpy(ret_item, place(channel, 0), channel->item_size);
    channel->first = (channel->first + 1) % channel->capacity;
    channel->count--;
    ovl__wake_one(&channel->senders);
    return 1;
}

int ovl_channel_send(struct ovl_channel *channel, const void *item, ovl_time deadline)
{
    pthread_mutex_lock(&channel->mutex);
    int done, error = 0;
    while (!(done = try_send(channel, item)) && !error) {
        ovl__waits_for("room in a channel", -1);
        error = ovl__wait_or_cancel(&channel->senders, &channel->mutex, deadline);
    }
    pthread_mutex_unlock(&channel->mutex);
    return done < 0 ? done : done ? 0 : error;
}

int ovl_channel_receive(struct ovl_channel *channel, void *ret_item, ovl_time deadline)
{
    pthread_mutex_lock(&channel->mutex);
    int done, error = 0;
    while (!(done = try_receive(channel, ret_item)) && !error) {
        ovl__waits_for("channel", -1);
        error = ovl__wait_or_cancel(&channel->receivers, &channel->mutex, deadline);
    }
    pthread_mutex_unlock(&channel->mutex);
    return done < 0 ? done : done ? 0 : error;
}

void ovl_channel_shut(struct ovl_channel *channel)
{
    pthread_mutex_lock(&channel->mutex);
    channel->shut = true;
    ovl__wake_all(&channel->senders);
    ovl__wake_all(&channel->receivers);
    pthread_mutex_unlock(&channel->mutex);
}

/* --- select --- */

static int try_case(const struct ovl_select *one)
{
    return one->send ? try_send(one->channel, one->send) : try_receive(one->channel, one->receive);
}

/* The first case that can be done, is: 1, 0 or OVL_ECLOSED as try_send has it. */
static int try_cases(const struct ovl_select *cases, size_t count, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        int done = try_case(&cases[i]);
        if (done) {
            *ret_index = i;
            return done;
        }
    }
    return 0;
}

static int compare_mutexes(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t)((const struct ovl__wait_case *)left)->mutex;
    uintptr_t b = (uintptr_t)((const struct ovl__wait_case *)right)->mutex;
    return (a > b) - (a < b);
}

/* All mutexes are taken in the order of their addresses, and each once: no two selects can
 * deadlock. */
static void order_waits(struct ovl__wait_case *waits, size_t count)
{
    qsort(waits, count, sizeof *waits, compare_mutexes);
    for (size_t i = count; i-- > 1;)
        if (waits[i].mutex == waits[i - 1].mutex)
            waits[i].mutex = NULL;
}

static int select_with(const struct ovl_select *cases, size_t count, struct ovl__wait_case *waits,
                       ovl_time deadline, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        struct ovl_channel *channel = cases[i].channel;
        waits[i] = (struct ovl__wait_case){
            .list = cases[i].send ? &channel->senders : &channel->receivers,
            .mutex = &channel->mutex,
        };
    }
    order_waits(waits, count);
    for (size_t i = 0; i < count; i++)
        if (waits[i].mutex)
            pthread_mutex_lock(waits[i].mutex);
    int done, error = 0;
    while (!(done = try_cases(cases, count, ret_index)) && !error) {
        size_t woken;
        ovl__waits_for("channels", -1);
        error = ovl__wait_any(waits, count, deadline, &woken);
        /* What woke it may be done by an earlier case instead: then others may want to know of it.
         */
        if (!error && (done = try_cases(cases, count, ret_index))) {
            ovl__wake_one(waits[woken].list);
            break;
        }
    }
    for (size_t i = count; i--;)
        if (waits[i].mutex)
            pthread_mutex_unlock(waits[i].mutex);
    return done < 0 ? done : done ? 0 : error;
}

int ovl_select(const struct ovl_select *cases, size_t count, ovl_time deadline, size_t *ret_index)
{
    struct ovl__wait_case few[8];
    if (count <= sizeof few / sizeof *few)
        return select_with(cases, count, few, deadline, ret_index);
    struct ovl__wait_case *many =
        count > SIZE_MAX / sizeof *many ? NULL : ovl__sys.malloc(count * sizeof *many);
    if (!many)
        return -ENOMEM;
    int error = select_with(cases, count, many, deadline, ret_index);
    free(many);
    return error;
}
