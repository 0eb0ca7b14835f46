/* Stacks: Python's, read from memory; and those of native programs, as addresses. */
#include "advise/agent/agent.h"
#include "advise/python/frames.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Native stacks are dear: only of waits at least this long. */
#define NATIVE_NS   200000u
#define PLACE_SLOTS (2 * RECORD_PLACES) /* a power of 2 */

static struct {
    void *(*thread)(void);
    int (*is_initialized)(void);
    int (*holds_gil)(void);
    uintptr_t code_start; /* of the object that CPython is in */
    uintptr_t code_end;
    struct python_reader reader;
} python;

static uint32_t place_slots[PLACE_SLOTS];

/* --- reading this process's own memory --- */

static bool read_own(void *context, uint64_t address, void *buffer, size_t size)
{
    (void)context;
    memcpy(buffer, (const void *)(uintptr_t)address, size);
    return true;
}

static bool read_checked(void *context, uint64_t address, void *buffer, size_t size)
{
    (void)context;
    struct iovec here = {.iov_base = buffer, .iov_len = size};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* --- finding CPython --- */

static int note_code(struct dl_phdr_info *info, size_t size, void *symbol)
{
    (void)size;
    uintptr_t start = UINTPTR_MAX;
    uintptr_t end = 0;
    for (int n = 0; n < info->dlpi_phnum; n++) {
        if (info->dlpi_phdr[n].p_type != PT_LOAD)
            continue;
        uintptr_t at = info->dlpi_addr + info->dlpi_phdr[n].p_vaddr;
        if (at < start)
            start = at;
        if (at + info->dlpi_phdr[n].p_memsz > end)
            end = at + info->dlpi_phdr[n].p_memsz;
    }
    if ((uintptr_t)symbol < start || (uintptr_t)symbol >= end)
        return 0;
    python.code_start = start;
    python.code_end = end;
    return 1;
}

void agent_python_find(void)
{
    const char *(*version)(void);
    void *symbol = dlsym(RTLD_DEFAULT, "Py_GetVersion");
    void *runtime = dlsym(RTLD_DEFAULT, "_PyRuntime");
    if (!symbol)
        return;
    memcpy(&version, &symbol, sizeof version);
    const char *text = version();
    char *rest;
    int major = (int)strtol(text, &rest, 10);
    int minor = *rest == '.' ? (int)strtol(rest + 1, NULL, 10) : 0;

    struct record *record = agent_record;
    record->python_major = major;
    record->python_minor = minor;
    record->python_runtime = (uint64_t)(uintptr_t)runtime;
    atomic_store(&record->python_fit, python.reader.fit);
    strncpy(record->python_version, text, sizeof record->python_version - 1);
    dl_iterate_phdr(note_code, symbol);

    void *thread = dlsym(RTLD_DEFAULT, "PyGILState_GetThisThreadState");
    void *initialized = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    void *holds = dlsym(RTLD_DEFAULT, "PyGILState_Check");
    if (!runtime || !thread || !initialized || !holds || strstr(text, "free-threading"))
        return;
    python.reader.layout = python_layout_find(major, minor);
    python.reader.read = read_own;
    python.reader.checked = read_checked;
    memcpy(&python.thread, &thread, sizeof thread);
    memcpy(&python.is_initialized, &initialized, sizeof initialized);
    memcpy(&python.holds_gil, &holds, sizeof holds);
}

bool agent_has_python(void)
{
    return python.code_end != 0;
}

bool agent_is_python_code(const void *address)
{
    uintptr_t at = (uintptr_t)address;
    return at >= python.code_start && at < python.code_end;
}

/* --- places --- */

uint32_t agent_string(const char *text)
{
    struct record *record = agent_record;
    size_t size = strlen(text) + 1;
    if (size == 1 || record->strings_used + size > RECORD_STRINGS)
        return 0;
    uint32_t at = record->strings_used;
    memcpy(record->strings + at, text, size);
    record->strings_used += (uint32_t)size;
    return at;
}

static uint32_t *slot_of(uint64_t code, uint32_t instruction)
{
    uint64_t hash = (code ^ ((uint64_t)instruction << 40)) * 0x9e3779b97f4a7c15u;
    size_t n = (size_t)(hash >> 40) % PLACE_SLOTS;
    for (;; n = (n + 1) % PLACE_SLOTS) {
        const struct record_place *place = &agent_record->places[place_slots[n]];
        if (!place_slots[n] || (place->code == code && place->instruction == instruction))
            return &place_slots[n];
    }
}

/* The place before it in the same file often has the same strings. */
static uint32_t share_string(uint32_t before, const char *text)
{
    if (before && strcmp(agent_record->strings + before, text) == 0)
        return before;
    return agent_string(text);
}

static uint32_t add_place(const struct record_place *place, const char *file, const char *function)
{
    struct record *record = agent_record;
    uint32_t n = atomic_load(&record->place_count);
    if (n >= RECORD_PLACES) {
        atomic_fetch_add(&record->places_lost, 1);
        return 0;
    }
    const struct record_place *before = &record->places[n - 1];
    record->places[n] = *place;
    record->places[n].file = share_string(before->file, file);
    record->places[n].function = share_string(before->function, function);
    atomic_store_explicit(&record->place_count, n + 1, memory_order_release);
    return n;
}

static uint32_t python_place_of(uint64_t code, uint32_t instruction, int32_t first_line)
{
    uint32_t *slot = slot_of(code, instruction);
    uint32_t known = *slot;
    if (known && agent_record->places[known].first_line == first_line)
        return known;
    struct python_place found;
    if (!python_place(&python.reader, code, instruction, &found))
        return 0;
    struct record_place place = {.code = code,
                                 .instruction = instruction,
                                 .line = found.line,
                                 .first_line = found.first_line,
                                 .flags = found.flags};
    uint32_t n = add_place(&place, found.file, found.function);
    if (n)
        *slot = n;
    return n;
}

static uint32_t native_place_of(uint64_t address)
{
    uint32_t *slot = slot_of(address, RECORD_ADDRESS);
    uint32_t known = *slot;
    if (known)
        return known;
    struct record_place place = {.code = address, .instruction = RECORD_ADDRESS};
    return *slot = add_place(&place, "", "");
}

void agent_stack_reset(void)
{
    memset(place_slots, 0, sizeof place_slots);
}

/* --- stacks --- */

void agent_native_stack(const struct agent_wait *wait, uint64_t end_ns, struct agent_native *ret)
{
    ret->count = 0;
    if (agent_has_python())
        return;
    if (end_ns - wait->start_ns >= NATIVE_NS)
        ret->count = backtrace(ret->addresses, AGENT_NATIVE_MAX);
    /* The agent's own come first. */
    int first = 0;
    while (first < ret->count && (uint64_t)(uintptr_t)ret->addresses[first] != wait->caller)
        first++;
    if (first == ret->count) {
        ret->addresses[0] = (void *)(uintptr_t)wait->caller;
        ret->count = 1;
        first = 0;
    }
    ret->count -= first;
    memmove(ret->addresses, ret->addresses + first, (size_t)ret->count * sizeof *ret->addresses);
    for (int n = 0; n < ret->count; n++)
        agent_module_know((uint64_t)(uintptr_t)ret->addresses[n]);
}

static size_t native_levels(struct agent_wait *wait, const struct agent_native *native,
                            struct record_level *levels)
{
    size_t used = 0;
    wait->flags |= RECORD_NATIVE;
    for (int n = native->count - 1; n >= 0; n--)
        levels[used++] = (struct record_level){
            .place = native_place_of((uint64_t)(uintptr_t)native->addresses[n])};
    return used;
}

static void fill_level(const struct python_frame *frame, struct record_level *level)
{
    *level = (struct record_level){
        .place = python_place_of(frame->code, frame->instruction, frame->first_line),
        .call = frame->call,
    };
    for (int n = 0; n < RECORD_LOOPS; n++)
        if (frame->loops[n].turn)
            level->loops[n] = (struct record_loop){
                .place =
                    python_place_of(frame->code, frame->loops[n].instruction, frame->first_line),
                .turn = frame->loops[n].turn,
                .index = frame->loops[n].index,
            };
}

size_t agent_stack(struct agent_wait *wait, struct record_thread *thread,
                   const struct agent_native *native, struct record_level *ret_levels)
{
    void *state = NULL;
    if (python.reader.layout && python.is_initialized())
        state = python.thread();
    atomic_store_explicit(&thread->python, (uint64_t)(uintptr_t)state, memory_order_relaxed);
    if (!state)
        return native_levels(wait, native, ret_levels);
    if (python.holds_gil())
        wait->flags |= RECORD_GIL_HELD;
    struct python_frame frames[PYTHON_FRAMES_MAX];
    size_t count = python_frames(&python.reader, (uint64_t)(uintptr_t)state, frames);
    atomic_store_explicit(&agent_record->python_fit, python.reader.fit, memory_order_relaxed);
    if (python.reader.fit != PYTHON_FITS)
        return native_levels(wait, native, ret_levels);
    for (size_t n = 0; n < count; n++)
        fill_level(&frames[count - 1 - n], &ret_levels[n]);
    return count;
}
