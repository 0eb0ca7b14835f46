#include "fetch/feed.h"

#include "command.h"
#include "fetch/finish.h"
#include "fetch/order.h"
#include "report/console.h"

#include <stdlib.h>

/* --- reading and planning --- */

/* Room for one more behind `count` items. */
static bool make_room(struct item ***list, size_t *room, size_t count)
{
    if (count < *room)
        return true;
    size_t more = *room ? 2 * *room : 256;
    struct item **larger = realloc(*list, more * sizeof *larger);
    if (!larger)
        return false;
    *list = larger;
    *room = more;
    return true;
}

static bool keep_item(struct run *run, struct item *item)
{
    if (!make_room(&run->items, &run->item_room, item->index))
        return false;
    run->items[item->index] = item;
    run->counts.items++;
    return true;
}

static void fail(struct run *run, struct item *item, enum fault fault)
{
    item->state = ITEM_FAILED;
    item->fault = fault;
    finish_item(run, item);
}

void feed_put(struct run *run, struct item *item)
{
    if (schedule_add(run->schedule, item, item_url(item)) == 0)
        return;
    item_set_error(item, "there is no memory");
    fail(run, item, FAULT_MEMORY);
}

static void take_item(struct run *run, struct item *item)
{
    if (!keep_item(run, item)) {
        item_free(item);
        console_error("there is no memory for so many URLs");
        run_stop(run, EXIT_REFUSED);
        return;
    }
    switch (plan_item(run->plan, item)) {
    case PLAN_GO:
        feed_put(run, item);
        return;
    case PLAN_REFUSED:
        run_stop(run, EXIT_REFUSED);
        finish_item(run, item);
        return;
    default:
        finish_item(run, item);
    }
}

/* Reads as far ahead as is of use. True: more may come later. */
static bool read_ahead(struct run *run)
{
    while (!run->list_ended && !run->stopping && schedule_count(run->schedule) < FEED_AHEAD) {
        struct item *item;
        switch (list_next(run->list, &item)) {
        case LIST_ITEM:
            take_item(run, item);
            break;
        case LIST_LATER:
            return true;
        case LIST_FAILED:
            run->list_ended = true;
            run_stop(run, EXIT_REFUSED);
            break;
        case LIST_END:
            run->list_ended = true;
            break;
        }
    }
    return false;
}

/* --- giving --- */

static bool note_given(struct run *run, struct item *item)
{
    if (!make_room(&run->given, &run->given_room, run->given_count))
        return false;
    run->given[run->given_count++] = item;
    return true;
}

static bool make_order(struct run *run, struct item *item)
{
    const struct order_extras extras = {
        .slot = run->slots[run->free_slots - 1],
        .publish = !finish_publishes(run),
        .patient = schedule_is_well(item),
        .note = !run->settings->to_stdout,
    };
    item->attempts++;
    if (order_make(run->settings, item, &extras, &run->order) && note_given(run, item)) {
        item->slot = extras.slot;
        run->free_slots--;
        return true;
    }
    item->attempts--;
    return false;
}

static bool give(struct run *run, struct item *item, ovl_time now)
{
    if (!make_order(run, item)) {
        schedule_end(run->schedule, item, HOST_NEUTRAL, now);
        item_set_error(item, "there is no memory");
        fail(run, item, FAULT_MEMORY);
        return false;
    }
    if (item->attempts == 1)
        item->first = now;
    item->state = ITEM_RUNNING;
    run->running++;
    atomic_fetch_add_explicit(&run->board->unclaimed, 1, memory_order_relaxed);
    return true;
}

static void give_up(struct run *run, struct item *item, ovl_time now)
{
    schedule_end(run->schedule, item, HOST_NEUTRAL, now);
    if (!item->error)
        item_set_error(item,
                       "its host %s could not be reached many times in a row; it was given up "
                       "(see --host-failures)",
                       schedule_host(item));
    fail(run, item, FAULT_HOST);
}

static int wait_until(struct run *run, ovl_time wake)
{
    run->wake = wake < run->tick_due ? wake : run->tick_due;
    return OVL_STREAM_LATER;
}

int feed_next(void *context, struct ovl_bytes *ret_item)
{
    struct run *run = context;
    for (;;) {
        ovl_time now = ovl_now();
        run_tick(run, now);
        bool more = read_ahead(run);
        if (run->stopping)
            return run->running > 0 ? wait_until(run, OVL_FOREVER) : 0;
        if (run->running >= run_window(run->limit))
            return wait_until(run, OVL_FOREVER);
        ovl_time wake;
        struct item *item = schedule_next(run->schedule, now, &wake);
        bool last = !more && run->list_ended && schedule_count(run->schedule) < run->limit;
        atomic_store_explicit(&run->board->last, last, memory_order_relaxed);
        if (!item) {
            bool ended =
                !more && run->list_ended && run->running == 0 && schedule_count(run->schedule) == 0;
            return ended ? 0 : wait_until(run, wake);
        }
        if (schedule_gave_up(item)) {
            give_up(run, item, now);
        } else if (give(run, item, now)) {
            *ret_item = (struct ovl_bytes){.data = run->order.data, .size = run->order.size};
            return 1;
        }
    }
}

ovl_time feed_wake(void *context)
{
    const struct run *run = context;
    return run->wake;
}

/* --- what is left --- */

void feed_rest(struct run *run)
{
    struct item *item;
    while ((item = schedule_take_any(run->schedule))) {
        bool begun = item->attempts > 0;
        item->state = begun ? ITEM_FAILED : ITEM_NOT_STARTED;
        item->fault = FAULT_INTERRUPTED;
        if (begun && !item->error)
            item_set_error(item, "interrupted");
        finish_item(run, item);
    }
    /* Of a list, what was not even read is counted too. */
    while (!run->list_ended) {
        enum list_state state = list_next(run->list, &item);
        if (state != LIST_ITEM || !keep_item(run, item))
            return;
        item->state = ITEM_NOT_STARTED;
        finish_item(run, item);
    }
}
