#include "executor/processes/lane.h"

#include "base/fork.h"
#include "base/memory.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Blocks are made at least so large, and of sizes that fit others later. */
#define LEAST_BLOCK ((size_t)16 << 10)
#define STEP        ((size_t)1 << 20)

/* Blocks that stay when their futures are freed while the worker has nothing to do: the first ones,
 * which it takes first. */
#define KEPT_BLOCKS 4
#define KEPT_SIZE   STEP

/* 4 KiB on x86-64, and up to 64 KiB on aarch64: blocks are mapped from where a page begins. */
static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t head_bytes(const struct ovl__lane *lane)
{
    size_t size = sizeof(struct ovl__lane_head);
    if (lane->recorded)
        size += OVL__SLOTS * sizeof(struct ovl__meter);
    return (size + page_bytes() - 1) / page_bytes() * page_bytes();
}

/* --- progress --- */

bool ovl__slot_begin(struct ovl__slot *slot)
{
    uint64_t progress = atomic_load_explicit(&slot->progress, memory_order_acquire);
    while (ovl__begun(progress) < ovl__limit(progress))
        if (atomic_compare_exchange_weak(&slot->progress, &progress, progress + 1))
            return true;
    return false;
}

uint32_t ovl__slot_withdraw(struct ovl__slot *slot)
{
    uint64_t progress = atomic_load_explicit(&slot->progress, memory_order_acquire);
    uint32_t begun;
    do {
        begun = ovl__begun(progress);
        if (begun >= ovl__limit(progress))
            return 0;
    } while (
        !atomic_compare_exchange_weak(&slot->progress, &progress, ovl__progress(begun, begun)));
    return ovl__limit(progress) - begun;
}

bool ovl__slot_complete(const struct ovl__slot *slot)
{
    uint32_t ended = atomic_load_explicit(&slot->ended, memory_order_acquire);
    uint64_t progress = atomic_load_explicit(&slot->progress, memory_order_acquire);
    return ended >= ovl__limit(progress);
}

/* --- the memory --- */

static void *map(const struct ovl__lane *lane, uint64_t offset, uint64_t size)
{
    void *memory =
        ovl__sys.mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, lane->fd, (off_t)offset);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Other workers must not reach into a lane: each maps its own. Results are the program's to read,
 * also in children that it forks. */
static void hide(const struct ovl__lane *lane, void *memory, size_t size)
{
    if (!lane->adopted)
        ovl__sys.madvise(memory, size, MADV_DONTFORK);
}

/* Memory that is only promised would end whoever touches it, by SIGBUS. */
static int back(const struct ovl__lane *lane, uint64_t offset, uint64_t size)
{
    int error;
    do
        error = ovl__sys.fallocate(lane->fd, 0, (off_t)offset, (off_t)size);
    while (error && errno == EINTR);
    return error ? -ENOMEM : 0;
}

static void unback(const struct ovl__lane *lane, uint64_t offset, uint64_t size)
{
    ovl__sys.fallocate(lane->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                       (off_t)size);
}

static void forget_mappings(struct ovl__lane *lane)
{
    lane->mapped = 0;
    for (uint32_t i = 0; i < OVL__ITEM_BLOCKS; i++)
        lane->items[i] = (struct ovl__mapping){.block.index = i};
    for (uint32_t i = 0; i < OVL__RESULT_BLOCKS; i++)
        lane->results[i] = (struct ovl__mapping){.block.index = i};
}

static struct ovl__lane *new_lane(bool recorded)
{
    struct ovl__lane *lane = ovl__zalloc(sizeof *lane);
    if (!lane)
        return NULL;
    atomic_init(&lane->references, 1);
    lane->fd = -1;
    lane->forks = ovl__forks;
    lane->recorded = recorded;
    forget_mappings(lane);
    return lane;
}

