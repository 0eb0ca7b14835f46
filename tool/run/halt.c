#include "run/halt.h"

#include "report/console.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

/* Of a share of jobs whose number is not known: so many must have ended. */
#define SHARE_LEAST 3

static int complain(const char *text)
{
    console_error("--halt %s: not understood; give never, or soon or now, then a comma, then fail, "
                  "success or done, and how many: soon,fail=1 or now,done=20%%",
                  text);
    return -1;
}

static bool begins_with(const char **text, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(*text, word, size) != 0)
        return false;
    *text += size;
    return true;
}

static bool read_percent(const char *text, double *ret_share)
{
    char *end;
    double percent = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !(percent > 0 && percent <= 100))
        return false;
    *ret_share = percent / 100;
    return true;
}

/* What GNU parallel's older numbers stand for. */
static bool read_number(const char *text, struct halt_rule *ret)
{
    static const struct halt_rule numbers[] = {
        {.when = HALT_NEVER},
        {.when = HALT_SOON, .what = HALT_FAIL, .count = 1},
        {.when = HALT_NOW, .what = HALT_FAIL, .count = 1},
    };
    if (text[0] < '0' || text[0] > '2' || text[1])
        return false;
    *ret = numbers[text[0] - '0'];
    return true;
}

int halt_take(void *target, const char *text)
{
    struct halt_rule rule = {0};
    const char *rest = text;
    if (strcmp(text, "never") == 0 || read_number(text, &rule)) {
        *(struct halt_rule *)target = rule;
        return 0;
    }
    if (begins_with(&rest, "now,"))
        rule.when = HALT_NOW;
    else if (begins_with(&rest, "soon,"))
        rule.when = HALT_SOON;
    else
        return complain(text);
    if (begins_with(&rest, "fail="))
        rule.what = HALT_FAIL;
    else if (begins_with(&rest, "success="))
        rule.what = HALT_SUCCESS;
    else if (begins_with(&rest, "done="))
        rule.what = HALT_DONE;
    else
        return complain(text);
    if (!read_percent(rest, &rule.share) &&
        (value_number(rest, &rule.count) != VALUE_OK || !rule.count))
        return complain(text);
    *(struct halt_rule *)target = rule;
    return 0;
}

bool halt_is_due(const struct halt_rule *rule, const struct halt_counts *counts)
{
    if (rule->when == HALT_NEVER)
        return false;
    uint64_t ended = counts->done + counts->failed;
    uint64_t count = rule->what == HALT_FAIL      ? counts->failed
                     : rule->what == HALT_SUCCESS ? counts->done
                                                  : ended;
    if (rule->count)
        return count >= rule->count;
    if (!count || (counts->total < 0 && ended < SHARE_LEAST))
        return false;
    double whole = counts->total >= 0 ? (double)counts->total : (double)ended;
    return (double)count >= rule->share * whole;
}
