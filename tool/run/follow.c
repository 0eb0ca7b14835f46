#include "run/follow.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Between asking a process whose time is up to end, and killing it. */
#define GRACE_NS OVL_SECOND

/* The same where its task was cancelled, and how often that is looked for. */
#define CANCELLED_GRACE_NS (5 * OVL_SECOND)
#define LOOK_MS            20

#define READ_BYTES (32u << 10)

/* What may be in a pipe whose writer has ended, at most. */
#define REST_BYTES (1u << 20)

enum { POLL_PROCESS = JOB_STREAMS, POLL_COUNT };

static int take(struct follow *follow, int stream, const char *bytes, size_t size)
{
    struct job_shared *shared = follow->shared;
    int error = 0;
    if (size && (shared->output == JOB_GROUPED || shared->keep_output))
        error = capture_append(&follow->job->streams[stream], shared->spool, bytes, size);
    if (!error && shared->output == JOB_AS_IT_COMES)
        error = shared->take(shared->take_context, follow->job, stream, bytes, size);
    return error;
}

static void end_stream(struct follow *follow, int stream)
{
    close(follow->reads[stream]);
    close(follow->writes[stream]);
    follow->reads[stream] = follow->writes[stream] = -1;
    take(follow, stream, NULL, 0);
}

static void signal_group(struct follow *follow, int number)
{
    kill(-follow->process, number);
}

/* Its output cannot be taken: whatever it still does, it is in vain. */
static void give_up(struct follow *follow, int error)
{
    if (follow->error)
        return;
    follow->error = error;
    signal_group(follow, SIGKILL);
}

/* What is there, without waiting: another reader may have had it, and there is no end to wait for.
 */
static ssize_t read_now(int fd, char *buffer, size_t size)
{
    const struct iovec whole = {buffer, size};
    ssize_t done = preadv2(fd, &whole, 1, -1, RWF_NOWAIT);
    if (done < 0 && errno == EOPNOTSUPP) /* of pipes, before Linux 6.4 */
        done = read(fd, buffer, size);
    return done;
}

/* Reads what is there. Returns how much; 0: the stream has ended, or nothing more is wanted. */
static size_t read_stream(struct follow *follow, int stream)
{
    char buffer[READ_BYTES];
    ssize_t size = read_now(follow->reads[stream], buffer, sizeof buffer);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return 1;
    int error = size > 0 ? take(follow, stream, buffer, (size_t)size) : 0;
    if (error)
        give_up(follow, error);
    if (size > 0 && !error)
        return (size_t)size;
    end_stream(follow, stream);
    return 0;
}

static int until_ms(ovl_time deadline)
{
    if (deadline == OVL_FOREVER)
        return -1;
    ovl_time left = deadline - ovl_now();
    if (left <= 0)
        return 0;
    ovl_time ms = (left + OVL_MILLISECOND - 1) / OVL_MILLISECOND;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void set_polls(const struct follow *follow, int process, struct pollfd polls[POLL_COUNT])
{
    for (int n = 0; n < JOB_STREAMS; n++)
        polls[n] = (struct pollfd){.fd = follow->reads[n], .events = POLLIN};
    polls[POLL_PROCESS] = (struct pollfd){.fd = process, .events = POLLIN};
}

/* Its time is up: first it is asked, then it is killed. */
static void look_at_time(struct follow *follow)
{
    if (ovl_now() < follow->deadline)
        return;
    bool asked = follow->timed_out || follow->cancelled;
    signal_group(follow, asked ? SIGKILL : SIGTERM);
    follow->deadline = asked ? OVL_FOREVER : ovl_after(GRACE_NS);
    follow->timed_out |= !asked;
}

/* The whole was stopped, where the first rank is: a job that is stopped hears of it, too. */
static void look_at_task(struct follow *follow)
{
    if (!follow->task || follow->cancelled || !ovl_task_cancelled(follow->task))
        return;
    follow->cancelled = true;
    atomic_store(&follow->shared->cut, true);
    atomic_store(&follow->shared->stop, true);
    signal_group(follow, SIGTERM);
    signal_group(follow, SIGCONT);
    follow->deadline = ovl_after(CANCELLED_GRACE_NS);
}

/* How long to wait for the process and its output. */
static int patience_ms(const struct follow *follow, int process)
{
    int until = until_ms(follow->deadline);
    bool looks = process < 0 || (follow->task && !follow->cancelled);
    return looks && (until < 0 || until > LOOK_MS) ? LOOK_MS : until;
}

/* Where the system has no descriptor of it to give. */
static bool has_ended(const struct follow *follow)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)follow->process, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

/* Until the process has ended. */
static void follow_streams(struct follow *follow, int process)
{
    struct pollfd polls[POLL_COUNT];
    bool ended = false;
    while (!ended) {
        set_polls(follow, process, polls);
        if (poll(polls, POLL_COUNT, patience_ms(follow, process)) < 0 && errno != EINTR) {
            give_up(follow, -errno);
            break;
        }
        for (int n = 0; n < JOB_STREAMS; n++)
            if (follow->reads[n] >= 0 && polls[n].revents)
                read_stream(follow, n);
        ended = process < 0 ? has_ended(follow) : polls[POLL_PROCESS].revents != 0;
        look_at_time(follow);
        look_at_task(follow);
    }
}

/* What is left in the pipes of a process that has ended. */
static void read_rest(struct follow *follow)
{
    struct pollfd polls[POLL_COUNT];
    size_t rest[JOB_STREAMS] = {0};
    for (;;) {
        set_polls(follow, -1, polls);
        for (int n = 0; n < JOB_STREAMS; n++)
            if (rest[n] >= REST_BYTES)
                polls[n].fd = -1;
        if (poll(polls, JOB_STREAMS, 0) <= 0)
            break;
        for (int n = 0; n < JOB_STREAMS; n++)
            if (polls[n].revents)
                rest[n] += read_stream(follow, n);
    }
    for (int n = 0; n < JOB_STREAMS; n++)
        if (follow->reads[n] >= 0)
            end_stream(follow, n);
}

static ovl_time time_of(struct timeval value)
{
    return value.tv_sec * OVL_SECOND + value.tv_usec * OVL_MICROSECOND;
}

/* How long it waited for a processor: the kernel knows until it is waited for. 0: not known. */
static ovl_time queued(pid_t process)
{
    char path[48];
    unsigned long long ran;
    unsigned long long waited = 0;
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)process);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%llu %llu", &ran, &waited) != 2)
        waited = 0;
    if (file)
        fclose(file);
    return (ovl_time)waited;
}

static void reap(struct follow *follow)
{
    struct rusage usage = {0};
    /* Its number may be another's once it was waited for: nobody may signal it any more. */
    siginfo_t info;
    while (waitid(P_PID, (id_t)follow->process, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    if (follow->shared->measures)
        follow->queued_ns = queued(follow->process);
    guard_forget(follow->shared->guard, follow->slot);
    pid_t ended;
    while ((ended = wait4(follow->process, &follow->status, 0, &usage)) < 0 && errno == EINTR)
        ;
    if (ended < 0 && !follow->error)
        follow->error = -errno;
    follow->cpu_ns = time_of(usage.ru_utime) + time_of(usage.ru_stime);
    follow->resident_bytes = (size_t)usage.ru_maxrss * 1024;
}

void follow_process(struct follow *follow)
{
    int process = (int)syscall(SYS_pidfd_open, follow->process, 0);
    follow_streams(follow, process);
    read_rest(follow);
    if (process >= 0)
        close(process);
    reap(follow);
}
