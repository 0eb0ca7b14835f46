/* What a URL says of its host: and whether it is a URL at all. */
#ifndef TOOL_FETCH_ADDRESS_H
#define TOOL_FETCH_ADDRESS_H

/* What is wrong with a URL, in a few words; NULL: nothing. */
const char *address_fault(const char *url);

/* "example.org:443", of a URL that is one; the caller frees it. NULL: no memory, or it is none. */
char *address_host(const char *url);

#endif
