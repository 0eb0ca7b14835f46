#include "loop/timer.h"

#include "base/system.h"

#include <errno.h>
#include <stdlib.h>

static void put(struct ovl__timers *timers, size_t index, struct ovl__timer_entry entry)
{
    timers->entries[index] = entry;
    entry.timer->place = index + 1;
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

/* Has room for one more than there are and than room is reserved for. */
static int make_room(struct ovl__timers *timers)
{
    if (timers->count + timers->reserved < timers->capacity)
        return 0;
    size_t capacity = timers->capacity ? 2 * timers->capacity : 64;
    void *entries = ovl__sys.realloc(timers->entries, capacity * sizeof *timers->entries);
    if (!entries)
        return -ENOMEM;
    timers->entries = entries;
    timers->capacity = capacity;
    return 0;
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
    sift_up(timers, timers->count++, (struct ovl__timer_entry){.at = at, .timer = timer});
    return 0;
}

void ovl__timer_start_reserved(struct ovl__timers *timers, struct ovl__timer *timer, ovl_time at)
{
    timers->reserved--;
    timer->reserved = true;
    sift_up(timers, timers->count++, (struct ovl__timer_entry){.at = at, .timer = timer});
}

void ovl__timer_stop(struct ovl__timers *timers, struct ovl__timer *timer)
{
    if (!timer->place)
        return;
    size_t index = timer->place - 1;
    timer->place = 0;
    timers->reserved += timer->reserved;
    struct ovl__timer_entry last = timers->entries[--timers->count];
    if (last.timer == timer)
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

void ovl__timers_run(struct ovl__timers *timers, ovl_time now)
{
    while (timers->count && timers->entries[0].at <= now) {
        struct ovl__timer *timer = timers->entries[0].timer;
        ovl__timer_stop(timers, timer);
        timer->fire(timer);
    }
}

void ovl__timers_release(struct ovl__timers *timers)
{
    free(timers->entries);
    *timers = (struct ovl__timers){0};
}
