#include "advise/symbols.h"

#include "advise/libdw.h"
#include "advise/modules.h"

#include <overlap/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#if LIBDW_IS_KNOWN

/* What is loaded is listed anew at most so often. */
#define AGAIN_NS (100 * OVL_MILLISECOND)

struct symbols {
    const struct record *record; /* or NULL */
    pid_t pid;
    Dwfl *dwfl;
    uint32_t reported; /* modules of the record */
    ovl_time listed_ns;
    bool attached; /* for unwinding; or that has failed */
    bool unwinds;

    /* What is unwound now. */
    const struct stopped *stack;
    uint64_t *addresses;
    size_t count, most;
};

/* Not the standard search for debug information, which may ask a server. */
static Dwfl *begin(void)
{
    static Dwfl_Callbacks callbacks;
    callbacks.find_elf = dw.dwfl_build_id_find_elf;
    callbacks.find_debuginfo = dw.dwfl_build_id_find_debuginfo;
    callbacks.section_address = dw.dwfl_offline_section_address;
    return dw.dwfl_begin(&callbacks);
}

struct symbols *symbols_open(pid_t pid, const struct record *record)
{
    Dwfl *dwfl = libdw_load() ? begin() : NULL;
    struct symbols *symbols = dwfl ? calloc(1, sizeof *symbols) : NULL;
    if (symbols)
        *symbols = (struct symbols){.record = record, .pid = pid, .dwfl = dwfl};
    else if (dwfl)
        dw.dwfl_end(dwfl);
    return symbols;
}

void symbols_close(struct symbols *symbols)
{
    if (!symbols)
        return;
    dw.dwfl_end(symbols->dwfl);
    free(symbols);
}

/* --- what is loaded --- */

/* What the agent has found loaded since. What it says is looked at before it is believed. */
static void report_recorded(struct symbols *symbols)
{
    const struct record *record = symbols->record;
    uint32_t count = record ? atomic_load(&record->module_count) : 0;
    if (count > RECORD_MODULES)
        count = RECORD_MODULES;
    if (count <= symbols->reported)
        return;
    dw.dwfl_report_begin_add(symbols->dwfl);
    for (; symbols->reported < count; symbols->reported++) {
        const struct record_module *module = &record->modules[symbols->reported];
        char file[512];
        if (module->file >= RECORD_STRINGS)
            continue;
        snprintf(file, sizeof file, "%.*s", (int)(RECORD_STRINGS - module->file),
                 record->strings + module->file);
        if (file[0] == '/')
            dw.dwfl_report_elf(symbols->dwfl, file, file, -1, module->bias, true);
    }
    dw.dwfl_report_end(symbols->dwfl, NULL, NULL);
}

static void report_module(const struct module *module, void *context)
{
    struct symbols *symbols = context;
    dw.dwfl_report_elf(symbols->dwfl, module->file, module->opened, -1, module->bias, true);
}

/* The module that an address is in, of those that the record knows, or that are loaded now. */
static Dwfl_Module *module_of(struct symbols *symbols, uint64_t address)
{
    report_recorded(symbols);
    Dwfl_Module *module = dw.dwfl_addrmodule(symbols->dwfl, address);
    ovl_time now_ns = module ? 0 : ovl_now();
    if (module || (symbols->listed_ns && now_ns - symbols->listed_ns < AGAIN_NS))
        return module;
    symbols->listed_ns = now_ns;
    dw.dwfl_report_begin_add(symbols->dwfl);
    modules_each(symbols->pid, report_module, symbols);
    dw.dwfl_report_end(symbols->dwfl, NULL, NULL);
    return dw.dwfl_addrmodule(symbols->dwfl, address);
}

static bool is_systems(const char *file)
{
    static const char *const folders[] = {"/lib/",     "/lib64/", "/usr/lib/",  "/usr/lib64/",
                                          "/usr/bin/", "/bin/",   "/usr/sbin/", "/sbin/"};
    for (size_t n = 0; n < sizeof folders / sizeof *folders; n++)
        if (strncmp(file, folders[n], strlen(folders[n])) == 0)
            return true;
    return false;
}

/* --- lines --- */

static void set_file(struct symbol *symbol, const char *folder, const char *file, int line)
{
    if (!file || line <= 0)
        return;
    bool whole = file[0] == '/' || !folder;
    snprintf(symbol->file, sizeof symbol->file, "%s%s%s", whole ? "" : folder, whole ? "" : "/",
             file);
    symbol->line = line;
}

