/* What every verb of the command shares: its shape, and how it ends. */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

/* How the command ends, for those who script against it. */
enum exit_code {
    EXIT_DONE = 0,          /* all that was asked for */
    EXIT_TASKS_FAILED = 1,  /* some tasks failed, each was named */
    EXIT_USAGE = 2,         /* wrong usage */
    EXIT_REFUSED = 3,       /* the machine refused something needed */
    EXIT_INTERRUPTED = 130, /* with what was done told */
};

struct verb {
    const char *name;
    const char *summary; /* for `overlap --help` */

    /* Runs the verb: argv[0] is its name. Returns the command's exit code. */
    int (*run)(int argc, char **argv);
};

extern const struct verb advise_verb;
extern const struct verb compare_verb;
extern const struct verb fetch_verb;
extern const struct verb origin_verb;
extern const struct verb run_verb;

#endif
