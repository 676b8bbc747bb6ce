/* status.h: how the core reports failure.
 *
 * A function that can fail returns 0 or -PB_E_* (patchbay/host.h) and leaves its ret_ outputs alone. Where the
 * failure happens, pb_fail records a text for the user in a slot of the calling thread; callers on the way up may put
 * the context in front of it. Only the command line prints it. Library code never exits and never prints.
 */
#ifndef PB_BASE_STATUS_H
#define PB_BASE_STATUS_H

#include <patchbay/host.h>
#include <stdarg.h>
#include <stdbool.h>

/* Long enough for twenty diagnostics with their excerpts; a longer text is cut, never overrun. */
enum { PB_ERROR_ROOM = 32768 };

/* Replaces the thread's error text; returns -status. */
int pb_fail(int status, const char *format, ...) PB_PRINTF(2, 3);
int pb_fail_v(int status, const char *format, va_list args);
/* Puts "context: " in front of the thread's error text; returns rc, the failure that is passed on. */
int pb_fail_in(int rc, const char *format, ...) PB_PRINTF(2, 3);
/* "out of memory (N bytes for WHAT)"; returns -PB_E_NOMEM. */
int pb_fail_nomem(size_t size, const char *what);

/* The thread's last error text, "" when there is none; valid until the next failure on this thread. */
const char *pb_error_text(void);
int pb_error_status(void); /* its -PB_E_*, 0 when there is none: for a caller that was only told NULL */
void pb_error_clear(void);

bool pb_status_is_known(int status); /* PB_E_NOMEM, ...: not what no status has */
const char *pb_status_name(int rc); /* "NOMEM" for -PB_E_NOMEM */
const char *pb_status_text(int rc); /* "out of memory" */
/* The process's exit code: 0; 2 for what the user gave us (usage, a bad file, a plugin that does not fit);
 * 130 interrupted; 1 for the rest. */
int pb_status_exit_code(int rc);

#endif
