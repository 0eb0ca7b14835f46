/*
 * Maps over arrays: whole chunks of tasks go to the workers, and there is no future for a task. The
 * caller of the map hands out and collects by itself; where several map at once, one of them leads,
 * for all.
 */
#include "base/memory.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <overlap/error.h>
#include <overlap/map.h>

size_t ovl__spread_waiting(const struct ovl__spread *spread)
{
    size_t count = spread->map->count - spread->next;
    for (struct ovl__link *link = spread->back.next; link != &spread->back; link = link->next)
        count += ovl__of(link, struct ovl__range, link)->count;
    return count;
}

static size_t take(struct ovl__spread *spread, size_t most, size_t *ret_first)
{
    size_t count = spread->map->count - spread->next;
    if (!ovl__list_empty(&spread->back)) {
        struct ovl__range *range = ovl__of(spread->back.next, struct ovl__range, link);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the analyzer sees no link change. */
        count = range->count < most ? range->count : most;
        *ret_first = range->first;
        range->first += count;
        range->count -= count;
        if (!range->count) {
            ovl__list_remove(&range->link);
            free(range);
        }
    } else {
        count = count < most ? count : most;
        *ret_first = spread->next;
        spread->next += count;
    }
    return count;
}

static void wake_if_over(struct ovl_executor *executor, struct ovl__spread *spread)
{
    struct ovl__processes *processes = executor->own;
    if (spread->left)
        return;
    ovl__wake_all(&spread->turn);
    if (processes->leader == spread)
        ovl__wake_leader(processes);
}

void ovl__spread_end(struct ovl_executor *executor, struct ovl__spread *spread, size_t index,
                     const struct ovl_outcome *outcome)
{
    const struct ovl__map *map = spread->map;
    executor->counts.running--;
    if (outcome->error)
        executor->counts.failed++;
    else
        executor->counts.done++;
    if (map->outcomes)
        map->outcomes[index] = *outcome;
    spread->failed |= outcome->error != 0;
    spread->left--;
    wake_if_over(executor, spread);
    if (!executor->counts.queued && !executor->counts.running)
        ovl__wake_all(&executor->quiet);
}

size_t ovl__spread_post(struct ovl_executor *executor, struct ovl__spread *spread, size_t most,
                        size_t *ret_first)
{
    size_t count = take(spread, most, ret_first);
    executor->counts.submitted += count;
    executor->counts.running += count;
    return count;
}

/* Tasks that are not begun and will not be. */
static void refuse(struct ovl_executor *executor, struct ovl__spread *spread, size_t first,
                   size_t count, int error)
{
    for (size_t i = first; spread->map->outcomes && i < first + count; i++)
        spread->map->outcomes[i] = (struct ovl_outcome){.error = error, .worker = OVL_NO_WORKER};
    executor->counts.submitted += count;
    executor->counts.cancelled += count;
    spread->left -= count;
    spread->failed = true;
    wake_if_over(executor, spread);
}

void ovl__spread_return(struct ovl_executor *executor, struct ovl__spread *spread, size_t first,
                        size_t count)
{
    executor->counts.submitted -= count;
    executor->counts.running -= count;
    struct ovl__range *range = spread->refused ? NULL : ovl__zalloc(sizeof *range);
    if (!range) {
        refuse(executor, spread, first, count, spread->refused ? spread->refused : -ENOMEM);
        return;
    }
    range->first = first;
    range->count = count;
    ovl__list_append(spread->back.next, &range->link);
}

void ovl__spread_refuse(struct ovl_executor *executor, struct ovl__spread *spread, int error)
{
    spread->refused = error;
    size_t first;
    size_t count;
    while ((count = take(spread, SIZE_MAX, &first)))
        refuse(executor, spread, first, count, error);
}

/* Leads until the spread has ended, and then lets the next one lead. */
static void lead(struct ovl__processes *processes, struct ovl__spread *spread)
{
    processes->leader = spread;
    ovl__listen(processes);
    while (spread->left) {
        ovl__tick(processes);
        ovl__collect_all(processes);
        if (spread->left)
            ovl__lead_sleep(processes);
    }
    processes->leader = NULL;
}

static void let_next_lead(struct ovl__processes *processes)
{
    for (struct ovl__link *link = processes->spreads.next; link != &processes->spreads;
         link = link->next)
        if (ovl__wake_one(&ovl__of(link, struct ovl__spread, link)->turn))
            return;
    ovl__listen(processes);
    if (ovl__list_empty(&processes->busy))
        processes->tick = OVL_FOREVER;
    else /* what is left is the supervisor's to look at */
        ovl__processes_wake_supervisor(processes);
}

static void run(struct ovl__processes *processes, struct ovl__spread *spread)
{
    ovl__list_append(&processes->spreads, &spread->link);
    ovl__dispatch(processes);
    if (!processes->alive)
        ovl__processes_wake_supervisor(processes);
    while (spread->left) {
        if (processes->leader)
            ovl__wait(&spread->turn, &processes->executor->lock, OVL_FOREVER);
        else
            lead(processes, spread);
    }
    ovl__list_remove(&spread->link);
    if (!processes->leader)
        let_next_lead(processes);
}

int ovl__processes_map(struct ovl_executor *executor, const struct ovl__map *map)
{
    struct ovl__processes *processes = executor->own;
    struct ovl__spread spread = {.map = map, .left = map->count};
    ovl__list_init(&spread.back);
    ovl__wait_list_init(&spread.turn);
    ovl__park_lock(&executor->lock);
    int error = executor->closing ? OVL_ECLOSED : 0;
    if (!error && map->count)
        run(processes, &spread);
    ovl__park_unlock(&executor->lock);
    if (error)
        return error;
    return spread.failed ? OVL_ETASKS : 0;
}
