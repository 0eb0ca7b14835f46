/* The Content-Disposition header: what a server would call the file. */
#ifndef TOOL_FETCH_DISPOSITION_H
#define TOOL_FETCH_DISPOSITION_H

/*
 * The file name in the value of a Content-Disposition header: filename* where it is there and
 * UTF-8 or Latin-1, otherwise filename; of a path, the last part. Cleaned as name_clean does.
 *
 * The caller frees it. NULL: it names none, or there is no memory. Source: RFC 6266, RFC 8187.
 */
char *disposition_name(const char *value);

#endif
