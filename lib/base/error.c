#include <overlap/error.h>
#include <string.h>

struct entry {
    int number;
    const char *name;
    const char *message;
};

#define ENTRY(name_, number_, message_)                                                            \
    {.number = (number_), .name = #name_, .message = (message_)},
static const struct entry entries[] = {OVL_ERROR_MAP(ENTRY)};

static const struct entry *find(int error)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (entries[i].number == error)
            return &entries[i];
    return NULL;
}

const char *ovl_error_message(int error)
{
    const struct entry *entry = find(error);
    if (entry)
        return entry->message;
    if (!error)
        return "success";
    const char *message = error < 0 && error > -4096 ? strerrordesc_np(-error) : NULL;
    return message ? message : "task error";
}

const char *ovl_error_name(int error)
{
    const struct entry *entry = find(error);
    if (entry)
        return entry->name;
    return error < 0 && error > -4096 ? strerrorname_np(-error) : NULL;
}
