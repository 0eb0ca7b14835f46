/* The command: finds the verb, and says what there is. */
#include "command.h"
#include "nearest.h"
#include "report/console.h"
#include "report/output.h"
#include "system/streams.h"

#include <overlap/version.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct verb *const verbs[] = {&advise_verb, &compare_verb, &fetch_verb, &run_verb,
                                           &origin_verb};

#define VERB_COUNT (sizeof verbs / sizeof *verbs)

static int print_help(void)
{
    printf("Usage: overlap VERB [options]\n"
           "\n"
           "Finds out which kind of concurrency a program needs, and gives it that.\n"
           "\n"
           "Verbs:\n");
    for (size_t n = 0; n < VERB_COUNT; n++)
        printf("  %-10s%s\n", verbs[n]->name, verbs[n]->summary);
    printf("\n"
           "Options:\n"
           "  -h, --help     print this text; `overlap VERB --help` tells about a verb\n"
           "  -V, --version  print the version\n"
           "\n"
           "Exit codes: 0 all done; 1 some tasks failed; 2 wrong usage; 3 the machine\n"
           "refused something needed; 130 interrupted. advise exits as its command does.\n");
    return output_finish(EXIT_DONE);
}

static int print_version(void)
{
    printf("overlap %s\n", ovl_version());
    return output_finish(EXIT_DONE);
}

static int unknown(const char *word)
{
    const char *names[VERB_COUNT + 2] = {"--help", "--version"};
    for (size_t n = 0; n < VERB_COUNT; n++)
        names[2 + n] = verbs[n]->name;
    char hint[NEAREST_HINT_BYTES];
    nearest_hint(word, names, VERB_COUNT + 2, hint);
    console_error("unknown %s '%s'%s; `overlap --help` lists the verbs",
                  word[0] == '-' ? "option" : "verb", word, hint);
    return EXIT_USAGE;
}

static int find_and_run(int argc, char **argv)
{
    for (size_t n = 0; n < VERB_COUNT; n++) {
        if (strcmp(argv[0], verbs[n]->name) == 0) {
            console_speaker(verbs[n]->name);
            return verbs[n]->run(argc, argv);
        }
    }
    return unknown(argv[0]);
}

int main(int argc, char **argv)
{
    /* A reader that went away is an error of the write, which says so, and not a silent end. */
    signal(SIGPIPE, SIG_IGN);
    streams_occupy();

    if (argc < 2) {
        console_error("a verb is missing; `overlap --help` lists the verbs");
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    bool help = strcmp(word, "help") == 0;
    if (help && argc > 2)
        return find_and_run(2, (char *[]){argv[2], "--help", NULL});
    if (help || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return print_help();
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return print_version();
    return find_and_run(argc - 1, argv + 1);
}
