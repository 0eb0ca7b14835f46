/*
 * Proves that the tuner finds how many workers are worth having: on a virtual clock, over resources
 * of known shape, whose best number is known.
 */
#include "../support/cases.h"
#include "predict/bundle.h"
#include <errno.h>
#include <overlap.h>
#include <stdio.h>
#include <string.h>

#define RUNNING_MOST 1024
#define SERVERS_MOST 1024

/* What tasks ask: so many servers, one after the other's task, each for so long. */
struct resource {
    ovl_time latency_ns;  /* passes beside the servers: any number of tasks at once */
    ovl_time service_ns;  /* in one of the servers */
    unsigned servers;     /* 0: no server is asked */
    bool computes;        /* service is CPU time */
    ovl_time cpu_ns;      /* beside it */
    unsigned refuses_at;  /* with more than this running, the next one is refused; 0: never */
    unsigned collapse_at; /* with more than this running, service grows with them; 0: never */
    ovl_time spell_ns;    /* latency passes at another pace in each spell; 0: always at the same */
    uint64_t spells;      /* which spells they are */
};

struct world {
    struct resource resource;
    double noise; /* how far a task's time may be off, either way */
    bool sized;   /* a task moves as many bytes as it is served nanoseconds */
    uint64_t random;
    ovl_time now;
    unsigned running;
    struct {
        ovl_time begin;
        ovl_time end;
        ovl_time service;
        bool refused;
    } tasks[RUNNING_MOST];
    ovl_time free_at[SERVERS_MOST];
};

/* xorshift: the same in every run. */
static double draw(struct world *world)
{
    uint64_t state = world->random ? world->random : 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    world->random = state;
    return (double)(state >> 11) / (double)(1ull << 53);
}

static ovl_time noisy(struct world *world, ovl_time length)
{
    return (ovl_time)((double)length * (1 + world->noise * (2 * draw(world) - 1)));
}

static ovl_time serve(struct world *world, ovl_time at)
{
    const struct resource *resource = &world->resource;
    unsigned first = 0;
    for (unsigned i = 1; i < resource->servers; i++)
        if (world->free_at[i] < world->free_at[first])
            first = i;
    ovl_time begin = world->free_at[first] > at ? world->free_at[first] : at;
    ovl_time service = noisy(world, resource->service_ns);
    if (resource->collapse_at && world->running > resource->collapse_at)
        service = service * world->running / resource->collapse_at;
    world->tasks[world->running - 1].service = service;
    world->free_at[first] = begin + service;
    return begin + service;
}

/* One in twenty is a stall; the others let latency pass at a quarter of the pace up to 1.5 of it.
 */
static double spell_pace(const struct resource *resource, uint64_t spell)
{
    struct world drawn = {.random = (resource->spells + spell + 1) * 0x9e3779b97f4a7c15};
    for (int i = 0; i < 4; i++)
        draw(&drawn);
    return draw(&drawn) < 0.05 ? 0 : 0.25 + 1.25 * draw(&drawn);
}

/* When the latency of a task that begins now has passed: all that run wait for the same spells. */
static ovl_time wait_out(const struct world *world, ovl_time latency)
{
    ovl_time spell = world->resource.spell_ns;
    ovl_time at = world->now;
    if (!spell)
        return at + latency;
    for (;;) {
        double pace = spell_pace(&world->resource, (uint64_t)(at / spell));
        ovl_time rest = spell - at % spell;
        if (pace * (double)rest >= (double)latency)
            return at + (ovl_time)((double)latency / pace);
        latency -= (ovl_time)(pace * (double)rest);
        at += rest;
    }
}

static void begin_task(struct world *world)
{
    const struct resource *resource = &world->resource;
    unsigned n = world->running++;
    world->tasks[n].begin = world->now;
    world->tasks[n].refused = resource->refuses_at && n >= resource->refuses_at;
    ovl_time end = wait_out(world, noisy(world, resource->latency_ns));
    if (resource->servers && !world->tasks[n].refused)
        end = serve(world, end);
    world->tasks[n].end = end + 1;
}

