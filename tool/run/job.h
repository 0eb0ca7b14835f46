/* Jobs: one command run on one row, as a task: plain and blocking, the same under every model. */
#ifndef TOOL_RUN_JOB_H
#define TOOL_RUN_JOB_H

#include "run/guard.h"
#include "run/halt.h"
#include "run/row.h"
#include "run/spool.h"
#include "run/template.h"

#include <overlap/task.h>
#include <overlap/time.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

enum job_state {
    JOB_DONE,
    JOB_FAILED,
    JOB_CUT_OFF,     /* ended by overlap, since the whole was: it failed, and is not remembered */
    JOB_NOT_STARTED, /* the whole was stopped before it began */
};

enum { JOB_OUT, JOB_ERR, JOB_STREAMS };

/* Bytes of a machine's name, with the zero behind it. */
#define JOB_HOST 65

/* What became of a job. */
struct job {
    enum job_state state;
    int exit;   /* its code; 128 + N where signal N ended it */
    int signal; /* 0: none */
    bool timed_out;
    int refusal;         /* an errno: why it could not be begun or followed; 0: it was */
    const char *refused; /* what that was about: a constant string, or `reason` */
    char *reason;        /* as another rank has told it; NULL: none has */
    char host[JOB_HOST]; /* of the rank that ran it; "": there are no ranks */
    bool unkept;         /* for there was no room for its output */
    bool shortage;       /* for there was no process or descriptor, however long it waited */
    bool remembered;     /* the journal has it: it was not run */
    double seconds;      /* of one that is remembered */
    double cpu_seconds;
    unsigned attempts;
    unsigned slot; /* from 1 */
    double began;  /* seconds since 1970 */
    ovl_time start;
    ovl_time end;
    ovl_time cpu_ns;
    ovl_time queued_ns;    /* it waited for a processor, where that is measured */
    size_t resident_bytes; /* at its largest */
    unsigned running;      /* jobs that ran when it ended, itself among them */
    struct capture streams[JOB_STREAMS];
    void *lines[JOB_STREAMS]; /* of whoever takes the output as it comes */
    size_t row_size;
    struct row *row; /* its own copy */
};

/* Takes output as it comes; `size` 0: the stream has ended. Returns 0, or -errno. */
typedef int job_output_fn(void *context, struct job *job, int stream, const char *bytes,
                          size_t size);

/* How output is taken. */
enum job_output {
    JOB_GROUPED, /* into the job's captures */
    JOB_AS_IT_COMES,
    JOB_INHERITED, /* the job writes to overlap's own streams */
};

/* What all jobs of a run share. Set before the first of them, but for the atomics. */
struct job_shared {
    const struct template *template;
    const char *path; /* of the program; NULL: each job's own is looked for */
    struct guard *guard;
    struct spool *spool;
    const char *const *settings; /* "NAME=value" for the environment; ends in NULL; or NULL */
    int folder;                  /* -1: overlap's own */
    int null;                    /* /dev/null, open for reading */
    int niceness;
    sigset_t mask;
    unsigned tries;         /* at most; at least 1 */
    ovl_time timeout_ns;    /* 0: none */
    double timeout_medians; /* of what successful jobs took; 0: none */
    ovl_time delay_ns;      /* between two starts, at least */
    long long total;        /* jobs in all; negative: not known */
    enum job_output output;
    bool measures;    /* whether jobs waited for processors is of interest */
    bool keep_output; /* also where it is taken as it comes */
    job_output_fn *take;
    void *take_context;
    unsigned slot; /* a rank of a cluster runs one job at a time: which; 0: there are many */
    struct ovl_task *task; /* of a rank, which it tells that the job is to end; NULL: signals do */

    struct halt_rule halt;

    atomic_ullong done; /* jobs, for the halt rule: it holds before another begins */
    atomic_ullong failed;
    atomic_bool stop;            /* begin nothing more */
    atomic_bool cut;             /* what runs is being ended */
    atomic_bool hold;            /* begin nothing now: load or memory */
    _Atomic(ovl_time) median_ns; /* of successful jobs; 0: not known yet */
    _Atomic(ovl_time) next_start;
    atomic_uint running;
    atomic_uint shortages; /* how often the machine had no process or descriptor */
};

/*
 * The task: item is a row, the result a struct job * that job_free ends. The session is the struct
 * job_shared.
 */
int job_task(struct ovl_task *task, struct ovl_bytes item);

/* Runs the job, which has its row and nothing else yet. Threads: any, one a job. */
void job_run(struct job_shared *shared, struct job *job);

/* It could not be begun, or followed, or its output could not be kept: an errno, and what that was
 * about, a constant string. */
void job_refuse(struct job *job, int error, const char *what);

/* The same of its output; -errno. To a file that has no room, where it was not for something else.
 */
void job_lose_output(struct job *job, int error, const char *what);

/* The job that a task's result is; NULL: there was no memory for it. */
struct job *job_of_result(struct ovl_bytes result);

/* A job that is not run. NULL: no memory. */
struct job *job_new(struct ovl_bytes row);
void job_free(struct job *job, struct spool *spool);

#endif
