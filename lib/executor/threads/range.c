/*
 * Maps over arrays: no future a task. The items are spans of places; each worker that takes part
 * has a slot with a span, takes from its front, and where it is used up, takes the back half of
 * another's.
 */
#include "executor/threads/pool.h"

#include "base/clock.h"

#include <errno.h>
#include <overlap/error.h>
#include <stdint.h>
#include <string.h>

/* So many items one range holds at most: their places are counted by 32 bits. */
#define RANGE_MAX ((size_t)1 << 31)

/* After so many items a worker looks whether others' tasks wait for it. */
#define TURN 32

/* Items up to this size are aligned on the stack. */
#define SMALL 64

/* How often who waits looks, before it sleeps. */
#define LOOKS 30

struct slot {
    _Alignas(64) OVL__ATOMIC(uint64_t) span; /* begin << 32 | end */
    OVL__ATOMIC(bool) taken;                 /* some worker works on it */
};

struct ovl__range {
    OVL__ATOMIC(unsigned) references; /* of its entries, and of the caller */
    struct ovl__pool *pool;
    struct ovl__map map;
    unsigned epoch;
    size_t first_number; /* of the items, among all tasks */
    ovl_time submitted;  /* where there is a ledger */
    pthread_mutex_t lock;
    struct ovl__wait_list ended;
    _Alignas(64) OVL__ATOMIC(size_t) left; /* items that have not ended */
    OVL__ATOMIC(bool) failed;
    unsigned slot_count;
    struct slot slots[];
};

/* One worker's work on a range. */
struct share {
    struct ovl__range *range;
    struct ovl__thread *thread;
    struct slot *slot;
    struct ovl__buffer copy; /* of a large item */
    struct ovl__meter meter;
    size_t ended;  /* not yet taken from `left` */
    bool returned; /* the entry is back in the injector */
};

/* --- spans --- */

static uint64_t span_of(size_t begin, size_t end)
{
    return (uint64_t)begin << 32 | end;
}

static size_t span_begin(uint64_t span)
{
    return span >> 32;
}

static size_t span_end(uint64_t span)
{
    return (uint32_t)span;
}

static bool take_first(struct slot *slot, size_t *ret_index)
{
    uint64_t span = ovl__load(&slot->span, relaxed);
    while (span_begin(span) < span_end(span)) {
        if (ovl__cas(&slot->span, &span, span + ((uint64_t)1 << 32), acq_rel)) {
            *ret_index = span_begin(span);
            return true;
        }
    }
    return false;
}

/* Takes the back half of the victim's span, or all of it where nobody works on it. */
static uint64_t take_back(struct slot *victim)
{
    uint64_t span = ovl__load(&victim->span, relaxed);
    while (span_begin(span) < span_end(span)) {
        size_t middle = (span_begin(span) + span_end(span)) / 2;
        if (!ovl__load(&victim->taken, relaxed))
            middle = span_begin(span);
        if (ovl__cas(&victim->span, &span, span_of(span_begin(span), middle), acq_rel))
            return span_of(middle, span_end(span));
    }
    return 0;
}

/* The next item of the worker's own slot, which is filled from another's where it is empty. */
static bool next_index(struct share *share, size_t *ret_index)
{
    struct ovl__range *range = share->range;
    if (take_first(share->slot, ret_index))
        return true;
    unsigned own = (unsigned)(share->slot - range->slots);
    for (unsigned i = 1; i < range->slot_count; i++) {
        uint64_t span = take_back(&range->slots[(own + i) % range->slot_count]);
        if (!span)
            continue;
        *ret_index = span_begin(span);
        ovl__store(&share->slot->span, span_of(span_begin(span) + 1, span_end(span)), release);
        return true;
    }
    return false;
}

/* There are as many slots as workers that may take part. */
static struct slot *take_slot(struct ovl__range *range)
{
    for (unsigned i = 0;; i = (i + 1) % range->slot_count) {
        bool taken = false;
        if (ovl__cas(&range->slots[i].taken, &taken, true, acq_rel))
            return &range->slots[i];
    }
}

/* --- ending --- */

void ovl__range_drop(struct ovl__range *range)
{
    if (ovl__sub(&range->references, 1u, acq_rel) > 1)
        return;
    pthread_mutex_destroy(&range->lock);
    ovl__lines_free(range);
}

static void note_ended(struct ovl__range *range, size_t count)
{
    if (!count || ovl__sub(&range->left, count, acq_rel) != count)
        return;
    ovl__park_lock(&range->lock);
    ovl__wake_all(&range->ended);
    ovl__park_unlock(&range->lock);
}

