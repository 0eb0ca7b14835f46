/* Whether the hooks are in a program's way, as `bound PATH yes` wants it: of the library loaded by
 * that path. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **words)
{
    if (count != 3) {
        fprintf(stderr, "usage: bound PATH yes|no\n");
        return EXIT_FAILURE;
    }
    void *library = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
    bool (*bound)(void) = NULL;
    if (library)
        *(void **)&bound = dlsym(library, "ovl_hooks_bound");
    if (!bound) {
        fprintf(stderr, "bound: %s\n", dlerror());
        return EXIT_FAILURE;
    }
    const char *answer = bound() ? "yes" : "no";
    printf("bound: %s\n", answer);
    return strcmp(answer, words[2]) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
