/*
 * Lanes: the shared memory between the parent and one worker process. A lane belongs to a worker's
 * number: the process that takes a dead worker's place takes its lane.
 *
 * A lane is a ring of slots. The parent posts requests in them, the worker serves them in that
 * order, and the parent collects the replies in that order. A request carries one task, or a chunk
 * of a map: tasks of one function with items and results of one size each. Nothing in a lane can be
 * full, and nobody waits for the other side but by choice.
 *
 * `progress` of a slot says how many of its tasks were begun, and how many there are to begin. Both
 * sides change it by compare-and-exchange alone: the worker begins one more, the parent takes back
 * those that are not begun. `ended` says how many have ended. So, whenever a worker dies, its lane
 * tells exactly: the tasks below `ended` have their results, the one at `ended`, if it was begun,
 * died with the worker, and the others were never touched.
 *
 *     0 ≤ ended ≤ begun ≤ ended + 1,  begun ≤ limit;  a slot with ended = limit is complete
 *
 * Items and results that are too large for a slot lie in blocks: pieces of the same memory file,
 * mapped on either side when they are first seen, and used again and again. A large result is not
 * copied out of its block: its future keeps the block until it is freed.
 *
 * A rank of a cluster that is on rank 0's machine has a lane for the blocks of its results alone.
 * The store, one for all workers, is another: of large items, which the parent writes there when
 * they are submitted, and the worker that gets the task reads where they are.
 */
#ifndef OVL_EXECUTOR_PROCESSES_LANE_H
#define OVL_EXECUTOR_PROCESSES_LANE_H

#include "executor/queue.h"

#include <overlap/task.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVL__SLOTS         64 /* a power of two */
#define OVL__ITEM_BLOCKS   OVL__SLOTS
#define OVL__RESULT_BLOCKS (4 * OVL__SLOTS)

/* What a slot holds by itself of an item, and of a result. */
#define OVL__SLOT_BYTES 192

/* Results' blocks that futures may keep; the results beyond that are copied, so that whoever works
 * finds blocks for those to come. */
#define OVL__LENT_MAX (OVL__RESULT_BLOCKS / 2)

/* What a lane keeps of memory for large items and results while it is busy, and while it is not. */
#define OVL__BUSY_BYTES ((size_t)64 << 20)
#define OVL__IDLE_BYTES ((size_t)4 << 20)

#define OVL__NO_BLOCK UINT32_MAX

/* A piece of the lane's memory file. */
struct ovl__block {
    uint32_t index; /* OVL__NO_BLOCK: none */
    uint64_t offset;
    uint64_t size;
};

/* What the parent asks for. */
struct ovl__request {
    ovl_task_fn *fn; /* the worker is a copy of the program: it is at the same address there */
    ovl_time deadline;
    uint64_t item_size;
    uint64_t result_size; /* of a chunk's tasks, each */
    uint32_t chunk;       /* tasks of a chunk; 0: one task by itself */
    bool ring;            /* the parent is to be told of the reply even if there is more to do */
    bool stored;          /* the item's block is the store's */
    struct ovl__block items;
};

/* What the worker replies, of one task by itself or of the whole chunk. */
struct ovl__reply {
    int error;
    int detail;
    uint64_t result_size;
    uint64_t took_ns; /* from the first task's start to the last one's end */
    struct ovl__block result;
};

/* What either side writes lies in as few lines of the cache as it fits into. */
struct ovl__slot {
    struct ovl__request request;
    _Alignas(64) _Atomic(uint64_t) progress; /* begun, and limit in the upper half */
    atomic_uint ended;
    bool expired; /* its deadline had passed before it could begin */
    struct ovl__reply reply;
    _Alignas(64) char item[OVL__SLOT_BYTES];
    char result[OVL__SLOT_BYTES];
};

/* How a task of a chunk ended. */
struct ovl__end {
    int error;
    int detail;
};

/* Who has a result's block: nobody; the worker, and then its reply; a future. */
enum ovl__taken { OVL__FREE, OVL__WORKERS, OVL__LENT };

struct ovl__lane_head {
    _Alignas(64) atomic_uint posted; /* requests so far */
    atomic_uint ending;              /* close the sessions and end, once all is served */
    _Alignas(64) atomic_uint sleeps; /* the worker sleeps on it while it is 1 */
    atomic_int processor;            /* where the worker runs */
    atomic_uint oversize;          /* the worker is past its memory limit, and is to be replaced */
    _Atomic(size_t) footprint;     /* bytes the process had at first, where its memory is limited */
    _Alignas(64) atomic_uint next; /* the request that the worker serves, or will */
    _Atomic(uint64_t) file_end;
    struct {
        atomic_uint taken; /* enum ovl__taken */
        uint64_t offset;
        uint64_t size;
    } results[OVL__RESULT_BLOCKS];
    struct ovl__slot slots[OVL__SLOTS];
    struct ovl__meter meters[]; /* OVL__SLOTS of them, where there is a ledger: what the worker
                                   measured of tasks by themselves */
};

/* A result's block that a future has. */
struct ovl__lane_loan {
    struct ovl__loan loan;
    struct ovl__lane *lane;
    uint32_t index;
};

