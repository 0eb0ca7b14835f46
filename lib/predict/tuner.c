#include "base/memory.h"
#include "base/processor.h"
#include "predict/bundle.h"
#include "predict/sample.h"

#include <errno.h>
#include <math.h>
#include <overlap/tuner.h>
#include <stdarg.h>
#include <stdio.h>

#define DEFAULT_MOST  256
#define DEFAULT_START 2

/* Shorter tasks are counted: whoever loses its processor loses it for longer than they take. */
#define DEFAULT_SHORT_NS (2 * OVL_MILLISECOND)

/* What twice as many workers must bring, and four times as many twice. */
#define DOUBLING_PAYS 0.25

/* Less than this is nothing. */
#define GAIN_LEAST 0.05

/* What may be lost by having fewer, in all. */
#define FEWER_LOSE 0.025

/* From this share of CPU time on, the tasks compute, and get the processors at once. */
#define COMPUTES 0.7

/* From this share on, it tells how many workers keep the processors busy: of less, so many times as
 * many as there are is believed. */
#define COMPUTES_SOME 0.1
#define BELIEVED      4.0

/* So much of what the processors can give is all. */
#define BUSY 0.9

/* A change of this size, seen twice in a row, is a change of the work. */
#define CHANGED 0.25

/* How many tasks a sample is to have: as many as there are workers, within these. The first ones
 * are to be quick, what is judged by 5% is to be sure. */
#define SAMPLE_FIRST 2
#define SAMPLE_LEAST 8
#define SAMPLE_MOST  256

/* An unsure comparison is continued until the sample is this much larger. */
#define EXTENSION 4

/* Samples between one step and the next; doubled when a step brought nothing. */
#define PATIENCE      8
#define PATIENCE_MOST 64

/* Mean durations that pass before a step is measured. */
#define MIXING 1.5

/* Samples for which a refusal is remembered. */
#define REFUSAL_LASTS 32

enum phase {
    DOUBLING,
    WATCHING,
    STEPPING_UP,
    STEPPING_DOWN,
};

struct ovl_tuner {
    struct ovl_tuner_options options; /* the defaults filled in */
    unsigned workers;
    enum phase phase;
    struct ovl__bundle bundle; /* short tasks that have ended, and were not looked at yet */
    bool computing;            /* the number is that of the processors */
    bool found;                /* a number was: how many more pay is known by now */
    bool doubted;              /* a doubling brought little, and is measured once more */
    ovl_time since;            /* tasks that began earlier began under another number */
    ovl_time from;             /* tasks that ended earlier do not count either */
    struct ovl__sample sample; /* of those that did not */
    struct ovl__sample base;   /* what it is held against; empty: nothing yet */
    unsigned base_workers;
    unsigned kept;  /* the number to go back to where a step brings nothing */
    unsigned quiet; /* samples in a row in which nothing changed */
    unsigned odd;   /* in which something did */
    unsigned patience;
    bool down_next;   /* the next step goes down */
    unsigned ceiling; /* as many were refused; 0: none were */
    unsigned ceiling_lasts;
    ovl_time now;
    size_t event_count;
    struct ovl_tuner_event events[OVL_TUNER_EVENTS];
};

int ovl_tuner_open(const struct ovl_tuner_options *options, struct ovl_tuner **ret_tuner)
{
    struct ovl_tuner_options filled = options ? *options : (struct ovl_tuner_options){0};
    filled.least = filled.least ? filled.least : 1;
    filled.most = filled.most ? filled.most : DEFAULT_MOST;
    filled.start = filled.start ? filled.start : DEFAULT_START;
    filled.cores = filled.cores ? filled.cores : ovl__processors();
    filled.short_ns = filled.short_ns ? filled.short_ns : DEFAULT_SHORT_NS;
    if (filled.least > filled.most)
        return -EINVAL;
    struct ovl_tuner *tuner = ovl__zalloc(sizeof *tuner);
    if (!tuner)
        return -ENOMEM;
    tuner->options = filled;
    tuner->workers = filled.start < filled.least  ? filled.least
                     : filled.start > filled.most ? filled.most
                                                  : filled.start;
    tuner->bundle.short_ns = filled.short_ns;
    tuner->since = INT64_MIN;
    tuner->from = INT64_MIN;
    tuner->patience = PATIENCE;
    *ret_tuner = tuner;
    return 0;
}

