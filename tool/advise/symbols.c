#include "advise/symbols.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<elfutils/libdwfl.h>)
#include <elfutils/libdwfl.h>
#define HAVE_LIBDW 1
#else
#define HAVE_LIBDW 0
#endif

#if HAVE_LIBDW

#include <dwarf.h>
#include <elfutils/libdw.h>

/* The functions of libdw in use: X(name) */
#define FUNCTIONS(X)                                                                               \
    X(dwfl_begin)                                                                                  \
    X(dwfl_end)                                                                                    \
    X(dwfl_report_begin_add)                                                                       \
    X(dwfl_report_elf)                                                                             \
    X(dwfl_report_end)                                                                             \
    X(dwfl_build_id_find_elf)                                                                      \
    X(dwfl_build_id_find_debuginfo)                                                                \
    X(dwfl_offline_section_address)                                                                \
    X(dwfl_addrmodule)                                                                             \
    X(dwfl_module_info)                                                                            \
    X(dwfl_module_addrname)                                                                        \
    X(dwfl_module_addrdie)                                                                         \
    X(dwfl_module_nextcu)                                                                          \
    X(dwarf_haspc)                                                                                 \
    X(dwarf_getsrc_die)                                                                            \
    X(dwarf_linesrc)                                                                               \
    X(dwarf_lineno)                                                                                \
    X(dwarf_getscopes)                                                                             \
    X(dwarf_getscopes_die)                                                                         \
    X(dwarf_attr)                                                                                  \
    X(dwarf_formudata)                                                                             \
    X(dwarf_formstring)                                                                            \
    X(dwarf_entrypc)                                                                               \
    X(dwarf_getsrcfiles)                                                                           \
    X(dwarf_filesrc)                                                                               \
    X(dwarf_tag)                                                                                   \
    X(dwarf_diename)                                                                               \
    X(dwarf_decl_line)
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

struct symbols {
    const struct record *record;
    Dwfl *dwfl;
    uint32_t reported; /* modules of the record */
};

/* Not the standard search for debug information, which may ask a server. */
static Dwfl *begin(void)
{
    static Dwfl_Callbacks callbacks;
    if (!dw.tried)
        dw.loaded = load_libdw();
    dw.tried = true;
    if (!dw.loaded)
        return NULL;
    callbacks.find_elf = dw.dwfl_build_id_find_elf;
    callbacks.find_debuginfo = dw.dwfl_build_id_find_debuginfo;
    callbacks.section_address = dw.dwfl_offline_section_address;
    return dw.dwfl_begin(&callbacks);
}

struct symbols *symbols_open(const struct record *record)
{
    Dwfl *dwfl = begin();
    struct symbols *symbols = dwfl ? calloc(1, sizeof *symbols) : NULL;
    if (symbols)
        *symbols = (struct symbols){.record = record, .dwfl = dwfl};
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

/* What the agent has found loaded since. What it says is looked at before it is believed. */
static void report_modules(struct symbols *symbols)
{
    const struct record *record = symbols->record;
    uint32_t count = atomic_load(&record->module_count);
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

size_t symbols_find(struct symbols *symbols, uint64_t address, struct symbol *ret)
{
    report_modules(symbols);
    Dwfl_Module *module = dw.dwfl_addrmodule(symbols->dwfl, address);
    if (!module)
        return 0;
    const char *name = dw.dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    const char *function = dw.dwfl_module_addrname(module, address);
    ret[0] = (struct symbol){.address = address, .own = !is_systems(name)};
    snprintf(ret[0].file, sizeof ret[0].file, "%s", name);
    snprintf(ret[0].function, sizeof ret[0].function, "%s", function ? function : "?");
    if (!ret[0].own)
        return 1;
    size_t count = find_functions(module, address, ret);
    for (size_t n = 0; n < count; n++)
        if (!ret[n].first_line)
            ret[n].first_line = ret[n].line;
    turn_round(ret, count);
    return count;
}

#else

struct symbols {
    char unused;
};

struct symbols *symbols_open(const struct record *record)
{
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

#endif
