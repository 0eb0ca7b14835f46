#include "fetch/display.h"

#include "report/bar.h"
#include "report/console.h"
#include "report/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REDRAW_NS  (100 * OVL_MILLISECOND)
#define LINE_NS    (10 * OVL_SECOND)
#define RATE_NS    (500 * OVL_MILLISECOND)
#define BAR_MOST   30
#define TEXT_WIDTH 59 /* usually enough: a bar that changes its length is hard to read */
#define CUT_MARK   "..."
#define BAR_MARGIN 3 /* two blanks, and the terminal's last column */

void display_init(struct display *display, int mode, bool silent, const struct board *board)
{
    *display = (struct display){
        .terminal = terminal_look(STDERR_FILENO), .board = board, .start = ovl_now()};
    display->redrawn = !silent && mode != PROGRESS_NEVER && display->terminal.present;
    display->lines = !silent && mode == PROGRESS_ALWAYS && !display->terminal.present;
    display->last = display->start;
    display->due = display->start + REDRAW_NS;
}

void display_size(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(text, size, "%.*f %s", unit == 0 || value >= 99.95 ? 0 : (value >= 9.995 ? 1 : 2),
             value, units[unit]);
}

static void span_text(double seconds, char *text, size_t size)
{
    if (seconds < 60)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 3600)
        snprintf(text, size, "%d:%02d min", (int)(seconds / 60), (int)seconds % 60);
    else if (seconds < 360000)
        snprintf(text, size, "%d:%02d h", (int)(seconds / 3600), (int)(seconds / 60) % 60);
    else
        snprintf(text, size, "long");
}

/* What is under way, beside what has ended. */
static uint64_t live_bytes(const struct board *board)
{
    uint64_t bytes = 0;
    for (size_t n = 0; n < board->count; n++)
        if (atomic_load_explicit(&board->slots[n].item, memory_order_relaxed))
            bytes += atomic_load_explicit(&board->slots[n].bytes, memory_order_relaxed);
    return bytes;
}

static double smooth(double before, double now)
{
    return before == 0 ? now : 0.7 * before + 0.3 * now;
}

static void measure(struct display *display, const struct display_state *state, uint64_t bytes)
{
    ovl_time length = state->now - display->last;
    if (length < RATE_NS)
        return;
    double seconds = (double)length / (double)OVL_SECOND;
    double came = bytes > display->last_bytes ? (double)(bytes - display->last_bytes) : 0;
    display->rate = smooth(display->rate, came / seconds);
    display->item_rate =
        smooth(display->item_rate, (double)(state->ended - display->last_ended) / seconds);
    display->last = state->now;
    display->last_bytes = bytes;
    display->last_ended = state->ended;
}

/* The bar has what the text beside it, which is so long, leaves: nothing, where that is little. */
static void draw_bar(const struct display *display, double fraction, size_t text_width, char *bar)
{
    size_t width = display->terminal.width;
    size_t taken = (text_width > TEXT_WIDTH ? text_width : TEXT_WIDTH) + BAR_MARGIN;
    size_t room = width > taken ? width - taken : 0;
    bar[0] = '\0';
    if (room < 5)
        return;
    room = room < BAR_MOST ? room : BAR_MOST;
    size_t columns = bar_text(fraction, room, display->terminal.utf8, bar);
    char *end = bar + strlen(bar);
    memset(end, ' ', room - columns);
    strcpy(end + room - columns, "  ");
}

static void whole_text(const struct display *display, const struct display_state *state,
                       uint64_t bytes, char *text, size_t size)
{
    char came[32], rate[32], left[32] = "";
    display_size(bytes, came, sizeof came);
    display_size((uint64_t)display->rate, rate, sizeof rate);
    if (state->all_known && display->item_rate > 0) {
        span_text((double)(state->known - state->ended) / display->item_rate, left, sizeof left);
    }
    char failed[40] = "";
    if (state->failed > 0)
        snprintf(failed, sizeof failed, ", %zu failed", state->failed);
    snprintf(text, size, "%zu of %zu%s%s  %s  %s/s  %s%s", state->ended, state->known,
             state->all_known ? "" : "+", failed, came, rate, left, *left ? " left" : "");
}

/* The n slowest transfers that run: those that began first. */
static size_t find_slowest(const struct board *board, size_t *ret_slots, size_t most)
{
    size_t found = 0;
    for (size_t n = 0; n < board->count; n++) {
        if (!atomic_load_explicit(&board->slots[n].item, memory_order_relaxed))
            continue;
        ovl_time begun = atomic_load_explicit(&board->slots[n].begun, memory_order_relaxed);
        size_t at = found < most ? found++ : most;
        while (at > 0 && begun < atomic_load_explicit(&board->slots[ret_slots[at - 1]].begun,
                                                      memory_order_relaxed)) {
            if (at < most)
                ret_slots[at] = ret_slots[at - 1];
            at--;
        }
        if (at < most)
            ret_slots[at] = n;
    }
    return found;
}

