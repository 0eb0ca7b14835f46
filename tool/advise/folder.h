/*
 * The folder that the agents write their files to: in memory, where there is room for them.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_FOLDER_H
#define TOOL_ADVISE_FOLDER_H

struct folder {
    char path[160]; /* "": none */
    int lock;       /* held as long as it is used, however that ends; -1: none */
};

#define FOLDER_NONE ((struct folder){.lock = -1})

/* Makes one, and removes those of this user that killed commands have left. 0, or a negative errno.
 */
int folder_make(struct folder *folder);

/* Removes it with all that is in it. */
void folder_remove(struct folder *folder);

#endif
