#include "base/atomic.h"
#include "base/memory.h"
#include "base/system.h"
#include "ledger/meter.h"

#include <errno.h>
#include <overlap/error.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define DEFAULT_LIMIT 65536

/* While it fills up, the lines of some entries to come are on their way. */
#define AHEAD_BYTES 384

__extension__ typedef unsigned __int128 wide;

/* What is kept of a task that did more than compute from its start to its end. */
struct details {
    ovl_time cpu_ns;
    ovl_time wait_ns[OVL_WAIT_COUNT];
    uint64_t bytes_in;
    uint64_t bytes_out;
    unsigned switches;
    unsigned stalls;
    uint32_t count;
    uint32_t room;
    uint32_t locks[OVL__LOCKS_MAX];
    uint64_t segments[]; /* as in a trail */
};

/* A record, as it is kept: most are of tasks so short that their room is what they cost. */
struct entry {
    size_t task;
    ovl_time submitted;
    ovl_time start;
    ovl_time end;
    unsigned worker;
    int error;
    struct details *details; /* NULL: it computed all the time */
};

struct ovl_ledger {
    atomic_uint references; /* the opener's, and those of who adds to it */
    struct ovl__lock lock;
    size_t limit;
    struct ovl__buffer entries; /* of struct entry */
    struct ovl_ledger_sum sum;
    uint64_t random;
    size_t next_place; /* once it is full: the entry that the next task replaces, if there is one */
};

static const char *const wait_names[OVL_WAIT_COUNT] = {
    [OVL_WAIT_NETWORK] = "network", [OVL_WAIT_DISK] = "disk",   [OVL_WAIT_SLEEP] = "sleep",
    [OVL_WAIT_LOCK] = "lock",       [OVL_WAIT_CHILD] = "child", [OVL_WAIT_OTHER] = "other",
};

const char *ovl_wait_name(enum ovl_wait wait)
{
    return (unsigned)wait < OVL_WAIT_COUNT ? wait_names[wait] : NULL;
}

const char *ovl_segment_name(int kind)
{
    switch (kind) {
    case OVL_COMPUTING:
        return "computing";
    case OVL_UNSEEN:
        return "unseen";
    case OVL_READY:
        return "queue";
    default:
        return kind < 0 ? NULL : ovl_wait_name((enum ovl_wait)kind);
    }
}

int ovl_ledger_open(size_t limit, struct ovl_ledger **ret_ledger)
{
    struct ovl_ledger *ledger = ovl__zalloc(sizeof *ledger);
    if (!ledger)
        return -ENOMEM;
    atomic_init(&ledger->references, 1);
    ledger->limit = limit ? limit : DEFAULT_LIMIT;
    ledger->random = 0x9e3779b97f4a7c15;
    *ret_ledger = ledger;
    return 0;
}

static size_t count(const struct ovl_ledger *ledger)
{
    return ledger->entries.size / sizeof(struct entry);
}

static struct entry *entry_at(const struct ovl_ledger *ledger, size_t n)
{
    return (struct entry *)ledger->entries.data + n;
}

void ovl__ledger_hold(struct ovl_ledger *ledger)
{
    if (ledger)
        atomic_fetch_add_explicit(&ledger->references, 1, memory_order_relaxed);
}

