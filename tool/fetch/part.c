#include "fetch/part.h"

#include "fetch/bytes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOLDER      ".overlap-fetch"
#define NOTE_SUFFIX ".note"
#define NOTE_MAX    65536
#define FIRST_LINE  "overlap fetch 1\n"
#define LAST_LINE   "end\n"

/* So many runs at once have parts in one folder. */
#define FOLDERS_MAX 64

void part_note_release(struct part_note *note)
{
    free(note->url);
    free(note->etag);
    free(note->modified);
    *note = (struct part_note){0};
}

static char *note_path(const char *path, const char *suffix)
{
    char *note;
    return asprintf(&note, "%s%s", path, suffix) < 0 ? NULL : note;
}

static bool one_line(const char *text)
{
    return !text || !strpbrk(text, "\r\n");
}

/* Straight to the system: other transfers may wait until this is done. */
static int write_file(const char *path, const struct block *block)
{
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    ssize_t written = syscall(SYS_write, fd, block->data, block->size);
    int error = written < 0 ? -errno : ((size_t)written == block->size ? 0 : -ENOSPC);
    close(fd);
    return error;
}

int part_note_write(const char *path, const struct part_note *note)
{
    if (!one_line(note->url) || !one_line(note->etag) || !one_line(note->modified))
        return 0;
    struct block block = {0};
    block_print(&block, FIRST_LINE "%s\n%s\n%s\n" LAST_LINE, note->url,
                note->etag ? note->etag : "", note->modified ? note->modified : "");
    char *name = note_path(path, NOTE_SUFFIX);
    int error = block.failed || !name ? -ENOMEM : write_file(name, &block);
    if (error && name)
        unlink(name);
    free(name);
    block_release(&block);
    return error;
}

static char *take_line(char **next)
{
    char *line = *next;
    char *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    *next = end + 1;
    return line;
}

static char *copy_unless_empty(const char *text)
{
    return *text ? strdup(text) : NULL;
}

/* Takes the text apart; the last line says that it is whole. */
static bool read_note(char *text, struct part_note *ret)
{
    if (strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0)
        return false;
    char *next = text + strlen(FIRST_LINE);
    char *url = take_line(&next);
    char *etag = url ? take_line(&next) : NULL;
    char *modified = etag ? take_line(&next) : NULL;
    if (!modified || strcmp(next, LAST_LINE) != 0)
        return false;
    *ret = (struct part_note){.url = strdup(url),
                              .etag = copy_unless_empty(etag),
                              .modified = copy_unless_empty(modified)};
    return ret->url;
}

bool part_note_read(const char *path, struct part_note *ret)
{
    char *name = note_path(path, NOTE_SUFFIX);
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    free(name);
    if (fd < 0)
        return false;
    char *text = malloc(NOTE_MAX);
    ssize_t size = text ? read(fd, text, NOTE_MAX - 1) : -1;
    close(fd);
    bool good = size > 0 && !memchr(text, '\0', (size_t)size);
    if (good) {
        text[size] = '\0';
        good = read_note(text, ret);
    }
    free(text);
    return good;
}

void part_note_remove(const char *path)
{
    char *name = note_path(path, NOTE_SUFFIX);
    if (name)
        unlink(name);
    free(name);
}

void part_remove(const char *path)
{
    unlink(path);
    part_note_remove(path);
}

uint64_t part_size(const char *path)
{
    struct stat now;
    return lstat(path, &now) == 0 && S_ISREG(now.st_mode) ? (uint64_t)now.st_size : 0;
}

int part_publish(const char *path, const char *final, bool replace)
{
    int failed = replace ? rename(path, final)
                         : renameat2(AT_FDCWD, path, AT_FDCWD, final, RENAME_NOREPLACE);
    if (!failed)
        return 0;
    if (replace || errno != EINVAL)
        return -errno;
    /* A file system that does not know that flag: a link fails where the name is taken. */
    if (link(path, final) < 0)
        return -errno;
    unlink(path);
    return 0;
}

/* --- folders --- */

struct folder {
    char *path;  /* of the files; "" is the working folder */
    char *parts; /* of the parts */
    int lock;
    bool fresh; /* the parts' was empty when it was locked */
    bool alone; /* and it was all there was in the files' */
};

struct parts {
    struct folder *list;
    size_t count;
    size_t last; /* the one that was used last */
};

int parts_new(struct parts **ret_parts)
{
    struct parts *parts = calloc(1, sizeof *parts);
    if (!parts)
        return -ENOMEM;
    *ret_parts = parts;
    return 0;
}

