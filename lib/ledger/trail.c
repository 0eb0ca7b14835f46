#include "ledger/trail.h"

#include <stdbool.h>
#include <stddef.h>

/* A full trail is thinned out to so many, so that it is not thinned out for each further one. */
#define THIN (OVL_SEGMENTS_MAX / 2)

#define KIND_BITS  OVL__KIND_BITS
#define KIND_MASK  ((1u << KIND_BITS) - 1)
#define KIND_FIRST OVL__KIND_FIRST

static unsigned kind_of(uint64_t segment)
{
    return segment & KIND_MASK;
}

static uint64_t length_of(uint64_t segment)
{
    return segment >> KIND_BITS;
}

static void lengthen(uint64_t *segment, uint64_t length)
{
    *segment += length << KIND_BITS;
}

static void take_out(struct ovl__trail *trail, uint32_t n)
{
    trail->count--;
    for (uint32_t i = n; i < trail->count; i++)
        trail->segments[i] = trail->segments[i + 1];
}

/* Where the segment's length can go: the nearest of its kind, before it or behind. */
static uint32_t nearest_alike(const struct ovl__trail *trail, uint32_t n)
{
    unsigned kind = kind_of(trail->segments[n]);
    for (uint32_t far = 1; far < trail->count; far++) {
        if (n >= far && kind_of(trail->segments[n - far]) == kind)
            return n - far;
        if (n + far < trail->count && kind_of(trail->segments[n + far]) == kind)
            return n + far;
    }
    return n;
}

/* The shortest whose kind stands elsewhere too: there are fewer kinds than segments. */
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
        if (kind_of(trail->segments[i]) == kind_of(trail->segments[kept]))
            lengthen(&trail->segments[kept], length_of(trail->segments[i]));
        else
            trail->segments[++kept] = trail->segments[i];
    }
    trail->count = kept + 1;
}

static void thin_out(struct ovl__trail *trail)
{
    while (trail->count > THIN) {
        uint32_t n = shortest(trail);
        if (n == trail->count)
            return; /* each kind stands once: that is fewer than THIN + 1 */
        lengthen(&trail->segments[nearest_alike(trail, n)], length_of(trail->segments[n]));
        take_out(trail, n);
        join(trail);
    }
}

void ovl__trail_add_another(struct ovl__trail *trail, int kind, ovl_time length)
{
    if (trail->count) {
        uint64_t *last = &trail->segments[trail->count - 1];
        if (kind_of(*last) == (unsigned)(kind - KIND_FIRST)) {
            lengthen(last, (uint64_t)length);
            return;
        }
    }
    if (trail->count == OVL_SEGMENTS_MAX)
        thin_out(trail);
    trail->segments[trail->count++] = ovl__segment_pack(kind, length);
}

struct ovl_segment ovl__trail_read(const struct ovl__trail *trail, uint32_t n)
{
    return (struct ovl_segment){
        .length_ns = (ovl_time)length_of(trail->segments[n]),
        .kind = (int)kind_of(trail->segments[n]) + KIND_FIRST,
    };
}