/* Ends the task that is the next to end. */
static struct ovl_completion end_task(struct world *world)
{
    unsigned first = 0;
    for (unsigned i = 1; i < world->running; i++)
        if (world->tasks[i].end < world->tasks[first].end)
            first = i;
    world->now = world->tasks[first].end;
    struct ovl_completion completion = {
        .end = world->now,
        .duration_ns = world->now - world->tasks[first].begin,
        .cpu_ns =
            world->resource.cpu_ns + (world->resource.computes ? world->resource.service_ns : 0),
        .running = world->running,
        .bytes = world->sized ? (uint64_t)world->tasks[first].service : 0,
        .refused = world->tasks[first].refused,
        .failed = world->tasks[first].refused,
    };
    world->tasks[first] = world->tasks[--world->running];
    return completion;
}

static struct ovl_tuner *tuner_new(const struct ovl_tuner_options *options)
{
    struct ovl_tuner *tuner = NULL;
    assert_int_equal(ovl_tuner_open(options, &tuner), 0);
    return tuner;
}

static void print_events(const struct ovl_tuner *tuner)
{
    struct ovl_tuner_event event;
    for (size_t n = 0; n < ovl_tuner_event_count(tuner); n++)
        if (!ovl_tuner_event(tuner, n, &event))
            fprintf(stderr, "  %8.3f s  %3u -> %3u  %s\n", (double)event.time / OVL_SECOND,
                    event.from, event.to, event.reason);
}

/* Runs `count` tasks under the tuner's number, or a fixed one. Returns how long they took. */
static ovl_time run(struct world *world, struct ovl_tuner *tuner, unsigned fixed, size_t count)
{
    ovl_time start = world->now;
    unsigned workers = tuner ? ovl_tuner_workers(tuner) : fixed;
    size_t begun = 0;
    size_t ended = 0;
    while (ended < count) {
        while (world->running < workers && begun < count) {
            begin_task(world);
            begun++;
        }
        struct ovl_completion completion = end_task(world);
        if (!completion.refused)
            ended++;
        else
            begun--; /* it comes again */
        if (tuner)
            workers = ovl_tuner_add(tuner, &completion);
    }
    return world->now - start;
}

struct world_case {
    const char *what;
    struct resource resource;
    struct ovl_tuner_options options;
    size_t count;
    double noise;
    unsigned least; /* the number in the end is within these */
    unsigned most;
    unsigned best;  /* a fixed number that is hard to better */
    double allowed; /* how much longer than under that it may take */
};

static const ovl_time MS = OVL_MILLISECOND;

static void check_world(const struct world_case *row, double noise)
{
    struct world world = {.resource = row->resource, .noise = noise};
    struct ovl_tuner *tuner = tuner_new(&row->options);
    ovl_time time = run(&world, tuner, 0, row->count);
    struct world fixed = {.resource = row->resource, .noise = noise};
    ovl_time best = run(&fixed, NULL, row->best, row->count);
    unsigned workers = ovl_tuner_workers(tuner);
    if (workers < row->least || workers > row->most || (double)time > row->allowed * (double)best) {
        print_events(tuner);
        fail_msg("%s, noise %.2f: %u workers in the end; %.3f s, with %u %.3f s", row->what, noise,
                 workers, (double)time / OVL_SECOND, row->best, (double)best / OVL_SECOND);
    }
    ovl_tuner_close(tuner);
}

