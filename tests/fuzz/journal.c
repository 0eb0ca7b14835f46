/*
 * Journals from elsewhere: the input is written over a sound journal, at a place that its first
 * bytes tell. Opening it is refused with a reason, or it works: entries are found, and one is
 * added.
 */
#include "../support/scratch.h"
#include "fuzz.h"

#include "journal/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[SCRATCH_BYTES];
static char sound[1 << 16];
static size_t sound_size;

static const struct journal_options options = {
    .path = path, .verb = "run", .command = "true {}", .any_command = true};

static void remove_all(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[sizeof path + 8];
    for (size_t n = 0; n < 3; n++) {
        snprintf(name, sizeof name, "%s%s", path, ends[n]);
        unlink(name);
    }
}

static struct journal_entry entry_of(const char *item)
{
    return (struct journal_entry){.item = {item, strlen(item)}, .done = true, .bytes = -1};
}

/* A journal of a few entries, as bytes. */
static void make_sound(void)
{
    struct journal *journal;
    char item[24];
    int fd = scratch_file(path, ANYWHERE);
    close(fd);
    if (journal_open(&options, &journal))
        abort();
    for (int n = 0; n < 20; n++) {
        snprintf(item, sizeof item, "item %d", n);
        struct journal_entry entry = entry_of(item);
        journal_record(journal, &entry);
    }
    journal_close(journal);
    fd = open(path, O_RDONLY);
    ssize_t size = read(fd, sound, sizeof sound);
    close(fd);
    remove_all();
    sound_size = size > 0 ? (size_t)size : 0;
    fd = open("/dev/null", O_WRONLY);
    if (!getenv("FUZZ_VERBOSE"))
        dup2(fd, STDERR_FILENO);
    close(fd);
    atexit(remove_all);
}

static int count(void *context, int64_t id, const struct journal_entry *entry)
{
    (void)id;
    ++*(int *)context;
    return entry->item.size > sizeof sound;
}

static void use(void)
{
    struct journal *journal;
    struct journal_found found;
    int visited = 0;
    if (journal_open(&options, &journal))
        return;
    journal_each(journal, count, &visited);
    if (journal_find(journal, (struct ovl_bytes){"item 3", 6}, &found) == 1)
        journal_found_release(&found);
    struct journal_entry entry = entry_of("another");
    journal_record(journal, &entry);
    journal_close(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char spoilt[sizeof sound];
    if (!sound_size)
        make_sound();
    if (size < 2 || size > 512)
        return 0;
    size_t at = ((size_t)data[0] << 8 | data[1]) * 7 % sound_size;
    memcpy(spoilt, sound, sound_size);
    size_t room = sound_size - at;
    memcpy(spoilt + at, data + 2, size - 2 < room ? size - 2 : room);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t written = write(fd, spoilt, sound_size);
    close(fd);
    if (written == (ssize_t)sound_size)
        use();
    remove_all();
    return 0;
}
