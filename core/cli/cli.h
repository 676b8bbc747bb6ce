/* cli.h: the subcommands. Each gets its own name as argv[0], prints, and returns the process's exit code. */
#ifndef PB_CLI_CLI_H
#define PB_CLI_CLI_H

int pb_cmd_run(int argc, char **argv);
int pb_cmd_train(int argc, char **argv);
int pb_cmd_check(int argc, char **argv);
int pb_cmd_keys(int argc, char **argv);  /* every key of an experiment file */
int pb_cmd_hooks(int argc, char **argv);
int pb_cmd_convert(int argc, char **argv); /* IN OUT: a checkpoint in another format */
int pb_cmd_inspect(int argc, char **argv); /* CHECKPOINT: what is in it */
int pb_cmd_report(int argc, char **argv); /* DIR...: the report anew, or of several runs */
int pb_cmd_watch(int argc, char **argv);  /* DIR: follows a run */
int pb_cmd_plugin(int argc, char **argv);
int pb_cmd_plugin_replay(int argc, char **argv); /* CAPSULE: a call that failed, once more */
int pb_cmd_plugin_check(int argc, char **argv); /* FILE.so: does it keep the contract? */
int pb_cmd_plugin_new(int argc, char **argv); /* KIND NAME: a project for a plugin of one's own */

#endif