void ovl_tuner_close(struct ovl_tuner *tuner)
{
    free(tuner);
}

/* --- changing the number --- */

static unsigned most(const struct ovl_tuner *tuner)
{
    unsigned most = tuner->options.most;
    return tuner->ceiling && tuner->ceiling < most ? tuner->ceiling : most;
}

static unsigned within(const struct ovl_tuner *tuner, double workers)
{
    if (workers >= most(tuner))
        workers = most(tuner);
    return workers < tuner->options.least ? tuner->options.least : (unsigned)workers;
}

/* A new number, from now on; where it is the same, the samples go on as they were. */
__attribute__((format(printf, 3, 4))) static void change(struct ovl_tuner *tuner, unsigned workers,
                                                         const char *reason, ...)
{
    if (workers == tuner->workers)
        return;
    struct ovl_tuner_event *event = &tuner->events[tuner->event_count++ % OVL_TUNER_EVENTS];
    *event = (struct ovl_tuner_event){.time = tuner->now, .from = tuner->workers, .to = workers};
    va_list arguments;
    va_start(arguments, reason);
    vsnprintf(event->reason, sizeof event->reason, reason, arguments);
    va_end(arguments);
    tuner->workers = workers;
    tuner->since = tuner->now;
    ovl__bundle_forget(&tuner->bundle);
}

static void begin_sample(struct ovl_tuner *tuner)
{
    tuner->sample = (struct ovl__sample){0};
}

/* The sample becomes what others are held against. */
static void take_as_base(struct ovl_tuner *tuner)
{
    tuner->base = tuner->sample;
    tuner->base_workers = tuner->workers;
}

static void watch(struct ovl_tuner *tuner)
{
    tuner->phase = WATCHING;
    tuner->quiet = 0;
    tuner->odd = 0;
}

/* --- comparing --- */

enum answer { PAYS, PAYS_NOT, UNSURE };

static size_t sample_size(const struct ovl_tuner *tuner)
{
    if (tuner->workers > SAMPLE_MOST)
        return SAMPLE_MOST;
    size_t least = tuner->phase == DOUBLING ? SAMPLE_FIRST : SAMPLE_LEAST;
    return tuner->workers < least ? least : tuner->workers;
}

/* Whether the sample gains as much on the base; while that is unsure, more tasks may tell. */
static enum answer does_pay(const struct ovl_tuner *tuner, double least, double *ret_gain)
{
    struct ovl__gain gain = ovl__sample_gain(&tuner->base, &tuner->sample);
    *ret_gain = gain.gain;
    bool long_enough = tuner->sample.count >= EXTENSION * sample_size(tuner);
    if (gain.gain - gain.error >= least || (long_enough && gain.gain >= least))
        return PAYS;
    return gain.gain + gain.error < least || long_enough ? PAYS_NOT : UNSURE;
}

/* What doublings must, by how many of them the number has grown. */
static double must_bring(const struct ovl_tuner *tuner)
{
    double doublings = log2((double)tuner->workers / tuner->base_workers);
    return pow(1 + DOUBLING_PAYS, doublings) - 1;
}

static bool processors_are_busy(const struct ovl_tuner *tuner)
{
    return ovl__sample_busy(&tuner->sample) >= BUSY * tuner->options.cores;
}

/*
 * Of the tasks that begin with a step the short ones end first. What a step brings shows only
 * when long and short ones end side by side again.
 */
static void let_mix(struct ovl_tuner *tuner)
{
    tuner->from = tuner->now + (ovl_time)(MIXING * ovl__sample_duration(&tuner->base) * OVL_SECOND);
}

/* --- doubling --- */

static void settle(struct ovl_tuner *tuner)
{
    tuner->patience = PATIENCE;
    tuner->down_next = false;
    tuner->found = true;
    watch(tuner);
}

