/* trust.h: whether what is in a plugin folder can have been put there by others. */
#ifndef PB_HOST_TRUST_H
#define PB_HOST_TRUST_H

/* NULL: only the user and root may write to this file or folder, or the user has said (PATCHBAY_ALLOW_WRITABLE_PLUGINS) that
 * others may; else what is wrong and what to do. A group of the user's own, without other members, is no other. What is not
 * there is nobody's. */
const char *pb_trust_why_not(const char *path);

#endif
