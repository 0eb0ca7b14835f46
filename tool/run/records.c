#include "run/records.h"

#include "command.h"
#include "journal/journal.h"
#include "report/console.h"
#include "run/joblog.h"
#include "run/results.h"
#include "run/told.h"

#include <stdlib.h>
#include <string.h>

struct records {
    const struct template *template;
    struct spool *spool;
    struct journal *journal; /* NULL: none */
    struct joblog *joblog;   /* NULL: none */
    struct results *results; /* NULL: none */
    bool retry_failed;
    long long total;
};

static int open_journal(struct records *records, const struct choices *choices)
{
    if (!choices->journal)
        return EXIT_DONE;
    char *command = template_text(records->template);
    const struct journal_options options = {
        .path = choices->journal,
        .verb = "run",
        .command = command,
        .any_command = choices->resume,
    };
    int code = journal_open(&options, &records->journal);
    free(command);
    return code;
}

int records_open(const struct choices *choices, const struct template *template,
                 struct spool *spool, struct records **ret_records)
{
    struct records *records = calloc(1, sizeof *records);
    if (!records) {
        console_error("out of memory");
        return EXIT_REFUSED;
    }
    *records = (struct records){
        .template = template, .spool = spool, .retry_failed = choices->retry_failed};
    int code = open_journal(records, choices);
    if (!code && choices->joblog)
        code = joblog_open(choices->joblog, choices->resume && !choices->journal, &records->joblog);
    if (!code && choices->results)
        code = results_open(choices->results, &records->results);
    if (code)
        records_close(records);
    else
        *ret_records = records;
    return code;
}

int records_close(struct records *records)
{
    if (!records)
        return EXIT_DONE;
    int code = journal_close(records->journal);
    int joblog_code = joblog_close(records->joblog);
    results_close(records->results);
    free(records);
    return code ? code : joblog_code;
}

bool records_may_find(const struct records *records)
{
    return (records->journal && journal_count(records->journal)) ||
           (records->joblog && joblog_remembers(records->joblog));
}

/* A job as the journal has it. */
static struct job *remember(struct row *row, size_t size, const struct journal_entry *entry)
{
    struct job *job = job_new((struct ovl_bytes){row, size});
    if (!job)
        return NULL;
    job->remembered = true;
    job->state = entry->done ? JOB_DONE : JOB_FAILED;
    job->signal = entry->signal;
    job->exit = entry->exit >= 0 ? entry->exit : 128 + entry->signal;
    job->seconds = entry->seconds;
    job->cpu_seconds = entry->cpu_seconds > 0 ? entry->cpu_seconds : 0;
    return job;
}

static int find_in_journal(struct records *records, struct row *row, size_t size,
                           struct job **ret_job)
{
    struct journal_found found;
    int result = journal_find(records->journal, row_item(row), &found);
    if (result != 1)
        return result;
    if (!found.entry.done && records->retry_failed) {
        row->replaces = found.id;
        result = 0;
    } else {
        *ret_job = remember(row, size, &found.entry);
        result = *ret_job ? 1 : -1;
    }
    journal_found_release(&found);
    return result;
}

int records_find(struct records *records, struct row *row, size_t size, struct job **ret_job)
{
    if (records->journal)
        return find_in_journal(records, row, size, ret_job);
    if (!records->joblog)
        return 0;
    enum joblog_memory memory = joblog_find(records->joblog, row->number);
    if (memory == JOBLOG_NOTHING || (memory == JOBLOG_FAILED && records->retry_failed))
        return 0;
    const struct journal_entry entry = {.done = memory == JOBLOG_DONE,
                                        .exit = memory == JOBLOG_DONE ? 0 : 1};
    *ret_job = remember(row, size, &entry);
    return *ret_job ? 1 : -1;
}

static char *command_of(const struct records *records, const struct job *job)
{
    const struct template_job values = {.row = job->row, .slot = job->slot, .total = -1};
    return template_command(records->template, &values);
}

static int add_to_journal(struct records *records, const struct job *job, const char *command)
{
    struct text reason = {0};
    told_reason(&reason, job);
    char *error = reason.size ? text_take(&reason) : NULL;
    const struct journal_entry entry = {
        .item = row_item(job->row),
        .replaces = job->row->replaces,
        .done = job->state == JOB_DONE,
        .exit = job->signal ? -1 : job->exit,
        .signal = job->signal,
        .start = job->began,
        .seconds = told_seconds(job),
        .cpu_seconds = told_cpu_seconds(job),
        .attempts = job->attempts,
        .bytes = (int64_t)job->streams[JOB_OUT].size,
        .error = error,
        .command = command,
    };
    int result = journal_record(records->journal, &entry);
    free(error);
    return result;
}

int records_store(struct records *records, struct job *job)
{
    int error = records->results ? results_add(records->results, job, records->spool) : 0;
    if (error && job->state != JOB_CUT_OFF)
        job_lose_output(job, error, "cannot store its output");
    return error ? -1 : 0;
}

int records_add(struct records *records, const struct job *job)
{
    /* What was cut off is no outcome, nor is output that got lost: a later call is to run it
     * again. */
    if ((!records->journal && !records->joblog) || job->state == JOB_CUT_OFF || job->unkept)
        return 0;
    int error = 0;
    char *command = command_of(records, job);
    if (records->joblog)
        error = joblog_add(records->joblog, job, command);
    if (records->journal)
        error |= add_to_journal(records, job, command);
    free(command);
    return error ? -1 : 0;
}
