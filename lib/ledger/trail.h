/*
 * Trails: a task's segments as they are taken down, in little room. A segment is one word, its
 * kind in the lowest four bits, the place of the lock that was held in the two above them, and its
 * length in the rest.
 */
#ifndef OVL_LEDGER_TRAIL_H
#define OVL_LEDGER_TRAIL_H

#include <overlap/ledger.h>

/* So many of a task's locks are told apart. */
#define OVL__LOCKS_MAX 3

struct ovl__trail {
    uint32_t count;
    uint32_t locks[OVL__LOCKS_MAX]; /* 0: none yet; a segment has a place here, from 1 */
    uint64_t segments[OVL_SEGMENTS_MAX];
};

#define OVL__KIND_BITS  4
#define OVL__TYPE_BITS  6         /* of the kind and the lock together */
#define OVL__KIND_FIRST OVL_READY /* the kinds begin below zero */

static inline uint64_t ovl__segment_pack(int kind, ovl_time length)
{
    return (uint64_t)length << OVL__TYPE_BITS | (unsigned)(kind - OVL__KIND_FIRST);
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

/* The same, where the task held a lock meanwhile; of the fourth lock and later ones it is not kept.
 */
void ovl__trail_add_held(struct ovl__trail *trail, int kind, ovl_time length, uint32_t lock);

/* The n-th segment; n is less than the count. */
struct ovl_segment ovl__trail_read(const struct ovl__trail *trail, uint32_t n);

#endif
