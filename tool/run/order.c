#include "run/order.h"

#include <errno.h>
#include <stdlib.h>

struct order {
    struct job **ring; /* number n lies at n modulo room */
    size_t room;       /* a power of two */
    size_t count;
    uint64_t next; /* whose turn it is */
};

struct order *order_new(void)
{
    struct order *order = calloc(1, sizeof *order);
    if (!order)
        return NULL;
    order->next = 1;
    order->room = 64;
    order->ring = calloc(order->room, sizeof(struct job *));
    if (!order->ring) {
        free(order);
        return NULL;
    }
    return order;
}

void order_free(struct order *order)
{
    if (order)
        free(order->ring);
    free(order);
}

static struct job **place_of(const struct order *order, uint64_t number)
{
    return &order->ring[number & (order->room - 1)];
}

static int grow(struct order *order, uint64_t number)
{
    size_t room = order->room;
    while (number - order->next >= room)
        room *= 2;
    struct job **ring = calloc(room, sizeof(struct job *));
    if (!ring)
        return -ENOMEM;
    for (uint64_t n = order->next; n < order->next + order->room; n++)
        ring[n & (room - 1)] = *place_of(order, n);
    free(order->ring);
    order->ring = ring;
    order->room = room;
    return 0;
}

int order_put(struct order *order, struct job *job)
{
    uint64_t number = job->row->number;
    if (number - order->next >= order->room && grow(order, number))
        return -ENOMEM;
    *place_of(order, number) = job;
    order->count++;
    return 0;
}

static struct job *take_next(struct order *order)
{
    struct job **place = place_of(order, order->next++);
    struct job *job = *place;
    *place = NULL;
    order->count -= job != NULL;
    return job;
}

struct job *order_take(struct order *order)
{
    return *place_of(order, order->next) ? take_next(order) : NULL;
}

struct job *order_pop(struct order *order)
{
    struct job *job = NULL;
    while (order->count && !job)
        job = take_next(order);
    return job;
}

size_t order_count(const struct order *order)
{
    return order->count;
}
