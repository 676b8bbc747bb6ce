/* events.c: lines of JSON, each written whole and at once. */
#include "report/events.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "report/json.h"

void pb_events_open(struct pb_events *events, const char *dir, struct pb_events *above)
{
	char *path = pb_file_join(dir, "events.jsonl");
	int fd = path ? pb_file_open_plain(path, O_WRONLY | O_CREAT | O_TRUNC) : -1;
	*events = (struct pb_events){.file = fd < 0 ? NULL : fdopen(fd, "w"), .folder = dir, .above = above};
	if (fd >= 0 && !events->file)
		close(fd);
	if (!events->file)
		pb_error_clear(); /* results do without */
	free(path);
}

void pb_events_close(struct pb_events *events)
{
	if (events->file)
		fclose(events->file);
	*events = (struct pb_events){0};
}

static void put(FILE *to, const struct pb_json *json)
{
	if (to && !json->text.failed) {
		fwrite(json->text.data, 1, json->text.length, to);
		fflush(to);
	}
}

static void begin(struct pb_json *json, const char *event)
{
	*json = (struct pb_json){0};
	pb_json_open_line(json);
	pb_json_string(json, "event", event);
}

static void send(struct pb_events *events, struct pb_json *json)
{
	pb_json_close_line(json);
	for (; events; events = events->above)
		put(events->file, json);
	pb_text_finish(&json->text);
}

void pb_events_run(struct pb_events *events, const char *name)
{
	struct pb_json json;
	char host[256] = "", stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	if (!events)
		return;
	gethostname(host, sizeof host - 1);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	begin(&json, "run");
	pb_json_string(&json, "name", name);
	pb_json_string(&json, "folder", events->folder);
	pb_json_string(&json, "version", PB_VERSION);
	pb_json_int(&json, "pid", getpid());
	pb_json_string(&json, "host", host);
	pb_json_string(&json, "time", stamp);
	send(events, &json);
}

void pb_events_step(struct pb_events *events, const char *event, const char *kind, const char *what, int64_t done,
		    int64_t total, double seconds, const char *detail)
{
	struct pb_json json;
	if (!events)
		return;
	begin(&json, event);
	pb_json_string(&json, "kind", kind);
	pb_json_string(&json, "what", what);
	pb_json_int(&json, "done", done);
	pb_json_int(&json, "total", total);
	pb_json_real(&json, "seconds", seconds);
	if (detail)
		pb_json_string(&json, "detail", detail);
	send(events, &json);
}

void pb_events_sweep(struct pb_events *events, const struct pb_result_sweep *sweep)
{
	struct pb_json json;
	if (!events)
		return;
	begin(&json, "sweep");
	pb_json_string(&json, "folder", events->folder);
	pb_json_string(&json, "name", sweep->name);
	pb_json_string(&json, "file", sweep->file);
	pb_json_int(&json, "cells", (int64_t)sweep->n_cells);
	pb_json_real(&json, "seconds", sweep->seconds);
	pb_json_open(&json, "notes", '[');
	for (size_t i = 0; i < sweep->n_notes; i++)
		pb_json_string(&json, NULL, sweep->notes[i]);
	pb_json_close(&json, ']');
	send(events, &json);
}

void pb_events_finish(struct pb_events *events, double seconds, const char *failure)
{
	struct pb_json json;
	if (!events)
		return;
	begin(&json, failure ? "failed" : "done");
	pb_json_string(&json, "folder", events->folder);
	pb_json_real(&json, "seconds", seconds);
	if (failure)
		pb_json_string(&json, "text", failure);
	send(events, &json);
}
