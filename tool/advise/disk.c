#include "advise/disk.h"

#include <fcntl.h>
#include <math.h>
#include <overlap/time.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* All steps in turn, several times: none of them has a good moment of the disk's for itself. */
#define PASSES    3
#define PASSES_NS (150 * OVL_MILLISECOND) /* then no other pass begins */
#define STEP_NS   (10 * OVL_MILLISECOND)
#define WRITTEN   4096
#define ONCE_MOST (1 << (DISK_STEPS - 1))

/* Of a step: what its threads share. */
struct step {
    const char *folder;
    bool new_files;
    ovl_time end_ns;
    atomic_long count;
    atomic_llong time_ns; /* all of them */
};

static int open_file(const struct step *step)
{
    return open(step->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* A file that is new has to be written down itself, and the file system does one after the other.
 */
static int next_file(const struct step *step, int file)
{
    if (!step->new_files)
        return file;
    close(file);
    return open_file(step);
}

static void *write_on(void *argument)
{
    static const char text[WRITTEN];
    struct step *step = argument;
    int file = open_file(step);
    ovl_time start_ns = ovl_now();
    ovl_time now_ns = start_ns;
    long count = 0;
    while (file >= 0 && (!count || now_ns < step->end_ns)) {
        if (write(file, text, sizeof text) != (ssize_t)sizeof text || fsync(file) != 0)
            break;
        count++;
        file = next_file(step, file);
        now_ns = ovl_now();
    }
    if (file >= 0)
        close(file);
    atomic_fetch_add(&step->count, count);
    atomic_fetch_add(&step->time_ns, now_ns - start_ns);
    return NULL;
}

/* One write's time while `threads` of them are under way; 0: it cannot be told. */
static double measure_step(const char *folder, bool new_files, unsigned threads)
{
    pthread_t running[ONCE_MOST];
    struct step step = {.folder = folder, .new_files = new_files, .end_ns = ovl_after(STEP_NS)};
    unsigned count = 0;
    while (count < threads && pthread_create(&running[count], NULL, write_on, &step) == 0)
        count++;
    for (unsigned n = 0; n < count; n++)
        pthread_join(running[n], NULL);
    long writes = atomic_load(&step.count);
    return count == threads && writes ? (double)atomic_load(&step.time_ns) / (double)writes : 0;
}

static const char *folder_on(uint64_t device)
{
    const char *const folders[] = {".", getenv("TMPDIR"), "/tmp", "/var/tmp", getenv("HOME")};
    for (size_t n = 0; n < sizeof folders / sizeof *folders; n++) {
        struct stat found;
        if (folders[n] && stat(folders[n], &found) == 0 && found.st_dev == device &&
            access(folders[n], W_OK) == 0)
            return folders[n];
    }
    return NULL;
}

/* False where a step could not be done. */
static bool measure_pass(const char *folder, bool new_files, struct disk *disk)
{
    for (unsigned n = 0; n < DISK_STEPS; n++) {
        double each_ns = measure_step(folder, new_files, 1u << n);
        if (each_ns <= 0)
            return false;
        disk->each_ns[n] = disk->known ? fmin(disk->each_ns[n], each_ns) : each_ns;
        if (n == 0)
            disk->most_ns = fmax(disk->most_ns, each_ns);
    }
    disk->known = true;
    return true;
}

void disk_measure(uint64_t device, bool new_files, struct disk *ret)
{
    *ret = (struct disk){.known = false};
    const char *folder = folder_on(device);
    ovl_time end_ns = ovl_after(PASSES_NS);
    for (int n = 0; folder && n < PASSES && ovl_now() < end_ns; n++)
        if (!measure_pass(folder, new_files, ret))
            return;
    /* Worse than one after the other would be somebody else's doing; and better than by itself,
     * chance. */
    for (unsigned n = 1; n < DISK_STEPS && ret->known; n++)
        ret->each_ns[n] = fmin(fmax(ret->each_ns[n], ret->each_ns[n - 1]), 2 * ret->each_ns[n - 1]);
}

static double at_its_quickest(const struct disk *disk, double at_once)
{
    double step = log2(at_once);
    unsigned below = (unsigned)step;
    /* More than were tried do not get more out of it. */
    if (below >= DISK_STEPS - 1)
        return disk->each_ns[DISK_STEPS - 1] * at_once / ONCE_MOST;
    double part = step - below;
    return (1 - part) * disk->each_ns[below] + part * disk->each_ns[below + 1];
}

double disk_stretch(const struct disk *disk, double alone_ns, double at_once)
{
    if (at_once <= 1)
        return 1;
    double quickest_ns = at_its_quickest(disk, at_once);
    return fmax(quickest_ns / fmax(alone_ns, disk->each_ns[0]), 1);
}
