/*
 * Sanitizers' reports. A sanitizer that has found something opens the files of the program to name
 * the places in it, in the midst of who did it, and holds its own locks meanwhile: there no
 * coroutine may give way, since the next one would come into the same locks, and its calls are made
 * as they are. A program may be built with a sanitizer whether the library is or not.
 */
#ifndef OVL_HOOKS_SANITIZER_H
#define OVL_HOOKS_SANITIZER_H

#include <stdbool.h>

/*
 * Whether the call that is being made is a sanitizer's own, and not one that passes through it on
 * the program's behalf. For slow paths: it looks through the stack where a sanitizer is loaded as a
 * shared object, which is how it is told apart from the program.
 */
bool ovl__sanitizer_calls(void);

#endif