static void finds_the_number(void)
{
    const struct world_case rows[] = {
        {.what = "nothing but latency",
         .resource = {.latency_ns = 50 * MS},
         .options = {.most = 128},
         .count = 4000,
         .least = 96,
         .most = 128,
         .best = 128,
         .allowed = 1.35},
        {.what = "a server of 8",
         .resource = {.service_ns = 20 * MS, .servers = 8},
         .count = 3000,
         .least = 7,
         .most = 12,
         .best = 8,
         .allowed = 1.08},
        {.what = "a server of 5 behind latency",
         .resource = {.latency_ns = 40 * MS, .service_ns = 10 * MS, .servers = 5},
         .count = 6000,
         .least = 20,
         .most = 40,
         .best = 64,
         .allowed = 1.10},
        {.what = "one server",
         .resource = {.service_ns = 5 * MS, .servers = 1},
         .count = 2000,
         .least = 1,
         .most = 4,
         .best = 1,
         .allowed = 1.05},
        {.what = "computing on 4 processors",
         .resource = {.service_ns = 10 * MS, .servers = 4, .computes = true},
         .options = {.cores = 4},
         .count = 1000,
         .least = 4,
         .most = 4,
         .best = 4,
         .allowed = 1.02},
        {.what = "half computing, half waiting, on 2 processors",
         .resource = {.latency_ns = 10 * MS, .service_ns = 10 * MS, .servers = 2, .computes = true},
         .options = {.cores = 2},
         .count = 2000,
         .least = 4,
         .most = 8,
         .best = 8,
         .allowed = 1.10},
        {.what = "a server that slows down under more than 10",
         .resource =
             {.latency_ns = 30 * MS, .service_ns = 10 * MS, .servers = 4, .collapse_at = 20},
         .count = 4000,
         .least = 12,
         .most = 26,
         .best = 18,
         .allowed = 1.15},
        {.what = "hardly computing, on 2 processors",
         .resource = {.latency_ns = 150 * MS, .service_ns = 2 * MS, .servers = 2, .computes = true},
         .options = {.most = 1024, .cores = 2},
         .count = 8000,
         .least = 128,
         .most = 512,
         .best = 256,
         .allowed = 1.17},
        {.what = "hardly computing, and waiting for a server of 11",
         .resource = {.service_ns = 250 * MS, .servers = 11, .cpu_ns = 2 * MS},
         .options = {.most = 1024, .cores = 2},
         .count = 600,
         .least = 10,
         .most = 64,
         .best = 11,
         .allowed = 1.10},
        {.what = "hardly computing, and waiting for a server of 20",
         .resource = {.service_ns = 250 * MS, .servers = 20, .cpu_ns = 2 * MS},
         .options = {.most = 1024, .cores = 2},
         .count = 2000,
         .least = 18,
         .most = 40,
         .best = 20,
         .allowed = 1.05},
    };
    const double noises[] = {0, 0.1, 0.3, 0.6};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t n = 0; n < COUNT_OF(noises); n++)
            check_world(&rows[i], noises[n]);
}

/* The first task tells that the work computes: the second sample is already under all processors.
 */
static void computing_gets_the_processors_at_once(void)
{
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.start = 1, .cores = 12});
    struct ovl_completion task = {.end = 100 * MS, .duration_ns = 100 * MS, .cpu_ns = 99 * MS};
    ovl_tuner_add(tuner, &task);
    task.end += 100 * MS;
    assert_int_equal(ovl_tuner_add(tuner, &task), 12);
    struct ovl_tuner_event event;
    assert_int_equal(ovl_tuner_event_count(tuner), 1);
    assert_int_equal(ovl_tuner_event(tuner, 0, &event), 0);
    assert_int_equal(event.from, 1);
    assert_int_equal(event.to, 12);
    assert_int_equal(event.time, 200 * MS);
    assert_non_null(strstr(event.reason, "compute"));
    ovl_tuner_close(tuner);
}

/* Who waits for a processor does not wait for anything that more tasks would fill. */
static void queueing_is_no_wait(void)
{
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.start = 4, .cores = 2});
    struct ovl_completion task = {
        .end = 100 * MS, .duration_ns = 100 * MS, .cpu_ns = 40 * MS, .queued_ns = 59 * MS};
    for (int n = 0; n < 8 && ovl_tuner_event_count(tuner) == 0; n++, task.end += 100 * MS)
        ovl_tuner_add(tuner, &task);
    struct ovl_tuner_event event;
    assert_int_equal(ovl_tuner_event(tuner, 0, &event), 0);
    assert_int_equal(event.to, 2);
    assert_non_null(strstr(event.reason, "compute"));
    ovl_tuner_close(tuner);
}

