#include "advise/python/layout.h"

#include <stddef.h>

/* What 3.8, 3.9 and 3.10 share. */
#define OLD_FRAMES                                                                                 \
    .major = 3, .runtime_interpreters = 32, .interpreter_next = 0, .interpreter_threads = 8,       \
    .interpreter_gil = -1, .gil_holder = 8, .gil_locked = 16, .thread_next = 8,                    \
    .thread_ident = 176, .thread_native = -1, .thread_frame = 24, .cframe_frame = -1,              \
    .frame_code = 32, .frame_previous = 24, .frame_owner = -1, .frame_entry = -1,                  \
    .frame_names = 56, .code_file = 104, .code_name = 112, .code_names = 64,                       \
    .code_first_line = 40, .code_flags = 36, .code_stack_size = 32, .code_lines = 120,             \
    .code_bytes = -1, .code_string = 48, .code_local_count = 28, .code_cells = 88,                 \
    .code_free = 80, .text_ascii = 48, .text_compact = 72, .tuple_items = 24, .dict_version = 24,  \
    .for_iter = 93, .extended_arg = 144, .store_fast = 125, .store_name = 90, .jump_back = 113,    \
    .jump_back_special_first = 113, .jump_back_special_last = 113, .jump_absolute = true

/* What 3.11 and later ones share. */
#define NEW_FRAMES                                                                                 \
    .major = 3, .thread_next = 8, .gil_holder = 8, .gil_locked = 16, .frame_instruction = 56,      \
    .code_file = 112, .code_name = 120, .code_names = 32, .code_flags = 48, .code_lines = 136,     \
    .code_string = -1, .code_cells = -1, .code_free = -1, .instruction_unit = 1,                   \
    .unpack_cache = 1, .lines = PYTHON_LINES_LOCATIONS

/* What 3.13 and later ones share. */
#define RECENT_FRAMES                                                                              \
    NEW_FRAMES, .runtime_gil = -1, .interpreter_gil = 16, .thread_frame = 72, .cframe_frame = -1,  \
                .frame_code = 0, .frame_previous = 8, .frame_entry = -1, .frame_names = 40,        \
                .code_first_line = 68, .code_stack_size = 64, .code_local_count = 72,              \
                .text_ascii = 40, .text_compact = 56, .dict_version = -1, .for_iter_cache = 1,     \
                .jump_cache = 1

static const struct python_layout layouts[] = {
    {OLD_FRAMES, .minor = 8, .runtime_gil = 1152, .frame_instruction = 104, .frame_locals = 360,
     .instruction_unit = 1, .lines = PYTHON_LINES_LNOTAB},
    {OLD_FRAMES, .minor = 9, .runtime_gil = 352, .frame_instruction = 104, .frame_locals = 360,
     .instruction_unit = 1, .lines = PYTHON_LINES_LNOTAB},
    {OLD_FRAMES, .minor = 10, .runtime_gil = 352, .frame_instruction = 96, .frame_locals = 352,
     .instruction_unit = 2, .lines = PYTHON_LINES_TABLE},
    {NEW_FRAMES,
     .minor = 11,
     .frame_locals = 72,
     .runtime_interpreters = 40,
     .runtime_gil = 360,
     .interpreter_next = 0,
     .interpreter_threads = 16,
     .interpreter_gil = -1,
     .thread_ident = 152,
     .thread_native = 160,
     .thread_frame = 56,
     .cframe_frame = 8,
     .frame_code = 32,
     .frame_previous = 48,
     .frame_owner = 69,
     .frame_entry = 68,
     .frame_names = 24,
     .code_first_line = 72,
     .code_stack_size = 68,
     .code_bytes = 184,
     .code_local_count = 76,
     .text_ascii = 48,
     .text_compact = 72,
     .tuple_items = 24,
     .dict_version = 24,
     .for_iter = 93,
     .extended_arg = 144,
     .store_fast = 125,
     .store_name = 90,
     .jump_back = 140,
     .jump_back_special_first = 38,
     .jump_back_special_last = 38},
    {NEW_FRAMES,
     .minor = 12,
     .frame_locals = 72,
     .runtime_interpreters = 40,
     .runtime_gil = -1,
     .interpreter_next = 0,
     .interpreter_threads = 72,
     .interpreter_gil = 384,
     .thread_ident = 136,
     .thread_native = 144,
     .thread_frame = 56,
     .cframe_frame = 0,
     .frame_code = 0,
     .frame_previous = 8,
     .frame_owner = 70,
     .frame_entry = -1,
     .frame_names = 40,
     .code_first_line = 68,
     .code_stack_size = 64,
     .code_bytes = 192,
     .code_local_count = 72,
     .text_ascii = 40,
     .text_compact = 56,
     .tuple_items = 24,
     .dict_version = 24,
     .for_iter = 93,
     .for_iter_special_first = 32,
     .for_iter_special_last = 35,
     .for_iter_cache = 1,
     .extended_arg = 144,
     .store_fast = 125,
     .store_name = 90,
     .jump_back = 140,
     .jump_back_special_first = 140,
     .jump_back_special_last = 140},
    {RECENT_FRAMES,
     .minor = 13,
     .frame_locals = 72,
     .runtime_interpreters = 632,
     .interpreter_next = 7264,
     .interpreter_threads = 7344,
     .thread_ident = 152,
     .thread_native = 160,
     .frame_owner = 70,
     .code_bytes = 200,
     .tuple_items = 24,
     .for_iter = 72,
     .for_iter_special_first = 187,
     .for_iter_special_last = 190,
     .extended_arg = 71,
     .store_fast = 110,
     .store_name = 114,
     .jump_back = 77,
     .jump_back_special_first = 77,
     .jump_back_special_last = 77},
    {RECENT_FRAMES,
     .minor = 14,
     .frame_locals = 80,
     .runtime_interpreters = 808,
     .interpreter_next = 7272,
     .interpreter_threads = 7344,
     .thread_ident = 152,
     .thread_native = 160,
     .frame_owner = 74,
     .frame_tags = 1,
     .code_bytes = 208,
     .tuple_items = 32,
     .for_iter = 70,
     .for_iter_special_first = 171,
     .for_iter_special_last = 174,
     .extended_arg = 69,
     .store_fast = 112,
     .store_name = 116,
     .jump_back = 75,
     .jump_back_special_first = 175,
     .jump_back_special_last = 176},
    {RECENT_FRAMES,
     .minor = 15,
     .frame_locals = 80,
     .runtime_interpreters = 936,
     .interpreter_next = 7264,
     .interpreter_threads = 7336,
     .thread_ident = 176,
     .thread_native = 184,
     .frame_owner = 74,
     .frame_tags = 3,
     .frame_counts = true,
     .code_bytes = 208,
     .tuple_items = 32,
     .for_iter = 68,
     .for_iter_special_first = 174,
     .for_iter_special_last = 177,
     .extended_arg = 67,
     .store_fast = 111,
     .store_name = 115,
     .jump_back = 74,
     .jump_back_special_first = 181,
     .jump_back_special_last = 182},
};

const struct python_layout *python_layout_find(int major, int minor)
{
    for (size_t n = 0; n < sizeof layouts / sizeof *layouts; n++)
        if (layouts[n].major == major && layouts[n].minor == minor)
            return &layouts[n];
    return NULL;
}
