/*
 * How a disk takes writes that must be on it (fsync), one at a time and several at once: what no
 * run of a sequential program tells. A journal takes all that wait in one go; a single disk may
 * not.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_DISK_H
#define TOOL_ADVISE_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* 1, 2, 4, 8 and 16 at once. */
#define DISK_STEPS 5

/* A disk that others use as well takes now this and now several times as long. */
struct disk {
    bool known;
    double each_ns[DISK_STEPS]; /* one of them, while so many are under way, at its quickest */
    double most_ns;             /* one by itself, at its slowest */
};

/*
 * Measures it, in about 0.2 s, with files that have no name, in one of the usual folders that is
 * on this device (st_dev): writes to one file a thread, or each to a file of its own. Where there
 * is none, or it cannot be written to, it is not known.
 */
void disk_measure(uint64_t device, bool new_files, struct disk *ret);

/*
 * How many times as long one takes with so many at once (1 and up), as by itself. `alone_ns`: what
 * it took then. Where that is more than the disk at its quickest takes, the rest is a wait that
 * overlaps: with n at once, one takes as long as alone, or as n take at the disk's quickest.
 */
double disk_stretch(const struct disk *disk, double alone_ns, double at_once);

#endif
