#include "report/terminal.h"

#include "values.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MIN     20
#define WIDTH_MAX     160

static unsigned width_of(int fd)
{
    struct winsize window = {.ws_col = 0};
    uint64_t width = 0;
    const char *columns = getenv("COLUMNS");
    if (ioctl(fd, TIOCGWINSZ, &window) == 0)
        width = window.ws_col;
    if (width == 0 && (!columns || value_number(columns, &width) != VALUE_OK))
        width = 0;
    if (width == 0)
        return WIDTH_DEFAULT;
    return width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : (unsigned)width;
}

struct terminal terminal_look(int fd)
{
    setlocale(LC_CTYPE, "");
    const char *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    bool present = isatty(fd);
    return (struct terminal){
        .present = present,
        .colour = present && !(no_colour && *no_colour) && !(kind && strcmp(kind, "dumb") == 0),
        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
        .width = width_of(fd),
    };
}
