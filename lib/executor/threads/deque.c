#include "executor/threads/deque.h"

#include "base/system.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SIZE 64

static struct ovl__deque_array *new_array(int64_t size)
{
    struct ovl__deque_array *array =
        ovl__sys.malloc(sizeof *array + (size_t)size * sizeof array->entries[0]);
    if (!array)
        return NULL;
    array->mask = size - 1;
    array->smaller = NULL;
    return array;
}

int ovl__deque_init(struct ovl__deque *deque)
{
    struct ovl__deque_array *array = new_array(FIRST_SIZE);
    if (!array)
        return -ENOMEM;
    ovl__store(&deque->top, (int64_t)0, relaxed);
    ovl__store(&deque->bottom, (int64_t)0, relaxed);
    ovl__store(&deque->array, array, release);
    return 0;
}

void ovl__deque_release(struct ovl__deque *deque)
{
    struct ovl__deque_array *array = ovl__load(&deque->array, relaxed);
    while (array) {
        struct ovl__deque_array *smaller = array->smaller;
        free(array);
        array = smaller;
    }
}

bool ovl__deque_grow(struct ovl__deque *deque)
{
    struct ovl__deque_array *array = ovl__load(&deque->array, relaxed);
    struct ovl__deque_array *larger = new_array(2 * (array->mask + 1));
    if (!larger)
        return false;
    int64_t bottom = ovl__load(&deque->bottom, relaxed);
    for (int64_t i = ovl__load(&deque->top, acquire); i < bottom; i++)
        ovl__store(&larger->entries[i & larger->mask],
                   ovl__load(&array->entries[i & array->mask], relaxed), relaxed);
    larger->smaller = array;
    ovl__store(&deque->array, larger, release);
    return true;
}

/* False: another thief was faster. */
static bool try_steal(struct ovl__deque *deque, int64_t top, bool (*may)(ovl__entry entry),
                      ovl__entry *ret_entry)
{
    struct ovl__deque_array *array = ovl__load(&deque->array, acquire);
    ovl__entry entry = ovl__load(&array->entries[top & array->mask], relaxed);
    if (may && !may(entry)) {
        *ret_entry = 0;
        return true;
    }
    *ret_entry = entry;
    return ovl__cas(&deque->top, &top, top + 1, seq_cst);
}

ovl__entry ovl__deque_steal(struct ovl__deque *deque, int64_t from, bool (*may)(ovl__entry entry))
{
    ovl__entry entry;
    int64_t top;
    do {
        top = ovl__load(&deque->top, acquire);
        if (top < from || top >= ovl__load(&deque->bottom, relaxed))
            return 0;
        ovl__fence_heavy();
        if (top >= ovl__load(&deque->bottom, acquire))
            return 0;
    } while (!try_steal(deque, top, may, &entry));
    return entry;
}
