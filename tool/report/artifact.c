#include "report/artifact.h"

#include "report/console.h"
#include "report/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *remedy(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return "make the folder first, or name another";
    case EACCES:
    case EPERM:
    case EROFS:
        return "choose a folder that you may write to";
    case ENOSPC:
    case EDQUOT:
        return "make room, or send it elsewhere";
    case EISDIR:
        return "name a file in it";
    default:
        return "send it elsewhere";
    }
}

static int refuse(const struct artifact *artifact, int error)
{
    console_error("%s %s: cannot write it: %s; %s", artifact->option, artifact->path,
                  strerror(error), remedy(error));
    return -1;
}

/* What is neither missing nor a regular file cannot be replaced by one. */
static bool is_written_to_directly(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && !S_ISREG(about.st_mode);
}

/* A descriptor or -errno, as open_temporary. */
static int open_directly(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

/* The permissions that a new file would get. */
static mode_t plain_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static int open_temporary(struct artifact *artifact)
{
    static const char suffix[] = ".XXXXXX";
    size_t size = strlen(artifact->path) + sizeof suffix;
    artifact->temporary = malloc(size);
    if (!artifact->temporary)
        return -ENOMEM;
    memcpy(artifact->temporary, artifact->path, size - sizeof suffix);
    memcpy(artifact->temporary + size - sizeof suffix, suffix, sizeof suffix);
    int fd = mkostemp(artifact->temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat old;
    artifact->mode = stat(artifact->path, &old) == 0 ? old.st_mode & 0777 : plain_mode();
    return fd;
}

int artifact_open(struct artifact *artifact, const char *option, const char *path)
{
    *artifact = (struct artifact){.option = option, .path = path};
    if (!path)
        return 0;
    if (!*path) {
        console_error("%s: its file name is empty; name a file", option);
        return -1;
    }
    int fd = is_written_to_directly(path) ? open_directly(path) : open_temporary(artifact);
    int error = -fd;
    if (fd >= 0) {
        artifact->stream = fdopen(fd, "w");
        if (artifact->stream)
            return 0;
        error = errno;
        close(fd);
        if (artifact->temporary)
            unlink(artifact->temporary);
    }
    free(artifact->temporary);
    artifact->temporary = NULL;
    return refuse(artifact, error);
}

/* Closes the stream. 0, or the error of this or of any write before. */
static int finish_stream(struct artifact *artifact)
{
    int fd = fileno(artifact->stream);
    int error = ferror(artifact->stream) ? output_former_error(fd) : 0;
    if (artifact->temporary)
        fchmod(fd, artifact->mode);
    if (fclose(artifact->stream) != 0 && !error)
        error = errno;
    artifact->stream = NULL;
    return error;
}

static void forget(struct artifact *artifact)
{
    if (artifact->temporary)
        unlink(artifact->temporary);
    free(artifact->temporary);
    artifact->temporary = NULL;
}

int artifact_commit(struct artifact *artifact)
{
    if (!artifact->stream)
        return 0;
    int error = finish_stream(artifact);
    if (!error && artifact->temporary && rename(artifact->temporary, artifact->path) != 0)
        error = errno;
    if (error) {
        forget(artifact);
        return refuse(artifact, error);
    }
    free(artifact->temporary);
    artifact->temporary = NULL;
    return 0;
}

void artifact_discard(struct artifact *artifact)
{
    if (!artifact->stream)
        return;
    fclose(artifact->stream);
    artifact->stream = NULL;
    forget(artifact);
}
