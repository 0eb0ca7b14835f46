#include "run/status.h"

#include "report/bar.h"
#include "report/console.h"
#include "report/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line that is redrawn is, so often at most; and a line of its own. */
#define DRAW_NS (100 * OVL_MILLISECOND)
#define LINE_NS OVL_SECOND

#define BAR_WIDTH_MAX 30
#define TEXT_WIDTH    48

struct status {
    struct terminal terminal;
    bool redrawn;
    long long total;
    uint64_t ended;
    uint64_t failed;
    uint64_t remembered;
    ovl_time began;
    ovl_time due;
};

struct status *status_new(const struct choices *choices, long long total)
{
    struct terminal terminal = terminal_look(STDERR_FILENO);
    if (choices->progress == PROGRESS_NEVER ||
        (choices->progress == PROGRESS_AUTO && !terminal.present))
        return NULL;
    struct status *status = calloc(1, sizeof *status);
    if (status)
        *status = (struct status){.terminal = terminal,
                                  .redrawn = terminal.present,
                                  .total = total,
                                  .began = ovl_now(),
                                  .due = ovl_after(terminal.present ? DRAW_NS : LINE_NS)};
    return status;
}

/* What is left, by how long those took that ran: "1:05 left". */
static void left_text(const struct status *status, ovl_time now, char *buffer, size_t size)
{
    uint64_t ran = status->ended - status->remembered;
    buffer[0] = '\0';
    if (status->total < 0 || !ran || (uint64_t)status->total <= status->ended)
        return;
    double each = (double)(now - status->began) / (double)ran;
    double left = each * (double)((uint64_t)status->total - status->ended) / (double)OVL_SECOND;
    if (left < 60)
        snprintf(buffer, size, ", %.0f s left", left);
    else if (left < 3600)
        snprintf(buffer, size, ", %d:%02d left", (int)left / 60, (int)left % 60);
    else
        snprintf(buffer, size, ", %.1f h left", left / 3600);
}

static void draw(struct status *status, ovl_time now)
{
    char text[160];
    char left[48];
    char of[32] = "";
    char failed[48] = "";
    left_text(status, now, left, sizeof left);
    if (status->total >= 0)
        snprintf(of, sizeof of, " of %lld", status->total);
    if (status->failed)
        snprintf(failed, sizeof failed, ", %" PRIu64 " failed", status->failed);
    snprintf(text, sizeof text, "%" PRIu64 "%s jobs%s, %.1f s%s", status->ended, of, failed,
             (double)(now - status->began) / (double)OVL_SECOND, left);
    if (!status->redrawn) {
        console_line("overlap run: %s", text);
        return;
    }
    char bar[BAR_SIZE(BAR_WIDTH_MAX)] = "";
    char line[sizeof bar + sizeof text + 4];
    size_t width = status->terminal.width;
    size_t room = width > TEXT_WIDTH + 4 ? width - TEXT_WIDTH : 0;
    if (status->total > 0 && room)
        bar_text((double)status->ended / (double)status->total,
                 room < BAR_WIDTH_MAX ? room : BAR_WIDTH_MAX, status->terminal.utf8, bar);
    if (strlen(text) + 1 > width && width)
        text[width - 1] = '\0';
    snprintf(line, sizeof line, "%s%s%s", text, *bar ? "  " : "", bar);
    console_status(line);
}

void status_add(struct status *status, const struct job *job)
{
    if (!status || job->state == JOB_NOT_STARTED)
        return;
    status->ended++;
    status->failed += job->state != JOB_DONE;
    status->remembered += job->remembered;
    ovl_time now = ovl_now();
    if (now < status->due)
        return;
    status->due = now + (status->redrawn ? DRAW_NS : LINE_NS);
    draw(status, now);
}

void status_end(struct status *status)
{
    if (!status)
        return;
    if (status->redrawn)
        console_status(NULL);
    else
        draw(status, ovl_now());
}

void status_free(struct status *status)
{
    free(status);
}
