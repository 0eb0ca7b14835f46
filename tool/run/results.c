#include "run/results.h"

#include "command.h"
#include "report/console.h"
#include "run/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a file's name: file systems take 255 bytes. */
#define NAME_BYTES 200

struct results {
    const char *path;
    int folder;
    int error; /* the first */
};

static int fail(struct results *results, int error)
{
    if (!results->error)
        console_error("--results %s: cannot write there: %s; %s", results->path, strerror(error),
                      error == ENOSPC || error == EDQUOT ? "make room, and call again"
                                                         : "name a folder that can be written");
    results->error = error;
    return -error;
}

int results_open(const char *folder, struct results **ret_results)
{
    struct results *results = calloc(1, sizeof *results);
    if (!results) {
        console_error("--results %s: out of memory", folder);
        return EXIT_REFUSED;
    }
    results->path = folder;
    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        fail(results, errno);
    results->folder = open(folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (results->folder < 0 || faccessat(results->folder, ".", W_OK, AT_EACCESS) < 0)
        fail(results, errno);
    if (results->error) {
        results_close(results);
        return EXIT_REFUSED;
    }
    *ret_results = results;
    return EXIT_DONE;
}

void results_close(struct results *results)
{
    if (!results)
        return;
    if (results->folder >= 0)
        close(results->folder);
    free(results);
}

/* A field as the name of a file: nothing in it leads elsewhere. */
static void add_name(struct text *path, struct ovl_bytes field)
{
    const char *bytes = field.data;
    size_t start = path->size;
    bool dots = field.size > 0 && field.size <= 2 && bytes[0] == '.' &&
                (field.size == 1 || bytes[1] == '.');
    for (size_t n = 0; n < field.size && path->size - start < NAME_BYTES; n++) {
        unsigned char byte = (unsigned char)bytes[n];
        if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '%' || (dots && n == 0))
            text_format(path, "%%%02X", byte);
        else
            text_add(path, &bytes[n], 1);
    }
    if (!field.size)
        text_add_string(path, "%");
}

/* Opens a folder within another, and makes it where it is missing. -errno. */
static int enter(int folder, const char *name)
{
    if (mkdirat(folder, name, 0777) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(folder, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* Whether the folder is another job's of this call or an earlier one. */
static bool is_anothers(int folder, uint64_t number)
{
    char text[32] = "";
    int fd = openat(folder, "seq", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    return size > 0 && strtoull(text, NULL, 10) != number;
}

/* Opens the folder of one more field. Takes `folder`. */
static int descend(int folder, size_t n, struct ovl_bytes field, uint64_t number)
{
    char position[24];
    struct text name = {0};
    snprintf(position, sizeof position, "%zu", n + 1);
    int inner = enter(folder, position);
    close(folder);
    if (inner < 0)
        return inner;
    add_name(&name, field);
    if (number)
        text_format(&name, "~%" PRIu64, number);
    char *text = text_take(&name);
    folder = text ? enter(inner, text) : -ENOMEM;
    free(text);
    close(inner);
    return folder;
}

/* Opens the job's folder; `apart`: with its number in the name. */
static int open_folder(const struct results *results, const struct row *row, bool apart)
{
    int folder = fcntl(results->folder, F_DUPFD_CLOEXEC, 3);
    for (size_t n = 0; n < row->count && folder >= 0; n++)
        folder =
            descend(folder, n, row_field(row, n), apart && n + 1 == row->count ? row->number : 0);
    return folder < 0 && folder != -1 ? folder : folder < 0 ? -errno : folder;
}

static int write_bytes(void *context, struct ovl_bytes bytes)
{
    const char *at = bytes.data;
    while (bytes.size) {
        ssize_t written = write(*(int *)context, at, bytes.size);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            at += written;
            bytes.size -= (size_t)written;
        }
    }
    return 0;
}

static int write_file(int folder, const char *name, const struct capture *capture,
                      struct spool *spool)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return -errno;
    int error = capture_each(capture, spool, write_bytes, &fd);
    if (close(fd) < 0 && !error)
        error = -errno;
    return error;
}

static int write_number(int folder, uint64_t number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%" PRIu64, number);
    int fd = openat(folder, "seq", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return -errno;
    int error = write_bytes(&fd, (struct ovl_bytes){text, (size_t)size});
    if (close(fd) < 0 && !error)
        error = -errno;
    return error;
}

int results_add(struct results *results, const struct job *job, struct spool *spool)
{
    if (results->error)
        return -results->error;
    int folder = open_folder(results, job->row, false);
    if (folder >= 0 && is_anothers(folder, job->row->number)) {
        close(folder);
        folder = open_folder(results, job->row, true);
    }
    if (folder < 0)
        return fail(results, -folder);
    int error = write_number(folder, job->row->number);
    if (!error)
        error = write_file(folder, "stdout", &job->streams[JOB_OUT], spool);
    if (!error)
        error = write_file(folder, "stderr", &job->streams[JOB_ERR], spool);
    close(folder);
    return error ? fail(results, -error) : 0;
}
