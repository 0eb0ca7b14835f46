#include "fetch/list.h"

#include "command.h"
#include "fetch/bytes.h"
#include "fetch/glob.h"
#include "report/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64 * 1024)

/* A line longer than this is none of a list of URLs: of such a one the beginning is told. */
#define LINE_MAX_BYTES ((size_t)4 << 20)
#define TOLD_BYTES     ((size_t)64)

/* What has so many times that without an end of a line is no list. */
#define PIECES_MOST 16

struct list {
    const struct settings *settings;
    size_t index; /* of the next item */
    size_t url;   /* the next of the command line */
    size_t input; /* the next file */
    int fd;       /* of the one that is read; -1: none */
    const char *name;
    bool begun;        /* a line of the file was read */
    bool ended;        /* the file has no more */
    struct block text; /* read and not yet taken */
    size_t taken;      /* bytes of it */
    unsigned pieces;   /* of a line that is too long, as far as it was read */
    bool failed;       /* nothing more can be read */
    struct item *held; /* its options may follow */
    struct glob *glob; /* of a URL that stands for several */
    struct item *pattern;
};

int list_open(const struct settings *settings, struct list **ret_list)
{
    struct list *list = calloc(1, sizeof *list);
    if (!list) {
        console_error("there is no memory for a list");
        return EXIT_REFUSED;
    }
    list->settings = settings;
    list->fd = -1;
    /* What cannot be opened is told before anything begins. */
    for (size_t n = 0; n < settings->inputs.count; n++) {
        const char *name = settings->inputs.list[n];
        struct stat file;
        const char *fault = NULL;
        if (strcmp(name, "-") == 0)
            continue;
        if (access(name, R_OK) < 0 || stat(name, &file) < 0)
            fault = strerror(errno);
        else if (S_ISDIR(file.st_mode))
            fault = strerror(EISDIR);
        if (fault) {
            console_error("cannot read the list '%s': %s; check its name", name, fault);
            free(list);
            return EXIT_REFUSED;
        }
    }
    *ret_list = list;
    return 0;
}

static void close_input(struct list *list)
{
    if (list->fd > STDIN_FILENO)
        close(list->fd);
    list->fd = -1;
}

void list_close(struct list *list)
{
    if (!list)
        return;
    close_input(list);
    item_free(list->held);
    item_free(list->pattern);
    glob_free(list->glob);
    block_release(&list->text);
    free(list);
}

/* --- lines --- */

static bool is_url(const char *field, size_t size)
{
    return memmem(field, size, "://", 3);
}

static bool is_checksum(const char *field, size_t size)
{
    static const char *const kinds[] = {"md5", "sha", "blake2b"};
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++)
        if (size > strlen(kinds[n]) && strncasecmp(field, kinds[n], strlen(kinds[n])) == 0 &&
            memchr(field, '=', size))
            return true;
    return false;
}

static int read_checksum(struct item *item, const char *text)
{
    const char *fault = checksum_parse(text, &item->checksum);
    if (fault && !item->error)
        item_set_error(item, "the checksum '%s': %s", text, fault);
    return 0;
}

/* One of the fields that follow a URL. */
static int read_field(struct item *item, const char *field, size_t size)
{
    if (size == 0)
        return 0;
    if (is_url(field, size))
        return item_add_mirror(item, field, size) ? 0 : -ENOMEM;
    char *text = strndup(field, size);
    if (!text)
        return -ENOMEM;
    int error = 0;
    if (is_checksum(field, size)) {
        error = read_checksum(item, text);
    } else if (item->output) {
        if (!item->error)
            item_set_error(item,
                           "the list gives it two names, '%s' and '%s'; leave one out, or write a "
                           "checksum as sha256=...",
                           item->output, text);
    } else {
        error = item_set(&item->output, text) ? 0 : -ENOMEM;
    }
    free(text);
    return error;
}

static size_t trim(const char *text, size_t size)
{
    while (size > 0 && strchr(" \t\r", text[size - 1]) && text[size - 1])
        size--;
    return size;
}

