#include <overlap.h>
#include <stdio.h>

int main(void)
{
    ovl_time start = ovl_now();
    ovl_sleep(ovl_after(20 * OVL_MILLISECOND));
    puts(ovl_now() - start >= 20 * OVL_MILLISECOND ? "slept" : "woke early");
    return 0;
}
