#include "report/html.h"

#include "report/utf8.h"

#include <math.h>
#include <string.h>

static void put_character(FILE *out, const char *text, size_t length)
{
    unsigned char first = (unsigned char)*text;
    if (*text == '&')
        fputs("&amp;", out);
    else if (*text == '<')
        fputs("&lt;", out);
    else if (*text == '>')
        fputs("&gt;", out);
    else if (*text == '"')
        fputs("&quot;", out);
    else if (first < 0x20 && *text != '\n' && *text != '\t')
        fprintf(out, "&#x24%02x;", first); /* the picture of a control character */
    else if (first == 0x7f)
        fputs("&#x2421;", out);
    else
        fwrite(text, 1, length, out);
}

void html_text(FILE *out, const char *text)
{
    size_t size = strlen(text);
    while (size) {
        size_t length = utf8_character(text, size);
        if (length)
            put_character(out, text, length);
        else
            fputs("&#xfffd;", out);
        text += length ? length : 1;
        size -= length ? length : 1;
    }
}

const char *html_time(ovl_time ns, char buffer[HTML_TIME_BYTES])
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
    double value = (double)ns;
    size_t unit = 0;
    while (unit < 3 && fabs(value) < units[unit].ns)
        unit++;
    if (!ns)
        unit = 0;
    value /= units[unit].ns;
    int digits = unit == 3 || fabs(value) >= 100 || !ns ? 0 : fabs(value) >= 10 ? 1 : 2;
    if (unit == 0 && fabs(value) >= 100 && fabs(value) < 1000)
        digits = 1;
    snprintf(buffer, HTML_TIME_BYTES, "%.*f %s", digits, value, units[unit].name);
    return buffer;
}

double html_step(double end, unsigned count)
{
    double rough = end / count;
    double power = pow(10, floor(log10(rough)));
    double digit = rough / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}
