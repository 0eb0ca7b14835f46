/*
 * SHA-256 of every file below a folder, on all the cores, in the order of their names: the form is
 * that of sha256sum, which can check it.
 *
 *     checksum FOLDER
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <openssl/evp.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES 32768

struct walk {
    FTS *tree;
    char **paths; /* of the files that were given, for their lines */
    size_t count;
    size_t room;
    size_t failed;
};

/* --- the task: a file's checksum --- */

static int add_file(EVP_MD_CTX *sum, int fd)
{
    char block[BLOCK_BYTES];
    ssize_t size;
    while ((size = read(fd, block, sizeof block)) > 0)
        EVP_DigestUpdate(sum, block, (size_t)size);
    return size < 0 ? -errno : 0;
}

static int checksum(struct ovl_task *task, struct ovl_bytes item)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int fd = open(item.data, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    int error = sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) ? add_file(sum, fd) : -ENOMEM;
    if (!error)
        EVP_DigestFinal_ex(sum, digest, &size);
    EVP_MD_CTX_free(sum);
    close(fd);
    return error ? error : ovl_task_return(task, digest, size);
}

/* --- the tree --- */

static int compare_names(const FTSENT **one, const FTSENT **other)
{
    return strcmp((*one)->fts_name, (*other)->fts_name);
}

static int keep(struct walk *walk, const char *path)
{
    if (walk->count == walk->room) {
        size_t room = walk->room ? 2 * walk->room : 64;
        char **paths = reallocarray(walk->paths, room, sizeof *paths);
        if (!paths)
            return -ENOMEM;
        walk->paths = paths;
        walk->room = room;
    }
    walk->paths[walk->count] = strdup(path);
    return walk->paths[walk->count] ? 0 : -ENOMEM;
}

static void tell(struct walk *walk, const char *path, const char *what)
{
    fprintf(stderr, "checksum: %s: %s\n", path, what);
    walk->failed++;
}

static int next_file(void *context, struct ovl_bytes *ret_item)
{
    struct walk *walk = context;
    FTSENT *entry;
    while ((entry = fts_read(walk->tree))) {
        if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR || entry->fts_info == FTS_NS)
            tell(walk, entry->fts_path, strerror(entry->fts_errno));
        if (entry->fts_info != FTS_F)
            continue;
        int error = keep(walk, entry->fts_path);
        if (error)
            return error;
        const char *path = walk->paths[walk->count++];
        *ret_item = (struct ovl_bytes){path, strlen(path) + 1};
        return 1;
    }
    return 0;
}

static int print_sum(void *context, size_t index, const struct ovl_outcome *outcome,
                     struct ovl_bytes result)
{
    struct walk *walk = context;
    char *path = walk->paths[index];
    if (outcome->error) {
        tell(walk, path, ovl_error_message(outcome->error));
    } else {
        const unsigned char *digest = result.data;
        for (size_t i = 0; i < result.size; i++)
            printf("%02x", digest[i]);
        printf("  %s\n", path);
    }
    free(path);
    walk->paths[index] = NULL;
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc != 2) {
        fputs("usage: checksum FOLDER\n", stderr);
        return 2;
    }
    struct walk walk = {.tree = fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, compare_names)};
    struct ovl_stream stream = {.next = next_file, .each = print_sum, .context = &walk};
    struct ovl_options options = {.workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)};
    struct ovl_executor *executor = NULL;
    int error = walk.tree ? ovl_executor_open(OVL_THREADS, &options, &executor) : -errno;
    if (!error)
        error = ovl_map_stream(executor, checksum, &stream);
    ovl_executor_close(executor, OVL_FOREVER);
    if (error && error != OVL_ETASKS)
        tell(&walk, argv[1], ovl_error_message(error));
    if (walk.tree)
        fts_close(walk.tree);
    for (size_t i = 0; i < walk.count; i++)
        free(walk.paths[i]);
    free(walk.paths);
    if (fflush(stdout) || ferror(stdout)) {
        fputs("checksum: standard output cannot be written\n", stderr);
        return 3;
    }
    return walk.failed ? 1 : 0;
}
