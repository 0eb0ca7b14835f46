/*
 * Trails: a task's segments as they are taken down, in little room. A segment is one word, its
 * kind in the lowest four bits and its length above them.
 */
#ifndef OVL_LEDGER_TRAIL_H
#define OVL_LEDGER_TRAIL_H

#include <overlap/ledger.h>

struct ovl__trail {
    uint32_t count;
    uint64_t segments[OVL_SEGMENTS_MAX];
};

#define OVL__KIND_BITS  4
#define OVL__KIND_FIRST OVL_READY /* the kinds begin below zero */

static inline uint64_t ovl__segment_pack(int kind, ovl_time length)
{
    return (uint64_t)length << OVL__KIND_BITS | (unsigned)(kind - OVL__KIND_FIRST);
}

/* As ovl__trail_add, of one that is longer than nothing. */
void ovl__trail_add_another(struct ovl__trail *trail, int kind, ovl_time length);

/*
 * Adds a segment: longer than nothing, of a kind other than the last one's, or it lengthens that.
 * Where there is no room, short segments are added to others of their kind.
 */
static inline void ovl__trail_add(struct ovl__trail *trail, int kind, ovl_time length)
{
    if (length <= 0)
        return;
    if (trail->count)
        ovl__trail_add_another(trail, kind, length);
    else
        trail->segments[trail->count++] = ovl__segment_pack(kind, length);
}

/* The n-th segment; n is less than the count. */
struct ovl_segment ovl__trail_read(const struct ovl__trail *trail, uint32_t n);

#endif