int ovl__lane_open(bool recorded, struct ovl__lane **ret_lane)
{
    struct ovl__lane *lane = new_lane(recorded);
    if (!lane)
        return -ENOMEM;
    while (lane->free_item_count < OVL__ITEM_BLOCKS) {
        lane->free_items[lane->free_item_count] = OVL__ITEM_BLOCKS - 1 - lane->free_item_count;
        lane->free_item_count++;
    }
    lane->fd = ovl__sys.memfd_create("overlap-lane", MFD_CLOEXEC);
    int error = lane->fd < 0 ? -errno : 0;
    if (!error) {
        lane->head = back(lane, 0, head_bytes(lane)) ? NULL : map(lane, 0, head_bytes(lane));
        error = lane->head ? 0 : -ENOMEM;
    }
    if (error) {
        ovl__lane_drop(lane);
        return error;
    }
    hide(lane, lane->head, head_bytes(lane));
    atomic_init(&lane->head->file_end, head_bytes(lane));
    *ret_lane = lane;
    return 0;
}

static void unmap(struct ovl__lane *lane, struct ovl__mapping *mapping)
{
    if (mapping->memory)
        munmap(mapping->memory, mapping->block.size);
    lane->mapped -= mapping->block.size;
    mapping->memory = NULL;
    mapping->block.size = 0;
}

void ovl__lane_drop(struct ovl__lane *lane)
{
    if (!lane || atomic_fetch_sub_explicit(&lane->references, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < OVL__ITEM_BLOCKS; i++)
        unmap(lane, &lane->items[i]);
    for (uint32_t i = 0; i < OVL__RESULT_BLOCKS; i++)
        unmap(lane, &lane->results[i]);
    if (lane->head)
        munmap(lane->head, head_bytes(lane));
    if (lane->fd >= 0)
        ovl__sys.close(lane->fd);
    free(lane);
}

int ovl__lane_adopt(struct ovl__lane *lane)
{
    lane->adopted = true;
    forget_mappings(lane);
    lane->head = map(lane, 0, head_bytes(lane));
    return lane->head ? 0 : -ENOMEM;
}

/* --- joining the lane of a stranger --- */

struct ovl__lane_place ovl__lane_place(const struct ovl__lane *lane)
{
    struct stat file;
    if (fstat(lane->fd, &file))
        return (struct ovl__lane_place){0};
    return (struct ovl__lane_place){
        .pid = getpid(),
        .fd = lane->fd,
        .device = file.st_dev,
        .inode = file.st_ino,
        .recorded = lane->recorded,
    };
}

/* Where the two have process numbers of their own, or the lane is closed already, the path names
 * nothing, or something else. */
static bool is_at(const struct ovl__lane *lane, const struct ovl__lane_place *place)
{
    struct stat file;
    return !fstat(lane->fd, &file) && file.st_dev == place->device && file.st_ino == place->inode &&
           (size_t)file.st_size >= head_bytes(lane);
}

int ovl__lane_join(const struct ovl__lane_place *place, struct ovl__lane **ret_lane)
{
    char path[64];
    struct ovl__lane *lane = new_lane(place->recorded);
    if (!lane)
        return -ENOMEM;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)place->pid, (int)place->fd);
    lane->fd = place->pid ? ovl__sys.open(path, O_RDWR | O_CLOEXEC, 0) : -1;
    int error = lane->fd < 0 || !is_at(lane, place) ? -ENOENT : ovl__lane_adopt(lane);
    if (error) {
        ovl__lane_drop(lane);
        return error;
    }
    *ret_lane = lane;
    return 0;
}

/* --- blocks --- */

/* What the other side says of a block is held against memory that is really there. */
static bool is_there(const struct ovl__lane *lane, const struct ovl__block *block)
{
    struct stat file;
    return !fstat(lane->fd, &file) && block->size && block->offset % page_bytes() == 0 &&
           block->size <= (uint64_t)file.st_size &&
           block->offset <= (uint64_t)file.st_size - block->size;
}

void *ovl__lane_map(struct ovl__lane *lane, struct ovl__mapping *mapping,
                    const struct ovl__block *block)
{
    if (mapping->memory && mapping->block.offset == block->offset &&
        mapping->block.size == block->size)
        return mapping->memory;
    unmap(lane, mapping);
    if (!is_there(lane, block))
        return NULL;
    mapping->memory = map(lane, block->offset, block->size);
    if (mapping->memory) {
        mapping->block.offset = block->offset;
        mapping->block.size = block->size;
        lane->mapped += block->size;
    }
    return mapping->memory;
}

static size_t rounded(size_t size)
{
    size_t round = LEAST_BLOCK > page_bytes() ? LEAST_BLOCK : page_bytes();
    while (round < size && round < STEP)
        round *= 2;
    return round >= size ? round : (size + STEP - 1) / STEP * STEP;
}