/* Nor does it compute meanwhile: many that began together do not keep the processors busy. */
static void queueing_keeps_no_processor_busy(void)
{
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.start = 32, .cores = 2});
    struct ovl_completion task = {
        .end = 100 * MS, .duration_ns = 100 * MS, .cpu_ns = 2 * MS, .queued_ns = 20 * MS};
    for (int n = 0; n < 40 && ovl_tuner_workers(tuner) == 32; n++, task.end += 3 * MS)
        ovl_tuner_add(tuner, &task);
    assert_int_equal(ovl_tuner_workers(tuner), 80); /* 2 of 80 ms each, on 2 processors */
    ovl_tuner_close(tuner);
}

/* So many tasks that end one after the other, `running` at a time, after `duration` each. */
static unsigned tell_tasks(struct ovl_tuner *tuner, ovl_time *now, unsigned count, unsigned running,
                           ovl_time duration)
{
    for (; count; count--) {
        *now += duration / running;
        ovl_tuner_add(tuner, &(struct ovl_completion){.end = *now,
                                                      .duration_ns = duration,
                                                      .cpu_ns = OVL_CPU_UNKNOWN,
                                                      .running = running});
    }
    return ovl_tuner_workers(tuner);
}

static void expect_between(const struct ovl_tuner *tuner, unsigned least, unsigned most,
                           const char *when)
{
    unsigned workers = ovl_tuner_workers(tuner);
    if (workers < least || workers > most) {
        print_events(tuner);
        fail_msg("%s: %u workers", when, workers);
    }
}

/* What begins together at a doubling holds itself up, once: 16 do less than 8, and then twice as
 * much. */
static void a_doubling_is_measured_twice(void)
{
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.start = 8});
    ovl_time now = OVL_SECOND;
    assert_int_equal(tell_tasks(tuner, &now, 8, 8, 100 * MS), 16);
    now += 180 * MS;
    assert_int_equal(tell_tasks(tuner, &now, 20, 16, 180 * MS), 16);
    assert_int_equal(tell_tasks(tuner, &now, 64, 16, 100 * MS), 32);
    /* what brings little twice is given up */
    now += 200 * MS;
    assert_int_equal(tell_tasks(tuner, &now, 40, 32, 195 * MS), 32);
    assert_true(tell_tasks(tuner, &now, 96, 32, 195 * MS) < 20);
    ovl_tuner_close(tuner);
}

/* Four times as many must bring what two doublings must: 1.4 times as much is where eleven are. */
static void a_large_step_must_bring_more(void)
{
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.start = 8, .cores = 2});
    ovl_time now = OVL_SECOND;
    struct ovl_completion task = {.duration_ns = 100 * MS, .cpu_ns = MS / 2, .running = 8};
    for (int i = 0; i < 8; i++) {
        task.end = now += MS;
        ovl_tuner_add(tuner, &task);
    }
    assert_int_equal(ovl_tuner_workers(tuner), 32);
    task.duration_ns = 286 * MS;
    task.running = 32;
    now += OVL_SECOND;
    for (int i = 0; i < 300 && ovl_tuner_workers(tuner) == 32; i++) {
        task.end = now += 10 * MS;
        ovl_tuner_add(tuner, &task);
    }
    expect_between(tuner, 11, 13, "four times as many bring 40%");
    ovl_tuner_close(tuner);
}

/* What runs side by side shares a stall: twice as many that do half as much do so twice, or more
 * pay. */
