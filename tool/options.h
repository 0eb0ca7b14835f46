/* Options: a table of what a verb takes makes its parser and its --help. */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes a value that no kind below describes. Returns 0, or -1 once it has said what is wrong. */
typedef int option_take_fn(void *target, const char *text);

enum option_kind {
    OPTION_FLAG,     /* target: bool */
    OPTION_NUMBER,   /* target: uint64_t */
    OPTION_SET,      /* target: int, which becomes `set`; no value */
    OPTION_DURATION, /* target: ovl_time, nanoseconds; a unit is required */
    OPTION_SECONDS,  /* target: ovl_time, nanoseconds; a number without a unit counts seconds */
    OPTION_SIZE,     /* target: uint64_t, bytes */
    OPTION_TEXT,     /* target: const char * */
    OPTION_CHOICE,   /* target: int, the index in `choices` */
    OPTION_TAKEN,    /* target: whatever `take` makes of it */
};

struct option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    const char *value;  /* what --help calls its value: "D"; NULL for a flag */
    const char *help;   /* for --help; lines are broken at '\n'; NULL: another name, not shown */
    void *target;       /* written when the option is met, left alone otherwise */
    uint64_t least;     /* of a number, a duration (ns) or a size (bytes) */
    uint64_t most;      /* 0: no limit but the type's */
    const char *remedy; /* what to do about a value out of range; NULL: the range says it */
    const char *const *choices; /* ends in NULL */
    option_take_fn *take;
    int set;           /* of OPTION_SET */
    bool negatable;    /* a flag that --no-NAME takes back */
    const char *group; /* heading in --help that begins with this option; NULL: as the one before */
};

/* An option that people know from other programs and the verb has not. */
struct foreign_option {
    const char *name;   /* without the dashes */
    char letter;        /* 0: none */
    const char *remedy; /* what to do instead */
};

/* What a verb is called with. */
struct usage {
    const char *verb;
    const char *synopsis; /* "[io|cpu] [options]" */
    const char *about;    /* a paragraph for --help */
    const struct option *options;
    size_t option_count;
    const struct foreign_option *foreign; /* ends with one that has no name; NULL: none */

    /* Takes an argument that is no option, as `take` does; NULL: there are none. */
    option_take_fn *operand;
    void *operand_target;

    /* Where not NULL, what follows the options is the verb's: parsing ends at the first word that
     * is no option, or behind "--", and *rest is the index of what follows. */
    int *rest;
};

/* Parsing is done and the verb goes on. */
#define OPTIONS_GO (-1)

/*
 * Reads argv[1] and what follows into the options' targets.
 *
 * Returns OPTIONS_GO, or the command's exit code: --help was printed, or what is wrong was said.
 */
int options_parse(const struct usage *usage, int argc, char **argv);

#endif
