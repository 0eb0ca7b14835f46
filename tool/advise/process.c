#include "advise/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SAMPLED 4096 /* a power of 2 */

struct sampled_place {
    uint64_t code;
    uint32_t instruction;
    int32_t first_line;
    uint32_t place;
};

/* --- memory of another process --- */

static bool read_other(void *context, uint64_t address, void *buffer, size_t size)
{
    struct process *process = context;
    struct iovec here = {.iov_base = buffer, .iov_len = size};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    ssize_t got = process_vm_readv(process->pid, &here, 1, &there, 1, 0);
    if (got < 0 && (errno == EPERM || errno == ENOSYS))
        process->unreadable = true;
    return got == (ssize_t)size;
}

static bool give_reader(struct process *process, const struct python_layout *layout,
                        uint64_t runtime)
{
    process->reader = calloc(1, sizeof *process->reader);
    process->sampled = calloc(SAMPLED, sizeof *process->sampled);
    if (!process->reader || !process->sampled)
        return false;
    process->runtime = runtime;
    process->reader->layout = layout;
    process->reader->read = read_other;
    process->reader->checked = read_other;
    process->reader->context = process;
    return true;
}

/* --- opening and closing --- */

static struct record *map_record(const char *path)
{
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return NULL;
    struct stat status;
    void *at = MAP_FAILED;
    if (fstat(file, &status) == 0 && status.st_size == (off_t)sizeof(struct record))
        at = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (at == MAP_FAILED)
        return NULL;
    struct record *record = at;
    if (!atomic_load(&record->ready) || record->magic != RECORD_MAGIC ||
        record->version != RECORD_VERSION) {
        munmap(at, sizeof *record);
        return NULL;
    }
    return record;
}

static void name_program(struct process *process, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    /* What does not fit is left out. */
    snprintf(process->program, sizeof process->program, "%.*s", (int)sizeof process->program - 1,
             name);
}

struct process *process_open(const char *path)
{
    struct record *record = map_record(path);
    if (!record)
        return NULL;
    struct process *process = calloc(1, sizeof *process);
    if (!process) {
        munmap(record, sizeof *record);
        return NULL;
    }
    process->record = record;
    process->pid = record->pid;
    process->parent = record->parent;
    process->start_ns = (ovl_time)record->start_ns;
    process->was_python = record->python_major != 0;
    /* The program could have written there. */
    record->program[sizeof record->program - 1] = '\0';
    record->command[sizeof record->command - 1] = '\0';
    name_program(process, record->program);
    const struct python_layout *layout =
        record->python_runtime && !strstr(record->python_version, "free-th")
            ? python_layout_find(record->python_major, record->python_minor)
            : NULL;
    if (layout && !give_reader(process, layout, record->python_runtime)) {
        process_free(process);
        return NULL;
    }
    return process;
}

