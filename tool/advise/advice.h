/* What was found out about a program, and what it should do. All that the page, the JSON and the
 * report say of it. */
#ifndef TOOL_ADVISE_ADVICE_H
#define TOOL_ADVISE_ADVICE_H

#include "advise/forecast.h"
#include "advise/observation.h"
#include "advise/present.h"
#include "advise/replace.h"
#include "advise/script.h"
#include "advise/source.h"
#include "advise/unit.h"

#include <overlap/verdict.h>

#define ADVICE_WHERE       32
#define ADVICE_REPLACE     8
#define ADVICE_PREDICTIONS 24
#define ADVICE_NOTES       8
#define ADVICE_TEXT        600

/* A line of the user's own, and one kind of time spent there. */
struct advice_where {
    uint32_t place;
    int kind; /* an enum record_kind, or ADVICE_CPU */
    ovl_time time_ns;
    ovl_time line_ns; /* at the same line, of all kinds */
    double share;     /* of all that was spent */
    int loop_line;    /* of the loop around it in the source; 0: none is known */
};

#define ADVICE_CPU (-1)

struct advice {
    const struct tree *tree;
    ovl_time wall_ns;
    ovl_time base_ns; /* what predictions are set against: without what other programs took */
    ovl_time cpu_ns;
    struct spent spent; /* over threads and children */
    ovl_time idle_ns;
    ovl_time delay_ns; /* ready, and without a processor */
    uint64_t looks;    /* at stacks that computed */
    const struct thread_times *threads;
    int signal;    /* that ended the program; 0: none */
    int exit_code; /* as a shell tells it */
    bool attached; /* it ran already; */
    bool ended;    /* and ended meanwhile */
    bool python;
    bool unseen; /* which of its lines wait or compute: nothing could be seen of that */
    unsigned cores;
    enum script_kind script_kind;
    const char *script; /* the program that runs it */

    enum ovl_bound bound;
    struct unit unit;
    struct source_call call; /* of the unit's function, as far as the source tells */
    bool accepts;            /* with a connection that it has accepted: it is a server's own loop */
    struct advice_where where[ADVICE_WHERE];
    size_t where_count;

    struct present present;
    struct plumbing plumbing;
    bool overhead;        /* that is what holds it back */
    bool waits_too_often; /* no model helps against that, and fewer waits do */

    enum ovl_model model;
    unsigned workers;
    struct ovl_prediction best; /* of the recommendation */
    bool has_best;
    char reason[ADVICE_TEXT];
    struct replacement replace[ADVICE_REPLACE];
    size_t replace_count;
    struct ovl_prediction predictions[ADVICE_PREDICTIONS];
    size_t prediction_count;

    char notes[ADVICE_NOTES][ADVICE_TEXT]; /* cautions; what could not be measured */
    size_t note_count;
};

/* Looks at what was watched. `cpu_ns`: of the whole program, or -1: what was seen of it. */
void advice_make(struct advice *advice, const struct observation *observed, ovl_time wall_ns,
                 ovl_time cpu_ns);

/* The name of a kind of time, for people and for JSON: "cpu", "network", "gil"…. Constant string.
 */
const char *advice_kind_name(int kind);

/* A model's name for the program's people: Python has asyncio for async. Constant string. */
const char *advice_model_words(const struct advice *advice, enum ovl_model model);

/* Adds a note, unless there are too many. */
void advice_note(struct advice *advice, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether the place's function has a name: without symbols it has none. */
bool advice_is_named(const struct place *place);

/* Whether the unit is the user's own function, and not a library's that is called. */
bool advice_unit_is_own(const struct advice *advice);

/* What the unit is called in a sentence: "download()", "the loop at line 12". */
void advice_unit_name(const struct advice *advice, char *text, size_t size);

/* How often it is done, in a sentence: "40 times", "at least 40 times", "over and over". */
void advice_unit_times(const struct advice *advice, char *text, size_t size);

/* What to do where the model stays: a sentence. Constant string. */
const char *advice_stay_words(const struct advice *advice);

/* The last part of a path. */
const char *advice_file_name(const char *path);

#endif
