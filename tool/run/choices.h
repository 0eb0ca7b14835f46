/* What `overlap run` is called with. */
#ifndef TOOL_RUN_CHOICES_H
#define TOOL_RUN_CHOICES_H

#include "report/progress.h"
#include "run/halt.h"
#include "run/machine.h"

#include <overlap/model.h>
#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -w: how many jobs at once. */
struct worker_choice {
    bool given;
    bool automatic;
    unsigned count;
};

/* --timeout: a time, or a multiple of the median. */
struct timeout_choice {
    ovl_time ns;
    double medians;
};

/* Lists of texts, as options that may be given again make them. */
struct texts {
    const char **list;
    size_t count;
};

/* Where items come from, in the order of the command line. */
struct source_choice {
    bool linked;
    const char *path; /* a file, "-" for standard input; NULL: words */
    char *const *words;
    size_t count;
};

/* `model`: 0 is auto, then as enum ovl_model, plus one, and then the cluster. */
#define MODEL_AUTO    0
#define MODEL_CLUSTER (OVL_ASYNC + 2)

struct choices {
    /* Items. */
    struct source_choice *sources;
    size_t source_count;
    bool null_ends;
    const char *delimiter;
    const char *colsep;
    const char *header;
    bool csv;
    bool link;
    bool skip_empty;
    uint64_t per_job;
    uint64_t fields_per_job; /* -N: as -n */
    bool many;               /* -X and -m */
    bool many_in_context;    /* -X */
    uint64_t bytes_per_job;
    bool pipe;
    uint64_t block_bytes;
    const char *record_start; /* NULL: records are told by their ends */
    const char *record_end;   /* NULL: a line's, or none where their beginning is given */

    /* The command. */
    char *const *words;
    size_t word_count;
    bool shell;
    const char *replace;
    bool plus;
    const char *folder;
    struct texts settings;
    uint64_t niceness;
    bool dry_run;

    /* Workers. */
    int model;
    struct worker_choice workers;
    struct machine_limits limits;
    ovl_time delay;

    /* Output. */
    bool keep_order;
    bool tag;
    const char *tag_text;
    bool line_buffer;
    bool ungroup;
    const char *results;
    bool json;
    bool json_lines;
    int progress;
    bool want_progress; /* --eta, --bar */
    bool verbose;
    bool trace_commands; /* -t */
    const char *report;
    const char *trace;
    const char *temporary;

    /* Failures. */
    struct timeout_choice timeout;
    uint64_t tries;
    struct halt_rule halt;

    /* Records. */
    const char *journal;
    const char *joblog;
    bool resume;
    bool retry_failed;

    bool ignored;
};

/* Reads the command line. Returns OPTIONS_GO; or the command's exit code: --help was printed, or
 * what is wrong was said. What is in `ret` is released either way. */
int choices_parse(struct choices *ret, int argc, char **argv);
void choices_release(struct choices *choices);

#endif
