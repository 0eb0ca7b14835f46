/* What is loaded into this process: by it, addresses find their files. */
#include "advise/agent/agent.h"

#include <link.h>
#include <string.h>

#define AGAIN_NS 100000000u

static bool is_known(uint64_t address)
{
    uint32_t count = atomic_load_explicit(&agent_record->module_count, memory_order_acquire);
    for (uint32_t n = 0; n < count; n++)
        if (address >= agent_record->modules[n].start && address < agent_record->modules[n].end)
            return true;
    return false;
}

static void add_module(uint64_t start, uint64_t end, uint64_t bias, const char *name)
{
    agent_lock();
    uint32_t count = atomic_load(&agent_record->module_count);
    if (count < RECORD_MODULES) {
        agent_record->modules[count] = (struct record_module){
            .start = start, .end = end, .bias = bias, .file = agent_string(name)};
        atomic_store_explicit(&agent_record->module_count, count + 1, memory_order_release);
    }
    agent_unlock();
}

static int look_at_module(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    uint64_t start = UINT64_MAX;
    uint64_t end = 0;
    for (int n = 0; n < info->dlpi_phnum; n++) {
        if (info->dlpi_phdr[n].p_type != PT_LOAD)
            continue;
        uint64_t at = info->dlpi_addr + info->dlpi_phdr[n].p_vaddr;
        start = at < start ? at : start;
        end = at + info->dlpi_phdr[n].p_memsz > end ? at + info->dlpi_phdr[n].p_memsz : end;
    }
    if (start < end && !is_known(start)) {
        /* The program itself has no name there. */
        const char *name =
            info->dlpi_name && info->dlpi_name[0] ? info->dlpi_name : agent_record->program;
        add_module(start, end, info->dlpi_addr, name);
    }
    return 0;
}

void agent_module_know(uint64_t address)
{
    static _Atomic uint64_t looked_ns;
    if (is_known(address))
        return;
    uint64_t now_ns = agent_now();
    uint64_t before_ns = atomic_load(&looked_ns);
    if (before_ns && atomic_load(&agent_record->module_count) && now_ns - before_ns < AGAIN_NS)
        return;
    atomic_store(&looked_ns, now_ns);
    agent_modules_list();
}

void agent_modules_list(void)
{
    dl_iterate_phdr(look_at_module, NULL);
}
