#include "predict/heap.h"

static bool before(const struct ovl__heap_entry *a, const struct ovl__heap_entry *b)
{
    return a->time < b->time || (a->time <= b->time && a->turn < b->turn);
}

void ovl__heap_put(struct ovl__heap *heap, double time, unsigned who)
{
    struct ovl__heap_entry entry = {.time = time, .turn = heap->turns++, .who = who};
    size_t n = heap->count++;
    while (n > 0 && before(&entry, &heap->entries[(n - 1) / 2])) {
        heap->entries[n] = heap->entries[(n - 1) / 2];
        n = (n - 1) / 2;
    }
    heap->entries[n] = entry;
}

bool ovl__heap_peek(const struct ovl__heap *heap, double *ret_time)
{
    if (heap->count)
        *ret_time = heap->entries[0].time;
    return heap->count != 0;
}

unsigned ovl__heap_take(struct ovl__heap *heap)
{
    unsigned who = heap->entries[0].who;
    struct ovl__heap_entry last = heap->entries[--heap->count];
    size_t n = 0;
    for (size_t child; (child = 2 * n + 1) < heap->count; n = child) {
        if (child + 1 < heap->count && before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (before(&last, &heap->entries[child]))
            break;
        heap->entries[n] = heap->entries[child];
    }
    heap->entries[n] = last;
    return who;
}