static void put_outcome(struct ovl__range *range, size_t index, struct ovl_outcome outcome)
{
    const struct ovl__map *map = &range->map;
    if (outcome.error) {
        ovl__store(&range->failed, true, relaxed);
        if (map->result_size)
            memset(map->results + index * map->result_size, 0, map->result_size);
    }
    if (map->outcomes)
        map->outcomes[index] = outcome;
}

/* The items of a span will not begin. The caller's reference keeps the range. */
static void refuse_span(struct ovl__range *range, uint64_t span)
{
    struct ovl_outcome outcome = {.error = OVL_ECANCELED, .worker = OVL_NO_WORKER};
    size_t count = span_end(span) - span_begin(span);
    for (size_t i = span_begin(span); i < span_end(span); i++)
        put_outcome(range, i, outcome);
    if (count)
        ovl__pool_count_refused(range->pool, &range->pool->items_refused, count);
    note_ended(range, count);
}

static void refuse_rest(struct ovl__range *range)
{
    for (unsigned i = 0; i < range->slot_count; i++)
        refuse_span(range, ovl__exchange(&range->slots[i].span, (uint64_t)0, acq_rel));
}

void ovl__range_cancel(struct ovl__range *range)
{
    refuse_rest(range);
    ovl__range_drop(range);
}

/* --- one item --- */

/* An item is aligned as malloc aligns: where its place in the array is not, a copy of it is. */
static int align_item(struct share *share, size_t index, void *small, struct ovl_bytes *ret_item)
{
    const struct ovl__map *map = &share->range->map;
    const char *place = map->items + index * map->item_size;
    *ret_item = (struct ovl_bytes){.data = place, .size = map->item_size};
    if ((uintptr_t)place % 16 == 0 && place)
        return 0;
    ret_item->data = small;
    if (map->item_size > SMALL) {
        int error = ovl__buffer_resize(&share->copy, map->item_size);
        if (error)
            return error;
        ret_item->data = share->copy.data;
    }
    if (map->item_size == sizeof(int))
        memcpy(small, place, sizeof(int));
    else if (map->item_size)
        memcpy((void *)ret_item->data, place, map->item_size);
    return 0;
}

/* A result is put where it belongs at once, if its place is aligned as its size may ask for. */
static struct ovl__buffer result_place(const struct ovl__map *map, size_t index, void *small)
{
    char *place = map->results + index * map->result_size;
    size_t alignment = map->result_size & -map->result_size;
    bool fits = map->result_size && (uintptr_t)place % (alignment < 16 ? alignment : 16) == 0;
    return (struct ovl__buffer){
        .data = fits ? place : small,
        .capacity = fits ? map->result_size : SMALL,
        .borrowed = true,
    };
}

/* What the result's size makes of an outcome without an error. */
static int put_result(const struct ovl__map *map, size_t index, const struct ovl__buffer *result)
{
    char *place = map->results + index * map->result_size;
    if (!map->result_size)
        return 0;
    if (result->size != map->result_size)
        return OVL_ERESULTSIZE;
    if (result->data != place)
        memcpy(place, result->data, map->result_size);
    return 0;
}

static void record(struct share *share, size_t index, const struct ovl_outcome *outcome)
{
    struct ovl_executor *executor = share->range->pool->executor;
    struct ovl_record *record = &share->meter.record;
    record->task = share->range->first_number + index;
    record->submitted = share->range->submitted;
    if (record->submitted > record->start) /* the threads' clocks may be a little apart */
        record->submitted = record->start;
    record->worker = outcome->worker;
    record->error = outcome->error;
    ovl__ledger_add(executor->ledger, &share->meter);
}

static int call(struct share *share, struct ovl_task *task, struct ovl_bytes item)
{
    if (!task->meter)
        return share->range->map.fn(task, item);
    ovl__meter_start(task->meter);
    int error = share->range->map.fn(task, item);
    ovl__meter_stop(task->meter);
    return error;
}

/* Opens the session where needed, calls, and gives the outcome of a task that began. */
static struct ovl_outcome run_item(struct share *share, struct ovl_task *task,
                                   struct ovl_bytes item)
{
    struct ovl__worker *worker = task->worker;
    struct ovl_outcome outcome = {.worker = worker->number, .attempts = 1};
    int error = ovl__worker_open_session(worker, &task->session);
    if (error) {
        outcome.error = OVL_ESESSION;
        outcome.detail = error;
        return outcome;
    }
    error = call(share, task, item);
    ovl__worker_keep_session(worker, task->session);
    int asked = error ? ovl__task_asked_to_end(task) : 0;
    outcome.error = asked ? asked : error;
    return outcome;
}