/* The unit of code around an address. Clang writes no .debug_aranges: there each unit is asked. */
static Dwarf_Die *unit_of(Dwfl_Module *module, Dwarf_Addr address, Dwarf_Addr *ret_bias)
{
    Dwarf_Die *unit = dw.dwfl_module_addrdie(module, address, ret_bias);
    if (!unit)
        while ((unit = dw.dwfl_module_nextcu(module, unit, ret_bias)))
            if (dw.dwarf_haspc(unit, address - *ret_bias) > 0)
                break;
    return unit;
}

static const char *folder_of(Dwarf_Die *unit)
{
    Dwarf_Attribute folder;
    return dw.dwarf_attr(unit, DW_AT_comp_dir, &folder) ? dw.dwarf_formstring(&folder) : NULL;
}

static void find_line(Dwarf_Die *unit, Dwarf_Addr address, struct symbol *symbol)
{
    int number = 0;
    Dwarf_Line *line = dw.dwarf_getsrc_die(unit, address);
    if (line && dw.dwarf_lineno(line, &number) == 0)
        set_file(symbol, folder_of(unit), dw.dwarf_linesrc(line, NULL, NULL), number);
}

/* --- functions in functions --- */

static bool number_of(Dwarf_Die *die, unsigned name, Dwarf_Word *ret)
{
    Dwarf_Attribute attribute;
    return dw.dwarf_attr(die, name, &attribute) && dw.dwarf_formudata(&attribute, ret) == 0;
}

/* Where the function that is a part of another one would have been called. */
static void set_call(Dwarf_Die *unit, Dwarf_Die *inlined, struct symbol *symbol)
{
    Dwarf_Word file = 0;
    Dwarf_Word line = 0;
    Dwarf_Files *files = NULL;
    size_t count = 0;
    if (!number_of(inlined, DW_AT_call_file, &file) ||
        !number_of(inlined, DW_AT_call_line, &line) ||
        dw.dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count)
        return;
    set_file(symbol, folder_of(unit), dw.dwarf_filesrc(files, (size_t)file, NULL, NULL), (int)line);
}

/* All scopes around an address, innermost first. To be freed. */
static int scopes_of(Dwarf_Die *unit, Dwarf_Addr address, Dwarf_Die **ret)
{
    Dwarf_Die *inner = NULL;
    *ret = NULL;
    if (dw.dwarf_getscopes(unit, address, &inner) <= 0)
        return 0;
    /* Those around a function that is a part of another one are its own; here, that one's. */
    int count = dw.dwarf_getscopes_die(&inner[0], ret);
    free(inner);
    return count;
}

/* Fills in the innermost line, the names of the functions, and where each called the next. Returns
 * how many, innermost first. */
static size_t find_functions(Dwfl_Module *module, uint64_t address, struct symbol *symbols)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = unit_of(module, address, &bias);
    if (!unit)
        return 1;
    find_line(unit, address - bias, &symbols[0]);
    Dwarf_Die *scopes = NULL;
    int scope_count = scopes_of(unit, address - bias, &scopes);
    size_t count = 0;
    for (int n = 0; n < scope_count && count < SYMBOLS_MAX; n++) {
        int tag = dw.dwarf_tag(&scopes[n]);
        const char *name = dw.dwarf_diename(&scopes[n]);
        if ((tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine) || !name)
            continue;
        struct symbol *symbol = &symbols[count++];
        snprintf(symbol->function, sizeof symbol->function, "%s", name);
        dw.dwarf_decl_line(&scopes[n], &symbol->first_line);
        if (tag == DW_TAG_subprogram || count == SYMBOLS_MAX)
            break;
        Dwarf_Addr entry = 0;
        symbols[count] = *symbol;
        symbols[count].address = dw.dwarf_entrypc(&scopes[n], &entry) == 0 ? entry + bias : address;
        set_call(unit, &scopes[n], &symbols[count]);
    }
    free(scopes);
    return count ? count : 1;
}

static void turn_round(struct symbol *symbols, size_t count)
{
    for (size_t n = 0; n < count / 2; n++) {
        struct symbol other = symbols[n];
        symbols[n] = symbols[count - 1 - n];
        symbols[count - 1 - n] = other;
    }
}

/* Of a program that is linked statically, what has no lines where others have is a library's. */
static bool has_lines(Dwfl_Module *module)
{
    Dwarf_Addr bias;
    return dw.dwfl_module_nextcu(module, NULL, &bias) != NULL;
}

