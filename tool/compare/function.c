#include "compare/function.h"

#include "command.h"
#include "report/console.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool function_is_named(const char *text)
{
    return strchr(text, '/') || strchr(text, ':');
}

/* --- the function --- */

/* dlopen looks for a name without a slash elsewhere than in this folder. */
static char *path_of(const char *function, const char *colon)
{
    size_t length = (size_t)(colon - function);
    bool bare = !memchr(function, '/', length);
    char *path = malloc(length + 3);
    if (path)
        snprintf(path, length + 3, "%s%.*s", bare ? "./" : "", (int)length, function);
    return path;
}

/* Whether what is there is known to be something else, which would crash where it is called. */
static bool is_data(const void *address)
{
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    return dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
           symbol->st_value && (symbol->st_info & 0xf) == STT_OBJECT;
}

static int find(struct function_program *own, const char *path, const char *name)
{
    void *address = dlsym(own->object, name);
    if (!address) {
        console_error("%s has no function '%s'; it must be visible, and in C++ extern \"C\"", path,
                      name);
        return EXIT_REFUSED;
    }
    if (is_data(address)) {
        console_error("'%s' in %s is data; name a function", name, path);
        return EXIT_REFUSED;
    }
    /* ISO C knows no way from an object's address to a function's. */
    *(void **)(void *)&own->task = address;
    return 0;
}

static int load(struct function_program *own)
{
    const char *colon = strrchr(own->function, ':');
    if (!colon || colon == own->function || !colon[1]) {
        console_error("'%s' names no function; give a shared object and a function in it, such as "
                      "./mytask.so:function",
                      own->function);
        return EXIT_USAGE;
    }
    char *path = path_of(own->function, colon);
    if (!path) {
        console_error("%s", ovl_error_message(-ENOMEM));
        return EXIT_REFUSED;
    }
    int code = 0;
    if (access(path, R_OK)) {
        console_error("cannot read %s: %s", path, strerror(errno));
        code = EXIT_REFUSED;
    } else if (!(own->object = dlopen(path, RTLD_NOW | RTLD_LOCAL))) {
        console_error(
            "cannot load %s; build it with `cc -shared -fPIC task.c -o task.so -loverlap`",
            dlerror());
        code = EXIT_REFUSED;
    } else {
        code = find(own, path, colon + 1);
    }
    free(path);
    return code;
}

/* --- items --- */

static int read_all(FILE *in, char **ret_text, size_t *ret_size)
{
    size_t size = 0;
    size_t capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text) {
        size += fread(text + size, 1, capacity - size, in);
        if (size < capacity)
            break;
        capacity *= 2;
        char *more = realloc(text, capacity);
        if (!more)
            free(text);
        text = more;
    }
    if (!text)
        return -ENOMEM;
    if (ferror(in)) {
        int error = errno ? -errno : -EIO;
        free(text);
        return error;
    }
    *ret_text = text;
    *ret_size = size;
    return 0;
}

static int split(struct function_program *own, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += own->text[i] == '\n';
    own->lines = calloc(count + 1, sizeof *own->lines);
    if (!own->lines)
        return -ENOMEM;
    for (size_t begin = 0; begin < size;) {
        const char *end = memchr(own->text + begin, '\n', size - begin);
        size_t length = end ? (size_t)(end - own->text) - begin : size - begin;
        own->lines[own->count++] = (struct ovl_bytes){.data = own->text + begin, .size = length};
        begin += length + 1;
    }
    return 0;
}

static int read_items(struct function_program *own)
{
    bool standard = strcmp(own->items, "-") == 0;
    const char *name = standard ? "standard input" : own->items;
    FILE *in = standard ? stdin : fopen(own->items, "re");
    if (!in) {
        console_error("cannot read the items in %s: %s", name, strerror(errno));
        return EXIT_REFUSED;
    }
    if (standard && isatty(STDIN_FILENO))
        console_error("reading items from the terminal, one a line; Ctrl-D ends them");
    size_t size = 0;
    int error = read_all(in, &own->text, &size);
    if (!standard)
        fclose(in);
    if (!error)
        error = split(own, size);
    if (!error)
        return 0;
    console_error("cannot read the items in %s: %s", name, ovl_error_message(error));
    return EXIT_REFUSED;
}

int function_open(struct function_program *own)
{
    int code = load(own);
    return code ? code : read_items(own);
}

/* --- the program --- */

static void item(void *self, size_t index, struct ovl_bytes *ret_item)
{
    *ret_item = ((struct function_program *)self)->lines[index];
}

/* What a function of the user's returns cannot be held against anything. */
static int check(void *self, size_t index, struct ovl_bytes result)
{
    (void)self;
    (void)index;
    (void)result;
    return 0;
}

static void describe_item(void *self, size_t index, char *buffer, size_t size)
{
    const struct ovl_bytes *line = &((struct function_program *)self)->lines[index];
    size_t length = line->size < 80 ? line->size : 80;
    snprintf(buffer, size, "item %zu: %.*s%s", index + 1, (int)length, (const char *)line->data,
             length < line->size ? "..." : "");
}

static void describe_error(void *self, int error, char *buffer, size_t size)
{
    (void)self;
    if (error < 0)
        snprintf(buffer, size, "%s", ovl_error_message(error));
    else
        snprintf(buffer, size, "the function returned %d", error);
}

static void describe(void *self, char *buffer, size_t size)
{
    const struct function_program *own = self;
    snprintf(buffer, size, "%zu item%s, %s", own->count, own->count == 1 ? "" : "s", own->function);
}

struct program function_as_program(struct function_program *own)
{
    return (struct program){
        .name = "command",
        .nouns = "items",
        .what = own->function,
        .count = own->count,
        .distinct = own->count ? own->count : 1,
        .task = own->task,
        .spreads = true,
        .may_crash = true,
        .self = own,
        .item = item,
        .check = check,
        .describe_item = describe_item,
        .describe_error = describe_error,
        .describe = describe,
    };
}
