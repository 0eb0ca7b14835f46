#include "advise/notes.h"

#include "advise/rules.h"

#include <string.h>

/* So few looks say little of where it computes; where it computes for so long, that matters. */
#define FEW_LOOKS       20
#define FEW_LOOKS_SHARE 0.3

/* What went by before the program itself began is worth a word from there on. */
#define LAUNCH_SHARE    0.05
#define LAUNCH_LEAST_NS (50 * OVL_MILLISECOND)

/* --- what it is --- */

static void note_script(struct advice *advice)
{
    if (advice->script_kind == SCRIPT_SHELL)
        advice_note(advice,
                    "%s runs a script, whose lines are not seen: what is told is what the commands "
                    "in it do. `overlap run` runs those that do not need each other at once.",
                    advice->script);
    else
        advice_note(advice,
                    "%s runs a program whose lines are not seen (Python's are, and those of C "
                    "that is built with -g): what is told is what it waits for and computes.",
                    advice->script);
}

/* A program that is not Python's, most of whose time is in places without a line. */
static bool lacks_lines(const struct advice *advice)
{
    const struct place *top =
        advice->where_count ? &advice->tree->places[advice->where[0].place] : NULL;
    return top && !advice->python && top->line == 0 && top->file[0] == '/';
}

/* --- what stood around it --- */

static void note_launchers(struct advice *advice, const struct observation *observed)
{
    ovl_time before_ns = observed->program_ns - observed->start_ns;
    if (!observed->program_ns || before_ns < LAUNCH_LEAST_NS ||
        (double)before_ns < LAUNCH_SHARE * (double)advice->wall_ns)
        return;
    advice_note(advice,
                "%.2f s went by in what starts the program, before it began itself: that is in its "
                "time, and left out of the rest.",
                (double)before_ns / (double)OVL_SECOND);
}

/* Ready to go on, and without a processor. */
static void note_lost_time(struct advice *advice)
{
    ovl_time took_ns = rules_others_took(advice);
    if (took_ns > 0)
        advice_note(advice,
                    "For %.1f s of this it was ready to go on, and other programs had the "
                    "processors: on a machine that is not busy it takes less%s.",
                    (double)took_ns / (double)OVL_SECOND,
                    advice->base_ns < advice->wall_ns ? ", and what is predicted is for such a one"
                                                      : "");
}

static bool looks_from_outside(const struct observation *observed)
{
    for (size_t n = 0; n < observed->process_count; n++)
        if (observed->processes[n]->outside && !observed->processes[n]->launcher)
            return true;
    return false;
}

static void note_what_was_not_seen(struct advice *advice, const struct observation *observed)
{
    if (observed->folder.path[0] && !observed->process_count)
        advice_note(advice,
                    "Nothing could be seen inside of the program: it was over too soon, or runs "
                    "with other rights (setuid), or there is no room in /dev/shm and /tmp. What "
                    "is told here is its time and its processor time alone.");
    else if (observed->folder.path[0] && looks_from_outside(observed))
        advice_note(advice, "The program, or one that it runs, is linked statically or was given "
                            "an environment of its "
                            "own: it is looked at from outside, and its short waits are not seen.");
    if (observed->sampling_refused)
        advice_note(
            advice,
            "The program's memory may not be read here (no permission: a container, or "
            "kernel.yama.ptrace_scope): its waits are known, the lines that compute are not.");
    if (observed->folder.path[0] && observed->left_running)
        advice_note(advice,
                    "It has ended, but what it started goes on (processes: %u, one is %d): what is "
                    "done there from now on is not told. `overlap advise -p %d` looks at one.",
                    observed->left_running, (int)observed->left_pid, (int)observed->left_pid);
    if (advice->script_kind != SCRIPT_NONE)
        note_script(advice);
    else if (lacks_lines(advice))
        advice_note(advice, "The program has no debug information: build it with -g to see lines.");
    if (observed->python_unknown)
        advice_note(
            advice,
            "This version of Python is not known, or is built in a way of its own: waits are "
            "measured, the lines where they are not (3.8 to 3.15 are known).");
    if (observed->threads_lost)
        advice_note(advice,
                    "%llu threads more than are taken down at once (%u) were there: what they did "
                    "is not told.",
                    (unsigned long long)observed->threads_lost, RECORD_THREADS);
    if (observed->tree.incomplete)
        advice_note(
            advice,
            "It calls more functions from more lines than are kept: what came after these is "
            "told for who called it, or in the sums alone.");
    if (observed->waits_lost)
        advice_note(
            advice,
            "%llu waits came too fast to be taken down one by one: they are in the sums alone.",
            (unsigned long long)observed->waits_lost);
}

static void note_few_looks(struct advice *advice)
{
    if (advice->looks >= FEW_LOOKS || advice->wall_ns < RULES_SHORT_NS ||
        (double)advice->cpu_ns < FEW_LOOKS_SHARE * (double)advice->wall_ns)
        return;
    advice_note(advice,
                "It was looked at %llu times only while it computed, as it is short or the machine "
                "busy: where it computes is a rough guess; a longer run says more.",
                (unsigned long long)advice->looks);
}

void notes_add(struct advice *advice, const struct observation *observed)
{
    note_what_was_not_seen(advice, observed);
    note_launchers(advice, observed);
    note_lost_time(advice);
    if (!observed->sampling_refused && !advice->unseen)
        note_few_looks(advice);
}
