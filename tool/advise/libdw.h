/*
 * libdw's functions in use. It is loaded where the first symbol is asked for: a command that looks
 * into no program does not pay for it.
 */
#ifndef TOOL_ADVISE_LIBDW_H
#define TOOL_ADVISE_LIBDW_H

#if __has_include(<elfutils/libdwfl.h>)
#define LIBDW_IS_KNOWN 1

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>

/* X(name) */
#define LIBDW_FUNCTIONS(X)                                                                         \
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
    X(dwfl_attach_state)                                                                           \
    X(dwfl_getthread_frames)                                                                       \
    X(dwfl_thread_state_registers)                                                                 \
    X(dwfl_thread_state_register_pc)                                                               \
    X(dwfl_frame_pc)                                                                               \
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
#define LIBDW_DECLARE(name) __typeof__(name) *name;

struct libdw {
    LIBDW_FUNCTIONS(LIBDW_DECLARE)
};

/* They may be called once it has been loaded. */
extern struct libdw dw;

/* Loads it, where that has not been done. Returns whether it is there. */
bool libdw_load(void);

#else
#define LIBDW_IS_KNOWN 0
#endif

#endif
