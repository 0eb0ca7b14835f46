/*
 * Small pictures of large ones: each PNG that is named becomes one of at most 128 × 128 in a
 * folder. Every core works, in processes: a picture that crashes the library costs itself alone.
 *
 *     thumbnail FOLDER PICTURE.png...
 */
#include <errno.h>
#include <limits.h>
#include <overlap.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_MAX    128
#define CHANNELS    4
#define PIXELS_MAX  (64u << 20) /* of one picture: what says it has more is not believed */
#define NOT_A_PNG   1           /* the task's own error */
#define TOO_LARGE   2
#define NOT_WRITTEN 3

struct job {
    char from[PATH_MAX];
    char to[PATH_MAX];
};

struct jobs {
    const char *folder;
    char **pictures;
    size_t count;
    size_t given;
    size_t failed;
};

/* --- the task: read, shrink, write --- */

/* The mean of the pixels of `large` that fall onto this one of the small picture. */
static void shrink_pixel(const png_byte *large, const png_image *from, const png_image *to,
                         unsigned x, unsigned y, png_byte *ret_pixel)
{
    size_t left = (size_t)x * from->width / to->width;
    size_t right = ((size_t)x + 1) * from->width / to->width;
    size_t top = (size_t)y * from->height / to->height;
    size_t bottom = ((size_t)y + 1) * from->height / to->height;
    unsigned long sum[CHANNELS] = {0};
    for (size_t row = top; row < bottom; row++)
        for (size_t column = left; column < right; column++)
            for (unsigned channel = 0; channel < CHANNELS; channel++)
                sum[channel] += large[(row * from->width + column) * CHANNELS + channel];
    size_t count = (right - left) * (bottom - top);
    for (unsigned channel = 0; channel < CHANNELS; channel++)
        ret_pixel[channel] = (png_byte)(sum[channel] / (count ? count : 1));
}

static void size_small(const png_image *from, png_image *to)
{
    unsigned longer = from->width > from->height ? from->width : from->height;
    unsigned side = longer < SIDE_MAX ? longer : SIDE_MAX;
    to->width = (unsigned)((unsigned long)from->width * side / longer);
    to->height = (unsigned)((unsigned long)from->height * side / longer);
    to->width += !to->width;
    to->height += !to->height;
}

static int write_small(const png_byte *large, const png_image *from, const char *path)
{
    static png_byte small[SIDE_MAX * SIDE_MAX * CHANNELS];
    png_image to = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGBA};
    size_small(from, &to);
    for (unsigned y = 0; y < to.height; y++)
        for (unsigned x = 0; x < to.width; x++)
            shrink_pixel(large, from, &to, x, y, small + ((size_t)y * to.width + x) * CHANNELS);
    return png_image_write_to_file(&to, path, 0, small, 0, NULL) ? 0 : NOT_WRITTEN;
}

static int make_thumbnail(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct job *job = item.data;
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&image, job->from))
        return NOT_A_PNG;
    image.format = PNG_FORMAT_RGBA;
    if ((unsigned long)image.width * image.height > PIXELS_MAX) {
        png_image_free(&image);
        return TOO_LARGE;
    }
    png_byte *pixels = malloc(PNG_IMAGE_SIZE(image));
    int error = pixels ? 0 : -ENOMEM;
    if (!error && !png_image_finish_read(&image, NULL, pixels, 0, NULL))
        error = NOT_A_PNG;
    if (!error)
        error = write_small(pixels, &image, job->to);
    png_image_free(&image);
    free(pixels);
    return error;
}

/* --- the pictures --- */

static int next_picture(void *context, struct ovl_bytes *ret_item)
{
    static struct job job;
    struct jobs *jobs = context;
    if (jobs->given == jobs->count)
        return 0;
    const char *from = jobs->pictures[jobs->given++];
    const char *slash = strrchr(from, '/');
    snprintf(job.from, sizeof job.from, "%s", from);
    snprintf(job.to, sizeof job.to, "%s/%s", jobs->folder, slash ? slash + 1 : from);
    *ret_item = (struct ovl_bytes){&job, sizeof job};
    return 1;
}

static int tell_picture(void *context, size_t index, const struct ovl_outcome *outcome,
                        struct ovl_bytes result)
{
    (void)result;
    static const char *const own[] = {[NOT_A_PNG] = "it is no PNG that can be read",
                                      [TOO_LARGE] = "it is too large",
                                      [NOT_WRITTEN] = "its thumbnail cannot be written"};
    struct jobs *jobs = context;
    if (!outcome->error)
        return 0;
    char text[200];
    ovl_outcome_text(outcome, text, sizeof text);
    fprintf(stderr, "thumbnail: %s: %s\n", jobs->pictures[index],
            outcome->error > 0 ? own[outcome->error] : text);
    jobs->failed++;
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc < 3) {
        fputs("usage: thumbnail FOLDER PICTURE.png...\n", stderr);
        return 2;
    }
    struct jobs jobs = {.folder = argv[1], .pictures = argv + 2, .count = (size_t)argc - 2};
    struct ovl_stream stream = {
        .next = next_picture, .each = tell_picture, .context = &jobs, .as_completed = true};
    struct ovl_executor *executor = NULL;
    int error = ovl_executor_open(OVL_PROCESSES, NULL, &executor);
    if (!error)
        error = ovl_map_stream(executor, make_thumbnail, &stream);
    ovl_executor_close(executor, OVL_FOREVER);
    if (error && error != OVL_ETASKS) {
        fprintf(stderr, "thumbnail: %s\n", ovl_error_message(error));
        return 3;
    }
    printf("%zu of %zu made\n", jobs.count - jobs.failed, jobs.count);
    return jobs.failed ? 1 : 0;
}
