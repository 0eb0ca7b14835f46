#include "executor/threads/injector.h"

#include "base/system.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 256

int ovl__injector_init(struct ovl__injector *injector)
{
    injector->ring = ovl__sys.malloc(FIRST_ROOM * sizeof *injector->ring);
    injector->room = FIRST_ROOM;
    return injector->ring ? 0 : -ENOMEM;
}

void ovl__injector_release(struct ovl__injector *injector)
{
    free((void *)injector->ring);
}

/* --- making room: both locks are held --- */

static OVL__ATOMIC(ovl__entry) * place(const struct ovl__injector *injector, size_t at)
{
    return &injector->ring[at & (injector->room - 1)];
}

static size_t sweep(struct ovl__injector *injector, bool (*is_dead)(ovl__entry entry))
{
    size_t head = ovl__load(&injector->head, relaxed);
    size_t tail = ovl__load(&injector->tail, relaxed);
    size_t kept = head;
    for (size_t i = head; i != tail; i++) {
        ovl__entry entry = ovl__load(place(injector, i), relaxed);
        if (!is_dead(entry))
            ovl__store(place(injector, kept++), entry, relaxed);
    }
    ovl__store(&injector->tail, kept, release);
    return kept - head;
}

static int grow(struct ovl__injector *injector)
{
    size_t room = 2 * injector->room;
    OVL__ATOMIC(ovl__entry) *ring = ovl__sys.malloc(room * sizeof *ring);
    if (!ring)
        return -ENOMEM;
    size_t tail = ovl__load(&injector->tail, relaxed);
    for (size_t i = ovl__load(&injector->head, relaxed); i != tail; i++)
        ovl__store(&ring[i & (room - 1)], ovl__load(place(injector, i), relaxed), relaxed);
    free((void *)injector->ring);
    injector->ring = ring;
    injector->room = room;
    return 0;
}

/* Where sweeping frees little, the ring grows, so that the next sweep is far away. */
static int make_room(struct ovl__injector *injector, bool (*is_dead)(ovl__entry entry))
{
    ovl__lock(&injector->out);
    size_t filled = sweep(injector, is_dead);
    int error = 0;
    if (filled > injector->room / 2 && grow(injector) && filled == injector->room)
        error = -ENOMEM;
    injector->head_known = ovl__load(&injector->head, relaxed);
    ovl__unlock(&injector->out);
    return error;
}

/* --- putting in and taking out --- */

static bool is_full(struct ovl__injector *injector, size_t tail)
{
    if (tail - injector->head_known < injector->room)
        return false;
    injector->head_known = ovl__load(&injector->head, acquire);
    return tail - injector->head_known >= injector->room;
}

int ovl__injector_push(struct ovl__injector *injector, ovl__entry entry,
                       bool (*is_dead)(ovl__entry entry))
{
    size_t tail = ovl__load(&injector->tail, relaxed);
    if (is_full(injector, tail)) {
        if (make_room(injector, is_dead))
            return -ENOMEM;
        tail = ovl__load(&injector->tail, relaxed);
    }
    ovl__store(place(injector, tail), entry, relaxed);
    ovl__store(&injector->tail, tail + 1, release);
    return 0;
}

size_t ovl__injector_take(struct ovl__injector *injector, ovl__entry *ret_entries, size_t most)
{
    ovl__lock(&injector->out);
    size_t head = ovl__load(&injector->head, relaxed);
    size_t filled = ovl__load(&injector->tail, acquire) - head;
    size_t count = filled < most ? filled : most;
    for (size_t i = 0; i < count; i++)
        ret_entries[i] = ovl__load(place(injector, head + i), relaxed);
    ovl__store(&injector->head, head + count, release);
    ovl__unlock(&injector->out);
    return count;
}