/* As many as keep the processors busy: a worker each, and more where the tasks wait in between. */
static bool give_processors(struct ovl_tuner *tuner)
{
    double share = ovl__sample_cpu_share(&tuner->sample);
    if (share < COMPUTES)
        return false;
    tuner->computing = true;
    take_as_base(tuner);
    change(tuner, within(tuner, round(tuner->options.cores / fmin(share, 1))),
           "the tasks compute for %.0f%% of their time: as many as keep %u processor%s busy",
           100 * fmin(share, 1), tuner->options.cores, tuner->options.cores == 1 ? "" : "s");
    settle(tuner);
    return true;
}

/*
 * Twice as many; more, up to what keeps the processors busy, where the tasks hardly compute. Once a
 * number was found, the others are not: what they wait for has given all it can.
 */
static double next_aim(const struct ovl_tuner *tuner, double share, bool first)
{
    double twice = 2.0 * tuner->workers;
    double busy = share > 0 ? round(tuner->options.cores / share) : 0;
    if (share < COMPUTES_SOME && tuner->found)
        return twice;
    if (share < COMPUTES_SOME)
        return fmax(twice, fmin(busy, BELIEVED * tuner->workers));
    return first ? fmax(twice, busy) : twice;
}

static void double_again(struct ovl_tuner *tuner, double gain)
{
    unsigned workers = tuner->workers;
    unsigned before = tuner->base_workers;
    bool first = !tuner->base.count;
    double share = ovl__sample_cpu_share(&tuner->sample);
    take_as_base(tuner);
    if (workers >= most(tuner) || processors_are_busy(tuner)) {
        settle(tuner);
        return;
    }
    double aim = next_aim(tuner, share, first);
    if (!first)
        change(tuner, within(tuner, aim), "%u workers do %.2f times as much as %u", workers,
               1 + gain, before);
    else if (aim > 2.0 * workers)
        change(tuner, within(tuner, aim),
               "the tasks wait for %.0f%% of their time: more keep the processors busy",
               100 * (1 - share));
    else
        change(tuner, within(tuner, aim), "a first measure: twice as many, to see what they do");
}

/*
 * Twice as many bring little: what they bring at all, fewer do. By Little's law the base's number
 * grown by the gain is where the others only wait.
 */
static void stop_doubling(struct ovl_tuner *tuner, double gain)
{
    unsigned base = tuner->base_workers;
    double knee = gain >= GAIN_LEAST ? ceil(base * (1 + gain) * (1 + GAIN_LEAST)) : base;
    if (knee > tuner->workers)
        knee = tuner->workers;
    double workers = tuner->workers;
    change(tuner, within(tuner, knee), "%.0f workers do %.2f times as much as %u", workers,
           1 + gain, base);
    if (gain >= GAIN_LEAST)
        tuner->base = (struct ovl__sample){0};
    settle(tuner);
}

/*
 * Those that began together, at the doubling, held each other up, and the first ones that end are
 * few, and share what stalls: before a doubling is given up, it is measured again.
 */
static bool decide_doubling(struct ovl_tuner *tuner)
{
    if (give_processors(tuner))
        return true;
    if (!tuner->base.count) {
        double_again(tuner, 0);
        return true;
    }
    double gain;
    switch (does_pay(tuner, must_bring(tuner), &gain)) {
    case PAYS:
        tuner->doubted = false;
        double_again(tuner, gain);
        return true;
    case PAYS_NOT:
        tuner->doubted = !tuner->doubted;
        if (tuner->doubted)
            let_mix(tuner);
        else
            stop_doubling(tuner, gain);
        return true;
    case UNSURE:
        break;
    }
    return false;
}

static void begin_again(struct ovl_tuner *tuner)
{
    tuner->phase = DOUBLING;
    tuner->computing = false;
    tuner->doubted = false;
    tuner->base = (struct ovl__sample){0};
    tuner->patience = PATIENCE;
}

/* --- steps --- */

/*
 * Half as many more: what one or two more bring is lost in what a disk or a network differs by from
 * one moment to the next, and a number that was found too low in a stall would stay.
 */
