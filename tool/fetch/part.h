/*
 * Parts: files that are not complete. They lie in a folder of their own beside the files that they
 * become, so that a rename is all it takes, and so that one lock keeps two runs apart.
 */
#ifndef TOOL_FETCH_PART_H
#define TOOL_FETCH_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a part: kept in a note beside it, and in memory between attempts. */
struct part_note {
    char *url;
    char *etag; /* NULL: none */
    char *modified;
};

void part_note_release(struct part_note *note);

/* Writes the note of the part at `path`, in a way that it is there whole or not at all. 0 or
 * -errno.
 */
int part_note_write(const char *path, const struct part_note *note);

/* Reads it. False: there is none that is whole; *ret is untouched. */
bool part_note_read(const char *path, struct part_note *ret);

/* Removes a part and its note; or the note alone. */
void part_remove(const char *path);
void part_note_remove(const char *path);

/* The size of a part; 0: there is none. */
uint64_t part_size(const char *path);

/*
 * Gives a part its name `final`, where no file has it, or in place of the one that has it.
 * The note goes. 0 or -errno: -EEXIST.
 */
int part_publish(const char *path, const char *final, bool replace);

/* The folders of parts that this run uses. */
struct parts;

int parts_new(struct parts **ret_parts);

/* Gives them up: the empty ones are removed, and the locks released. NULL is allowed. */
void parts_free(struct parts *parts);

/*
 * The path of the part of the file at `final`: its folder and that of the parts are made where they
 * are missing, and locked. Where another run has the lock, the folder has another name.
 *
 * *ret_path is the caller's to free. *ret_fresh: nothing can be there from an earlier run.
 * Errors: -errno.
 */
int parts_path(struct parts *parts, const char *final, char **ret_path, bool *ret_fresh);

/* Whether the folder of the file at `final` is the only one in use, and held nothing when it was
 * first used: then no file is there that another run left. */
bool parts_are_alone(const struct parts *parts, const char *final);

#endif