/* How many blanks a line begins with. */
static size_t blanks(const char *line, size_t size)
{
    size_t count = 0;
    while (count < size && (line[count] == ' ' || line[count] == '\t'))
        count++;
    return count;
}

int list_read_line(const char *line, size_t size, size_t index, struct item **ret_item)
{
    *ret_item = NULL;
    size = trim(line, size);
    if (size == 0 || *line == '#')
        return 0;
    const char *tab = memchr(line, '\t', size);
    size_t length = tab ? (size_t)(tab - line) : size;
    struct item *item = item_new(index, line, length);
    if (!item)
        return -ENOMEM;
    if (memchr(line, '\0', size))
        item_set_error(item, "its line has a zero byte; is the list a list?");
    int error = 0;
    while (length < size && !error) {
        const char *field = line + length + 1;
        size_t left = size - length - 1;
        const char *end = memchr(field, '\t', left);
        size_t field_size = end ? (size_t)(end - field) : left;
        error = read_field(item, field, field_size);
        length += 1 + field_size;
    }
    if (error)
        item_free(item);
    else
        *ret_item = item;
    return error;
}

/* Adds a line to what there is. */
static bool add_line(char **lines, const char *line)
{
    char *all;
    if (asprintf(&all, "%s%s\n", *lines ? *lines : "", line) < 0)
        return false;
    free(*lines);
    *lines = all;
    return true;
}

/* Names of aria2's options that say nothing about what is fetched. */
static bool is_of_aria2(const char *name)
{
    static const char *const known[] = {"split",
                                        "max-connection-per-server",
                                        "min-split-size",
                                        "continue",
                                        "allow-overwrite",
                                        "auto-file-renaming",
                                        "gid",
                                        "pause",
                                        "max-tries",
                                        "retry-wait"};
    for (size_t n = 0; n < sizeof known / sizeof *known; n++)
        if (strcmp(name, known[n]) == 0)
            return true;
    return false;
}

static int set_option(struct item *item, const char *name, const char *value)
{
    struct item_request *request;
    if (strcmp(name, "out") == 0)
        return item_set(&item->output, value) ? 0 : -ENOMEM;
    if (strcmp(name, "dir") == 0)
        return item_set(&item->folder, value) ? 0 : -ENOMEM;
    if (strcmp(name, "checksum") == 0)
        return read_checksum(item, value);
    request = item_request(item);
    if (!request)
        return -ENOMEM;
    char **place = NULL;
    if (strcmp(name, "method") == 0)
        place = &request->method;
    else if (strcmp(name, "data") == 0)
        place = &request->data;
    else if (strcmp(name, "user-agent") == 0)
        place = &request->agent;
    else if (strcmp(name, "referer") == 0)
        place = &request->referer;
    if (place)
        return item_set(place, value) ? 0 : -ENOMEM;
    if (strcmp(name, "header") == 0)
        return add_line(&request->headers, value) ? 0 : -ENOMEM;
    if (!is_of_aria2(name) && !item->error)
        item_set_error(item,
                       "its list has an option '%s' that is not known here; there are out, dir, "
                       "checksum, header, referer, user-agent, method and data",
                       name);
    return 0;
}

int list_read_option(struct item *item, const char *line, size_t size)
{
    size = trim(line, size);
    size_t start = blanks(line, size);
    if (start == size || line[start] == '#')
        return 0;
    char *text = strndup(line + start, size - start);
    if (!text)
        return -ENOMEM;
    int error = 0;
    if (memchr(line, '\0', size) && !item->error)
        item_set_error(item, "a line below it has a zero byte; is the list a list?");
    char *equals = strchr(text, '=');
    if (equals) {
        *equals = '\0';
        error = set_option(item, text, equals + 1);
    } else if (!item->error) {
        item_set_error(item, "its list has '%s' below it, which is no option NAME=VALUE", text);
    }
    free(text);
    return error;
}

/* --- files --- */

