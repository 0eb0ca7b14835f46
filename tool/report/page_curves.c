/* Curves: the picture, and its points as a table. */
#include "report/html.h"
#include "report/page.h"

#include <math.h>
#include <stdlib.h>

/* The picture's own units; it is scaled to the page as a whole. */
#define WIDTH  640.0
#define HEIGHT 320.0
#define LEFT   46.0
#define BOTTOM 40.0
#define TOP    12.0
#define RIGHT  12.0

struct plot {
    double x_end;
    double y_end;
};

static double place_x(const struct plot *plot, double x)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * x / plot->x_end;
}

static double place_y(const struct plot *plot, double y)
{
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * y / plot->y_end;
}

static struct plot find_extent(const struct page_curves *curves)
{
    struct plot plot = {.x_end = 0, .y_end = 0};
    for (size_t n = 0; n < curves->count; n++)
        for (size_t i = 0; i < curves->series[n].count; i++) {
            const struct page_point *point = &curves->series[n].points[i];
            plot.x_end = fmax(plot.x_end, point->x);
            plot.y_end = fmax(plot.y_end, fmax(point->y, point->high));
        }
    plot.x_end = plot.x_end > 0 ? plot.x_end : 1;
    plot.y_end = plot.y_end > 0 ? plot.y_end * 1.05 : 1;
    return plot;
}

static void put_axes(FILE *out, const struct plot *plot, const struct page_curves *curves)
{
    double step = html_step(plot->x_end, 8);
    for (int n = 0; n * step <= plot->x_end * 1.0001; n++)
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n",
                place_x(plot, n * step), HEIGHT - BOTTOM + 16, n * step);
    step = html_step(plot->y_end, 5);
    for (int n = 0; n * step <= plot->y_end * 1.0001; n++) {
        double y = place_y(plot, n * step);
        fprintf(out,
                "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, n * step);
    }
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", WIDTH - RIGHT, HEIGHT - 6);
    html_text(out, curves->x_title);
    fprintf(out, "</text>\n<text x=\"%.1f\" y=\"%.1f\">", LEFT + 4, TOP);
    html_text(out, curves->y_title);
    fputs("</text>\n", out);
}

static void put_band(FILE *out, const struct plot *plot, const struct page_series *series)
{
    fputs("<polygon class=\"band\" points=\"", out);
    for (size_t i = 0; i < series->count; i++)
        fprintf(out, "%.1f,%.1f ", place_x(plot, series->points[i].x),
                place_y(plot, series->points[i].high));
    for (size_t i = series->count; i-- > 0;)
        fprintf(out, "%.1f,%.1f ", place_x(plot, series->points[i].x),
                place_y(plot, series->points[i].low));
    fputs("\"/>\n", out);
}

static void put_series(FILE *out, const struct plot *plot, const struct page_series *series,
                       size_t number)
{
    fprintf(out, "<g class=\"s%zu\">\n", number % 6);
    put_band(out, plot, series);
    fputs("<polyline points=\"", out);
    for (size_t i = 0; i < series->count; i++)
        fprintf(out, "%.1f,%.1f ", place_x(plot, series->points[i].x),
                place_y(plot, series->points[i].y));
    fputs("\"/>\n", out);
    for (size_t i = 0; i < series->count; i++) {
        const struct page_point *point = &series->points[i];
        fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>", place_x(plot, point->x),
                place_y(plot, point->y));
        html_text(out, series->name);
        fprintf(out, ": %g at %g</title></circle>\n", point->y, point->x);
    }
    fputs("</g>\n", out);
}

static void put_legend(FILE *out, const struct page_curves *curves)
{
    fputs("<p class=\"legend\">", out);
    for (size_t n = 0; n < curves->count; n++) {
        fprintf(out, "<span><i class=\"s%zu\"></i>", n % 6);
        html_text(out, curves->series[n].name);
        fputs("</span> ", out);
    }
    fputs("</p>\n", out);
}

static void put_points(FILE *out, const struct page_curves *curves)
{
    fputs("<details><summary>In numbers</summary><div class=\"wide\"><table>\n<thead><tr><th></th>"
          "<th class=\"n\">",
          out);
    html_text(out, curves->x_title);
    fputs("</th><th class=\"n\">", out);
    html_text(out, curves->y_title);
    fputs("</th><th class=\"n\">from</th><th class=\"n\">to</th></tr></thead>\n<tbody>\n", out);
    for (size_t n = 0; n < curves->count; n++)
        for (size_t i = 0; i < curves->series[n].count; i++) {
            const struct page_point *point = &curves->series[n].points[i];
            fputs("<tr><td>", out);
            html_text(out, curves->series[n].name);
            fprintf(out,
                    "</td><td class=\"n\">%g</td><td class=\"n\">%.3g</td><td class=\"n\">%.3g</td>"
                    "<td class=\"n\">%.3g</td></tr>\n",
                    point->x, point->y, point->low, point->high);
        }
    fputs("</tbody></table></div></details>\n", out);
}

void page_curves(FILE *out, const struct page_curves *curves)
{
    struct plot plot = find_extent(curves);
    fputs("<figure>\n<figcaption>", out);
    html_text(out, curves->caption);
    fputs("</figcaption>\n", out);
    put_legend(out, curves);
    fprintf(out,
            "<div class=\"wide\"><svg class=\"curves\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
            WIDTH, HEIGHT);
    put_axes(out, &plot, curves);
    for (size_t n = 0; n < curves->count; n++)
        put_series(out, &plot, &curves->series[n], n);
    fputs("</svg></div>\n", out);
    put_points(out, curves);
    fputs("</figure>\n", out);
}
