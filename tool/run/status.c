#include "run/status.h"

#include "report/bar.h"
#include "report/console.h"
#include "report/terminal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How often a line that is redrawn is, and how often there is a new one. */
#define DRAW_NS (100 * OVL_MILLISECOND)
#define LINE_NS OVL_SECOND

#define BAR_WIDTH_MAX 30
#define TEXT_WIDTH    48

/* A thread draws, since the time goes on where no job ends. */
struct status {
    struct terminal terminal;
    bool redrawn;
    long long total;
    ovl_time began;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopped;
    uint64_t ended;
    uint64_t failed;
    uint64_t remembered;
};

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

static void draw(const struct status *status)
{
    ovl_time now = ovl_now();
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

/* Draws until it is stopped; nothing where all has ended before the first time. */
static void *draw_on(void *argument)
{
    struct status *status = argument;
    ovl_time every = status->redrawn ? DRAW_NS : LINE_NS;
    pthread_mutex_lock(&status->lock);
    while (!status->stopped) {
        ovl_time due = ovl_after(every);
        struct timespec until = {.tv_sec = due / OVL_SECOND, .tv_nsec = due % OVL_SECOND};
        while (!status->stopped &&
               !pthread_cond_clockwait(&status->stop, &status->lock, CLOCK_MONOTONIC, &until))
            ;
        if (!status->stopped)
            draw(status);
    }
    pthread_mutex_unlock(&status->lock);
    return NULL;
}

/* Not unasked where others write on the terminal: jobs themselves, or somebody who types items. */
static bool is_wanted(const struct choices *choices, const struct terminal *terminal)
{
    if (choices->progress == PROGRESS_AUTO)
        return terminal->present && !choices->ungroup &&
               (choices->source_count || !isatty(STDIN_FILENO));
    return choices->progress == PROGRESS_ALWAYS;
}

struct status *status_new(const struct choices *choices, long long total)
{
    struct terminal terminal = terminal_look(STDERR_FILENO);
    struct status *status = is_wanted(choices, &terminal) ? calloc(1, sizeof *status) : NULL;
    if (!status)
        return NULL;
    *status = (struct status){.terminal = terminal,
                              .redrawn = terminal.present,
                              .total = total,
                              .began = ovl_now(),
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .stop = PTHREAD_COND_INITIALIZER};
    if (pthread_create(&status->thread, NULL, draw_on, status)) {
        free(status);
        return NULL;
    }
    return status;
}

void status_add(struct status *status, const struct job *job)
{
    if (!status || job->state == JOB_NOT_STARTED)
        return;
    pthread_mutex_lock(&status->lock);
    status->ended++;
    status->failed += job->state != JOB_DONE;
    status->remembered += job->remembered;
    pthread_mutex_unlock(&status->lock);
}

void status_end(struct status *status)
{
    if (!status || status->stopped)
        return;
    pthread_mutex_lock(&status->lock);
    status->stopped = true;
    pthread_cond_signal(&status->stop);
    pthread_mutex_unlock(&status->lock);
    pthread_join(status->thread, NULL);
    if (status->redrawn)
        console_status(NULL);
    else
        draw(status);
}

void status_free(struct status *status)
{
    status_end(status);
    free(status);
}
