/* How the public headers mark what they declare. */
#ifndef OVERLAP_EXPORT_H
#define OVERLAP_EXPORT_H

#ifdef __cplusplus
#define OVL_BEGIN_DECLS extern "C" {
#define OVL_END_DECLS   }
#else
#define OVL_BEGIN_DECLS
#define OVL_END_DECLS
#endif

#define OVL_EXPORT __attribute__((visibility("default")))

#endif