static unsigned grown(const struct ovl_tuner *tuner)
{
    return within(tuner, ceil(1.5 * tuner->workers));
}

static unsigned shrunk(const struct ovl_tuner *tuner)
{
    bool crowd = processors_are_busy(tuner) && tuner->workers >= 4 * tuner->options.cores;
    unsigned eighth = tuner->workers < 16 ? 1 : tuner->workers / 8;
    return within(tuner, (double)tuner->workers - (crowd ? tuner->workers / 2 : eighth));
}

static void step_up(struct ovl_tuner *tuner, const char *reason)
{
    tuner->phase = STEPPING_UP;
    take_as_base(tuner);
    tuner->kept = tuner->workers;
    change(tuner, grown(tuner), "%s", reason);
    if (tuner->workers == tuner->base_workers)
        watch(tuner);
    else
        let_mix(tuner);
}

/* The base stays that of the first of several steps: what each may lose does not add up. */
static void step_down_further(struct ovl_tuner *tuner, const char *reason)
{
    unsigned before = tuner->workers;
    change(tuner, shrunk(tuner), "%s", reason);
    tuner->kept = before;
    if (tuner->workers == before)
        watch(tuner);
    else
        let_mix(tuner);
}

static void step_down(struct ovl_tuner *tuner, const char *reason)
{
    tuner->phase = STEPPING_DOWN;
    take_as_base(tuner);
    step_down_further(tuner, reason);
}

/* Back to where the step began; it is some time before the next. */
static void step_back(struct ovl_tuner *tuner, const char *reason)
{
    tuner->down_next = tuner->phase == STEPPING_UP;
    change(tuner, tuner->kept, "%s", reason);
    let_mix(tuner);
    if (tuner->patience < PATIENCE_MOST)
        tuner->patience *= 2;
    watch(tuner);
}

/* What pays now did not pay before: there may be much more of it. */
static void double_after_step(struct ovl_tuner *tuner, double gain)
{
    tuner->phase = DOUBLING;
    double_again(tuner, gain);
}

static bool decide_step(struct ovl_tuner *tuner)
{
    double gain;
    bool up = tuner->phase == STEPPING_UP;
    enum answer answer = does_pay(tuner, up ? must_bring(tuner) : -FEWER_LOSE, &gain);
    if (answer == UNSURE)
        return false;
    if (answer == PAYS_NOT)
        step_back(tuner, up ? "half as many more bring too little" : "fewer do less");
    else if (up)
        double_after_step(tuner, gain);
    else
        step_down_further(tuner, "fewer do as much: fewer still");
    return true;
}

/* --- watching --- */

static bool has_changed(const struct ovl_tuner *tuner)
{
    struct ovl__gain gain = ovl__sample_gain(&tuner->base, &tuner->sample);
    return gain.gain - 2 * gain.error > CHANGED ||
           gain.gain + 2 * gain.error < 1 / (1 + CHANGED) - 1;
}

/* The tasks compute now, and did not; or the other way about. */
static bool has_turned(struct ovl_tuner *tuner)
{
    double share = ovl__sample_cpu_share(&tuner->sample);
    if (share < 0)
        return false;
    if (tuner->computing && share < COMPUTES - 0.2) {
        begin_again(tuner);
        double_again(tuner, 0);
        return true;
    }
    return !tuner->computing && give_processors(tuner);
}

static void try_step(struct ovl_tuner *tuner)
{
    if (tuner->down_next || tuner->workers >= most(tuner))
        step_down(tuner, "perhaps fewer do as much");
    else
        step_up(tuner, "perhaps half as many more do more");
}

static bool decide_watching(struct ovl_tuner *tuner)
{
    if (has_turned(tuner))
        return true;
    if (!tuner->base.count || tuner->base_workers != tuner->workers) {
        take_as_base(tuner);
        return true;
    }
    if (has_changed(tuner)) {
        tuner->quiet = 0;
        if (++tuner->odd >= 2) {
            begin_again(tuner);
            double_again(tuner, 0);
        }
        return true;
    }
    tuner->odd = 0;
    tuner->quiet++;
    if (tuner->quiet >= tuner->patience && !tuner->computing)
        try_step(tuner);
    else
        take_as_base(tuner);
    return true;
}

