/* getloadavg for tests: the load is what the file ./load says. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((visibility("default"))) int getloadavg(double loads[], int count)
{
    FILE *file = fopen("load", "re");
    int read = file && count > 0 ? fscanf(file, "%lf", loads) : -1;
    if (file)
        fclose(file);
    return read;
}
