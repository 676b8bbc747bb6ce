/* folder.h: experiments to run, and what a run leaves in its folder. Folders are below the test's. */
#ifndef PB_TESTS_CLI_FOLDER_H
#define PB_TESTS_CLI_FOLDER_H

#define SMALL_MODEL "model: {n_layers: 1, d_model: 16, n_heads: 2}\ndata: {plugin: oocl, mod: 30}\n"
#define SWEEP_OF_Z  "  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"

/* Writes NAME.yaml, and returns where. */
const char *write_experiment(const char *name, const char *text);
/* On the golden model; `rest` begins with the sweeps. */
const char *write_golden(const char *name, const char *rest);

/* A file of a run; valid as scratch's. */
const char *in_run(const char *run, const char *file);
char *read_of(const char *run, const char *file); /* the caller's */
void check_file_says(const char *run, const char *file, const char *part);
int count_lines(const char *run, const char *file);
/* Has the other run's file the same bytes? */
void check_same(const char *run, const char *other, const char *file);
void check_all_same(const char *run, const char *other, const char *const *files); /* ended by NULL */
/* A copy of a folder, for a test that changes it. */
void copy_folder(const char *from, const char *to);
/* Waits until there is such a file: a minute at most. */
void wait_for(const char *path);

#endif
