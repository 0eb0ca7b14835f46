#include "options.h"

#include "command.h"
#include "nearest.h"
#include "report/console.h"
#include "report/output.h"
#include "values.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* More options than any verb has. */
#define NAMES_MAX 256

/* What --help has room for on the left, beside what it says on the right. */
#define HELP_NAME_WIDTH 22

/* Longer than any option is. */
#define SPELLING_BYTES 48

/* How an option was written, for messages: "--latency" or "-w". */
struct spelling {
    char text[SPELLING_BYTES];
};

static struct spelling spell(const struct option *option, bool as_letter)
{
    struct spelling spelling;
    if (as_letter)
        snprintf(spelling.text, sizeof spelling.text, "-%c", option->letter);
    else
        snprintf(spelling.text, sizeof spelling.text, "--%s", option->name);
    return spelling;
}

static bool is_time(enum option_kind kind)
{
    return kind == OPTION_DURATION || kind == OPTION_SECONDS;
}

/* Whether it stands alone, without a value. */
static bool is_bare(const struct option *option)
{
    return option->kind == OPTION_FLAG || option->kind == OPTION_SET;
}

static const char *kind_example(enum option_kind kind)
{
    switch (kind) {
    case OPTION_DURATION:
        return "a length of time with its unit, such as 250ms, 1.5s or 2m";
    case OPTION_SECONDS:
        return "seconds, or a length of time with its unit, such as 2.5, 250ms or 2m";
    case OPTION_SIZE:
        return "a size, such as 4096, 10k or 3M";
    default:
        return "a whole number";
    }
}

static void complain_value(const char *name, enum option_kind kind, const char *text,
                           enum value_error error)
{
    switch (error) {
    case VALUE_NO_UNIT:
        console_error(
            "%s %s: the unit is missing; write %sms, %ss or %sm for milliseconds, seconds "
            "or minutes",
            name, text, text, text, text);
        return;
    case VALUE_BAD_UNIT:
        console_error("%s %s: no such unit; %s", name, text,
                      is_time(kind) ? "there are ns, us, ms, s, m and h"
                                    : "there are k, M, G and T, powers of 1024");
        return;
    case VALUE_NEGATIVE:
        console_error("%s %s: it cannot be negative; give %s", name, text, kind_example(kind));
        return;
    case VALUE_TOO_LARGE:
        console_error("%s %s: too large for this machine to count; give a smaller one", name, text);
        return;
    case VALUE_EMPTY:
        console_error("%s: its value is empty; give %s", name, kind_example(kind));
        return;
    default:
        console_error("%s %s: not a number; give %s", name, text, kind_example(kind));
    }
}

/* A limit as its option's kind writes it. */
static void limit_text(enum option_kind kind, uint64_t limit, char *buffer, size_t size)
{
    static const char *const size_units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;
    if (is_time(kind)) {
        snprintf(buffer, size, "%" PRIu64 "%s", limit / (limit < 1000000000 ? 1000000 : 1000000000),
                 limit < 1000000000 ? "ms" : "s");
        return;
    }
    while (kind == OPTION_SIZE && unit < 4 && limit >= 1024 && limit % 1024 == 0) {
        limit /= 1024;
        unit++;
    }
    snprintf(buffer, size, "%" PRIu64 "%s", limit, size_units[unit]);
}

static int check_range(const struct option *option, const char *name, const char *text,
                       uint64_t value)
{
    uint64_t most = option->most ? option->most : INT64_MAX;
    if (value >= option->least && value <= most)
        return 0;
    bool small = value < option->least;
    char limit[32];
    limit_text(option->kind, small ? option->least : most, limit, sizeof limit);
    console_error("%s %s: too %s; %s is the %s%s%s", name, text, small ? "small" : "large", limit,
                  small ? "least" : "most", option->remedy ? "; " : "",
                  option->remedy ? option->remedy : "");
    return -1;
}