static void a_stall_is_no_loss(void)
{
    for (int stalls = 1; stalls <= 2; stalls++) {
        struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.start = 8});
        ovl_time now = OVL_SECOND;
        assert_int_equal(tell_tasks(tuner, &now, 8, 8, 100 * MS), 16);
        now += 400 * MS;
        assert_int_equal(tell_tasks(tuner, &now, 16, 16, 400 * MS), 16);
        now += 400 * MS;
        ovl_time then = stalls == 2 ? 400 * MS : 100 * MS;
        assert_int_equal(tell_tasks(tuner, &now, 16, 16, then), stalls == 2 ? 8 : 32);
        ovl_tuner_close(tuner);
    }
}

/* What brings nothing is left again; and where no more are allowed, fewer are tried. */
static void steps_go_both_ways(void)
{
    struct world world = {.resource = {.service_ns = 10 * MS, .servers = 4}};
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.start = 64, .most = 64});
    run(&world, tuner, 0, 4000);
    expect_between(tuner, 4, 32, "from the most that there may be");
    ovl_tuner_close(tuner);
}

/* A disk that stalls now and then, two requests at a time. */
static void finds_the_number_among_stalls(void)
{
    struct resource disk = {.latency_ns = 300 * OVL_MICROSECOND,
                            .service_ns = 100 * OVL_MICROSECOND,
                            .servers = 2,
                            .spell_ns = 3 * MS};
    double all = 0;
    double worst = 0;
    for (; disk.spells < 50000; disk.spells += 1000) {
        struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.cores = 2});
        struct world world = {.resource = disk, .noise = 0.3};
        ovl_time time = run(&world, tuner, 0, 4000);
        struct world fixed = {.resource = disk, .noise = 0.3};
        double ratio = (double)time / (double)run(&fixed, NULL, 32, 4000);
        worst = ratio > worst ? ratio : worst;
        all += ratio / 50;
        ovl_tuner_close(tuner);
    }
    if (all > 1.3 || worst > 3)
        fail_msg("it takes %.3f times as long as the best number, and once %.3f", all, worst);
}

static void finds_again_when_the_server_changes(void)
{
    const double noises[] = {0, 0.2};
    for (size_t n = 0; n < COUNT_OF(noises); n++) {
        struct world world = {.resource = {.service_ns = 20 * MS, .servers = 4},
                              .noise = noises[n]};
        struct ovl_tuner *tuner = tuner_new(NULL);
        run(&world, tuner, 0, 1000);
        expect_between(tuner, 4, 6, "a server of 4");
        world.resource.servers = 32;
        run(&world, tuner, 0, 4000);
        expect_between(tuner, 28, 64, "then of 32");
        world.resource.servers = 6;
        run(&world, tuner, 0, 4000);
        expect_between(tuner, 5, 10, "then of 6");
        ovl_tuner_close(tuner);
    }
}

static void finds_again_when_the_work_changes(void)
{
    struct world world = {.resource = {.service_ns = 5 * MS, .servers = 3, .computes = true}};
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.cores = 3, .most = 64});
    run(&world, tuner, 0, 500);
    expect_between(tuner, 3, 3, "computing");
    world.resource = (struct resource){.latency_ns = 20 * MS};
    run(&world, tuner, 0, 2000);
    expect_between(tuner, 48, 64, "then waiting");
    world.resource = (struct resource){.service_ns = 5 * MS, .servers = 3, .computes = true};
    run(&world, tuner, 0, 2000);
    expect_between(tuner, 3, 8, "then computing");
    ovl_tuner_close(tuner);
}

static void refusals_take_it_back(void)
{
    struct world world = {.resource = {.latency_ns = 20 * MS, .refuses_at = 10}};
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.most = 64});
    run(&world, tuner, 0, 3000);
    expect_between(tuner, 4, 12, "refused beyond 10");
    ovl_tuner_close(tuner);
}