size_t symbols_find(struct symbols *symbols, uint64_t address, struct symbol *ret)
{
    Dwfl_Module *module = module_of(symbols, address);
    if (!module)
        return 0;
    const char *name = dw.dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    const char *function = dw.dwfl_module_addrname(module, address);
    ret[0] = (struct symbol){.address = address, .own = !is_systems(name)};
    snprintf(ret[0].file, sizeof ret[0].file, "%s", name);
    if (!function)
        function = "?";
    /* A symbol's version is none of its name. */
    snprintf(ret[0].function, sizeof ret[0].function, "%.*s", (int)strcspn(function, "@"),
             function);
    if (!ret[0].own)
        return 1;
    size_t count = find_functions(module, address, ret);
    for (size_t n = 0; n < count; n++) {
        if (!ret[n].first_line)
            ret[n].first_line = ret[n].line;
        ret[n].own = ret[n].line > 0 || !has_lines(module);
    }
    turn_round(ret, count);
    return count;
}

/* --- unwinding --- */

static pid_t next_thread(Dwfl *dwfl, void *symbols, void **ret_thread)
{
    (void)dwfl;
    if (*ret_thread)
        return 0;
    *ret_thread = symbols;
    return ((struct symbols *)symbols)->pid;
}

static bool get_thread(Dwfl *dwfl, pid_t thread, void *symbols, void **ret_thread)
{
    (void)dwfl;
    *ret_thread = symbols;
    return thread == ((struct symbols *)symbols)->pid;
}

/* What lies deeper than the copy belongs to functions that are still going on. */
static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *argument)
{
    (void)dwfl;
    const struct symbols *symbols = argument;
    const struct stopped *stack = symbols->stack;
    uint64_t at = address - stack->base;
    *ret_word = 0;
    if (address >= stack->base && at < stack->size && stack->size - at >= sizeof *ret_word) {
        memcpy(ret_word, stack->data + at, sizeof *ret_word);
        return true;
    }
    struct iovec here = {.iov_base = ret_word, .iov_len = sizeof *ret_word};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = sizeof *ret_word};
    return process_vm_readv(symbols->pid, &here, 1, &there, 1, 0) == (ssize_t)sizeof *ret_word;
}

static bool set_registers(Dwfl_Thread *thread, void *argument)
{
    const struct symbols *symbols = argument;
    Dwarf_Word words[STOPPED_REGISTERS];
    for (int n = 0; n < STOPPED_REGISTERS; n++)
        words[n] = symbols->stack->registers[n];
    dw.dwfl_thread_state_register_pc(thread, symbols->stack->pc);
    return dw.dwfl_thread_state_registers(thread, 0, STOPPED_REGISTERS, words);
}

static int take_frame(Dwfl_Frame *frame, void *argument)
{
    struct symbols *symbols = argument;
    Dwarf_Addr address;
    bool exact;
    if (symbols->count == symbols->most || !dw.dwfl_frame_pc(frame, &address, &exact))
        return DWARF_CB_ABORT;
    symbols->addresses[symbols->count++] = exact ? address + 1 : address;
    return DWARF_CB_OK;
}

static bool attach(struct symbols *symbols)
{
    static const Dwfl_Thread_Callbacks callbacks = {
        .next_thread = next_thread,
        .get_thread = get_thread,
        .memory_read = read_memory,
        .set_initial_registers = set_registers,
    };
    if (!symbols->attached)
        symbols->unwinds =
            dw.dwfl_attach_state(symbols->dwfl, NULL, symbols->pid, &callbacks, symbols);
    symbols->attached = true;
    return symbols->unwinds;
}

size_t symbols_unwind(struct symbols *symbols, const struct stopped *stack, uint64_t *ret_addresses,
                      size_t most)
{
    symbols->stack = stack;
    symbols->addresses = ret_addresses;
    symbols->count = 0;
    symbols->most = most;
    if (module_of(symbols, stack->pc) && attach(symbols))
        dw.dwfl_getthread_frames(symbols->dwfl, symbols->pid, take_frame, symbols);
    if (!symbols->count)
        ret_addresses[symbols->count++] = stack->pc + 1;
    return symbols->count;
}

#else

struct symbols {
    char unused;
};

struct symbols *symbols_open(pid_t pid, const struct record *record)
{
    (void)pid;
    (void)record;
    return NULL;
}

void symbols_close(struct symbols *symbols)
{
    (void)symbols;
}

size_t symbols_find(struct symbols *symbols, uint64_t address, struct symbol *ret)
{
    (void)symbols;
    (void)address;
    (void)ret;
    return 0;
}

size_t symbols_unwind(struct symbols *symbols, const struct stopped *stack, uint64_t *ret_addresses,
                      size_t most)
{
    (void)symbols;
    (void)stack;
    (void)ret_addresses;
    (void)most;
    return 0;
}

#endif