static int take_scaled(const struct option *option, const char *name, const char *text)
{
    uint64_t value = 0;
    ovl_time ns = 0;
    enum value_error error;
    if (is_time(option->kind)) {
        error =
            option->kind == OPTION_SECONDS ? value_seconds(text, &ns) : value_duration(text, &ns);
        value = (uint64_t)ns;
    } else {
        error = option->kind == OPTION_SIZE ? value_size(text, &value) : value_number(text, &value);
    }
    if (error != VALUE_OK) {
        complain_value(name, option->kind, text, error);
        return -1;
    }
    if (check_range(option, name, text, value) < 0)
        return -1;
    if (is_time(option->kind))
        *(ovl_time *)option->target = ns;
    else
        *(uint64_t *)option->target = value;
    return 0;
}

static int take_choice(const struct option *option, const char *name, const char *text)
{
    for (int n = 0; option->choices[n]; n++) {
        if (strcmp(text, option->choices[n]) == 0) {
            *(int *)option->target = n;
            return 0;
        }
    }
    char list[128] = "";
    for (int n = 0; option->choices[n]; n++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s",
                 n == 0 ? "" : (option->choices[n + 1] ? ", " : " or "), option->choices[n]);
    }
    console_error("%s %s: no such choice; give %s", name, text, list);
    return -1;
}

static int take_value(const struct option *option, const char *name, const char *text)
{
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->target = true;
        return 0;
    case OPTION_SET:
        *(int *)option->target = option->set;
        return 0;
    case OPTION_TEXT:
        *(const char **)option->target = text;
        return 0;
    case OPTION_CHOICE:
        return take_choice(option, name, text);
    case OPTION_TAKEN:
        return option->take(option->target, text);
    default:
        return take_scaled(option, name, text);
    }
}

/* What to do in place of a foreign option, written so; NULL: it is none. */
static const char *find_remedy(const struct usage *usage, const char *word, size_t length)
{
    for (const struct foreign_option *o = usage->foreign; o && o->name; o++)
        if (word[1] == '-'
                ? strlen(o->name) == length - 2 && !strncmp(o->name, word + 2, length - 2)
                : o->letter && word[1] == o->letter)
            return o->remedy;
    return NULL;
}

static int complain_unknown(const struct usage *usage, const char *word, size_t length)
{
    const char *remedy = find_remedy(usage, word, length);
    if (remedy) {
        console_error("there is no %.*s here: %s", (int)length, word, remedy);
        return -1;
    }
    struct spelling names[NAMES_MAX] = {{.text = "--help"}};
    const char *list[NAMES_MAX] = {names[0].text};
    size_t count = 1;
    for (size_t n = 0; n < usage->option_count && count < NAMES_MAX; n++, count++) {
        names[count] = spell(&usage->options[n], false);
        list[count] = names[count].text;
    }
    char name[SPELLING_BYTES];
    char hint[NEAREST_HINT_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    nearest_hint(name, list, count, hint);
    console_error("unknown option %s%s; `overlap %s --help` lists them all", name, hint,
                  usage->verb);
    return -1;
}

/* Where parsing stands. */
struct cursor {
    const struct usage *usage;
    int argc;
    char **argv;
    int next;
};

/* An option's value that stands in the next word. */
static int take_next(struct cursor *cursor, const struct option *option, const char *name)
{
    if (cursor->next == cursor->argc) {
        console_error("%s needs a value: %s %s", name, name, option->value);
        return -1;
    }
    return take_value(option, name, cursor->argv[cursor->next++]);
}

static const struct option *find_long(const struct usage *usage, const char *name, size_t length)
{
    for (size_t n = 0; n < usage->option_count; n++) {
        const struct option *option = &usage->options[n];
        if (strlen(option->name) == length && strncmp(name, option->name, length) == 0)
            return option;
    }
    return NULL;
}

/* The flag that "no-NAME" takes back; NULL: none. */
static const struct option *find_negated(const struct usage *usage, const char *name, size_t length)
{
    if (length < 4 || strncmp(name, "no-", 3) != 0)
        return NULL;
    const struct option *option = find_long(usage, name + 3, length - 3);
    return option && option->kind == OPTION_FLAG && option->negatable ? option : NULL;
}

static int take_long(struct cursor *cursor, const char *word)
{
    size_t length = strcspn(word, "=");
    const struct option *option = find_long(cursor->usage, word + 2, length - 2);
    const struct option *negated =
        option ? NULL : find_negated(cursor->usage, word + 2, length - 2);
    if (!option && !negated)
        return complain_unknown(cursor->usage, word, length);

    bool attached = word[length] == '=';
    if (attached && (negated || is_bare(option))) {
        console_error("%.*s takes no value; leave out '%s'", (int)length, word, word + length);
        return -1;
    }
    if (negated) {
        *(bool *)negated->target = false;
        return 0;
    }
    struct spelling name = spell(option, false);
    if (is_bare(option) || attached)
        return take_value(option, name.text, attached ? word + length + 1 : NULL);
    return take_next(cursor, option, name.text);
}

/* One word of letters: "-w", "-w5", or several: "-sJw5". */
static int take_letters(struct cursor *cursor, const char *word)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct option *option = NULL;
        for (size_t n = 0; n < cursor->usage->option_count && !option; n++)
            if (cursor->usage->options[n].letter == *letter)
                option = &cursor->usage->options[n];
        if (!option)
            return complain_unknown(cursor->usage, word, strlen(word));

        struct spelling name = spell(option, true);
        if (!is_bare(option))
            return letter[1] ? take_value(option, name.text, letter + 1)
                             : take_next(cursor, option, name.text);
        take_value(option, name.text, NULL);
    }
    return 0;
}