static void stays_where_it_is_within_its_limits(void)
{
    struct world world = {.resource = {.latency_ns = 20 * MS}};
    struct ovl_tuner *tuner =
        tuner_new(&(struct ovl_tuner_options){.least = 3, .most = 7, .start = 100});
    assert_int_equal(ovl_tuner_workers(tuner), 7);
    for (int i = 0; i < 200; i++) {
        run(&world, tuner, 0, 10);
        expect_between(tuner, 3, 7, "always");
    }
    ovl_tuner_close(tuner);
    tuner = tuner_new(&(struct ovl_tuner_options){.least = 5, .most = 5});
    run(&world, tuner, 0, 500);
    assert_int_equal(ovl_tuner_workers(tuner), 5);
    assert_int_equal(ovl_tuner_event_count(tuner), 0);
    ovl_tuner_close(tuner);
}

/* What ends while there is too little to do must not make it grow. */
static void idle_workers_tell_nothing(void)
{
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.start = 8});
    for (int i = 0; i < 1000; i++)
        ovl_tuner_add(tuner, &(struct ovl_completion){.end = i * 10 * MS,
                                                      .duration_ns = 10 * MS,
                                                      .cpu_ns = OVL_CPU_UNKNOWN,
                                                      .running = 1});
    assert_int_equal(ovl_tuner_workers(tuner), 8);
    ovl_tuner_close(tuner);
}

/* Bytes tell where files differ in size: their times alone would be noise. */
static void large_and_small_files(void)
{
    struct world world = {.resource = {.service_ns = 10 * MS, .servers = 6}, .sized = true};
    struct ovl_tuner *tuner = tuner_new(NULL);
    unsigned workers = ovl_tuner_workers(tuner);
    for (int ended = 0; ended < 6000; ended++) {
        while (world.running < workers) {
            world.resource.service_ns = (ended + (int)world.running) % 10 == 0 ? 80 * MS : 2 * MS;
            begin_task(&world);
        }
        struct ovl_completion completion = end_task(&world);
        completion.cpu_ns = OVL_CPU_UNKNOWN;
        workers = ovl_tuner_add(tuner, &completion);
    }
    expect_between(tuner, 4, 16, "files of two sizes");
    struct ovl_tuner_finding finding;
    ovl_tuner_find(tuner, &finding);
    assert_true(finding.bytes_per_second > 0);
    assert_true(finding.cpu_share < 0);
    ovl_tuner_close(tuner);
}

static void events_are_kept_the_latest(void)
{
    struct ovl_tuner *tuner = tuner_new(NULL);
    struct world world = {.resource = {.service_ns = 2 * MS, .servers = 4}};
    struct ovl_tuner_event event = {.from = 12345};
    assert_int_equal(ovl_tuner_event(tuner, 0, &event), -ERANGE);
    for (int i = 0; i < 300; i++) {
        world.resource.service_ns = i % 2 ? 2 * MS : 40 * MS;
        run(&world, tuner, 0, 400);
    }
    size_t count = ovl_tuner_event_count(tuner);
    assert_true(count > OVL_TUNER_EVENTS);
    assert_int_equal(ovl_tuner_event(tuner, count, &event), -ERANGE);
    assert_int_equal(ovl_tuner_event(tuner, count - OVL_TUNER_EVENTS - 1, &event), -ERANGE);
    assert_int_equal(event.from, 12345);
    unsigned before = 0;
    for (size_t n = count - OVL_TUNER_EVENTS; n < count; n++) {
        assert_int_equal(ovl_tuner_event(tuner, n, &event), 0);
        assert_true(!before || event.from == before);
        assert_int_not_equal(event.from, event.to);
        assert_true(event.reason[0] != '\0');
        before = event.to;
    }
    assert_int_equal(before, ovl_tuner_workers(tuner));
    ovl_tuner_close(tuner);
}