struct process *process_attach(pid_t pid, const struct python_layout *layout, uint64_t runtime)
{
    struct process *process = calloc(1, sizeof *process);
    if (!process)
        return NULL;
    process->pid = pid;
    process->outside = true;
    char link[64];
    char program[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    ssize_t size = readlink(link, program, sizeof program - 1);
    program[size > 0 ? size : 0] = '\0';
    name_program(process, program);
    if (layout && !give_reader(process, layout, runtime)) {
        process_free(process);
        return NULL;
    }
    return process;
}

static void release(struct process *process)
{
    for (size_t n = 0; n < process->thread_count; n++) {
        if (process->threads[n]->clock >= 0)
            close(process->threads[n]->clock);
        free(process->threads[n]);
    }
    code_close(process->code);
    if (process->record)
        munmap(process->record, sizeof *process->record);
    free(process->threads);
    free(process->reader);
    free(process->sampled);
    free(process->places);
    process->threads = NULL;
    process->thread_count = 0;
    process->record = NULL;
    process->code = NULL;
    process->reader = NULL;
    process->sampled = NULL;
    process->places = NULL;
}

void process_retire(struct process *process)
{
    process->last_cpu_ns = process_cpu(process);
    process->last_own_cpu_ns = process_own_cpu(process);
    release(process);
    process->retired = true;
}

void process_free(struct process *process)
{
    if (!process)
        return;
    release(process);
    free(process);
}

struct code *process_code(struct process *process)
{
    if (!process->code && !process->was_python)
        process->code = code_open(process->pid, process->record);
    return process->code;
}

/* --- threads --- */

struct watched_thread *process_thread(struct process *process, int id)
{
    for (size_t n = process->thread_count; n-- > 0;)
        if (process->threads[n]->id == id)
            return process->threads[n];
    if (process->thread_count % 16 == 0) {
        size_t size = (process->thread_count + 16) * sizeof(struct watched_thread *);
        struct watched_thread **moved = realloc(process->threads, size);
        if (!moved)
            return NULL;
        process->threads = moved;
    }
    struct watched_thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return NULL;
    thread->id = id;
    thread->clock = -1;
    thread->track = SIZE_MAX;
    thread->path.process = (uint32_t)process->pid;
    thread->path.family = process->family;
    thread->path.fork_ns =
        process->record && process->record->generation > 1 ? process->start_ns : 0;
    if (id == process->pid && process->record)
        thread->cpu_ns = thread->lined_ns = (ovl_time)process->record->start_cpu_ns;
    if (process->thread_count == 1 && process->others_ns == 0)
        process->threads[0]->alone_ns = process->threads[0]->work_ns;
    process->threads[process->thread_count++] = thread;
    return thread;
}

void process_forget_thread(struct process *process, struct watched_thread *thread)
{
    size_t kept = 0;
    for (size_t n = 0; n < process->thread_count; n++)
        if (process->threads[n] != thread)
            process->threads[kept++] = process->threads[n];
    process->thread_count = kept;
    if (thread->clock >= 0)
        close(thread->clock);
    free(thread);
}

struct record_thread *process_record_of(struct process *process, int id)
{
    if (!process->record)
        return NULL;
    uint32_t count = atomic_load(&process->record->thread_count);
    for (uint32_t n = 0; n < count && n < RECORD_THREADS; n++)
        if ((int)process->record->threads[n].id == id)
            return &process->record->threads[n];
    return NULL;
}

ovl_time process_thread_cpu(struct process *process, struct watched_thread *thread)
{
    char text[96];
    if (thread->clock == -1) {
        snprintf(text, sizeof text, "/proc/%d/task/%d/schedstat", (int)process->pid, thread->id);
        thread->clock = open(text, O_RDONLY | O_CLOEXEC);
        if (thread->clock < 0)
            thread->clock = -2;
    }
    if (thread->clock < 0)
        return -1;
    ssize_t size = pread(thread->clock, text, sizeof text - 1, 0);
    if (size <= 0) {
        close(thread->clock);
        thread->clock = -2;
        return -1;
    }
    text[size] = '\0';
    char *rest;
    ovl_time cpu_ns = (ovl_time)strtoull(text, &rest, 10);
    thread->delay_ns = (ovl_time)strtoull(rest, NULL, 10);
    return cpu_ns;
}

/* What follows the name in a file like /proc/PID/stat, whose path is in `text`, where it comes to
 * lie. NULL: there is none. The name may have any characters. */
static const char *read_stat(char *text, size_t size)
{
    int file = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, size - 1) : 0;
    if (file >= 0)
        close(file);
    text[length > 0 ? length : 0] = '\0';
    return strrchr(text, ')');
}

bool process_thread_runs(const struct process *process, const struct watched_thread *thread)
{
    char text[256];
    snprintf(text, sizeof text, "/proc/%d/task/%d/stat", (int)process->pid, thread->id);
    const char *name_end = read_stat(text, sizeof text);
    return name_end && strncmp(name_end, ") R", 3) == 0;
}

/* The number of the name's field. */
#define NAME_FIELD 2

const char *process_stat_field(pid_t pid, int number, char *text, size_t size)
{
    snprintf(text, size, "/proc/%d/stat", (int)pid);
    const char *at = read_stat(text, size);
    for (int field = NAME_FIELD; at && field < number; field++)
        at = strchr(at + 1, ' ');
    return at ? at + 1 : NULL;
}

/* In /proc/PID/stat. */
#define STATE_FIELD   3
#define THREADS_FIELD 20

bool process_has_ended(pid_t pid)
{
    char text[PROCESS_STAT_BYTES];
    const char *state = process_stat_field(pid, STATE_FIELD, text, sizeof text);
    if (!state || (*state != 'Z' && *state != 'X'))
        return !state;
    /* Its main thread may be over before the others. */
    const char *threads = process_stat_field(pid, THREADS_FIELD, text, sizeof text);
    return !threads || strtol(threads, NULL, 10) <= 1;
}

size_t process_tasks(const struct process *process, int *ret_ids, size_t most)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)process->pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    for (struct dirent *entry; count < most && (entry = readdir(tasks));) {
        int id = atoi(entry->d_name);
        if (id > 0)
            ret_ids[count++] = id;
    }
    closedir(tasks);
    return count;
}

ovl_time process_cpu(const struct process *process)
{
    if (process->retired)
        return process->last_cpu_ns;
    ovl_time children_ns = 0;
    if (process->record && atomic_load(&process->record->end_ns))
        children_ns = (ovl_time)atomic_load(&process->record->children_cpu_ns);
    return process_own_cpu(process) + children_ns;
}

