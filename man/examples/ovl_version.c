#include <overlap.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    puts(strcmp(ovl_version(), OVL_VERSION) ? "another library was loaded" : "as compiled");
    return 0;
}
