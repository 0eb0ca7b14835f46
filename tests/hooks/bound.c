/* Whether the hooks are in a program's way: bound PATH loads the library, and prints what it says
 * of that. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words)
{
    void *library = count == 2 ? dlopen(words[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "bound: %s\n", count == 2 ? dlerror() : "the library's path, please");
        return EXIT_FAILURE;
    }
    bool (*bound)(void);
    *(void **)&bound = dlsym(library, "ovl_hooks_bound");
    if (!bound)
        return EXIT_FAILURE;
    printf("bound: %s\n", bound() ? "yes" : "no");
    return EXIT_SUCCESS;
}