static void do_item(struct share *share, struct ovl_task *task, size_t index)
{
    _Alignas(16) char small_item[SMALL];
    _Alignas(16) char small_result[SMALL];
    struct ovl__range *range = share->range;
    struct ovl__buffer result = result_place(&range->map, index, small_result);
    struct ovl_bytes item;
    struct ovl_outcome outcome = {.worker = task->worker->number, .attempts = 1};
    task->result = &result;
    ovl__count(&share->thread->items_begun);
    outcome.error = align_item(share, index, small_item, &item);
    if (!outcome.error)
        outcome = run_item(share, task, item);
    if (!outcome.error)
        outcome.error = put_result(&range->map, index, &result);
    if (!result.borrowed)
        ovl__buffer_release(&result);
    if (task->meter && share->meter.record.start)
        record(share, index, &outcome);
    put_outcome(range, index, outcome);
    if (outcome.error)
        ovl__count(&share->thread->failed);
    else
        ovl__count(&share->thread->done);
    share->ended++;
}

/* --- a worker's share --- */

/* Others wait in the injector, and it is their turn; or there are more active workers than may be.
 */
static bool is_to_give_way(struct ovl__pool *pool, unsigned turn)
{
    return (turn % TURN == 0 && ovl__injector_size(&pool->injector)) ||
           ovl__idle_must_end(&pool->idle);
}

/* Works on when its turn comes again: the entry goes behind the others. */
static bool give_way(struct share *share)
{
    struct ovl__pool *pool = share->range->pool;
    ovl__lock(&pool->injector.lock);
    int error = ovl__pool_inject(pool, ovl__entry_of(share->range, OVL__ENTRY_RANGE));
    ovl__unlock(&pool->injector.lock);
    share->returned = !error;
    return !error;
}

static int do_share(struct ovl_task *task, void *argument)
{
    struct share *share = argument;
    struct ovl__range *range = share->range;
    atomic_uint *epoch = &range->pool->executor->epoch;
    bool may_give_way = !task->outer;
    size_t index;
    for (unsigned turn = 1; next_index(share, &index); turn++) {
        if (atomic_load_explicit(epoch, memory_order_relaxed) != range->epoch) {
            refuse_span(range, span_of(index, index + 1));
            refuse_rest(range);
            break;
        }
        do_item(share, task, index);
        if (may_give_way && is_to_give_way(range->pool, turn) && give_way(share))
            break;
    }
    return 0;
}

/* Takes part, as far as there is something to do; true: the entry is back in the injector. */
static bool take_part(struct ovl__thread *self, struct ovl__range *range)
{
    bool measures = range->pool->executor->ledger;
    struct share share = {.range = range, .thread = self, .slot = take_slot(range)};
    struct ovl_task task = {
        .worker = &self->worker,
        .thread = self,
        .deadline = OVL_FOREVER,
        .epoch = range->epoch,
        .meter = measures ? &share.meter : NULL,
    };
    ovl__task_call(&task, do_share, &share);
    ovl__store(&share.slot->taken, false, release);
    ovl__buffer_release(&share.copy);
    note_ended(range, share.ended);
    return share.returned;
}

/* An entry that is back may be taken by another worker at once: it keeps the range from here on. */
void ovl__range_work(struct ovl__thread *self, struct ovl__range *range)
{
    ovl__add(&range->references, 1u, relaxed);
    if (!take_part(self, range))
        ovl__range_drop(range);
    ovl__range_drop(range);
}

/* --- the map --- */

static struct ovl__range *new_range(struct ovl__pool *pool, const struct ovl__map *map,
                                    unsigned slots)
{
    struct ovl__range *range = ovl__lines_zalloc(sizeof *range + slots * sizeof range->slots[0]);
    if (!range)
        return NULL;
    range->pool = pool;
    range->map = *map;
    range->slot_count = slots;
    pthread_mutex_init(&range->lock, NULL);
    ovl__wait_list_init(&range->ended);
    ovl__store(&range->references, 1u, relaxed);
    ovl__store(&range->left, map->count, relaxed);
    for (unsigned i = 0; i < slots; i++)
        ovl__store(&range->slots[i].span,
                   span_of(map->count * i / slots, map->count * (i + 1) / slots), relaxed);
    return range;
}

