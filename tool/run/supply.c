#include "run/supply.h"

#include "report/console.h"

#include <overlap/map.h>
#include <poll.h>

/* Jobs that wait, with -k, for one before them, at most. */
#define WAITING_MOST 20000

/* How soon an input that has nothing now is looked at again, while jobs run. */
#define LATER_LEAST_NS OVL_MILLISECOND
#define LATER_MOST_NS  (20 * OVL_MILLISECOND)

/* How long input is read on, only to be counted, where it has nothing now. */
#define COUNT_PATIENCE_MS 100

/* And for how long in all: input may have no end. */
#define COUNT_NS OVL_SECOND

/* Waits for input, or for the end of all. */
static void wait_for_input(struct run *run)
{
    struct pollfd polls[] = {
        {.fd = inputs_descriptor(run->setup.inputs), .events = POLLIN},
        {.fd = control_descriptor(run->control), .events = POLLIN},
    };
    poll(polls, 2, -1);
}

/* A row that the journal has: told of, and not run. Returns 1 where that is so, 0, -1. */
static int look_in_records(struct run *run, struct ovl_bytes row)
{
    struct job *job;
    if (!records_may_find(run->setup.records))
        return 0;
    int found = records_find(run->setup.records, (struct row *)row.data, row.size, &job);
    if (found == 1)
        call_end_job(run, job);
    return found;
}

/* As inputs_next, without waiting while jobs run. */
static int read_row(struct run *run, struct ovl_bytes *ret_row)
{
    for (;;) {
        int result = inputs_next(run->setup.inputs, false, ret_row);
        if (result != SOURCE_LATER || run->given != run->taken)
            return result;
        wait_for_input(run);
        if (atomic_load(&run->setup.shared.stop))
            return 0;
    }
}

/* While input has nothing, it is looked at less and less often. */
static ovl_time longer(ovl_time later_ns)
{
    if (later_ns < LATER_LEAST_NS)
        return LATER_LEAST_NS;
    return later_ns < LATER_MOST_NS / 2 ? 2 * later_ns : LATER_MOST_NS;
}

/* Whether enough items were taken for now: they take memory, and input is not read in vain. */
static bool is_ahead(struct run *run)
{
    /* Ranks have no more than they run: what is theirs already cannot be halted any more. */
    if (run->ranks)
        return run->given - run->taken >= pace_workers(run->pace);
    return run->given - run->taken >= setup_ahead(&run->choices, pace_workers(run->pace));
}

/* Given, and a worker's now, if `error` is 0. Returns what supply_next is to return. */
static int note_given(struct run *run, int error)
{
    if (error) {
        console_error("out of memory");
        call_refuse(run);
        return 0;
    }
    run->given++;
    return 1;
}

/* An item that was read and is not given any more. False: no memory. */
static bool count_not_started(struct run *run, struct ovl_bytes row)
{
    struct job *job = job_new(row);
    if (!job)
        return false;
    job->state = JOB_NOT_STARTED;
    tally_add(&run->tally, job);
    call_add_to_document(run, job);
    job_free(job, run->setup.spool);
    return true;
}

/* The next row that the journal does not have. Returns what supply_next is to return. */
static int next_input(struct run *run, struct ovl_bytes *ret_row)
{
    for (;;) {
        int result = read_row(run, ret_row);
        if (result == SOURCE_LATER) {
            run->later_ns = longer(run->later_ns);
            return OVL_STREAM_LATER;
        }
        run->later_ns = 0;
        run->input_ended = result == 0;
        int found = result == 1 ? look_in_records(run, *ret_row) : 0;
        if (result < 0 || found < 0)
            call_refuse(run);
        if (result != 1)
            return 0;
        bool stopped = found < 0 || atomic_load(&run->setup.shared.stop);
        if (stopped && found != 1)
            count_not_started(run, *ret_row);
        if (stopped)
            return 0;
        if (!found)
            return 1;
    }
}

/* Whether jobs that ranks have may be given again. */
static bool may_come_back(const struct run *run)
{
    return run->ranks && machine_is_limited(&run->choices.limits) && run->given != run->taken &&
           !atomic_load(&run->setup.shared.stop);
}

/* The row is a worker's from now on. */
static int give_row(struct run *run, struct ovl_bytes *item)
{
    int error = run->ranks ? ranks_give(run->ranks, *item, item) : 0;
    return note_given(run, error);
}

int supply_next(void *context, struct ovl_bytes *ret_item)
{
    struct run *run = context;
    run->wait_ns = run->ranks ? ranks_wait(run->ranks) : 0;
    if (atomic_load(&run->setup.shared.stop))
        return 0;
    if (run->wait_ns)
        return OVL_STREAM_LATER;
    if (is_ahead(run) || printer_waiting(run->printer) >= WAITING_MOST) {
        run->wait_ns = OVL_FOREVER;
        return OVL_STREAM_LATER;
    }
    int again = run->ranks ? ranks_give_again(run->ranks, ret_item) : 0;
    if (again)
        return note_given(run, again < 0 ? again : 0);
    int result = run->input_ended ? 0 : next_input(run, ret_item);
    if (result == 1)
        return give_row(run, ret_item);
    run->wait_ns = result ? run->later_ns : OVL_FOREVER;
    return result || may_come_back(run) ? OVL_STREAM_LATER : 0;
}

ovl_time supply_later(void *context)
{
    struct run *run = context;
    return run->wait_ns == OVL_FOREVER ? OVL_FOREVER : ovl_after(run->wait_ns);
}

void supply_count_rest(struct run *run)
{
    struct ovl_bytes row;
    ovl_time until = ovl_after(COUNT_NS);
    int result = run->input_ended ? 0 : SOURCE_LATER;
    while (result && ovl_now() < until) {
        result = inputs_next(run->setup.inputs, false, &row);
        struct pollfd look = {.fd = inputs_descriptor(run->setup.inputs), .events = POLLIN};
        if (result == SOURCE_LATER && poll(&look, 1, COUNT_PATIENCE_MS) > 0)
            continue;
        if (result != 1 || !count_not_started(run, row))
            break;
    }
    run->tally.uncounted = result > 0;
}
