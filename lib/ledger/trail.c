#include "ledger/trail.h"

#include <stdbool.h>
#include <stddef.h>

/* A full trail is thinned out to so many, so that it is not thinned out for each further one. */
#define THIN (OVL_SEGMENTS_MAX / 2)

#define KIND_BITS  OVL__KIND_BITS
#define TYPE_BITS  OVL__TYPE_BITS
#define KIND_MASK  ((1u << KIND_BITS) - 1)
#define TYPE_MASK  ((1u << TYPE_BITS) - 1)
#define KIND_FIRST OVL__KIND_FIRST

/* Its kind, with the lock. */
static unsigned type_of(uint64_t segment)
{
    return segment & TYPE_MASK;
}

static uint64_t length_of(uint64_t segment)
{
    return segment >> TYPE_BITS;
}

static void lengthen(uint64_t *segment, uint64_t length)
{
    *segment += length << TYPE_BITS;
}

static void take_out(struct ovl__trail *trail, uint32_t n)
{
    trail->count--;
    for (uint32_t i = n; i < trail->count; i++)
        trail->segments[i] = trail->segments[i + 1];
}

/* Where the segment's length can go: the nearest of its type, before it or behind. */
static uint32_t nearest_alike(const struct ovl__trail *trail, uint32_t n)
{
    unsigned type = type_of(trail->segments[n]);
    for (uint32_t far = 1; far < trail->count; far++) {
        if (n >= far && type_of(trail->segments[n - far]) == type)
            return n - far;
        if (n + far < trail->count && type_of(trail->segments[n + far]) == type)
            return n + far;
    }
    return n;
}

/* The shortest whose type stands elsewhere too; the count: there is none. */
static uint32_t shortest(const struct ovl__trail *trail)
{
    uint32_t found = trail->count;
    for (uint32_t i = 0; i < trail->count; i++) {
        bool shorter = found == trail->count ||
                       length_of(trail->segments[i]) < length_of(trail->segments[found]);
        if (shorter && nearest_alike(trail, i) != i)
            found = i;
    }
    return found;
}

/* Neighbours that have become alike are one. */
static void join(struct ovl__trail *trail)
{
    uint32_t kept = 0;
    for (uint32_t i = 1; i < trail->count; i++) {
        if (type_of(trail->segments[i]) == type_of(trail->segments[kept]))
            lengthen(&trail->segments[kept], length_of(trail->segments[i]));
        else
            trail->segments[++kept] = trail->segments[i];
    }
    trail->count = kept + 1;
}

/* What locks were held is given up: without them there are fewer types than segments. */
static void forget_locks(struct ovl__trail *trail)
{
    for (uint32_t i = 0; i < trail->count; i++)
        trail->segments[i] &= ~(uint64_t)(TYPE_MASK & ~KIND_MASK);
    join(trail);
}

static void thin_out(struct ovl__trail *trail)
{
    while (trail->count > THIN) {
        uint32_t n = shortest(trail);
        if (n == trail->count && trail->count < OVL_SEGMENTS_MAX)
            return;
        if (n == trail->count) {
            forget_locks(trail);
            continue;
        }
        lengthen(&trail->segments[nearest_alike(trail, n)], length_of(trail->segments[n]));
        take_out(trail, n);
        join(trail);
    }
}

/* A segment of a packed type. */
static void add(struct ovl__trail *trail, uint64_t segment)
{
    if (trail->count) {
        uint64_t *last = &trail->segments[trail->count - 1];
        if (type_of(*last) == type_of(segment)) {
            lengthen(last, length_of(segment));
            return;
        }
    }
    if (trail->count == OVL_SEGMENTS_MAX)
        thin_out(trail);
    trail->segments[trail->count++] = segment;
}

void ovl__trail_add_another(struct ovl__trail *trail, int kind, ovl_time length)
{
    add(trail, ovl__segment_pack(kind, length));
}

/* The lock's place, from 1; 0: there is none left. */
static unsigned place_of(struct ovl__trail *trail, uint32_t lock)
{
    for (unsigned i = 0; i < OVL__LOCKS_MAX; i++) {
        if (!trail->locks[i])
            trail->locks[i] = lock;
        if (trail->locks[i] == lock)
            return i + 1;
    }
    return 0;
}

void ovl__trail_add_held(struct ovl__trail *trail, int kind, ovl_time length, uint32_t lock)
{
    if (length > 0)
        add(trail, ovl__segment_pack(kind, length) | place_of(trail, lock) << KIND_BITS);
}

struct ovl_segment ovl__trail_read(const struct ovl__trail *trail, uint32_t n)
{
    unsigned type = type_of(trail->segments[n]);
    unsigned place = type >> KIND_BITS;
    return (struct ovl_segment){
        .length_ns = (ovl_time)length_of(trail->segments[n]),
        .kind = (int)(type & KIND_MASK) + KIND_FIRST,
        .lock = place ? trail->locks[place - 1] : 0,
    };
}