/* --- completions --- */

static bool decide(struct ovl_tuner *tuner)
{
    switch (tuner->phase) {
    case DOUBLING:
        return decide_doubling(tuner);
    case WATCHING:
        return decide_watching(tuner);
    case STEPPING_UP:
    case STEPPING_DOWN:
        return decide_step(tuner);
    }
    return true;
}

/* Half as many, once for all that were asked under the number that was too high. */
static void back_off(struct ovl_tuner *tuner, ovl_time began)
{
    if (began < tuner->since)
        return;
    tuner->ceiling = tuner->workers > 1 ? tuner->workers - 1 : 1;
    tuner->ceiling_lasts = REFUSAL_LASTS;
    unsigned half = tuner->workers / 2;
    change(tuner, within(tuner, half), "refused: too much at once");
    tuner->base = (struct ovl__sample){0};
    begin_sample(tuner);
    settle(tuner);
}

static void forget_refusal(struct ovl_tuner *tuner)
{
    if (tuner->ceiling && !--tuner->ceiling_lasts)
        tuner->ceiling = 0;
}

/* Where there was not enough to do, the number of workers shows in nothing. */
static bool shows(const struct ovl_tuner *tuner, const struct ovl_completion *completion)
{
    bool idle = completion->running && completion->running < tuner->workers * 4 / 5;
    return !completion->failed && !idle && completion->end >= tuner->from &&
           completion->end - completion->duration_ns >= tuner->since;
}

static void add(struct ovl_tuner *tuner, const struct ovl_completion *completion)
{
    tuner->now = completion->end;
    if (completion->refused)
        back_off(tuner, completion->end - completion->duration_ns);
    else if (shows(tuner, completion))
        ovl__sample_add(&tuner->sample, completion, tuner->workers);
    if (tuner->sample.count >= sample_size(tuner) && decide(tuner)) {
        forget_refusal(tuner);
        begin_sample(tuner);
    }
}

unsigned ovl_tuner_add(struct ovl_tuner *tuner, const struct ovl_completion *completion)
{
    struct ovl_completion told = *completion;
    unsigned before = tuner->workers;
    if (!told.running)
        told.running = before;
    unsigned times = ovl__bundle_add(&tuner->bundle, &told, &told);
    for (; times && tuner->workers == before; times--)
        add(tuner, &told);
    return tuner->workers;
}

unsigned ovl_tuner_raise(struct ovl_tuner *tuner, ovl_time now, unsigned workers,
                         const char *reason)
{
    unsigned raised = within(tuner, workers);
    if (raised > tuner->workers) {
        tuner->now = now;
        begin_again(tuner);
        begin_sample(tuner);
        change(tuner, raised, "%s", reason);
    }
    return tuner->workers;
}

unsigned ovl_tuner_workers(const struct ovl_tuner *tuner)
{
    return tuner->workers;
}

/* --- what was found --- */

void ovl_tuner_find(const struct ovl_tuner *tuner, struct ovl_tuner_finding *ret)
{
    const struct ovl__sample *sample = tuner->base.count ? &tuner->base : &tuner->sample;
    *ret = (struct ovl_tuner_finding){
        .workers = tuner->base.count ? tuner->base_workers : tuner->workers,
        .tasks_per_second = ovl__sample_tasks_per_second(sample),
        .bytes_per_second = ovl__sample_bytes_per_second(sample),
        .duration = ovl__sample_duration(sample),
        .cpu_share = ovl__sample_cpu_share(sample),
        .settled = tuner->phase == WATCHING,
    };
}

size_t ovl_tuner_event_count(const struct ovl_tuner *tuner)
{
    return tuner->event_count;
}

int ovl_tuner_event(const struct ovl_tuner *tuner, size_t n, struct ovl_tuner_event *ret_event)
{
    if (n >= tuner->event_count || tuner->event_count - n > OVL_TUNER_EVENTS)
        return -ERANGE;
    *ret_event = tuner->events[n % OVL_TUNER_EVENTS];
    return 0;
}
