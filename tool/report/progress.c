#include "report/progress.h"

#include "report/bar.h"
#include "report/console.h"
#include "report/terminal.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where it is not redrawn, a line so often is enough. */
#define LINE_EVERY_NS OVL_SECOND

#define BAR_WIDTH_MAX 40

/* What stands beside the bar, at most. */
#define TEXT_WIDTH 56

const char *const progress_modes[] = {"auto", "always", "never", NULL};

static struct {
    bool redrawn;
    bool lines;
    struct terminal terminal;

    pthread_mutex_t lock;
    bool working;      /* a piece of work has begun and not ended */
    ovl_time line_due; /* in that piece's time */
} shown = {.lock = PTHREAD_MUTEX_INITIALIZER};

void progress_init(enum progress_mode mode)
{
    shown.terminal = terminal_look(STDERR_FILENO);
    shown.redrawn = mode != PROGRESS_NEVER && shown.terminal.present;
    shown.lines = mode == PROGRESS_ALWAYS && !shown.terminal.present;
}

static double seconds(const struct progress *progress)
{
    return (double)progress->elapsed_ns / (double)OVL_SECOND;
}

static void draw_line(const struct progress *progress)
{
    console_line("%s: %zu of %zu %s, %.1f s", progress->title, progress->ended, progress->total,
                 progress->nouns, seconds(progress));
}

/* The bar, and the rest of its width in blanks. */
static void draw_bar(const struct progress *progress, size_t width, char *buffer)
{
    double fraction = (double)progress->ended / (double)progress->total;
    size_t columns = bar_text(fraction, width, shown.terminal.utf8, buffer);
    char *end = buffer + strlen(buffer);
    memset(end, ' ', width - columns);
    end[width - columns] = '\0';
}

static void redraw(const struct progress *progress)
{
    char bar[BAR_SIZE(BAR_WIDTH_MAX)] = "";
    char line[sizeof bar + 256];
    size_t room = shown.terminal.width > TEXT_WIDTH ? shown.terminal.width - TEXT_WIDTH : 0;
    if (room > 4)
        draw_bar(progress, room < BAR_WIDTH_MAX ? room : BAR_WIDTH_MAX, bar);
    int size = snprintf(line, sizeof line, "%-14s %s%s%zu of %zu %s  %.1f s", progress->title, bar,
                        *bar ? "  " : "", progress->ended, progress->total, progress->nouns,
                        seconds(progress));
    /* A line that wraps could not be erased; without the bar, a byte is a column. */
    if (!*bar && (unsigned)size >= shown.terminal.width)
        line[shown.terminal.width - 1] = '\0';
    console_status(line);
}

void progress_begin(const struct progress *progress)
{
    pthread_mutex_lock(&shown.lock);
    shown.working = true;
    shown.line_due = LINE_EVERY_NS;
    if (shown.redrawn)
        redraw(progress);
    else if (shown.lines)
        draw_line(progress);
    pthread_mutex_unlock(&shown.lock);
}

void progress_update(const struct progress *progress)
{
    pthread_mutex_lock(&shown.lock);
    if (shown.working && shown.redrawn) {
        redraw(progress);
    } else if (shown.working && shown.lines && progress->elapsed_ns >= shown.line_due) {
        shown.line_due = progress->elapsed_ns + LINE_EVERY_NS;
        draw_line(progress);
    }
    pthread_mutex_unlock(&shown.lock);
}

void progress_end(const struct progress *progress)
{
    pthread_mutex_lock(&shown.lock);
    if (shown.redrawn)
        console_status(NULL);
    else if (shown.working && shown.lines)
        draw_line(progress);
    shown.working = false;
    pthread_mutex_unlock(&shown.lock);
}