static int take_operand(const struct usage *usage, const char *word)
{
    if (usage->operand)
        return usage->operand(usage->operand_target, word);
    console_error("'%s': %s takes options only; `overlap %s --help` lists them", word, usage->verb,
                  usage->verb);
    return -1;
}

/* "  -w, --workers N": what --help shows on the left. */
static void help_name(const struct option *option, char *buffer, size_t size)
{
    char letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(buffer, size, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
             option->value ? option->value : "");
}

static void print_option(const struct option *option)
{
    char name[64];
    if (!option->help)
        return;
    help_name(option, name, sizeof name);
    const char *line = option->help;
    if (option->group)
        printf("\n%s:\n", option->group);
    /* A name that is too long has a line of its own. */
    bool first = strlen(name) <= HELP_NAME_WIDTH;
    if (!first)
        printf("  %s\n", name);
    for (; line; first = false) {
        size_t length = strcspn(line, "\n");
        printf("  %-*s  %.*s\n", HELP_NAME_WIDTH, first ? name : "", (int)length, line);
        line = line[length] ? line + length + 1 : NULL;
    }
}

static int print_help(const struct usage *usage)
{
    printf("Usage: overlap %s %s\n\n%s\n\nOptions:\n", usage->verb, usage->synopsis, usage->about);
    for (size_t n = 0; n < usage->option_count; n++)
        print_option(&usage->options[n]);
    const struct option help = {.name = "help", .letter = 'h', .help = "print this text"};
    print_option(&help);
    return output_finish(EXIT_DONE);
}

int options_parse(const struct usage *usage, int argc, char **argv)
{
    struct cursor cursor = {.usage = usage, .argc = argc, .argv = argv, .next = 1};
    bool operands_only = false;
    while (cursor.next < argc) {
        const char *word = argv[cursor.next++];
        int error;
        bool is_operand = word[0] != '-' || !word[1];
        if (usage->rest && (is_operand || strcmp(word, "--") == 0)) {
            *usage->rest = cursor.next - is_operand;
            return OPTIONS_GO;
        }
        if (operands_only || is_operand) {
            error = take_operand(usage, word);
        } else if (strcmp(word, "--") == 0) {
            operands_only = true;
            continue;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            return print_help(usage);
        } else {
            error = word[1] == '-' ? take_long(&cursor, word) : take_letters(&cursor, word);
        }
        if (error)
            return EXIT_USAGE;
    }
    return OPTIONS_GO;
}
