/* Which model is advised for what is done one after the other, and how the loading of asyncio's
 * libraries counts. */
#include "advise/sequential.h"
#include "advise/sketch.h"
#include "support/cases.h"
#include "support/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLS 20

/* A program that waits 20 times, 50 ms each, for a server, through a library that has an asyncio
 * form. */
struct program {
    struct place places[3]; /* none; the user's function; the library's */
    struct instance instances[CALLS];
    struct node nodes[2];
    struct line_cost line;
    struct tree tree;
    struct advice advice;
    struct forecast forecast;
};

static struct disk on; /* that it syncs to */

/* Each of its calls does that. `load_ns`: what opening asyncio takes. */
static struct program *make_of(struct spent once, enum ovl_bound bound, ovl_time load_ns)
{
    struct program *program = calloc(1, sizeof *program);
    assert_non_null(program);
    program->places[1] = (struct place){.file = "/home/u/p.py", .function = "page", .own = true};
    program->places[2] =
        (struct place){.file = "/usr/lib/python3.11/urllib/request.py", .function = "urlopen"};
    struct node *node = &program->nodes[1];
    *node = (struct node){.kind = NODE_CALL,
                          .place = 1,
                          .count = CALLS,
                          .wall_ns = CALLS * spent_all(&once),
                          .instances = program->instances,
                          .instance_count = CALLS};
    for (size_t n = 0; n < CALLS; n++) {
        program->instances[n] = (struct instance){.wall_ns = spent_all(&once), .spent = once};
        spent_add(&node->spent, &once);
    }
    program->line = (struct line_cost){.place = 1, .spent = node->spent, .library = 2};
    program->tree = (struct tree){.places = program->places,
                                  .place_count = 3,
                                  .nodes = program->nodes,
                                  .node_count = 2,
                                  .lines = &program->line,
                                  .line_count = 1};
    struct advice *advice = &program->advice;
    advice->tree = &program->tree;
    advice->python = true;
    advice->cores = 2;
    advice->bound = bound;
    advice->spent = node->spent;
    advice->unit = (struct unit){
        .node = 1, .function = 1, .call = 1, .count = CALLS, .groups = 1, .spent = node->spent};
    struct forecast_setting setting = {
        .wall_ns = node->wall_ns, .cores = 2, .python = true, .costs = {.parallel = 1}, .disk = on};
    setting.costs.models[OVL_THREADS].open_ns = 20e6;
    setting.costs.models[OVL_ASYNC].open_ns = (double)load_ns;
    assert_int_equal(forecast_init(&program->forecast, &program->tree, &advice->unit, &setting), 0);
    sequential_advise(advice, &program->forecast);
    return program;
}

static struct program *make(ovl_time load_ns)
{
    struct spent once = {.cpu_ns = OVL_MILLISECOND, .waits = 1};
    once.wait_ns[RECORD_NETWORK] = 50 * OVL_MILLISECOND;
    return make_of(once, OVL_IO_BOUND, load_ns);
}

static void end(struct program *program)
{
    forecast_release(&program->forecast);
    free(program);
}

static bool notes(const struct advice *advice, const char *words)
{
    for (size_t n = 0; n < advice->note_count; n++)
        if (strstr(advice->notes[n], words))
            return true;
    return false;
}

static void asyncio_where_it_loads_quickly(void)
{
    struct program *program = make(50 * OVL_MILLISECOND);
    assert_int_equal(program->advice.model, OVL_ASYNC);
    assert_string_equal(program->advice.replace[0].to, "aiohttp");
    assert_false(notes(&program->advice, "would gain more"));
    end(program);
}

static void threads_are_mentioned_where_it_loads_long(void)
{
    struct program *program = make(400 * OVL_MILLISECOND);
    assert_int_equal(program->advice.model, OVL_ASYNC);
    assert_true(notes(&program->advice, "threads would gain more"));
    end(program);
}

static void threads_where_loading_takes_what_it_saves(void)
{
    struct program *program = make(900 * OVL_MILLISECOND);
    assert_int_equal(program->advice.model, OVL_THREADS);
    assert_int_equal(program->advice.best.model, OVL_THREADS);
    assert_true(program->advice.best.speedup > 2);
    assert_int_equal(program->advice.replace_count, 0);
    assert_non_null(strstr(program->advice.reason, "have to be loaded first"));
    end(program);
}

/* A map over what is accepted would begin nothing before the last connection has come. */
static void accepted_connections_are_submitted_one_by_one(void)
{
    char sketch[2048] = "";
    struct program *program = make(900 * OVL_MILLISECOND);
    assert_int_equal(program->advice.model, OVL_THREADS);
    program->advice.accepts = true;
    FILE *out = fmemopen(sketch, sizeof sketch - 1, "w");
    assert_non_null(out);
    sketch_write(out, &program->advice, "");
    fclose(out);
    assert_non_null(strstr(sketch, "pool.submit(page, connection)"));
    assert_null(strstr(sketch, "map("));
    end(program);
}