static void cut(char *text, size_t width)
{
    if (strlen(text) > width)
        text[width] = '\0';
}

/*
 * Puts a URL behind what is in the line, which then has `width` columns at most. A URL that is too
 * long loses its beginning: that is the same in many. What is not ASCII becomes '?', so that a byte
 * is a column.
 */
static void add_url(char *line, size_t width, const char *url)
{
    size_t used = strlen(line);
    size_t room = width > used ? width - used : 0;
    size_t length = strlen(url);
    if (length > room) {
        if (room <= strlen(CUT_MARK))
            return;
        used += (size_t)sprintf(line + used, CUT_MARK);
        url += length - (room - strlen(CUT_MARK));
    }
    char *at = line + used;
    for (; *url; url++)
        *at++ = *url < ' ' || *url > '~' ? '?' : *url;
    *at = '\0';
}

#define SLOW_MOST 4
#define LINE_SIZE 320
#define SLOW_NS   (2 * OVL_SECOND)

static size_t slow_lines(const struct display *display, const struct display_state *state,
                         const char *(*url)(void *context, uint64_t index), void *context,
                         char *text, size_t size)
{
    size_t slots[SLOW_MOST];
    size_t count = find_slowest(display->board, slots, SLOW_MOST);
    size_t used = 0;
    for (size_t n = 0; n < count; n++) {
        const struct slot *slot = &display->board->slots[slots[n]];
        uint64_t index = atomic_load_explicit(&slot->item, memory_order_relaxed);
        ovl_time since = state->now - atomic_load_explicit(&slot->begun, memory_order_relaxed);
        const char *name = index ? url(context, index - 1) : NULL;
        if (!name || since < SLOW_NS)
            continue;
        char came[32], all[32] = "", line[LINE_SIZE];
        uint64_t total = atomic_load_explicit(&slot->total, memory_order_relaxed);
        display_size(atomic_load_explicit(&slot->bytes, memory_order_relaxed), came, sizeof came);
        if (total)
            display_size(total, all, sizeof all);
        size_t width = display->terminal.width - 1;
        snprintf(line, sizeof line, "  %4.0f s  %s%s%s  ", (double)since / (double)OVL_SECOND, came,
                 total ? " of " : "", all);
        cut(line, width);
        add_url(line, width < sizeof line ? width : sizeof line - 1, name);
        used += (size_t)snprintf(text + used, size - used, "\n%s", line);
    }
    return used;
}

static void redraw(struct display *display, const struct display_state *state, uint64_t bytes,
                   const char *(*url)(void *context, uint64_t index), void *context)
{
    char bar[BAR_SIZE(BAR_MOST) + 4];
    char text[160];
    char all[2048];
    whole_text(display, state, bytes, text, sizeof text);
    cut(text, display->terminal.width - 1);
    draw_bar(display, state->known ? (double)state->ended / (double)state->known : 0, strlen(text),
             bar);
    size_t used = (size_t)snprintf(all, sizeof all, "%s%s", bar, text);
    slow_lines(display, state, url, context, all + used, sizeof all - used);
    console_status(all);
    display->shown = true;
}

void display_update(struct display *display, const struct display_state *state,
                    const char *(*url)(void *context, uint64_t index), void *context)
{
    if (state->now < display->due || (!display->redrawn && !display->lines))
        return;
    uint64_t bytes = state->bytes + live_bytes(display->board);
    measure(display, state, bytes);
    if (display->redrawn) {
        redraw(display, state, bytes, url, context);
        display->due = state->now + REDRAW_NS;
        return;
    }
    char text[160];
    whole_text(display, state, bytes, text, sizeof text);
    console_line("%s", text);
    display->due = state->now + LINE_NS;
}

void display_ended(struct display *display, const struct item *item)
{
    char size[32];
    if (!display->lines || item->state != ITEM_DONE)
        return;
    display_size(item->bytes, size, sizeof size);
    console_line("%s: %s, %.1f s%s", item->given, size,
                 (double)item->seconds_ns / (double)OVL_SECOND,
                 item->fault == FAULT_UNCHANGED ? ", unchanged" : "");
}

void display_end(struct display *display)
{
    if (display->shown)
        console_status(NULL);
    display->shown = false;
}
