#include "base/memory.h"
#include "ledger/meter.h"

#include <errno.h>
#include <overlap/error.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#define DEFAULT_LIMIT 65536

/* A record, as it is kept. */
struct entry {
    struct ovl_record record;
    struct ovl__trail trail;
};

struct ovl_ledger {
    pthread_mutex_t lock;
    size_t limit;
    struct ovl__buffer records; /* of struct entry */
    struct ovl_ledger_sum sum;
    uint64_t random;
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
    pthread_mutex_init(&ledger->lock, NULL);
    ledger->limit = limit ? limit : DEFAULT_LIMIT;
    ledger->random = 0x9e3779b97f4a7c15;
    *ret_ledger = ledger;
    return 0;
}

void ovl_ledger_close(struct ovl_ledger *ledger)
{
    if (!ledger)
        return;
    pthread_mutex_destroy(&ledger->lock);
    ovl__buffer_release(&ledger->records);
    free(ledger);
}

static size_t count(const struct ovl_ledger *ledger)
{
    return ledger->records.size / sizeof(struct entry);
}

/* xorshift64: evenness is all that the sample needs. */
static uint64_t draw(struct ovl_ledger *ledger)
{
    ledger->random ^= ledger->random << 13;
    ledger->random ^= ledger->random >> 7;
    ledger->random ^= ledger->random << 17;
    return ledger->random;
}

/*
 * Reservoir sampling: the n-th task replaces a record with the chance limit / n, so that all tasks
 * so far are equally likely to be among those kept. Where memory runs out, fewer are kept.
 */
static void keep(struct ovl_ledger *ledger, const struct ovl__meter *meter)
{
    size_t place = count(ledger);
    if (place < ledger->limit) {
        if (ovl__buffer_resize(&ledger->records, ledger->records.size + sizeof(struct entry))) {
            ledger->limit = place;
            return;
        }
    } else {
        place = draw(ledger) % ledger->sum.tasks;
    }
    if (place >= ledger->limit)
        return;
    struct entry *entry = (struct entry *)ledger->records.data + place;
    entry->record = meter->record;
    entry->trail.count = meter->trail.count;
    memcpy(entry->trail.segments, meter->trail.segments, meter->trail.count * sizeof(uint64_t));
}

void ovl__ledger_add(struct ovl_ledger *ledger, const struct ovl__meter *meter)
{
    const struct ovl_record *record = &meter->record;
    pthread_mutex_lock(&ledger->lock);
    if (!ledger->sum.tasks || record->start < ledger->sum.first_start)
        ledger->sum.first_start = record->start;
    if (record->end > ledger->sum.last_end)
        ledger->sum.last_end = record->end;
    ledger->sum.tasks++;
    ledger->sum.failed += record->error != 0;
    ledger->sum.wall_ns += record->end - record->start;
    ledger->sum.cpu_ns += record->cpu_ns;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        ledger->sum.wait_ns[i] += record->wait_ns[i];
    ledger->sum.bytes_in += record->bytes_in;
    ledger->sum.bytes_out += record->bytes_out;
    ledger->sum.switches += record->switches;
    ledger->sum.stalls += record->stalls;
    keep(ledger, meter);
    pthread_mutex_unlock(&ledger->lock);
}

void ovl_ledger_sum(struct ovl_ledger *ledger, struct ovl_ledger_sum *ret_sum)
{
    pthread_mutex_lock(&ledger->lock);
    *ret_sum = ledger->sum;
    pthread_mutex_unlock(&ledger->lock);
}

size_t ovl_ledger_count(struct ovl_ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
    size_t n = count(ledger);
    pthread_mutex_unlock(&ledger->lock);
    return n;
}

int ovl_ledger_read(struct ovl_ledger *ledger, size_t n, struct ovl_record *ret_record)
{
    pthread_mutex_lock(&ledger->lock);
    int error = n < count(ledger) ? 0 : -ERANGE;
    if (!error)
        *ret_record = ((struct entry *)ledger->records.data)[n].record;
    pthread_mutex_unlock(&ledger->lock);
    return error;
}

int ovl_ledger_segments(struct ovl_ledger *ledger, size_t n, struct ovl_segment *ret_segments,
                        size_t room)
{
    pthread_mutex_lock(&ledger->lock);
    int result = -ERANGE;
    if (n < count(ledger)) {
        const struct ovl__trail *trail = &((struct entry *)ledger->records.data)[n].trail;
        for (uint32_t i = 0; i < trail->count && i < room; i++)
            ret_segments[i] = ovl__trail_read(trail, i);
        result = (int)trail->count;
    }
    pthread_mutex_unlock(&ledger->lock);
    return result;
}