void ovl__ledger_drop(struct ovl_ledger *ledger)
{
    if (!ledger || atomic_fetch_sub_explicit(&ledger->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < count(ledger); i++)
        free(entry_at(ledger, i)->details);
    ovl__buffer_release(&ledger->entries);
    free(ledger);
}

void ovl_ledger_close(struct ovl_ledger *ledger)
{
    ovl__ledger_drop(ledger);
}

/* A number below `end`, by xorshift64: evenness is all that the sample needs. */
static size_t draw_below(struct ovl_ledger *ledger, size_t end)
{
    ledger->random ^= ledger->random << 13;
    ledger->random ^= ledger->random >> 7;
    ledger->random ^= ledger->random << 17;
    return (size_t)(((wide)ledger->random * end) >> 64);
}

/*
 * Whether the record says no more than that the task computed from its start to its end. Who
 * computed all the time has waited for nothing.
 */
static bool only_computed(const struct ovl__meter *meter)
{
    const struct ovl_record *record = &meter->record;
    return record->cpu_ns == record->end - record->start && meter->trail.count <= 1 &&
           !(record->bytes_in | record->bytes_out | record->switches | record->stalls);
}

/* Room for so many segments, in what there is already where that is enough; NULL: no memory. */
static struct details *make_room(struct details *details, uint32_t segments)
{
    if (details && details->room >= segments)
        return details;
    size_t size = sizeof *details + segments * sizeof *details->segments;
    struct details *larger = ovl__sys.malloc(size);
    if (!larger)
        return NULL;
    free(details);
    larger->room = segments;
    return larger;
}

static void fill_in(struct details *details, const struct ovl__meter *meter)
{
    const struct ovl_record *record = &meter->record;
    details->cpu_ns = record->cpu_ns;
    memcpy(details->wait_ns, record->wait_ns, sizeof details->wait_ns);
    details->bytes_in = record->bytes_in;
    details->bytes_out = record->bytes_out;
    details->switches = record->switches;
    details->stalls = record->stalls;
    details->count = meter->trail.count;
    memcpy(details->locks, meter->trail.locks, sizeof details->locks);
    memcpy(details->segments, meter->trail.segments, details->count * sizeof *details->segments);
}

/* False: there is no memory, and it is as it was. */
static bool set_details(struct entry *entry, const struct ovl__meter *meter)
{
    struct details *details = make_room(entry->details, meter->trail.count);
    if (!details)
        return false;
    fill_in(details, meter);
    entry->details = details;
    return true;
}

/* False: there is no memory, and it is as it was. */
static bool set_entry(struct entry *entry, const struct ovl__meter *meter, bool computed)
{
    const struct ovl_record *record = &meter->record;
    if (!computed && !set_details(entry, meter))
        return false;
    if (computed && entry->details) {
        free(entry->details);
        entry->details = NULL;
    }
    entry->task = record->task;
    entry->submitted = record->submitted;
    entry->start = record->start;
    entry->end = record->end;
    entry->worker = record->worker;
    entry->error = record->error;
    return true;
}

static struct entry *append(struct ovl_ledger *ledger)
{
    struct ovl__buffer *entries = &ledger->entries;
    size_t place = entries->size;
    if (entries->capacity - place >= sizeof(struct entry))
        entries->size += sizeof(struct entry);
    else if (ovl__buffer_resize(entries, place + sizeof(struct entry)))
        return NULL;
    struct entry *entry = (void *)((char *)entries->data + place);
    __builtin_prefetch((const char *)entry + AHEAD_BYTES, 1);
    entry->details = NULL;
    return entry;
}

/*
 * Drawn one task ahead: the entry is anywhere in megabytes, and its lines are on their way while
 * that task runs.
 */
static void draw_next(struct ovl_ledger *ledger)
{
    ledger->next_place = draw_below(ledger, ledger->sum.tasks + 1);
    if (ledger->next_place >= ledger->limit)
        return;
    const char *entry = (const char *)entry_at(ledger, ledger->next_place);
    __builtin_prefetch(entry, 1);
    __builtin_prefetch(entry + sizeof(struct entry) - 1, 1);
}

static void append_record(struct ovl_ledger *ledger, const struct ovl__meter *meter, bool computed)
{
    size_t before = count(ledger);
    struct entry *entry = append(ledger);
    if (!entry || !set_entry(entry, meter, computed)) {
        ledger->limit = before;
        ledger->entries.size = before * sizeof(struct entry);
    }
    if (count(ledger) == ledger->limit)
        draw_next(ledger);
}

/*
 * Reservoir sampling: the n-th task replaces a record with the chance limit / n, so that all tasks
 * so far are equally likely to be among those kept. Where memory runs out, fewer are kept.
 */
static void keep(struct ovl_ledger *ledger, const struct ovl__meter *meter, bool computed)
{
    if (count(ledger) < ledger->limit) {
        append_record(ledger, meter, computed);
        return;
    }
    if (ledger->next_place < ledger->limit)
        set_entry(entry_at(ledger, ledger->next_place), meter, computed);
    draw_next(ledger);
}

static ovl_time unseen(const struct ovl__trail *trail)
{
    ovl_time length = 0;
    for (uint32_t i = 0; i < trail->count; i++) {
        struct ovl_segment segment = ovl__trail_read(trail, i);
        if (segment.kind == OVL_UNSEEN)
            length += segment.length_ns;
    }
    return length;
}

static void sum_up_details(struct ovl_ledger_sum *sum, const struct ovl__meter *meter)
{
    const struct ovl_record *record = &meter->record;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        sum->wait_ns[i] += record->wait_ns[i];
    sum->unseen_ns += unseen(&meter->trail);
    sum->bytes_in += record->bytes_in;
    sum->bytes_out += record->bytes_out;
    sum->switches += record->switches;
    sum->stalls += record->stalls;
}

static void sum_up(struct ovl_ledger_sum *sum, const struct ovl__meter *meter, bool computed)
{
    const struct ovl_record *record = &meter->record;
    if (!sum->tasks || record->start < sum->first_start)
        sum->first_start = record->start;
    if (record->end > sum->last_end)
        sum->last_end = record->end;
    sum->tasks++;
    sum->failed += record->error != 0;
    sum->wall_ns += record->end - record->start;
    sum->cpu_ns += record->cpu_ns;
    if (!computed)
        sum_up_details(sum, meter);
}

/* Most tasks that are so short that this would show have only computed. */
void ovl__ledger_add(struct ovl_ledger *ledger, const struct ovl__meter *meter)
{
    bool computed = only_computed(meter);
    ovl__lock(&ledger->lock);
    sum_up(&ledger->sum, meter, computed);
    keep(ledger, meter, computed);
    ovl__unlock(&ledger->lock);
}

void ovl_ledger_sum(struct ovl_ledger *ledger, struct ovl_ledger_sum *ret_sum)
{
    ovl__lock(&ledger->lock);
    *ret_sum = ledger->sum;
    ovl__unlock(&ledger->lock);
}

size_t ovl_ledger_count(struct ovl_ledger *ledger)
{
    ovl__lock(&ledger->lock);
    size_t n = count(ledger);
    ovl__unlock(&ledger->lock);
    return n;
}

static struct ovl_record read_entry(const struct entry *entry)
{
    struct ovl_record record = {
        .task = entry->task,
        .worker = entry->worker,
        .error = entry->error,
        .submitted = entry->submitted,
        .start = entry->start,
        .end = entry->end,
        .cpu_ns = entry->end - entry->start,
    };
    const struct details *details = entry->details;
    if (!details)
        return record;
    record.cpu_ns = details->cpu_ns;
    memcpy(record.wait_ns, details->wait_ns, sizeof record.wait_ns);
    record.bytes_in = details->bytes_in;
    record.bytes_out = details->bytes_out;
    record.switches = details->switches;
    record.stalls = details->stalls;
    return record;
}

int ovl_ledger_read(struct ovl_ledger *ledger, size_t n, struct ovl_record *ret_record)
{
    ovl__lock(&ledger->lock);
    int error = n < count(ledger) ? 0 : -ERANGE;
    if (!error)
        *ret_record = read_entry(entry_at(ledger, n));
    ovl__unlock(&ledger->lock);
    return error;
}

static struct ovl__trail read_trail(const struct entry *entry)
{
    struct ovl__trail trail = {0};
    if (!entry->details) {
        ovl__trail_add(&trail, OVL_COMPUTING, entry->end - entry->start);
        return trail;
    }
    trail.count = entry->details->count;
    memcpy(trail.locks, entry->details->locks, sizeof trail.locks);
    memcpy(trail.segments, entry->details->segments, trail.count * sizeof *trail.segments);
    return trail;
}

int ovl_ledger_segments(struct ovl_ledger *ledger, size_t n, struct ovl_segment *ret_segments,
                        size_t room)
{
    ovl__lock(&ledger->lock);
    int result = -ERANGE;
    if (n < count(ledger)) {
        struct ovl__trail trail = read_trail(entry_at(ledger, n));
        for (uint32_t i = 0; i < trail.count && i < room; i++)
            ret_segments[i] = ovl__trail_read(&trail, i);
        result = (int)trail.count;
    }
    ovl__unlock(&ledger->lock);
    return result;
}