/* The lock goes last: whoever gets it finds the folder as it stays. */
static void folder_release(struct folder *folder)
{
    rmdir(folder->parts);
    close(folder->lock);
    free(folder->parts);
    free(folder->path);
}

void parts_free(struct parts *parts)
{
    if (!parts)
        return;
    for (size_t n = 0; n < parts->count; n++)
        folder_release(&parts->list[n]);
    free(parts->list);
    free(parts);
}

/* Makes the folder at `path`, and those above it. */
static int make_folders(const char *path)
{
    if (!*path || mkdir(path, 0777) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT)
        return -errno;
    char *above = strdup(path);
    if (!above)
        return -ENOMEM;
    char *slash = strrchr(above, '/');
    int error = -ENOENT;
    if (slash && slash != above) {
        *slash = '\0';
        error = make_folders(above);
    }
    free(above);
    if (!error && mkdir(path, 0777) < 0 && errno != EEXIST)
        error = -errno;
    return error;
}

/* Whether nothing is in a folder but `known`, which is not there where it is "". */
static bool has_only(const char *path, const char *known)
{
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    bool only = true;
    for (const struct dirent *entry; only && (entry = readdir(folder));)
        only = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
               strcmp(entry->d_name, known) == 0;
    closedir(folder);
    return only;
}

/*
 * Makes a folder and locks it. Its last user may remove it in between: then what is locked is not
 * what has the name. -EWOULDBLOCK: another run has it.
 */
static int lock_folder(const char *path, int *ret_fd)
{
    for (;;) {
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
            return -errno;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0)
            return -errno;
        struct stat locked, named;
        int error = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
        if (!error && fstat(fd, &locked) == 0 && stat(path, &named) == 0 &&
            locked.st_ino == named.st_ino && locked.st_dev == named.st_dev) {
            *ret_fd = fd;
            return 0;
        }
        close(fd);
        if (error)
            return error;
    }
}

static int open_folder(struct folder *folder, const char *path, size_t size)
{
    folder->path = strndup(path, size);
    int error = folder->path ? make_folders(folder->path) : -ENOMEM;
    for (unsigned n = 1; !error && n <= FOLDERS_MAX; n++) {
        char number[16] = "";
        if (n > 1)
            snprintf(number, sizeof number, ".%u", n);
        if (asprintf(&folder->parts, "%s%s" FOLDER "%s", folder->path, *path && size ? "/" : "",
                     number) < 0) {
            folder->parts = NULL;
            error = -ENOMEM;
            break;
        }
        error = lock_folder(folder->parts, &folder->lock);
        if (!error) {
            folder->fresh = has_only(folder->parts, "");
            folder->alone = has_only(*folder->path ? folder->path : ".", FOLDER);
            return 0;
        }
        free(folder->parts);
        if (error == -EWOULDBLOCK && n < FOLDERS_MAX)
            error = 0;
    }
    free(folder->path);
    return error;
}

static bool is_folder(const struct folder *folder, const char *path, size_t size)
{
    return strlen(folder->path) == size && memcmp(folder->path, path, size) == 0;
}

static int find_folder(struct parts *parts, const char *path, size_t size, struct folder **ret)
{
    for (size_t n = 0; n < parts->count; n++) {
        size_t at = (parts->last + n) % parts->count;
        if (is_folder(&parts->list[at], path, size)) {
            parts->last = at;
            *ret = &parts->list[at];
            return 0;
        }
    }
    struct folder *list = realloc(parts->list, (parts->count + 1) * sizeof *list);
    if (!list)
        return -ENOMEM;
    parts->list = list;
    int error = open_folder(&list[parts->count], path, size);
    if (error)
        return error;
    parts->last = parts->count++;
    *ret = &list[parts->last];
    return 0;
}

/* How much of a path is its folder. */
static size_t folder_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == path) /* of the root */
        return 1;
    return slash ? (size_t)(slash - path) : 0;
}

bool parts_are_alone(const struct parts *parts, const char *final)
{
    return parts->count == 1 && parts->list[0].alone &&
           is_folder(&parts->list[0], final, folder_size(final));
}

int parts_path(struct parts *parts, const char *final, char **ret_path, bool *ret_fresh)
{
    const char *slash = strrchr(final, '/');
    size_t size = folder_size(final);
    struct folder *folder;
    int error = find_folder(parts, final, size, &folder);
    if (error)
        return error;
    *ret_path = text_join(folder->parts, "/", slash ? slash + 1 : final, ".part", (char *)NULL);
    if (!*ret_path)
        return -ENOMEM;
    *ret_fresh = folder->fresh;
    return 0;
}
