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

/*
 * Adds a segment: longer than nothing, of a kind other than the last one's, or it lengthens that.
 * Where there is no room, short segments are added to others of their kind.
 */
void ovl__trail_add(struct ovl__trail *trail, int kind, ovl_time length);

/* The n-th segment; n is less than the count. */
struct ovl_segment ovl__trail_read(const struct ovl__trail *trail, uint32_t n);

#endif