static enum list_state fail_memory(void)
{
    console_error("there is no memory for the list");
    return LIST_FAILED;
}

static enum list_state open_input(struct list *list)
{
    list->name = list->settings->inputs.list[list->input++];
    list->fd = strcmp(list->name, "-") == 0 ? STDIN_FILENO : open(list->name, O_RDONLY | O_CLOEXEC);
    list->begun = false;
    list->ended = false;
    list->pieces = 0;
    if (list->fd >= 0)
        return LIST_ITEM;
    console_error("cannot read the list '%s': %s", list->name, strerror(errno));
    return LIST_FAILED;
}

/* Reads on. LIST_ITEM: something came, or the end. */
static enum list_state read_more(struct list *list)
{
    struct pollfd input = {.fd = list->fd, .events = POLLIN};
    if (poll(&input, 1, 0) == 0)
        return LIST_LATER;
    char *chunk = malloc(CHUNK);
    ssize_t size = chunk ? read(list->fd, chunk, CHUNK) : -1;
    int error = errno;
    if (size > 0) {
        /* What was taken makes room. */
        if (list->taken > 0)
            memmove(list->text.data, list->text.data + list->taken, list->text.size - list->taken);
        list->text.size -= list->taken;
        list->taken = 0;
        block_add(&list->text, chunk, (size_t)size);
    }
    free(chunk);
    if (!chunk || list->text.failed)
        return fail_memory();
    if (size < 0 && error != EINTR) {
        console_error("cannot read the list '%s': %s", list->name, strerror(error));
        return LIST_FAILED;
    }
    list->ended = size == 0;
    return LIST_ITEM;
}

/* A line that is too long is given once, and what follows of it is passed over. */
static enum list_state take_piece(struct list *list, bool more, bool *ret_given)
{
    *ret_given = list->pieces > 0;
    list->pieces = more ? list->pieces + 1 : 0;
    if (list->pieces <= PIECES_MOST)
        return LIST_ITEM;
    console_error("the list '%s' has no end of a line in 64 MiB; is it a list?", list->name);
    return LIST_FAILED;
}

/* The next line, valid until more is read; of one that is too long, its beginning. LIST_END: of
 * this file. */
static enum list_state next_line(struct list *list, const char **ret_line, size_t *ret_size)
{
    for (;;) {
        const char *start = list->text.data ? list->text.data + list->taken : "";
        size_t left = list->text.size - list->taken;
        const char *end = memchr(start, '\n', left);
        bool whole = end || (list->ended && left > 0);
        if (whole || left > LINE_MAX_BYTES) {
            size_t size = end ? (size_t)(end - start) : left;
            bool given;
            list->taken += size + (end ? 1 : 0);
            if (take_piece(list, !whole, &given) != LIST_ITEM)
                return LIST_FAILED;
            if (given)
                continue;
            *ret_line = start;
            *ret_size = whole ? size : TOLD_BYTES;
            return LIST_ITEM;
        }
        if (list->ended)
            return LIST_END;
        enum list_state state = read_more(list);
        if (state != LIST_ITEM)
            return state;
    }
}

static bool begins_with(const char *line, size_t size, const char *word)
{
    return size >= strlen(word) && strncasecmp(line, word, strlen(word)) == 0;
}

/* Some editors put a byte order mark in front of UTF-8. */
static size_t byte_order_mark(const char *line, size_t size)
{
    return begins_with(line, size, "\xef\xbb\xbf") ? 3 : 0;
}

/* An indented line is an option of the URL above it, unless it is a URL itself. */
static bool is_option(const char *line, size_t size)
{
    size_t start = blanks(line, size);
    return start > 0 && !begins_with(line + start, size - start, "http://") &&
           !begins_with(line + start, size - start, "https://");
}

/* Of a line that is too long only the beginning is there. */
static void judge_length(const struct list *list, struct item *item)
{
    if (list->pieces > 0)
        item_set_error(item, "its line is longer than 4 MiB; is the list a list?");
}