/* The system's clocks go on over an exec: what ran before had its part. */
ovl_time process_own_cpu(const struct process *process)
{
    const struct record *record = process->record;
    ovl_time before_ns = record ? (ovl_time)record->start_cpu_ns : 0;
    if (process->retired)
        return process->last_own_cpu_ns;
    if (record && atomic_load(&record->end_ns))
        return (ovl_time)atomic_load(&record->cpu_ns) - before_ns;
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(process->pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (ovl_time)time.tv_sec * OVL_SECOND + time.tv_nsec - before_ns;
}

/* --- places --- */

/* Up to 3.8, Python knows its main program by the name that it was called by. */
static uint32_t place_of(struct tree *tree, const char *file, const char *function, int line,
                         int first_line, uint32_t flags)
{
    char path[PATH_MAX];
    if (file[0] && file[0] != '/' && file[0] != '<' && realpath(file, path))
        file = path;
    return tree_place(tree, file, function, line, first_line, flags);
}

uint32_t process_place(struct process *process, struct tree *tree, uint32_t place)
{
    struct record *record = process->record;
    if (place == 0 || place >= RECORD_PLACES)
        return 0;
    if (!process->places) {
        process->places = calloc(RECORD_PLACES, sizeof *process->places);
        if (!process->places)
            return 0;
    }
    if (process->places[place])
        return process->places[place];
    const struct record_place *found = &record->places[place];
    /* The program could write here too: what it says is looked at before it is believed. */
    uint32_t file = found->file < RECORD_STRINGS ? found->file : 0;
    uint32_t function = found->function < RECORD_STRINGS ? found->function : 0;
    record->strings[RECORD_STRINGS - 1] = '\0';
    return process->places[place] =
               place_of(tree, record->strings + file, record->strings + function, found->line,
                        found->first_line, found->flags);
}

static uint32_t sampled_place(struct process *process, struct tree *tree, uint64_t code,
                              uint32_t instruction, int32_t first_line)
{
    uint64_t hash = (code ^ ((uint64_t)instruction << 40)) * 0x9e3779b97f4a7c15u;
    struct sampled_place *slot = &process->sampled[(hash >> 40) % SAMPLED];
    if (slot->code == code && slot->instruction == instruction && slot->first_line == first_line)
        return slot->place;
    struct python_place found;
    /* The program goes on meanwhile: by now there may be another code object, or anything. */
    if (!python_place(process->reader, code, instruction, &found) || found.first_line != first_line)
        return 0;
    *slot = (struct sampled_place){.code = code,
                                   .instruction = instruction,
                                   .first_line = first_line,
                                   .place = place_of(tree, found.file, found.function, found.line,
                                                     found.first_line, found.flags)};
    return slot->place;
}

/* --- CPython's threads --- */

static uint64_t word(struct process *process, uint64_t address)
{
    uint64_t value = 0;
    return read_other(process, address, &value, sizeof value) ? value : 0;
}

/* By then a Python that runs has been looked at, or has waited. */
#define FITS_BY_NS (200 * OVL_MILLISECOND)

/* The lists of a build that the layout does not fit hold anything: one of its threads has frames.
 */
static bool layout_fits(struct process *process, const struct process_state *states, size_t count)
{
    struct python_frame frames[PYTHON_FRAMES_MAX];
    for (size_t n = 0; n < count && process->reader->fit == PYTHON_FIT_OPEN; n++)
        python_frames(process->reader, states[n].address, frames);
    return process->reader->fit == PYTHON_FITS;
}

bool process_hides_python(const struct process *process)
{
    if (!process->was_python || process->unreadable)
        return false;
    enum python_fit seen = process->reader ? process->reader->fit : PYTHON_MISFIT;
    enum python_fit told = process->record ? atomic_load(&process->record->python_fit) : seen;
    if (seen == PYTHON_FIT_OPEN && told == PYTHON_FIT_OPEN)
        return process->end_ns - process->start_ns > FITS_BY_NS;
    return seen == PYTHON_MISFIT || told == PYTHON_MISFIT;
}

/* Before a thread begins, its state is known by who made it. */
static uint64_t owner_of(struct process *process, uint64_t state)
{
    const struct python_layout *layout = process->reader->layout;
    if (layout->thread_native >= 0)
        return (uint32_t)word(process, state + (unsigned)layout->thread_native);
    return word(process, state + (unsigned)layout->thread_ident);
}

static int id_of(struct process *process, uint64_t owner)
{
    if (process->reader->layout->thread_native >= 0)
        return (int)owner;
    uint32_t count = process->record ? atomic_load(&process->record->thread_count) : 0;
    for (uint32_t n = 0; n < count && n < RECORD_THREADS; n++)
        if (process->record->threads[n].ident == owner &&
            atomic_load(&process->record->threads[n].state) == RECORD_THREAD_RUNS)
            return (int)process->record->threads[n].id;
    return 0;
}

/* What of a pthread is looked through for the kernel's number. */
#define PTHREAD_BYTES 1024

/*
 * Without a record, and without the kernel's numbers in what CPython keeps: the first to be made is
 * the main thread, and the last of the list. Where its number is in its pthread, the others' are.
 */
static void find_ids(struct process *process, struct process_state *states, size_t count)
{
    int32_t words[PTHREAD_BYTES / sizeof(int32_t)];
    struct process_state *main_thread = &states[count - 1];
    size_t at = 0;
    main_thread->id = (int)process->pid;
    if (count == 1 || !read_other(process, main_thread->owner, words, sizeof words))
        return;
    while (at < sizeof words / sizeof *words && words[at] != process->pid)
        at++;
    for (size_t n = 0; at < sizeof words / sizeof *words && n < count - 1; n++) {
        int32_t id = 0;
        char path[64];
        if (states[n].owner != main_thread->owner)
            read_other(process, states[n].owner + at * sizeof id, &id, sizeof id);
        snprintf(path, sizeof path, "/proc/%d/task/%d", (int)process->pid, (int)id);
        states[n].id = id > 0 && access(path, F_OK) == 0 ? id : 0;
    }
}

size_t process_states(struct process *process, struct process_state *ret_states, size_t most)
{
    if (!process->reader || process->unreadable)
        return 0;
    const struct python_layout *layout = process->reader->layout;
    size_t count = 0;
    uint64_t interpreter = word(process, process->runtime + (unsigned)layout->runtime_interpreters);
    for (int n = 0; interpreter && n < 16; n++) {
        uint64_t state = word(process, interpreter + (unsigned)layout->interpreter_threads);
        while (state && count < most) {
            uint64_t owner = owner_of(process, state);
            ret_states[count++] = (struct process_state){
                .address = state, .owner = owner, .id = id_of(process, owner)};
            state = word(process, state + (unsigned)layout->thread_next);
        }
        interpreter = word(process, interpreter + (unsigned)layout->interpreter_next);
    }
    if (count && !process->record && layout->thread_native < 0)
        find_ids(process, ret_states, count);
    else if (count && !ret_states[count - 1].id)
        ret_states[count - 1].id = (int)process->pid;
    return layout_fits(process, ret_states, count) ? count : 0;
}

/* From its beginning to the end of its locks and conditions. */
#define GIL_BYTES 208

static uint64_t find_gil(struct process *process)
{
    const struct python_layout *layout = process->reader->layout;
    if (layout->interpreter_gil < 0)
        return process->runtime + (unsigned)layout->runtime_gil;
    uint64_t interpreter = word(process, process->runtime + (unsigned)layout->runtime_interpreters);
    return interpreter ? word(process, interpreter + (unsigned)layout->interpreter_gil) : 0;
}

bool process_is_gil(struct process *process, uint64_t address)
{
    uint64_t gil = find_gil(process);
    return gil && address >= gil && address - gil < GIL_BYTES;
}

uint64_t process_gil_holder(struct process *process)
{
    const struct python_layout *layout = process->reader->layout;
    uint64_t gil = find_gil(process);
    int32_t locked = 0;
    if (!gil || !read_other(process, gil + (unsigned)layout->gil_locked, &locked, sizeof locked) ||
        locked != 1)
        return 0;
    return word(process, gil + (unsigned)layout->gil_holder);
}

/* How often this thread was made to give its processor to another. */
static long own_interruptions(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

size_t process_stack(struct process *process, struct tree *tree, const struct process_state *state,
                     struct tree_level *ret_levels)
{
    struct python_frame frames[PYTHON_FRAMES_MAX];
    long before = own_interruptions();
    size_t count = python_frames(process->reader, state->address, frames);
    /* The program went on meanwhile: outer and inner frames are of different calls; or the thread
     * that was to be looked at had only made this one's state. */
    if (own_interruptions() != before || owner_of(process, state->address) != state->owner)
        return 0;
    for (size_t n = 0; n < count; n++) {
        const struct python_frame *frame = &frames[count - 1 - n];
        struct tree_level *level = &ret_levels[n];
        *level = (struct tree_level){
            .place =
                sampled_place(process, tree, frame->code, frame->instruction, frame->first_line),
            .call = frame->call,
        };
        if (!level->place)
            return n;
        for (int loop = 0; loop < RECORD_LOOPS; loop++)
            if (frame->loops[loop].turn)
                level->loops[loop] = (struct record_loop){
                    .place = sampled_place(process, tree, frame->code,
                                           frame->loops[loop].instruction, frame->first_line),
                    .turn = frame->loops[loop].turn,
                    .index = frame->loops[loop].index,
                };
    }
    return count;
}
