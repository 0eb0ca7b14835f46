/* overlap fetch: many URLs, each into a file of its own, as fast as they come, and nothing lost. */
#include "command.h"
#include "fetch/run.h"
#include "fetch/settings.h"
#include "fetch/telling.h"
#include "options.h"
#include "report/console.h"
#include "report/output.h"

#include <stdio.h>
#include <string.h>

/* Appends ", 12 failed"; of none, nothing. */
static void append_count(char *text, size_t size, size_t count, const char *what)
{
    size_t used = strlen(text);
    if (count > 0)
        snprintf(text + used, size - used, ", %zu %s", count, what);
}

static void print_summary(const struct run *run)
{
    char size[32], rate[32], others[192] = "";
    const struct run_counts *counts = &run->counts;
    double seconds = (double)(run->end - run->start) / (double)OVL_SECOND;
    if (counts->items == 0) {
        if (!run->code)
            console_line("there was nothing to fetch: the list has no URLs");
        return;
    }
    append_count(others, sizeof others, counts->before, "done before");
    append_count(others, sizeof others, counts->skipped, "there already");
    append_count(others, sizeof others, counts->unchanged, "unchanged");
    append_count(others, sizeof others, counts->failed, "failed");
    append_count(others, sizeof others, counts->not_started, "not started");
    display_size(counts->bytes, size, sizeof size);
    display_size(seconds > 0 ? (uint64_t)((double)counts->bytes / seconds) : 0, rate, sizeof rate);
    console_line("%zu of %zu URLs%s: %s in %.2f s, %s/s (%s, %u at once)", counts->done,
                 counts->items, others, size, seconds, rate, ovl_model_name(run->context.model),
                 run->limit);
}

static int report(const struct run *run, int code)
{
    if (code == EXIT_INTERRUPTED)
        console_error("interrupted; what was done is kept, and what was begun can be resumed");
    if (run->settings->json && !telling_document(run)) {
        console_error("there is no memory for the document");
        code = EXIT_REFUSED;
    } else if (!run->settings->json && !run->settings->silent) {
        print_summary(run);
    }
    return output_finish(code);
}

static int fetch_command_line(int argc, char **argv)
{
    static struct settings settings;
    static struct run run; /* as long as the process: a signal's handler looks at it */
    int code = settings_parse(&settings, argc, argv);
    if (code == OPTIONS_GO) {
        code = run_open(&settings, &run);
        if (code == 0)
            code = report(&run, run_all(&run));
        run_close(&run);
    }
    settings_release(&settings);
    return code;
}

const struct verb fetch_verb = {
    .name = "fetch",
    .summary = "download URLs, many at once",
    .run = fetch_command_line,
};