static void a_raise_is_measured_anew(void)
{
    struct ovl_tuner *tuner = tuner_new(&(struct ovl_tuner_options){.most = 40, .cores = 2});
    assert_int_equal(ovl_tuner_raise(tuner, MS, 2, "no more than there are"), 2);
    assert_int_equal(ovl_tuner_event_count(tuner), 0);
    assert_int_equal(ovl_tuner_raise(tuner, 2 * MS, 16, "they wait"), 16);
    struct ovl_tuner_event event;
    assert_int_equal(ovl_tuner_event(tuner, 0, &event), 0);
    assert_int_equal(event.time, 2 * MS);
    assert_int_equal(event.from, 2);
    assert_int_equal(event.to, 16);
    assert_string_equal(event.reason, "they wait");
    /* tasks from before say nothing; as many as there are workers now are the first measure */
    struct ovl_completion task = {.end = 20 * MS, .duration_ns = 19 * MS, .running = 16};
    for (int n = 0; n < 40; n++)
        assert_int_equal(ovl_tuner_add(tuner, &task), 16);
    task.duration_ns = 10 * MS;
    for (int n = 0; n < 15; n++)
        assert_int_equal(ovl_tuner_add(tuner, &task), 16);
    assert_int_equal(ovl_tuner_add(tuner, &task), 32);
    assert_int_equal(ovl_tuner_raise(tuner, 21 * MS, 100, "more still"), 40);
    ovl_tuner_close(tuner);
}

static void nonsense_is_refused(void)
{
    struct ovl_tuner *tuner = NULL;
    assert_int_equal(ovl_tuner_open(&(struct ovl_tuner_options){.least = 9, .most = 8}, &tuner),
                     -EINVAL);
    assert_null(tuner);
    ovl_tuner_close(NULL);
}

/* An end every so often, whatever each task says of itself. Returns how many were told. */
static unsigned tell_ends(struct ovl__bundle *bundle, ovl_time *now, unsigned count,
                          ovl_time every_ns, ovl_time task_ns, struct ovl_completion *ret_last)
{
    unsigned told = 0;
    for (unsigned n = 0; n < count; n++) {
        *now += every_ns;
        const struct ovl_completion end = {.end = *now,
                                           .duration_ns = task_ns,
                                           .cpu_ns = every_ns / 2,
                                           .bytes = 7,
                                           .running = 3 + n % 3};
        told += ovl__bundle_add(bundle, &end, ret_last) > 0;
    }
    return told;
}

static void short_tasks_are_told_by_their_number(void)
{
    struct ovl__bundle bundle = {.short_ns = 20 * OVL_MILLISECOND};
    struct ovl_completion last;
    ovl_time now = OVL_SECOND;
    /* 2000 a second: one to begin with, and bundles of 20, of which 4 ran on average */
    assert_int_equal(tell_ends(&bundle, &now, 20, 500 * OVL_MICROSECOND, 1, &last), 0);
    assert_int_equal(tell_ends(&bundle, &now, 1, 500 * OVL_MICROSECOND, 1, &last), 1);
    assert_int_equal(last.running, 4);
    assert_int_equal(last.end, now);
    assert_true(last.duration_ns > 1900 * OVL_MICROSECOND);
    assert_true(last.duration_ns < 2100 * OVL_MICROSECOND);
    assert_int_equal(last.cpu_ns, 250 * OVL_MICROSECOND);
    assert_int_equal(last.bytes, 7);
    assert_int_equal(tell_ends(&bundle, &now, 200, 500 * OVL_MICROSECOND, 1, &last), 10);
    /* 100 a second: 4 take longer */
    assert_int_equal(tell_ends(&bundle, &now, 40, 10 * OVL_MILLISECOND, 1, &last), 10);
    /* another number of workers: what ended before is nothing to it */
    tell_ends(&bundle, &now, 3, 10 * OVL_MILLISECOND, 1, &last);
    ovl__bundle_forget(&bundle);
    assert_int_equal(tell_ends(&bundle, &now, 4, 10 * OVL_MILLISECOND, 1, &last), 0);
    assert_int_equal(tell_ends(&bundle, &now, 1, 10 * OVL_MILLISECOND, 1, &last), 1);
}

