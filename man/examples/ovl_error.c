#include <errno.h>
#include <overlap.h>
#include <stdio.h>

int main(void)
{
    printf("%s: %s\n", ovl_error_name(OVL_EFULL), ovl_error_message(OVL_EFULL));
    printf("%s: %s\n", ovl_error_name(-ENOENT), ovl_error_message(-ENOENT));
    return 0;
}
