#include "loop/timer.h"

#include "base/fetch.h"
#include "base/system.h"

#include <errno.h>
#include <stdlib.h>

static void put(struct ovl__timers *timers, size_t index, struct ovl__timer_entry entry)
{
    timers->entries[index] = entry;
    timers->slots[entry.slot].place = (uint32_t)index;
}

static void sift_up(struct ovl__timers *timers, size_t index, struct ovl__timer_entry entry)
{
    while (index) {
        size_t parent = (index - 1) / 4;
        if (timers->entries[parent].at <= entry.at)
            break;
        put(timers, index, timers->entries[parent]);
        index = parent;
    }
    put(timers, index, entry);
}

static size_t earliest_child(const struct ovl__timers *timers, size_t index)
{
    size_t first = 4 * index + 1;
    size_t best = first;
    for (size_t child = first + 1; child < first + 4 && child < timers->count; child++)
        if (timers->entries[child].at < timers->entries[best].at)
            best = child;
    return best;
}

static void sift_down(struct ovl__timers *timers, size_t index, struct ovl__timer_entry entry)
{
    while (4 * index + 1 < timers->count) {
        size_t child = earliest_child(timers, index);
        if (entry.at <= timers->entries[child].at)
            break;
        put(timers, index, timers->entries[child]);
        index = child;
    }
    put(timers, index, entry);
}

/* Slots are numbered in 32 bits: there is no memory for as many coroutines. */
#define CAPACITY_MAX ((size_t)1 << 31)

/* Makes room for one more than there are and than room is reserved for. */
static int make_room(struct ovl__timers *timers)
{
    if (timers->count + timers->reserved < timers->capacity)
        return 0;
    size_t capacity = timers->capacity ? 2 * timers->capacity : 64;
    if (capacity > CAPACITY_MAX)
        return -ENOMEM;
    void *entries = ovl__sys.realloc(timers->entries, capacity * sizeof *timers->entries);
    if (!entries)
        return -ENOMEM;
    timers->entries = entries;
    void *slots = ovl__sys.realloc(timers->slots, capacity * sizeof *timers->slots);
    if (!slots)
        return -ENOMEM;
    timers->slots = slots;
    timers->capacity = capacity;
    return 0;
}

static uint32_t take_slot(struct ovl__timers *timers, struct ovl__timer *timer)
{
    uint32_t slot = timers->fresh_slot;
    if (timers->free_slot) {
        slot = timers->free_slot - 1;
        timers->free_slot = timers->slots[slot].place;
    } else {
        timers->fresh_slot++;
    }
    timers->slots[slot].timer = timer;
    timer->slot = slot + 1;
    return slot;
}

static void give_slot(struct ovl__timers *timers, uint32_t slot)
{
    timers->slots[slot] = (struct ovl__timer_slot){.place = timers->free_slot};
    timers->free_slot = slot + 1;
}

static void start(struct ovl__timers *timers, struct ovl__timer *timer, ovl_time at)
{
    uint32_t slot = take_slot(timers, timer);
    sift_up(timers, timers->count++, (struct ovl__timer_entry){.at = at, .slot = slot});
}

int ovl__timers_reserve(struct ovl__timers *timers)
{
    int error = make_room(timers);
    if (!error)
        timers->reserved++;
    return error;
}

void ovl__timers_unreserve(struct ovl__timers *timers)
{
    timers->reserved--;
}

int ovl__timer_start(struct ovl__timers *timers, struct ovl__timer *timer, ovl_time at)
{
    int error = make_room(timers);
    if (error)
        return error;
    timer->reserved = false;
    start(timers, timer, at);
    return 0;
}

void ovl__timer_start_reserved(struct ovl__timers *timers, struct ovl__timer *timer, ovl_time at)
{
    timers->reserved--;
    timer->reserved = true;
    start(timers, timer, at);
}

void ovl__timer_stop(struct ovl__timers *timers, struct ovl__timer *timer)
{
    if (!timer->slot)
        return;
    uint32_t slot = timer->slot - 1;
    size_t index = timers->slots[slot].place;
    timer->slot = 0;
    timers->reserved += timer->reserved;
    give_slot(timers, slot);
    struct ovl__timer_entry last = timers->entries[--timers->count];
    if (last.slot == slot)
        return;
    if (index && timers->entries[(index - 1) / 4].at > last.at)
        sift_up(timers, index, last);
    else
        sift_down(timers, index, last);
}

ovl_time ovl__timers_next(const struct ovl__timers *timers)
{
    return timers->count ? timers->entries[0].at : OVL_FOREVER;
}

/*
 * A timer that fires, and the coroutine which it wakes, lie on a page that nobody has touched for
 * long. Where many are due at once, the memory of those to come is asked for while others run: of
 * the lines below the timer, where the coroutine was left, and of those above, up to what it
 * returns through.
 */
#define BYTES_BELOW (3 * OVL__LINE_BYTES)
#define BYTES_ABOVE (8 * OVL__LINE_BYTES)

static void fetch(const struct ovl__timers *timers, size_t index)
{
    const char *timer = (const char *)timers->slots[timers->entries[index].slot].timer;
    ovl__fetch(timer - BYTES_BELOW, BYTES_BELOW + BYTES_ABOVE);
}

/* The next one is among the root's children, or where all are due at the same time, at the end. */
static void fetch_next(const struct ovl__timers *timers, ovl_time now)
{
    enum { AHEAD = 8 };
    if (timers->count <= AHEAD || timers->entries[1].at > now)
        return;
    size_t child = earliest_child(timers, 0);
    fetch(timers,
          timers->entries[child].at > timers->entries[0].at ? child : timers->count - AHEAD);
}

void ovl__timers_run(struct ovl__timers *timers, ovl_time now, size_t limit)
{
    while (limit-- && timers->count && timers->entries[0].at <= now) {
        struct ovl__timer *timer = timers->slots[timers->entries[0].slot].timer;
        ovl__timer_stop(timers, timer);
        fetch_next(timers, now);
        timer->fire(timer);
    }
}

void ovl__timers_release(struct ovl__timers *timers)
{
    free(timers->entries);
    free(timers->slots);
    *timers = (struct ovl__timers){0};
}
