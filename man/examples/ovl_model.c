#include <overlap.h>
#include <stdio.h>

int main(void)
{
    enum ovl_model model;
    if (ovl_model_parse("multiprocessing", &model))
        return 1;
    puts(ovl_model_name(model));
    return 0;
}