static enum list_state give_held(struct list *list, struct item **ret_item)
{
    *ret_item = list->held;
    list->held = NULL;
    return LIST_ITEM;
}

/* An item of the files: it is complete when the next one begins, or the file ends. */
static enum list_state next_of_files(struct list *list, struct item **ret_item)
{
    while (!list->failed) {
        if (list->fd < 0) {
            if (list->input == list->settings->inputs.count)
                return LIST_END;
            if (open_input(list) != LIST_ITEM)
                return LIST_FAILED;
        }
        const char *line = NULL;
        size_t size = 0;
        enum list_state state = next_line(list, &line, &size);
        if (state == LIST_END) {
            close_input(list);
            if (list->held)
                return give_held(list, ret_item);
            continue;
        }
        if (state == LIST_FAILED) {
            list->failed = true;
            if (list->held)
                return give_held(list, ret_item);
        }
        if (state != LIST_ITEM)
            return state;
        size_t mark = list->begun ? 0 : byte_order_mark(line, size);
        list->begun = true;
        line += mark;
        size -= mark;
        if (list->held && is_option(line, size)) {
            if (list_read_option(list->held, line, size))
                return fail_memory();
            judge_length(list, list->held);
            continue;
        }
        struct item *item;
        size_t start = blanks(line, size);
        if (list_read_line(line + start, size - start, 0, &item))
            return fail_memory();
        if (!item)
            continue;
        judge_length(list, item);
        struct item *before = list->held;
        list->held = item;
        if (before) {
            *ret_item = before;
            return LIST_ITEM;
        }
    }
    return LIST_FAILED;
}

static enum list_state next_of_command(struct list *list, struct item **ret_item)
{
    const struct settings *settings = list->settings;
    const char *url = settings->urls.list[list->url];
    struct item *item = item_new(0, url, strlen(url));
    if (!item)
        return fail_memory();
    if (list->url < settings->outputs.count) {
        item->trusted = true;
        if (!item_set(&item->output, settings->outputs.list[list->url])) {
            item_free(item);
            return fail_memory();
        }
    }
    item->checksum = settings->checksum;
    list->url++;
    *ret_item = item;
    return LIST_ITEM;
}

static enum list_state next_plain(struct list *list, struct item **ret_item)
{
    return list->url < list->settings->urls.count ? next_of_command(list, ret_item)
                                                  : next_of_files(list, ret_item);
}

/* --- globs: one item that stands for several --- */

static struct item *copy_of(const struct item *item, char *url)
{
    struct item *copy = url ? item_new(0, url, strlen(url)) : NULL;
    free(url);
    if (copy)
        copy->checksum = item->checksum;
    return copy;
}

static enum list_state next_of_glob(struct list *list, struct item **ret_item)
{
    char *url;
    if (!glob_next(list->glob, &url)) {
        glob_free(list->glob);
        item_free(list->pattern);
        list->glob = NULL;
        list->pattern = NULL;
        return LIST_END;
    }
    *ret_item = copy_of(list->pattern, url);
    return *ret_item ? LIST_ITEM : fail_memory();
}

static enum list_state next_or_glob(struct list *list, struct item **ret_item)
{
    for (;;) {
        if (list->glob) {
            enum list_state state = next_of_glob(list, ret_item);
            if (state != LIST_END)
                return state;
        }
        enum list_state state = next_plain(list, ret_item);
        if (state != LIST_ITEM || !list->settings->globs || !strpbrk((*ret_item)->given, "{["))
            return state;
        const char *fault = glob_open((*ret_item)->given, &list->glob);
        if (fault) {
            item_set_error(*ret_item, "its glob: %s", fault);
            return LIST_ITEM;
        }
        list->pattern = *ret_item;
    }
}

enum list_state list_next(struct list *list, struct item **ret_item)
{
    enum list_state state = next_or_glob(list, ret_item);
    if (state == LIST_ITEM)
        (*ret_item)->index = list->index++;
    return state;
}
