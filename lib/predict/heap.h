/* Heaps: what comes next of many things that each have a time. The room is given, and fixed. */
#ifndef OVL_PREDICT_HEAP_H
#define OVL_PREDICT_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct ovl__heap_entry {
    double time;
    size_t turn; /* among equals, the one that was put in first comes first */
    unsigned who;
};

struct ovl__heap {
    struct ovl__heap_entry *entries;
    size_t count;
    size_t turns;
};

void ovl__heap_put(struct ovl__heap *heap, double time, unsigned who);

/* Whether there is one; the earliest. */
bool ovl__heap_peek(const struct ovl__heap *heap, double *ret_time);
unsigned ovl__heap_take(struct ovl__heap *heap);

#endif