/* A block as it is mapped in this process. */
struct ovl__mapping {
    struct ovl__block block;
    void *memory;
};

/*
 * One side of a lane. The parent's is alive until the executor has closed it and no future has a
 * result in it any more. Guarded by the executor's lock, except for `references`.
 */
struct ovl__lane {
    int fd; /* the memory file */
    struct ovl__lane_head *head;
    atomic_uint references;
    bool adopted;  /* in the worker */
    bool recorded; /* there is a ledger */
    struct ovl__mapping items[OVL__ITEM_BLOCKS];
    struct ovl__mapping results[OVL__RESULT_BLOCKS];
    uint32_t free_items[OVL__ITEM_BLOCKS]; /* the parent's: blocks that no request uses */
    uint32_t free_item_count;
    size_t mapped;     /* bytes of the blocks that are known here */
    atomic_bool quiet; /* the parent's: no request is posted; memory is given back early */
    atomic_uint lent;  /* the parent's: blocks that futures have */
    unsigned forks;    /* the parent's: as ovl__forks when it was made */
    struct ovl__lane_loan loans[OVL__RESULT_BLOCKS];
};

/* --- progress --- */

static inline uint64_t ovl__progress(uint32_t begun, uint32_t limit)
{
    return begun | (uint64_t)limit << 32;
}

static inline uint32_t ovl__begun(uint64_t progress)
{
    return (uint32_t)progress;
}

static inline uint32_t ovl__limit(uint64_t progress)
{
    return (uint32_t)(progress >> 32);
}

/* Begins the next task of a slot: false where there is none. The worker's. */
bool ovl__slot_begin(struct ovl__slot *slot);

/* Takes back what is not begun; returns how many tasks that is, the last ones. The parent's. */
uint32_t ovl__slot_withdraw(struct ovl__slot *slot);

bool ovl__slot_complete(const struct ovl__slot *slot);

static inline struct ovl__slot *ovl__lane_slot(const struct ovl__lane *lane, uint32_t request)
{
    return &lane->head->slots[request % OVL__SLOTS];
}

/* --- the memory --- */

/* -ENOMEM, -EMFILE, -ENFILE; *ret_lane holds one reference. */
int ovl__lane_open(bool recorded, struct ovl__lane **ret_lane);

/*
 * Where a lane is found by a process that is no copy of the one that opened it, but runs on the
 * same machine for the same user. Its own processes adopt it instead.
 */
struct ovl__lane_place {
    int32_t pid; /* 0: nowhere */
    int32_t fd;
    uint64_t device, inode;
    uint64_t recorded;
};

struct ovl__lane_place ovl__lane_place(const struct ovl__lane *lane);

/* Opens the other side of a lane: an error where the system does not show it, or shows another. */
int ovl__lane_join(const struct ovl__lane_place *place, struct ovl__lane **ret_lane);

/* Gives up a reference; any thread. NULL is allowed. */
void ovl__lane_drop(struct ovl__lane *lane);

/* In a process that was just forked, which does not inherit the parent's mappings: -ENOMEM. */
int ovl__lane_adopt(struct ovl__lane *lane);

/* Maps a block that the other side made; NULL where it is not there, or no memory is. */
void *ovl__lane_map(struct ovl__lane *lane, struct ovl__mapping *mapping,
                    const struct ovl__block *block);

/*
 * Makes an item's block of at least `size` bytes; the parent's. -ENOMEM, also where the memory
 * would only be missed when it is touched.
 */
int ovl__lane_take_item(struct ovl__lane *lane, size_t size, struct ovl__block *ret_block,
                        void **ret_memory);
void ovl__lane_give_item(struct ovl__lane *lane, const struct ovl__block *block);

/* The same for a result's block; the worker's. Who gives it back is whoever has it, in any thread.
 */
int ovl__lane_take_result(struct ovl__lane *lane, size_t size, struct ovl__block *ret_block,
                          void **ret_memory);
void ovl__lane_give_result(struct ovl__lane *lane, uint32_t index);

/*
 * A block that came with a reply is a future's from now on, which gives it back with *ret_loan:
 * false where futures have `most` already. The parent's.
 */
bool ovl__lane_lend_result(struct ovl__lane *lane, uint32_t index, unsigned most,
                           struct ovl__loan **ret_loan);

/* The block that was lent so. */
struct ovl__block ovl__lane_lent(const struct ovl__loan *loan);

/* The worker is dead: what blocks it had are nobody's; the parent's. */
void ovl__lane_reclaim(struct ovl__lane *lane);

/*
 * Gives memory of blocks that nobody uses back to the system, until at most `kept` bytes are left
 * of them; the parent's.
 */
void ovl__lane_trim(struct ovl__lane *lane, size_t kept);

/* Bytes of the blocks that the parent has seen. */
size_t ovl__lane_size(const struct ovl__lane *lane);

/* --- where the parts of a chunk's block are --- */

struct ovl__layout {
    size_t item_stride, result_stride;
    size_t results, ends, meters; /* offsets; the items are first */
    size_t size;
};

struct ovl__layout ovl__chunk_layout(size_t item_size, size_t result_size, size_t count,
                                     bool recorded);

#endif
