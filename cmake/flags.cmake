# What every target of the project is compiled and linked with: link to ovl_flags, privately.
add_library(ovl_flags INTERFACE)
target_compile_definitions(ovl_flags INTERFACE _GNU_SOURCE)
target_compile_options(ovl_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wpointer-arith -Wshadow
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
  -Wvla -Wformat=2 -Wundef $<$<C_COMPILER_ID:Clang>:-Wno-gnu-zero-variadic-macro-arguments>
  -fno-omit-frame-pointer -fno-semantic-interposition)
if(OVL_WERROR)
  target_compile_options(ovl_flags INTERFACE -Werror)
endif()
if(OVL_SANITIZE)
  target_compile_options(ovl_flags INTERFACE -fsanitize=${OVL_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(ovl_flags INTERFACE -fsanitize=${OVL_SANITIZE})
endif()
if(OVL_COVERAGE)
  # Atomic: tasks run in threads, and a count that two of them lost may even come out negative. And no exec that
  # writes the counts first: between vfork and exec it is the parent's counts and locks that it would take.
  target_compile_options(ovl_flags INTERFACE --coverage -fprofile-update=atomic -fno-builtin-execve)
  target_link_options(ovl_flags INTERFACE --coverage)
endif()
