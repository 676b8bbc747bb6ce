/* status.c: the thread's error slot. */
#include "base/status.h"

#include <stdio.h>
#include <string.h>

static _Thread_local char error_text[PB_ERROR_ROOM], draft[sizeof error_text];
static _Thread_local int error_status;

int pb_fail_v(int status, const char *format, va_list args)
{
	/* By way of a draft, as the old text may be among the arguments. */
	int length = vsnprintf(draft, sizeof draft, format, args);
	if (length >= (int)sizeof draft)
		length = (int)sizeof draft - 1;
	memcpy(error_text, draft, length < 0 ? 0 : (size_t)length);
	error_text[length < 0 ? 0 : length] = '\0';
	return error_status = -status;
}

int pb_fail(int status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int rc = pb_fail_v(status, format, args);
	va_end(args);
	return rc;
}

int pb_fail_in(int rc, const char *format, ...)
{
	char context[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(context, sizeof context, format, args);
	va_end(args);
	if (!error_text[0])
		snprintf(error_text, sizeof error_text, "%s", pb_status_text(rc));
	size_t used = strlen(context) + 2, length = strlen(error_text), room = sizeof error_text - used - 1;
	if (length > room)
		length = room;
	memmove(error_text + used, error_text, length);
	error_text[used + length] = '\0';
	memcpy(error_text, context, used - 2);
	memcpy(error_text + used - 2, ": ", 2);
	return error_status = rc;
}

int pb_fail_nomem(size_t size, const char *what)
{
	return pb_fail(PB_E_NOMEM, "out of memory (%zu bytes for %s)", size, what);
}

const char *pb_error_text(void)
{
	return error_text;
}

int pb_error_status(void)
{
	return error_status;
}

void pb_error_clear(void)
{
	error_status = 0;
	error_text[0] = '\0';
}

const char *pb_status_name(int rc)
{
	switch (-rc) {
	case PB_OK: return "OK";
#define NAME(name, value, text)                                                                                        \
	case value: return #name;
		PB_STATUS_MAP(NAME)
#undef NAME
	default: return "UNKNOWN";
	}
}

bool pb_status_is_known(int status)
{
	return status > 0 && strcmp(pb_status_name(-status), "UNKNOWN") != 0;
}

const char *pb_status_text(int rc)
{
	switch (-rc) {
	case PB_OK: return "no error";
#define TEXT(name, value, text)                                                                                        \
	case value: return text;
		PB_STATUS_MAP(TEXT)
#undef TEXT
	default: return "unknown error";
	}
}

int pb_status_exit_code(int rc)
{
	switch (-rc) {
	case PB_OK: return 0;
	case PB_E_FORMAT:
	case PB_E_CONFIG:
	case PB_E_USAGE:
	case PB_E_SHAPE:
	case PB_E_RANGE:
	case PB_E_NOTFOUND:
	case PB_E_UNSUPPORTED:
	case PB_E_ABI: return 2;
	case PB_E_INTERRUPTED: return 130;
	default: return 1;
	}
}
