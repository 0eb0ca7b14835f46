#include "executor/threads/injector.h"

#include "base/system.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 256

static void note_size(struct ovl__injector *injector)
{
    ovl__store(&injector->size, injector->tail - injector->head, relaxed);
}

int ovl__injector_init(struct ovl__injector *injector)
{
    injector->ring = ovl__sys.malloc(FIRST_ROOM * sizeof *injector->ring);
    injector->room = FIRST_ROOM;
    return injector->ring ? 0 : -ENOMEM;
}

void ovl__injector_release(struct ovl__injector *injector)
{
    free(injector->ring);
}

static void sweep(struct ovl__injector *injector, bool (*is_dead)(ovl__entry entry))
{
    size_t mask = injector->room - 1;
    size_t kept = injector->head;
    for (size_t i = injector->head; i != injector->tail; i++) {
        ovl__entry entry = injector->ring[i & mask];
        if (!is_dead(entry))
            injector->ring[kept++ & mask] = entry;
    }
    injector->tail = kept;
}

static int grow(struct ovl__injector *injector)
{
    size_t room = 2 * injector->room;
    ovl__entry *ring = ovl__sys.malloc(room * sizeof *ring);
    if (!ring)
        return -ENOMEM;
    for (size_t i = injector->head; i != injector->tail; i++)
        ring[i & (room - 1)] = injector->ring[i & (injector->room - 1)];
    free(injector->ring);
    injector->ring = ring;
    injector->room = room;
    return 0;
}

/* Where sweeping frees little, the ring grows, so that the next sweep is far away. */
static int make_room(struct ovl__injector *injector, bool (*is_dead)(ovl__entry entry))
{
    sweep(injector, is_dead);
    size_t filled = injector->tail - injector->head;
    if (filled <= injector->room / 2 || grow(injector) == 0)
        return 0;
    return filled < injector->room ? 0 : -ENOMEM;
}

int ovl__injector_push(struct ovl__injector *injector, ovl__entry entry,
                       bool (*is_dead)(ovl__entry entry))
{
    if (injector->tail - injector->head == injector->room && make_room(injector, is_dead))
        return -ENOMEM;
    injector->ring[injector->tail++ & (injector->room - 1)] = entry;
    note_size(injector);
    return 0;
}

size_t ovl__injector_take(struct ovl__injector *injector, ovl__entry *ret_entries, size_t most)
{
    size_t filled = injector->tail - injector->head;
    size_t count = filled < most ? filled : most;
    for (size_t i = 0; i < count; i++)
        ret_entries[i] = injector->ring[(injector->head + i) & (injector->room - 1)];
    injector->head += count;
    note_size(injector);
    return count;
}
