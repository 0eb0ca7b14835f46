#include "executor/cluster/room.h"

#include <string.h>

/* Memory of the rank's own that stays. */
#define KEPT_BYTES ((size_t)1 << 20)

void ovl__rooms_open(struct ovl__rooms *rooms, const struct ovl__lane_place *place)
{
    ovl__lane_drop(rooms->lane);
    rooms->lane = NULL;
    if (place->pid && ovl__lane_join(place, &rooms->lane))
        rooms->lane = NULL; /* results go by messages */
}

void ovl__room_drop(struct ovl__room *room)
{
    if (room->block.index != OVL__NO_BLOCK)
        ovl__lane_give_result(room->rooms->lane, room->block.index);
    room->block.index = OVL__NO_BLOCK;
    room->future.result = (struct ovl__buffer){0};
}

/* Moves the result to memory that has room for `size` bytes of it. */
static void move(struct ovl__room *room, void *memory, const struct ovl__block *block, size_t size)
{
    struct ovl__buffer *result = &room->future.result;
    size_t kept = result->size < size ? result->size : size;
    if (kept)
        memcpy(memory, result->data, kept);
    ovl__room_drop(room);
    room->block = *block;
    room->future.result = (struct ovl__buffer){.data = memory, .size = size};
}

/* A result that grows step by step is copied a few times at most. */
static bool find_block(struct ovl__room *room, size_t size)
{
    struct ovl__block block;
    void *memory;
    size_t wanted = room->block.index != OVL__NO_BLOCK && size < room->block.size * 3 / 2
                        ? room->block.size * 3 / 2
                        : size;
    if (!room->rooms->lane || size < OVL__APART ||
        ovl__lane_take_result(room->rooms->lane, wanted, &block, &memory))
        return false;
    move(room, memory, &block, size);
    return true;
}

static bool find_heap(struct ovl__room *room, size_t size)
{
    struct ovl__buffer *heap = &room->rooms->heap;
    if (ovl__buffer_resize(heap, size))
        return false;
    if (room->block.index != OVL__NO_BLOCK)
        move(room, heap->data, &(struct ovl__block){.index = OVL__NO_BLOCK}, size);
    room->future.result = (struct ovl__buffer){.data = heap->data, .size = size};
    return true;
}

static void *room_for_result(struct ovl_future *future, size_t size)
{
    struct ovl__room *room = ovl__of(future, struct ovl__room, future);
    if (room->block.index != OVL__NO_BLOCK && size <= room->block.size)
        future->result.size = size;
    else if (!find_block(room, size) && !find_heap(room, size))
        return NULL;
    return future->result.data;
}

void ovl__room_begin(struct ovl__room *room, struct ovl__rooms *rooms)
{
    room->rooms = rooms;
    room->block.index = OVL__NO_BLOCK;
    room->more.future = &room->future;
    room->more.room = room_for_result;
    room->future.more = &room->more;
    rooms->heap.size = 0;
}

void ovl__room_end(struct ovl__room *room)
{
    if (room->rooms->heap.capacity > KEPT_BYTES)
        ovl__buffer_release(&room->rooms->heap);
    room->future.result = (struct ovl__buffer){0};
}
