#include "report/page.h"

#include "report/html.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* page.css and page.js, which assets.S takes in; each ends in a zero byte. */
extern const char ovl_page_css[];
extern const char ovl_page_js[];

void page_begin(FILE *out, const char *title, const char *lead)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n"
          /* Nothing is loaded from anywhere, whatever a label says. */
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
          "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          out);
    html_text(out, title);
    fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", ovl_page_css);
    html_text(out, title);
    fputs("</h1>\n", out);
    if (lead) {
        fputs("<p class=\"lead\">", out);
        html_text(out, lead);
        fputs("</p>\n", out);
    }
}

void page_end(FILE *out)
{
    fprintf(out,
            "</main>\n<div id=\"tip\" hidden></div>\n<script>\n%s</script>\n</body>\n</html>\n",
            ovl_page_js);
}

static void put(FILE *out, const char *open, const char *text, const char *close)
{
    fputs(open, out);
    html_text(out, text);
    fputs(close, out);
}

void page_heading(FILE *out, const char *text)
{
    put(out, "<h2>", text, "</h2>\n");
}

void page_text(FILE *out, const char *text)
{
    put(out, "<p>", text, "</p>\n");
}

void page_verdict(FILE *out, const char *text)
{
    put(out, "<p class=\"verdict\">", text, "</p>\n");
}

void page_code(FILE *out, const char *text)
{
    put(out, "<pre>", text, "</pre>\n");
}

/* --- tables --- */

static void put_bar(FILE *out, const char *cell)
{
    double share = strtod(cell, NULL);
    if (!(share >= 0))
        share = 0;
    fprintf(out, "<td class=\"bar\"><i style=\"width:%.2f%%\"></i></td>",
            100 * (share > 1 ? 1 : share));
}

static void put_cell(FILE *out, const struct page_column *column, const char *cell)
{
    if (column->bar) {
        put_bar(out, cell ? cell : "");
        return;
    }
    put(out, column->number ? "<td class=\"n\">" : "<td>", cell ? cell : "", "</td>");
}

void page_table(FILE *out, const struct page_table *table)
{
    fputs("<div class=\"wide\"><table>\n", out);
    if (table->caption)
        put(out, "<caption>", table->caption, "</caption>\n");
    fputs("<thead><tr>", out);
    for (size_t n = 0; n < table->column_count; n++)
        put(out, table->columns[n].number ? "<th class=\"n\">" : "<th>", table->columns[n].title,
            "</th>");
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t row = 0; row < table->row_count; row++) {
        fputs(row == table->best ? "<tr class=\"best\">" : "<tr>", out);
        for (size_t n = 0; n < table->column_count; n++)
            put_cell(out, &table->columns[n], table->cells[row * table->column_count + n]);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

/* --- source --- */

void page_source(FILE *out, const char *file, const struct page_line *lines, size_t count)
{
    fputs("<div class=\"wide\"><table class=\"source\">\n", out);
    put(out, "<caption>", file, "</caption>\n<tbody>\n");
    for (size_t n = 0; n < count; n++) {
        const struct page_line *line = &lines[n];
        fprintf(out, "<tr%s><td class=\"n\">", line->share >= 0.1 ? " class=\"hot\"" : "");
        if (line->share > 0)
            fprintf(out, "%.0f%%", 100 * line->share);
        fprintf(out,
                "</td><td class=\"bar\"><i style=\"width:%.1f%%\"></i></td><td class=\"n\">%u</td>",
                100 * (line->share > 1 ? 1 : line->share), line->number);
        put(out, "<td><code>", line->text, "</code></td>");
        put(out, "<td>", line->note ? line->note : "", "</td></tr>\n");
    }
    fputs("</tbody></table></div>\n", out);
}