/* Two workers, a task of 100 us ends every 50 us; how many run is not said: as many as workers. */
static void short_tasks_of_all_workers(void)
{
    struct ovl_tuner *tuner;
    assert_int_equal(
        ovl_tuner_open(&(struct ovl_tuner_options){.least = 2, .most = 2, .start = 2}, &tuner), 0);
    struct ovl_completion end = {.duration_ns = 100 * OVL_MICROSECOND, .cpu_ns = OVL_CPU_UNKNOWN};
    for (int n = 1; n <= 2000; n++) {
        end.end = OVL_SECOND + n * 50 * OVL_MICROSECOND;
        assert_int_equal(ovl_tuner_add(tuner, &end), 2);
    }
    struct ovl_tuner_finding finding;
    ovl_tuner_find(tuner, &finding);
    assert_true(finding.tasks_per_second > 18000 && finding.tasks_per_second < 22000);
    assert_true(finding.duration > 90e-6 && finding.duration < 110e-6);
    assert_true(finding.cpu_share < 0);
    ovl_tuner_close(tuner);
}

/* Of a few it is not known what they computed: then it is not known of the bundle. */
static void one_unknown_makes_all_unknown(void)
{
    struct ovl__bundle bundle = {.short_ns = 2 * OVL_MILLISECOND};
    struct ovl_completion end = {.duration_ns = 1, .cpu_ns = OVL_MILLISECOND, .running = 1};
    struct ovl_completion last = {.cpu_ns = 0};
    for (int n = 1; n <= 5; n++) {
        end.end = n * OVL_MILLISECOND;
        end.cpu_ns = n == 3 ? OVL_CPU_UNKNOWN : OVL_MILLISECOND;
        assert_int_equal(ovl__bundle_add(&bundle, &end, &last), n == 5);
    }
    assert_int_equal(last.cpu_ns, OVL_CPU_UNKNOWN);
}

static void long_tasks_are_told_as_they_are(void)
{
    struct ovl__bundle bundle = {.short_ns = 20 * OVL_MILLISECOND};
    struct ovl_completion last;
    ovl_time now = OVL_SECOND;
    assert_int_equal(tell_ends(&bundle, &now, 9, OVL_MILLISECOND, OVL_SECOND, &last), 9);
    assert_int_equal(last.duration_ns, OVL_SECOND);
    /* short ones among them too, until there were long ones no more for a while */
    assert_int_equal(tell_ends(&bundle, &now, 50, OVL_MILLISECOND, 1, &last), 50);
    assert_int_equal(last.duration_ns, 1);
    assert_true(tell_ends(&bundle, &now, 1000, OVL_MILLISECOND, 1, &last) < 150);
    /* and one that failed, whose time says nothing */
    const struct ovl_completion failed = {.end = now, .duration_ns = 1, .failed = true};
    assert_int_equal(ovl__bundle_add(&bundle, &failed, &last), 1);
    assert_true(last.failed);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        TEST_CASE(finds_the_number),
        TEST_CASE(computing_gets_the_processors_at_once),
        TEST_CASE(finds_again_when_the_server_changes),
        TEST_CASE(finds_again_when_the_work_changes),
        TEST_CASE(refusals_take_it_back),
        TEST_CASE(stays_where_it_is_within_its_limits),
        TEST_CASE(idle_workers_tell_nothing),
        TEST_CASE(large_and_small_files),
        TEST_CASE(events_are_kept_the_latest),
        TEST_CASE(a_doubling_is_measured_twice),
        TEST_CASE(a_large_step_must_bring_more),
        TEST_CASE(a_stall_is_no_loss),
        TEST_CASE(steps_go_both_ways),
        TEST_CASE(finds_the_number_among_stalls),
        TEST_CASE(a_raise_is_measured_anew),
        TEST_CASE(queueing_is_no_wait),
        TEST_CASE(queueing_keeps_no_processor_busy),
        TEST_CASE(short_tasks_are_told_by_their_number),
        TEST_CASE(short_tasks_of_all_workers),
        TEST_CASE(one_unknown_makes_all_unknown),
        TEST_CASE(long_tasks_are_told_as_they_are),
        TEST_CASE(nonsense_is_refused),
    };
    return run_cases("tuner", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? 1 : 0;
}