/* One entry for each worker that may take part. Fewer will do; -ENOMEM: not even one. Locked. */
static int inject(struct ovl__range *range, unsigned entries)
{
    struct ovl__pool *pool = range->pool;
    ovl__entry entry = ovl__entry_of(range, OVL__ENTRY_RANGE);
    for (unsigned i = 0; i < entries; i++) {
        ovl__add(&range->references, 1u, relaxed);
        if (ovl__pool_inject(pool, entry)) {
            ovl__sub(&range->references, 1u, relaxed);
            return i ? 0 : -ENOMEM;
        }
    }
    return 0;
}

static void number(struct ovl__range *range)
{
    struct ovl__pool *pool = range->pool;
    size_t items = ovl__load(&pool->items_submitted, relaxed);
    range->epoch = atomic_load_explicit(&pool->executor->epoch, memory_order_relaxed);
    range->first_number = items + ovl__load(&pool->tasks_submitted, relaxed);
    range->submitted = pool->executor->ledger ? ovl__stamp() : 0;
    ovl__store(&pool->items_submitted, items + range->map.count, release);
}

static int begin(struct ovl__range *range, unsigned entries, bool nested)
{
    struct ovl__pool *pool = range->pool;
    if (ovl__pool_is_copy(pool))
        return OVL_ECLOSED;
    ovl__lock(&pool->injector.lock);
    int error = ovl__load(&pool->closing, relaxed) && !nested ? OVL_ECLOSED : 0;
    if (!error) {
        number(range);
        error = inject(range, entries);
        if (error && nested)
            error = 0; /* the caller does it alone */
        if (error)
            ovl__store(&pool->items_submitted,
                       ovl__load(&pool->items_submitted, relaxed) - range->map.count, release);
    }
    ovl__unlock(&pool->injector.lock);
    if (!error)
        ovl__pool_notify(pool, true);
    return error;
}

static void await_end(struct ovl__range *range)
{
    for (int look = 0; look < LOOKS && ovl__load(&range->left, acquire); look++)
        ovl__spin_hint();
    ovl__park_lock(&range->lock);
    while (ovl__load(&range->left, acquire))
        ovl__wait(&range->ended, &range->lock, OVL_FOREVER);
    ovl__park_unlock(&range->lock);
}

/* A caller that is a task of the executor works on the map itself, so that none deadlocks. */
static int run(struct ovl__range *range, unsigned entries, struct ovl_task *here)
{
    int error = begin(range, entries, here);
    if (error)
        return error;
    if (here)
        take_part(here->thread, range);
    await_end(range);
    return ovl__load(&range->failed, relaxed) ? OVL_ETASKS : 0;
}

static void refuse_all(const struct ovl__map *map)
{
    for (size_t i = 0; map->outcomes && i < map->count; i++)
        map->outcomes[i] = (struct ovl_outcome){.error = OVL_ECANCELED, .worker = OVL_NO_WORKER};
    if (map->results)
        memset(map->results, 0, map->count * map->result_size);
}

static int map_range(struct ovl_executor *executor, const struct ovl__map *map)
{
    struct ovl__pool *pool = executor->own;
    struct ovl_task *here = ovl__task_here(executor);
    unsigned slots = map->count < pool->count ? (unsigned)map->count : pool->count;
    struct ovl__range *range = new_range(pool, map, slots);
    int error = range ? run(range, here ? slots - 1 : slots, here) : -ENOMEM;
    if (error && error != OVL_ETASKS)
        refuse_all(map);
    if (range)
        ovl__range_drop(range);
    return error;
}

static struct ovl__map part_of(const struct ovl__map *map, size_t first, size_t count)
{
    struct ovl__map part = *map;
    part.count = count;
    part.items += part.items ? first * map->item_size : 0;
    part.results += part.results ? first * map->result_size : 0;
    part.outcomes += part.outcomes ? first : 0;
    return part;
}

int ovl__pool_map(struct ovl_executor *executor, const struct ovl__map *map)
{
    int worst = 0;
    for (size_t first = 0; first < map->count; first += RANGE_MAX) {
        size_t left = map->count - first;
        struct ovl__map part = part_of(map, first, left < RANGE_MAX ? left : RANGE_MAX);
        int error = map_range(executor, &part);
        if (error && (!worst || worst == OVL_ETASKS))
            worst = error;
    }
    return worst;
}
