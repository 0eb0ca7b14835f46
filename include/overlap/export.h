/* How the public headers mark what they declare. */
#ifndef OVERLAP_EXPORT_H
#define OVERLAP_EXPORT_H

#ifdef __cplusplus
/* A function may have a struct's name, as in C: who includes it is not to be warned of that. */
#define OVL_BEGIN_DECLS                                                                            \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"") extern "C"       \
    {
#define OVL_END_DECLS                                                                              \
    }                                                                                              \
    _Pragma("GCC diagnostic pop")
#else
#define OVL_BEGIN_DECLS
#define OVL_END_DECLS
#endif

#define OVL_EXPORT __attribute__((visibility("default")))

#endif