/* Has the block behind the mapping made anew, with room for `size` bytes. */
static int make(struct ovl__lane *lane, struct ovl__mapping *mapping, size_t size)
{
    if (size > SIZE_MAX / 4)
        return -ENOMEM;
    size = rounded(size);
    if (mapping->block.size)
        unback(lane, mapping->block.offset, mapping->block.size);
    unmap(lane, mapping);
    struct ovl__block block = {.size = size};
    block.offset = atomic_fetch_add(&lane->head->file_end, size);
    if (back(lane, block.offset, size))
        return -ENOMEM;
    if (ovl__lane_map(lane, mapping, &block))
        return 0;
    unback(lane, block.offset, size);
    return -ENOMEM;
}

int ovl__lane_take_item(struct ovl__lane *lane, size_t size, struct ovl__block *ret_block,
                        void **ret_memory)
{
    if (!lane->free_item_count)
        return -ENOMEM;
    uint32_t index = lane->free_items[lane->free_item_count - 1];
    struct ovl__mapping *mapping = &lane->items[index];
    if (mapping->block.size < size) {
        if (make(lane, mapping, size))
            return -ENOMEM;
        hide(lane, mapping->memory, mapping->block.size);
    }
    lane->free_item_count--;
    *ret_block = mapping->block;
    *ret_memory = mapping->memory;
    return 0;
}

void ovl__lane_give_item(struct ovl__lane *lane, const struct ovl__block *block)
{
    if (block->index != OVL__NO_BLOCK)
        lane->free_items[lane->free_item_count++] = block->index;
}

/* Both sides may want it at once: the worker to use it, the parent to give back its memory. */
static bool claim(struct ovl__lane *lane, uint32_t index)
{
    unsigned nobody = OVL__FREE;
    return atomic_compare_exchange_strong(&lane->head->results[index].taken, &nobody, OVL__WORKERS);
}

/* The first that is free and large enough, or else the first that is free. */
static uint32_t find_result(const struct ovl__lane *lane, size_t size)
{
    uint32_t found = OVL__NO_BLOCK;
    for (uint32_t i = 0; i < OVL__RESULT_BLOCKS; i++) {
        if (atomic_load_explicit(&lane->head->results[i].taken, memory_order_acquire))
            continue;
        if (lane->head->results[i].size >= size)
            return i;
        if (found == OVL__NO_BLOCK || !lane->head->results[i].size)
            found = i;
        if (!lane->head->results[i].size)
            break; /* those behind it were never used */
    }
    return found;
}

static uint32_t claim_result(struct ovl__lane *lane, size_t size)
{
    uint32_t index;
    do
        index = find_result(lane, size);
    while (index != OVL__NO_BLOCK && !claim(lane, index));
    return index;
}

/* Has the memory of a block that was claimed, with room for `size` bytes, mapped here. */
static int make_result(struct ovl__lane *lane, uint32_t index, size_t size)
{
    struct ovl__mapping *mapping = &lane->results[index];
    struct ovl__block known = {index, lane->head->results[index].offset,
                               lane->head->results[index].size};
    if (known.size >= size)
        return ovl__lane_map(lane, mapping, &known) ? 0 : -ENOMEM;
    unmap(lane, mapping);
    if (known.size)
        unback(lane, known.offset, known.size);
    lane->head->results[index].size = 0;
    int error = make(lane, mapping, size);
    if (error)
        return error;
    lane->head->results[index].offset = mapping->block.offset;
    lane->head->results[index].size = mapping->block.size;
    return 0;
}

int ovl__lane_take_result(struct ovl__lane *lane, size_t size, struct ovl__block *ret_block,
                          void **ret_memory)
{
    uint32_t index = claim_result(lane, size);
    if (index == OVL__NO_BLOCK)
        return -ENOMEM;
    int error = make_result(lane, index, size);
    if (error) {
        ovl__lane_give_result(lane, index);
        return error;
    }
    *ret_block = lane->results[index].block;
    *ret_memory = lane->results[index].memory;
    return 0;
}

