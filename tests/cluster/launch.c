/*
 * launch COUNT PROGRAM [ARG...]: starts the program as so many ranks, as a scheduler does that
 * starts MPI jobs without mpirun: it is a PMIx server, and Open MPI takes it for Slurm's. Where one
 * rank ends badly, the others are ended. Exits with 0 where all ranks ended well.
 */
#include <pmix_server.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANKS_MAX 16

static pmix_nspace_t job; /* shared memory is named after it: it is of this process alone */
static pid_t ranks[RANKS_MAX];

/* --- what the ranks ask for --- */

static pmix_status_t agree(const pmix_proc_t *rank, void *own, pmix_op_cbfunc_t done, void *data)
{
    (void)rank;
    (void)own;
    if (done)
        done(PMIX_SUCCESS, data);
    return PMIX_SUCCESS;
}

static pmix_status_t end_job(const pmix_proc_t *rank, void *own, int status, const char message[],
                             pmix_proc_t all[], size_t count, pmix_op_cbfunc_t done, void *data)
{
    (void)status;
    (void)message;
    (void)all;
    (void)count;
    return agree(rank, own, done, data);
}

/* All ranks are here: what they have told each other is all that there is. */
static pmix_status_t fence(const pmix_proc_t all[], size_t count, const pmix_info_t info[],
                           size_t infos, char *told, size_t size, pmix_modex_cbfunc_t done,
                           void *data)
{
    char *copy = size ? malloc(size) : NULL;
    (void)all;
    (void)count;
    (void)info;
    (void)infos;
    if (copy)
        memcpy(copy, told, size);
    done(PMIX_SUCCESS, copy, copy ? size : 0, data, free, copy);
    return PMIX_SUCCESS;
}

/* --- the job --- */

static void done(pmix_status_t status, void *flag)
{
    if (status != PMIX_SUCCESS) {
        fprintf(stderr, "launch: PMIx refuses: %d\n", status);
        _exit(EXIT_FAILURE);
    }
    atomic_store((atomic_bool *)flag, true);
}

static void await(pmix_status_t status, atomic_bool *flag)
{
    if (status != PMIX_OPERATION_SUCCEEDED && status != PMIX_SUCCESS)
        done(status, flag);
    while (status == PMIX_SUCCESS && !atomic_load(flag))
        usleep(100);
}

static void add(pmix_info_t **at, const char *key, const void *value, pmix_data_type_t type)
{
    PMIX_INFO_LOAD(*at, key, value, type);
    ++*at;
}

static void describe_rank(pmix_info_t *info, uint32_t number)
{
    uint16_t place = (uint16_t)number;
    uint32_t first = 0;
    pmix_data_array_t *array;
    PMIX_DATA_ARRAY_CREATE(array, 6, PMIX_INFO);
    pmix_info_t *at = array->array;
    add(&at, PMIX_RANK, &number, PMIX_PROC_RANK);
    add(&at, PMIX_GLOBAL_RANK, &number, PMIX_PROC_RANK);
    add(&at, PMIX_APPNUM, &first, PMIX_UINT32);
    add(&at, PMIX_LOCAL_RANK, &place, PMIX_UINT16);
    add(&at, PMIX_NODE_RANK, &place, PMIX_UINT16);
    add(&at, PMIX_NODEID, &first, PMIX_UINT32);
    PMIX_LOAD_KEY(info->key, PMIX_PROC_DATA);
    info->value.type = PMIX_DATA_ARRAY;
    info->value.data.darray = array;
}

static void describe_job(uint32_t count)
{
    static const char *const counts[] = {PMIX_UNIV_SIZE, PMIX_JOB_SIZE, PMIX_LOCAL_SIZE,
                                         PMIX_NODE_SIZE, PMIX_MAX_PROCS};
    atomic_bool flag = false;
    uint32_t one = 1;
    char host[256];
    char peers[4 * RANKS_MAX] = "";
    char *hosts;
    char *places;
    pmix_info_t *info;
    gethostname(host, sizeof host);
    for (uint32_t i = 0; i < count; i++)
        sprintf(peers + strlen(peers), i ? ",%u" : "%u", i);
    PMIx_generate_regex(host, &hosts);
    PMIx_generate_ppn(peers, &places);
    PMIX_INFO_CREATE(info, 16 + RANKS_MAX);
    pmix_info_t *at = info;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        add(&at, counts[i], &count, PMIX_UINT32);
    add(&at, PMIX_NUM_NODES, &one, PMIX_UINT32);
    add(&at, PMIX_JOB_NUM_APPS, &one, PMIX_UINT32);
    add(&at, PMIX_JOBID, job, PMIX_STRING);
    add(&at, PMIX_NODE_MAP, hosts, PMIX_STRING);
    add(&at, PMIX_PROC_MAP, places, PMIX_STRING);
    add(&at, PMIX_LOCAL_PEERS, peers, PMIX_STRING);
    for (uint32_t i = 0; i < count; i++)
        describe_rank(at++, i);
    await(PMIx_server_register_nspace(job, (int)count, info, (size_t)(at - info), done, &flag),
          &flag);
}

static void start(uint32_t number, char **program)
{
    extern char **environ;
    atomic_bool flag = false;
    pmix_proc_t rank;
    char **variables = NULL;
    PMIX_LOAD_PROCID(&rank, job, number);
    await(PMIx_server_register_client(&rank, getuid(), getgid(), NULL, done, &flag), &flag);
    PMIx_server_setup_fork(&rank, &variables);
    ranks[number] = fork();
    if (ranks[number])
        return;
    for (; *variables; variables++)
        putenv(*variables);
    execv(program[0], program);
    perror(program[0]);
    _exit(127);
}

int main(int argc, char **argv)
{
    pmix_server_module_t module = {
        .client_connected = agree, .client_finalized = agree, .abort = end_job, .fence_nb = fence};
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[1]) : 0;
    int failed = 0;
    int status;
    if (!count || count > RANKS_MAX || PMIx_server_init(&module, NULL, 0) != PMIX_SUCCESS) {
        fprintf(stderr, "launch COUNT PROGRAM [ARG...]: no PMIx server, or no such count\n");
        return EXIT_FAILURE;
    }
    snprintf(job, sizeof job, "job.%d", (int)getpid());
    setenv("SLURM_NODELIST", "here", 1);
    setenv("SLURM_JOBID", "1", 1);
    setenv("SLURM_STEP_ID", "0", 1);
    setenv("SLURM_STEP_NUM_TASKS", argv[1], 1);
    describe_job(count);
    for (uint32_t i = 0; i < count; i++)
        start(i, argv + 2);
    for (uint32_t left = count; left; left--) {
        wait(&status);
        for (uint32_t i = 0; status && !failed && i < count; i++)
            kill(ranks[i], SIGKILL);
        failed |= status != 0;
    }
    PMIx_server_finalize();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
