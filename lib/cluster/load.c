#include "cluster/transport.h"

#include <dlfcn.h>
#include <overlap/error.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLUGIN "liboverlap-mpi.so"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct ovl__transport *the_transport;
static int the_error;
static int the_rank;
static int the_size;
static char problem[512];

bool ovl__transport_expected(void)
{
    static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (getenv(signs[i]))
            return true;
    return false;
}

static long launched(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
                                        "SLURM_NTASKS"};
    for (size_t i = 0; i < sizeof names / sizeof *names && ovl__transport_expected(); i++) {
        const char *count = getenv(names[i]);
        if (count)
            return strtol(count, NULL, 10);
    }
    return 0;
}

long ovl__transport_size(void)
{
    return the_transport ? the_size : launched();
}

/* Beside the library first, where it is installed; then wherever the linker looks. */
static void *open_plugin(void)
{
    Dl_info self;
    char path[4096] = "";
    if (dladdr((const void *)&once, &self) && self.dli_fname) {
        const char *slash = strrchr(self.dli_fname, '/');
        int length = slash ? (int)(slash - self.dli_fname) + 1 : 0;
        snprintf(path, sizeof path, "%.*s" PLUGIN, length, self.dli_fname);
    }
    void *plugin = *path ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    return plugin ? plugin : dlopen(PLUGIN, RTLD_NOW | RTLD_GLOBAL);
}

static int fail(int error, const char *why)
{
    snprintf(problem, sizeof problem, "%s", why);
    return error;
}

static int load(void)
{
    if (!ovl__transport_expected())
        return fail(OVL_EALONE, "this process is no rank of a cluster: start the program with "
                                "mpirun -n 3 PROGRAM (Debian: openmpi-bin), or srun "
                                "--mpi=pmix");
    void *plugin = open_plugin();
    if (!plugin) {
        const char *why = dlerror();
        snprintf(problem, sizeof problem,
                 PLUGIN " cannot be loaded (%s): install Open MPI (Debian: openmpi-bin), and "
                        "build overlap where libopenmpi-dev is",
                 why ? why : "no reason given");
        return OVL_EPLUGIN;
    }
    const struct ovl__transport *transport = dlsym(plugin, OVL__TRANSPORT_SYMBOL);
    if (!transport || transport->version != OVL__TRANSPORT_VERSION)
        return fail(OVL_EPLUGIN, PLUGIN " is of another version of overlap: install both from one");
    int error = transport->start(&the_rank, &the_size);
    if (error)
        return fail(OVL_EPLUGIN, "MPI could not be started: see what it said");
    the_transport = transport;
    return 0;
}

static void load_once(void)
{
    the_error = load();
}

int ovl__transport_get(const struct ovl__transport **ret_transport, int *ret_rank, int *ret_size)
{
    pthread_once(&once, load_once);
    if (the_error)
        return the_error;
    if (the_size < 2 && launched() > 1)
        return fail(OVL_EALONE, "Open MPI finds one rank, though the launcher started several: it "
                                "does not know that launcher; start the program with mpirun -n 3 "
                                "PROGRAM, or srun --mpi=pmix");
    if (the_size < 2)
        return fail(OVL_EALONE, "the cluster has one rank, which hands out: it takes two or more "
                                "(mpirun -n 3 PROGRAM)");
    *ret_transport = the_transport;
    *ret_rank = the_rank;
    *ret_size = the_size;
    return 0;
}

const char *ovl__transport_problem(void)
{
    return problem;
}