/* A child that the program forked has copies of futures, but the blocks are its parent's. */
static void end_loan(struct ovl__loan *loan)
{
    struct ovl__lane_loan *own = ovl__of(loan, struct ovl__lane_loan, loan);
    struct ovl__lane *lane = own->lane;
    if (lane->forks != ovl__forks)
        return;
    atomic_fetch_sub_explicit(&lane->lent, 1, memory_order_relaxed);
    uint64_t size = lane->head->results[own->index].size;
    bool kept = own->index < KEPT_BLOCKS && size <= KEPT_SIZE;
    if (atomic_load_explicit(&lane->quiet, memory_order_relaxed) && !kept) {
        unback(lane, lane->head->results[own->index].offset, size);
        lane->head->results[own->index].size = 0;
    }
    ovl__lane_give_result(lane, own->index);
    ovl__lane_drop(lane);
}

bool ovl__lane_lend_result(struct ovl__lane *lane, uint32_t index, unsigned most,
                           struct ovl__loan **ret_loan)
{
    if (atomic_load_explicit(&lane->lent, memory_order_relaxed) >= most)
        return false;
    atomic_fetch_add_explicit(&lane->lent, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&lane->references, 1, memory_order_relaxed);
    /* The future that had it before, in whatever thread, was done with the loan when it gave the
     * block back. */
    atomic_exchange_explicit(&lane->head->results[index].taken, OVL__LENT, memory_order_acquire);
    lane->loans[index] = (struct ovl__lane_loan){
        .loan.give_back = end_loan,
        .lane = lane,
        .index = index,
    };
    *ret_loan = &lane->loans[index].loan;
    return true;
}

struct ovl__block ovl__lane_lent(const struct ovl__loan *loan)
{
    const struct ovl__lane_loan *own = ovl__of(loan, const struct ovl__lane_loan, loan);
    return own->lane->results[own->index].block;
}

void ovl__lane_reclaim(struct ovl__lane *lane)
{
    for (uint32_t i = 0; i < OVL__RESULT_BLOCKS; i++) {
        unsigned taken = OVL__WORKERS;
        atomic_compare_exchange_strong(&lane->head->results[i].taken, &taken, OVL__FREE);
    }
}

void ovl__lane_give_result(struct ovl__lane *lane, uint32_t index)
{
    atomic_store_explicit(&lane->head->results[index].taken, OVL__FREE, memory_order_release);
}

size_t ovl__lane_size(const struct ovl__lane *lane)
{
    return lane->mapped;
}

static void trim_result(struct ovl__lane *lane, uint32_t index)
{
    struct ovl__mapping *mapping = &lane->results[index];
    if (!claim(lane, index))
        return;
    if (lane->head->results[index].offset == mapping->block.offset) {
        unback(lane, mapping->block.offset, mapping->block.size);
        lane->head->results[index].size = 0;
    }
    unmap(lane, mapping);
    ovl__lane_give_result(lane, index);
}

void ovl__lane_trim(struct ovl__lane *lane, size_t kept)
{
    size_t size = ovl__lane_size(lane);
    for (uint32_t i = 0; i < lane->free_item_count && size > kept; i++) {
        struct ovl__mapping *mapping = &lane->items[lane->free_items[i]];
        size -= mapping->block.size;
        if (mapping->block.size)
            unback(lane, mapping->block.offset, mapping->block.size);
        unmap(lane, mapping);
    }
    for (uint32_t i = OVL__RESULT_BLOCKS; i-- && size > kept;) {
        size -= lane->results[i].block.size;
        if (lane->results[i].block.size)
            trim_result(lane, i);
    }
}

/* --- chunks --- */

/* Each part begins, and each item and result lies, as malloc would have aligned it. */
static size_t aligned(size_t size)
{
    return (size + 15) / 16 * 16;
}

struct ovl__layout ovl__chunk_layout(size_t item_size, size_t result_size, size_t count,
                                     bool recorded)
{
    struct ovl__layout layout = {
        .item_stride = aligned(item_size),
        .result_stride = aligned(result_size),
    };
    layout.results = layout.item_stride * count;
    layout.ends = layout.results + layout.result_stride * count;
    layout.meters = layout.ends + aligned(count * sizeof(struct ovl__end));
    layout.size = layout.meters + (recorded ? aligned(count * sizeof(struct ovl__meter)) : 0);
    return layout;
}