/* The sketch for a program of these lines, whose loop is at the second. */
static void expect_sketch(ovl_time load_ns, const char *lines, const char *wanted)
{
    char file[SCRATCH_BYTES];
    char sketch[2048] = "";
    int source = scratch_file(file, ANYWHERE);
    assert_true(source >= 0);
    assert_int_equal(write(source, lines, strlen(lines)), strlen(lines));
    close(source);
    struct program *program = make(load_ns);
    struct place *place = &program->places[1];
    place->file = file;
    place->line = 2;
    program->advice.call = source_call(place, place->function);
    FILE *out = fmemopen(sketch, sizeof sketch - 1, "w");
    assert_non_null(out);
    sketch_write(out, &program->advice, "");
    fclose(out);
    unlink(file);
    if (!strstr(sketch, wanted))
        fail_msg("no \"%s\" in\n%s", wanted, sketch);
    end(program);
}

/* The function is called in the sketch with what it is called with in the program. */
static void calls_keep_their_arguments(void)
{
    const ovl_time threads = 900 * OVL_MILLISECOND;
    const ovl_time async = 50 * OVL_MILLISECOND;
    expect_sketch(threads, "\nfor x in xs:\n    page(x)\n", "list(pool.map(page, xs))");
    expect_sketch(threads, "\nfor i in range(12):\n    total += page(20000 + i)\n",
                  "list(pool.map(page, [20000 + i for i in range(12)]))");
    expect_sketch(threads, "\nprint([page(f(x)) for x in xs])\n",
                  "list(pool.map(page, [f(x) for x in xs]))");
    expect_sketch(threads, "\nfor x in xs:\n    site.page(base, x)\n",
                  "[pool.submit(site.page, base, x) for x in xs]");
    expect_sketch(threads, "\nfor x in xs:\n    pages.page(x)\n", "list(pool.map(pages.page, xs))");
    expect_sketch(threads, "\nfor i, x in enumerate(xs):\n    page(x)\n",
                  "list(pool.map(page, [x for i, x in enumerate(xs)]))");
    expect_sketch(threads, "\nfor _ in range(9):\n    page()\n",
                  "[pool.submit(page) for _ in range(9)]");
    expect_sketch(async, "\nfor i in range(12):\n    page(i + 1)\n", "return await page(i + 1)");
}

/* What is made in the loop's body, or ends on another line, is not known in the sketch. */
static void arguments_of_the_body_are_the_item(void)
{
    const ovl_time threads = 900 * OVL_MILLISECOND;
    expect_sketch(threads, "\nfor x in xs:\n    y = f(x)\n    page(y)\n",
                  "list(pool.map(page, xs))");
    expect_sketch(threads, "\nfor x in xs:\n    page(x,\n         y)\n",
                  "list(pool.map(page, xs))");
    expect_sketch(threads, "\nfor x in xs:\n    page(max.x, xx)\n", "list(pool.map(page, xs))");
}

/* What the system computes while it makes sure of files: that needs no GIL. */
static void threads_for_what_syncs_compute(void)
{
    struct spent once = {.cpu_ns = 10 * OVL_MILLISECOND, .sync_ns = 2 * OVL_MILLISECOND};
    once.wait_ns[RECORD_DISK] = once.sync_ns;
    struct program *program = make_of(once, OVL_CPU_BOUND, 50 * OVL_MILLISECOND);
    assert_int_equal(program->advice.best.model, OVL_PROCESSES);
    end(program);
    once.sync_cpu_ns = 9 * OVL_MILLISECOND;
    program = make_of(once, OVL_CPU_BOUND, 50 * OVL_MILLISECOND);
    assert_int_equal(program->advice.best.model, OVL_THREADS);
    end(program);
}

/* A thousand syncs of so long, each with 10 us of Python. */
static struct ovl_prediction threads_for_syncs(ovl_time sync_ns, const struct disk *disk,
                                               unsigned workers)
{
    enum { SYNCS = 1000 };
    struct spent once = {.cpu_ns = 10 * OVL_MICROSECOND, .sync_ns = sync_ns};
    once.wait_ns[RECORD_DISK] = sync_ns;
    struct instance instance = {.wall_ns = sync_ns + once.cpu_ns, .spent = once};
    struct node nodes[2] = {[1] = {.kind = NODE_CALL,
                                   .count = SYNCS,
                                   .wall_ns = SYNCS * instance.wall_ns,
                                   .instances = &instance,
                                   .instance_count = 1,
                                   .syncs = SYNCS}};
    struct tree tree = {.nodes = nodes, .node_count = 2};
    struct unit unit = {.node = 1, .count = SYNCS, .groups = 1};
    for (int n = 0; n < SYNCS; n++)
        spent_add(&unit.spent, &once);
    struct forecast_setting setting = {.wall_ns = nodes[1].wall_ns,
                                       .cores = 2,
                                       .python = true,
                                       .costs = {.parallel = 1},
                                       .disk = *disk};
    struct forecast forecast;
    struct ovl_prediction threads;
    assert_int_equal(forecast_init(&forecast, &tree, &unit, &setting), 0);
    assert_int_equal(forecast_predict(&forecast, OVL_THREADS, workers, &threads), 0);
    forecast_release(&forecast);
    return threads;
}

