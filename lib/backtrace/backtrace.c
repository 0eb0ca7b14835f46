#include "backtrace/backtrace.h"

#include "base/memory.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#if __has_include(<elfutils/libdwfl.h>)
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#define HAVE_LIBDW 1
#else
#define HAVE_LIBDW 0
#endif

/* --- without libdw --- */

static void name_by_linker(struct ovl_frame *frame)
{
    Dl_info info;
    if (!dladdr(frame->address, &info))
        return;
    frame->function = info.dli_sname;
    frame->module = info.dli_fname;
}

static bool read_copy(const struct ovl__stack_copy *copy, uint64_t address, uint64_t *ret_word)
{
    if (address < copy->base || address - copy->base > copy->size ||
        copy->size - (address - copy->base) < sizeof *ret_word)
        return false;
    memcpy(ret_word, copy->data + (address - copy->base), sizeof *ret_word);
    return true;
}

/* A frame pointer leads to the caller's, and to where it goes on right above that. */
static size_t follow_frames(const struct ovl__stack_copy *copy, struct ovl_frame *ret_frames,
                            size_t max)
{
    size_t count = 0;
    uint64_t pc = copy->pc;
    uint64_t frame = copy->registers[OVL__FRAME];
    while (count < max && pc) {
        ret_frames[count] = (struct ovl_frame){.address = (const void *)(uintptr_t)pc};
        name_by_linker(&ret_frames[count++]);
        uint64_t next;
        if (!read_copy(copy, frame, &next) || !read_copy(copy, frame + 8, &pc) || next <= frame)
            break;
        frame = next;
    }
    return count;
}

#if HAVE_LIBDW

/* --- with it --- */

/* The functions of libdw in use: X(name) */
#define FUNCTIONS(X)                                                                               \
    X(dwfl_begin)                                                                                  \
    X(dwfl_end)                                                                                    \
    X(dwfl_report_end)                                                                             \
    X(dwfl_linux_proc_report)                                                                      \
    X(dwfl_linux_proc_find_elf)                                                                    \
    X(dwfl_build_id_find_debuginfo)                                                                \
    X(dwfl_attach_state)                                                                           \
    X(dwfl_getthread_frames)                                                                       \
    X(dwfl_thread_state_registers)                                                                 \
    X(dwfl_thread_state_register_pc)                                                               \
    X(dwfl_frame_pc)                                                                               \
    X(dwfl_addrmodule)                                                                             \
    X(dwfl_module_info)                                                                            \
    X(dwfl_module_addrname)                                                                        \
    X(dwfl_module_addrdie)                                                                         \
    X(dwfl_module_nextcu)                                                                          \
    X(dwarf_haspc)                                                                                 \
    X(dwarf_getsrc_die)                                                                            \
    X(dwarf_linesrc)                                                                               \
    X(dwarf_lineno)
