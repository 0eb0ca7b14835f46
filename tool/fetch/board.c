#include "fetch/board.h"

#include <sys/mman.h>

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
    board->rate.bytes = rate;
    return board;
}

void board_free(struct board *board)
{
    if (board)
        munmap(board, size_of(board->count));
}
