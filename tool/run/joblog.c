#include "run/joblog.h"

#include "command.h"
#include "report/console.h"
#include "run/told.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char heading[] =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

struct joblog {
    const char *path;
    int fd;
    bool failed;
    unsigned char *memory; /* an enum joblog_memory for each number */
    size_t room;
};

static int fail(struct joblog *joblog, const char *what)
{
    if (!joblog->failed)
        console_error("--joblog %s: cannot %s it: %s; make room, or name another file",
                      joblog->path, what, strerror(errno));
    joblog->failed = true;
    return -1;
}

static int remember(struct joblog *joblog, uint64_t number, enum joblog_memory memory)
{
    if (number > (uint64_t)1 << 32)
        return 0;
    if (number >= joblog->room) {
        size_t room = 2 * number + 64;
        unsigned char *moved = realloc(joblog->memory, room);
        if (!moved)
            return -1;
        memset(moved + joblog->room, JOBLOG_NOTHING, room - joblog->room);
        joblog->memory = moved;
        joblog->room = room;
    }
    joblog->memory[number] = (unsigned char)memory;
    return 0;
}

/* One line: its first, seventh and eighth columns. A line that was cut off has not all of them. */
static int read_line(struct joblog *joblog, const char *line)
{
    uint64_t number;
    int exit;
    int signal;
    if (sscanf(line, "%" SCNu64 "\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%d\t%d\t", &number,
               &exit, &signal) != 3)
        return 0;
    return remember(joblog, number, exit || signal ? JOBLOG_FAILED : JOBLOG_DONE);
}

static int read_all(struct joblog *joblog)
{
    FILE *file = fopen(joblog->path, "re");
    if (!file)
        return errno == ENOENT ? 0 : -1;
    char *line = NULL;
    size_t room = 0;
    int error = 0;
    ssize_t size;
    while (!error && (size = getline(&line, &room, file)) > 0)
        if (line[size - 1] == '\n')
            error = read_line(joblog, line);
    free(line);
    error |= ferror(file);
    fclose(file);
    return error ? -1 : 0;
}

static int write_whole(struct joblog *joblog, const char *bytes, size_t size)
{
    while (size) {
        ssize_t written = write(joblog->fd, bytes, size);
        if (written < 0 && errno != EINTR)
            return fail(joblog, "write");
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

/* A line that was cut off when overlap was killed is ended. */
static int begin(struct joblog *joblog)
{
    off_t end = lseek(joblog->fd, 0, SEEK_END);
    if (end <= 0)
        return write_whole(joblog, heading, sizeof heading - 1);
    char last = '\n';
    if (pread(joblog->fd, &last, 1, end - 1) == 1 && last != '\n')
        return write_whole(joblog, "\n", 1);
    return 0;
}

int joblog_open(const char *path, bool resume, struct joblog **ret_joblog)
{
    struct joblog *joblog = calloc(1, sizeof *joblog);
    if (!joblog) {
        console_error("--joblog %s: out of memory", path);
        return EXIT_REFUSED;
    }
    joblog->path = path;
    joblog->fd = -1;
    int error = resume && read_all(joblog) < 0 ? fail(joblog, "read") : 0;
    if (!error) {
        joblog->fd =
            open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (resume ? 0 : O_TRUNC), 0666);
        error = joblog->fd < 0 ? fail(joblog, "open") : begin(joblog);
    }
    if (error) {
        joblog_close(joblog);
        return EXIT_REFUSED;
    }
    *ret_joblog = joblog;
    return EXIT_DONE;
}

int joblog_close(struct joblog *joblog)
{
    if (!joblog)
        return EXIT_DONE;
    int code = joblog->failed ? EXIT_REFUSED : EXIT_DONE;
    if (joblog->fd >= 0)
        close(joblog->fd);
    free(joblog->memory);
    free(joblog);
    return code;
}

bool joblog_remembers(const struct joblog *joblog)
{
    return joblog->memory;
}

enum joblog_memory joblog_find(const struct joblog *joblog, uint64_t number)
{
    return number < joblog->room ? (enum joblog_memory)joblog->memory[number] : JOBLOG_NOTHING;
}

int joblog_add(struct joblog *joblog, const struct job *job, const char *command)
{
    if (joblog->failed)
        return -1;
    struct text line = {0};
    text_format(&line, "%" PRIu64 "\t%s\t%.3f\t%10.3f\t0\t%" PRIu64 "\t%d\t%d\t", job->row->number,
                *job->host ? job->host : ":", job->began, told_seconds(job),
                job->streams[JOB_OUT].size, job->signal ? 0 : job->exit, job->signal);
    for (const char *at = command ? command : ""; *at; at++)
        text_add(&line, *at == '\n' ? "\\n" : at, *at == '\n' ? 2 : 1);
    text_add_string(&line, "\n");
    int error = line.failed ? -1 : write_whole(joblog, line.bytes, line.size);
    text_release(&line);
    return error;
}
