/* What people see while it runs: how far all is, how fast, and the slowest transfers. */
#ifndef TOOL_FETCH_DISPLAY_H
#define TOOL_FETCH_DISPLAY_H

#include "fetch/board.h"
#include "fetch/item.h"
#include "report/terminal.h"

#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is shown of the whole. */
struct display_state {
    size_t ended;
    size_t failed;
    size_t known;   /* items read so far */
    bool all_known; /* there will not be more */
    unsigned running;
    uint64_t bytes; /* of attempts that ended */
    ovl_time now;
};

struct display {
    bool redrawn; /* on a terminal */
    bool lines;   /* one by one, where it is none */
    struct terminal terminal;
    const struct board *board;
    ovl_time start;
    ovl_time due;
    ovl_time last; /* when the rate was measured */
    uint64_t last_bytes;
    double rate;      /* bytes per second, smoothed */
    double item_rate; /* items per second, smoothed */
    size_t last_ended;
    bool shown;
};

void display_init(struct display *display, int mode, bool silent, const struct board *board);

/* Shows where it stands, as often as is of use: call it often. `url` finds what an item is called;
 * NULL: unknown. */
void display_update(struct display *display, const struct display_state *state,
                    const char *(*url)(void *context, uint64_t index), void *context);

/* An item ended: where lines are shown, this is one. */
void display_ended(struct display *display, const struct item *item);

/* Takes away what was drawn. */
void display_end(struct display *display);

/* "12.3 MB": with three digits and a unit of 1024. */
void display_size(uint64_t bytes, char *text, size_t size);

#endif
