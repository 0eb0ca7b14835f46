/* What a fuzz target defines. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Called with one input after the other. Returns 0; what is wrong ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process where something is not as it must be, in every build. */
#define MUST(condition) ((condition) ? (void)0 : abort())

#endif
