#include "fetch/board.h"

#include <overlap.h>
#include <sys/mman.h>

/* What may come at once after a pause. */
#define BURST_NS (100 * OVL_MILLISECOND)

static size_t size_of(size_t slots)
{
    return sizeof(struct board) + slots * sizeof(struct slot);
}

struct board *board_new(size_t slots, uint64_t rate)
{
    struct board *board =
        mmap(NULL, size_of(slots), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return NULL;
    board->count = slots;
    board->rate = rate;
    return board;
}

void board_free(struct board *board)
{
    if (board)
        munmap(board, size_of(board->count));
}

void board_pace(struct board *board, size_t bytes)
{
    if (!board->rate)
        return;
    ovl_time cost = (ovl_time)((double)bytes * (double)OVL_SECOND / (double)board->rate);
    ovl_time before = atomic_load(&board->rate_due);
    ovl_time due;
    do {
        ovl_time earliest = ovl_now() - BURST_NS;
        due = (before > earliest ? before : earliest) + cost;
    } while (!atomic_compare_exchange_weak(&board->rate_due, &before, due));
    ovl_sleep(due);
}