/* Each lets the GIL go and has to get it again, which takes as long as the sync itself; and one
 * after the other, on however many processors. */
static void short_syncs_gain_little_by_threads(void)
{
    const struct disk disk = {.known = true, .each_ns = {1000, 1000, 1000, 1000, 1000}};
    assert_true(threads_for_syncs(90 * OVL_MICROSECOND, &disk, 2).speedup < 1.3);
    assert_true(threads_for_syncs(90 * OVL_MICROSECOND, &disk, 16).speedup < 1.3);
}

/* It takes them one after the other while it is quick. What it takes longer for now is a wait. */
static void syncs_of_a_slow_disk_overlap(void)
{
    const struct disk disk = {
        .known = true, .each_ns = {250e3, 500e3, 1e6, 2e6, 4e6}, .most_ns = 250e3};
    double quick = threads_for_syncs(250 * OVL_MICROSECOND, &disk, 4).speedup;
    double slow = threads_for_syncs(2 * OVL_MILLISECOND, &disk, 4).speedup;
    assert_true(quick < 1.1);
    assert_true(slow > 3);
}

/* What it gains is between what it would at the disk's quickest and at its slowest. */
static void what_a_disk_swings_is_said(void)
{
    struct disk disk = {.known = true, .each_ns = {500e3, 1e6, 2e6, 4e6, 8e6}, .most_ns = 500e3};
    struct ovl_prediction steady = threads_for_syncs(500 * OVL_MICROSECOND, &disk, 4);
    assert_true(steady.speedup_most < 1.5);
    disk.most_ns = 4e6;
    struct ovl_prediction swings = threads_for_syncs(500 * OVL_MICROSECOND, &disk, 4);
    assert_true(swings.speedup_most > 3);
    assert_true(swings.speedup >= swings.speedup_least && swings.speedup <= swings.speedup_most);
    assert_true(fabs(swings.speedup - steady.speedup) < 1e-9);
}

/* Its syncs overlap while the disk is as slow as in this run; at its quickest, next to nothing is
 * gained. */
static void that_it_may_not_be_worth_it_is_said(void)
{
    struct spent once = {.cpu_ns = OVL_MILLISECOND, .sync_ns = 50 * OVL_MILLISECOND, .waits = 1};
    once.wait_ns[RECORD_DISK] = once.sync_ns;
    on = (struct disk){.known = true, .each_ns = {5e6, 10e6, 20e6, 40e6, 80e6}, .most_ns = 60e6};
    struct program *program = make_of(once, OVL_IO_BOUND, 50 * OVL_MILLISECOND);
    on.known = false;
    assert_int_equal(program->advice.model, OVL_THREADS);
    assert_true(program->advice.best.speedup > 2);
    assert_true(notes(&program->advice, "may not be worth it"));
    end(program);
    program = make(50 * OVL_MILLISECOND);
    assert_int_equal(program->advice.model, OVL_ASYNC);
    assert_false(notes(&program->advice, "may not be worth it"));
    end(program);
}

/* A program of which nothing is known but that it computes, on two processors. */
static void what_only_computes_gains_by_processors(void)
{
    struct forecast_setting setting = {.wall_ns = OVL_SECOND, .cores = 2};
    struct forecast forecast;
    struct ovl_prediction threads;
    assert_int_equal(forecast_init_computing(&forecast, OVL_SECOND, &setting), 0);
    assert_int_equal(forecast_predict(&forecast, OVL_THREADS, 2, &threads), 0);
    forecast_release(&forecast);
    assert_true(threads.speedup > 1 && threads.speedup <= 2);
}

static const struct test_case cases[] = {
    TEST_CASE(asyncio_where_it_loads_quickly),
    TEST_CASE(threads_are_mentioned_where_it_loads_long),
    TEST_CASE(threads_where_loading_takes_what_it_saves),
    TEST_CASE(accepted_connections_are_submitted_one_by_one),
    TEST_CASE(calls_keep_their_arguments),
    TEST_CASE(arguments_of_the_body_are_the_item),
    TEST_CASE(threads_for_what_syncs_compute),
    TEST_CASE(short_syncs_gain_little_by_threads),
    TEST_CASE(syncs_of_a_slow_disk_overlap),
    TEST_CASE(what_a_disk_swings_is_said),
    TEST_CASE(that_it_may_not_be_worth_it_is_said),
    TEST_CASE(what_only_computes_gains_by_processors),
};

int main(void)
{
    return run_cases("sequential", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