#define DECLARE(name) __typeof__(name) *name;
#define LOAD(name)                                                                                 \
    if (!(*(void **)&dw.name = dlsym(library, #name)))                                             \
        return false;

static struct {
    FUNCTIONS(DECLARE)
    bool tried, loaded;
} dw;

static bool load_libdw(void)
{
    void *library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    FUNCTIONS(LOAD)
    return true;
}

struct ovl__symbols {
    Dwfl *dwfl;
    const struct ovl__stack_copy *copy; /* what is unwound now */
    struct ovl_frame *frames;
    size_t count, max;
};

static pid_t next_thread(Dwfl *dwfl, void *symbols, void **ret_thread)
{
    (void)dwfl;
    if (*ret_thread)
        return 0;
    *ret_thread = symbols;
    return getpid();
}

static bool get_thread(Dwfl *dwfl, pid_t thread, void *symbols, void **ret_thread)
{
    (void)dwfl;
    *ret_thread = symbols;
    return thread == getpid();
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *argument)
{
    (void)dwfl;
    struct ovl__symbols *symbols = argument;
    uint64_t word;
    if (!read_copy(symbols->copy, address, &word))
        return false;
    *ret_word = word;
    return true;
}

static bool set_registers(Dwfl_Thread *thread, void *argument)
{
    const struct ovl__stack_copy *copy = ((struct ovl__symbols *)argument)->copy;
    Dwarf_Word words[OVL__REGISTERS];
    for (int i = 0; i < OVL__REGISTERS; i++)
        words[i] = copy->registers[i];
    dw.dwfl_thread_state_register_pc(thread, copy->pc);
    return dw.dwfl_thread_state_registers(thread, 0, OVL__REGISTERS, words);
}

/* The unit of code around an address. Clang writes no .debug_aranges: there each unit is asked. */
static Dwarf_Die *unit_of(Dwfl_Module *module, Dwarf_Addr pc, Dwarf_Addr *ret_bias)
{
    Dwarf_Die *unit = dw.dwfl_module_addrdie(module, pc, ret_bias);
    if (!unit)
        while ((unit = dw.dwfl_module_nextcu(module, unit, ret_bias)))
            if (dw.dwarf_haspc(unit, pc - *ret_bias) > 0)
                break;
    return unit;
}

static void find_line(Dwfl_Module *module, Dwarf_Addr pc, struct ovl_frame *frame)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = unit_of(module, pc, &bias);
    Dwarf_Line *line = unit ? dw.dwarf_getsrc_die(unit, pc - bias) : NULL;
    if (line && !dw.dwarf_lineno(line, &frame->line))
        frame->file = dw.dwarf_linesrc(line, NULL, NULL);
}

/* The call is before the address that it returns to. */
static void describe(Dwfl *dwfl, Dwarf_Addr pc, struct ovl_frame *frame)
{
    Dwfl_Module *module = dw.dwfl_addrmodule(dwfl, pc);
    if (!module)
        return;
    frame->module = dw.dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    frame->function = dw.dwfl_module_addrname(module, pc);
    find_line(module, pc, frame);
}

static int add_frame(Dwfl_Frame *state, void *argument)
{
    struct ovl__symbols *symbols = argument;
    Dwarf_Addr pc;
    bool is_exact;
    if (symbols->count == symbols->max || !dw.dwfl_frame_pc(state, &pc, &is_exact))
        return DWARF_CB_ABORT;
    struct ovl_frame *frame = &symbols->frames[symbols->count++];
    *frame = (struct ovl_frame){.address = (const void *)(uintptr_t)pc};
    describe(symbols->dwfl, is_exact ? pc : pc - 1, frame);
    return DWARF_CB_OK;
}

static bool open_dwfl(struct ovl__symbols *symbols)
{
    static Dwfl_Callbacks callbacks;
    static const Dwfl_Thread_Callbacks threads = {
        .next_thread = next_thread,
        .get_thread = get_thread,
        .memory_read = read_memory,
        .set_initial_registers = set_registers,
    };
    /* Not the standard search for debug information, which may ask a server. */
    callbacks.find_elf = dw.dwfl_linux_proc_find_elf;
    callbacks.find_debuginfo = dw.dwfl_build_id_find_debuginfo;
    symbols->dwfl = dw.dwfl_begin(&callbacks);
    return symbols->dwfl && !dw.dwfl_linux_proc_report(symbols->dwfl, getpid()) &&
           !dw.dwfl_report_end(symbols->dwfl, NULL, NULL) &&
           dw.dwfl_attach_state(symbols->dwfl, NULL, getpid(), &threads, symbols);
}

struct ovl__symbols *ovl__symbols_open(void)
{
    struct ovl__symbols *symbols = ovl__zalloc(sizeof *symbols);
    if (!symbols)
        return NULL;
    if (!dw.tried)
        dw.loaded = load_libdw();
    dw.tried = true;
    if (dw.loaded && !open_dwfl(symbols) && symbols->dwfl) {
        dw.dwfl_end(symbols->dwfl);
        symbols->dwfl = NULL;
    }
    return symbols;
}

void ovl__symbols_close(struct ovl__symbols *symbols)
{
    if (!symbols)
        return;
    if (symbols->dwfl)
        dw.dwfl_end(symbols->dwfl);
    free(symbols);
}

size_t ovl__backtrace(struct ovl__symbols *symbols, const struct ovl__stack_copy *copy,
                      struct ovl_frame *ret_frames, size_t max)
{
    symbols->copy = copy;
    symbols->frames = ret_frames;
    symbols->count = 0;
    symbols->max = max;
    if (symbols->dwfl)
        dw.dwfl_getthread_frames(symbols->dwfl, getpid(), add_frame, symbols);
    return symbols->count ? symbols->count : follow_frames(copy, ret_frames, max);
}

#else

struct ovl__symbols {
    char unused;
};

struct ovl__symbols *ovl__symbols_open(void)
{
    return ovl__zalloc(sizeof(struct ovl__symbols));
}

void ovl__symbols_close(struct ovl__symbols *symbols)
{
    free(symbols);
}

size_t ovl__backtrace(struct ovl__symbols *symbols, const struct ovl__stack_copy *copy,
                      struct ovl_frame *ret_frames, size_t max)
{
    (void)symbols;
    return follow_frames(copy, ret_frames, max);
}

#endif
