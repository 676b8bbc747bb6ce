/* cli.h: the commands, each described and implemented in the file of its name. */
#ifndef PB_CLI_CLI_H
#define PB_CLI_CLI_H

#include "cli/program.h"

extern const struct pb_cli_command pb_cmd_run, pb_cmd_train, pb_cmd_check, pb_cmd_merge; /* cmd_run.c */
extern const struct pb_cli_command pb_cmd_keys, pb_cmd_hooks, pb_cmd_inspect, pb_cmd_convert;
extern const struct pb_cli_command pb_cmd_plugin;                           /* with those of `plugin` behind it */
extern const struct pb_cli_command pb_cmd_plugin_new, pb_cmd_plugin_check, pb_cmd_plugin_replay;
extern const struct pb_cli_command pb_cmd_report, pb_cmd_watch;
extern const struct pb_cli_command pb_cmd_completion, pb_cmd_manual;

#endif
