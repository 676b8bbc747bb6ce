/* completion_bash.c: a bash function and the table that it looks into. */
#include "cli/completion.h"

static const char head[] =
	"# bash completion of patchbay, written by `patchbay completion bash`.\n"
	"\n"
	"# What completes at a place: \"COMMAND... N\" is its operand number N, \"COMMAND... --OPTION\" the option's "
	"value,\n"
	"# \"COMMAND... --\" its options, \"COMMAND... commands\" its subcommands. Empty: there is no such place.\n"
	"_patchbay_offer() {\n"
	"\tcase $1 in\n";

static const char tail[] =
	"\t*) offer= ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"_patchbay_files() {\n"
	"\tlocal suffix\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"\t[ $# -gt 0 ] || compgen -f -- \"$cur\"\n"
	"\t[ $# -eq 0 ] || compgen -d -- \"$cur\"\n"
	"\tfor suffix; do compgen -f -X \"!*.$suffix\" -- \"$cur\"; done\n"
	"}\n"
	"\n"
	"_patchbay_plugins() {\n"
	"\tlocal kind name IFS=$' \\t\\n'\n"
	"\t\"${COMP_WORDS[0]/#\\~/$HOME}\" plugin list 2>/dev/null | while read -r kind name _; do\n"
	"\t\tcase $kind in setter | metric | dataset | executor) echo \"$name\" ;; esac\n"
	"\tdone\n"
	"}\n"
	"\n"
	"_patchbay() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} at=patchbay n=1 i word offer behind=\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [ \"$word\" = = ]; then # --option=value is three words\n"
	"\t\t\tbehind=$was\n"
	"\t\telif [ -n \"$behind\" ]; then\n"
	"\t\t\tbehind=\n"
	"\t\telif [[ $word == -* ]]; then\n"
	"\t\t\t_patchbay_offer \"$at $word\"\n"
	"\t\t\t[ -z \"$offer\" ] || behind=$word\n"
	"\t\telse\n"
	"\t\t\t_patchbay_offer \"$at commands\"\n"
	"\t\t\tif [ -n \"$offer\" ]; then at=\"$at $word\"; else n=$((n + 1)); fi\n"
	"\t\tfi\n"
	"\t\tlocal was=$word\n"
	"\tdone\n"
	"\tif [ \"$cur\" = = ]; then behind=${COMP_WORDS[COMP_CWORD - 1]} cur=; fi\n"
	"\tif [ -n \"$behind\" ]; then\n"
	"\t\t_patchbay_offer \"$at $behind\"\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\t_patchbay_offer \"$at --\"\n"
	"\telse\n"
	"\t\t_patchbay_offer \"$at commands\"\n"
	"\t\t[ -n \"$offer\" ] || _patchbay_offer \"$at $n\"\n"
	"\tfi\n"
	"\t# shellcheck disable=SC2086\n"
	"\tset -- $offer\n"
	"\tlocal what=${1:-}\n"
	"\tshift $(($# > 0))\n"
	"\tlocal IFS=$'\\n'\n"
	"\tcase $what in\n"
	"\twords) COMPREPLY=($(compgen -W \"$*\" -- \"$cur\")) ;;\n"
	"\tfiles) COMPREPLY=($(_patchbay_files \"$@\")) && compopt -o filenames 2>/dev/null ;;\n"
	"\tfolders) COMPREPLY=($(compgen -d -- \"$cur\")) && compopt -o filenames 2>/dev/null ;;\n"
	"\tplugins) COMPREPLY=($(compgen -W \"$(_patchbay_plugins)\" -- \"$cur\")) ;;\n"
	"\t*) COMPREPLY=() ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"complete -F _patchbay patchbay\n";

/* Begins the row of a place: "run --out". */
static void add_place(struct pb_text *out, const struct pb_cli_command *c)
{
	pb_text_add(out, "\t'patchbay%s%s ", pb_cli_space(c), c->name);
}

static void add_offer(struct pb_text *out, const struct pb_cli_word *word)
{
	pb_text_add(out, " offer='");
	if (word->choices) {
		pb_text_add(out, "words");
		for (size_t i = 0; word->choices[i]; i++)
			pb_text_add(out, " %s", word->choices[i]);
	} else if (word->offer == PB_CLI_FILES) {
		pb_text_add(out, "files %s", word->suffixes ? word->suffixes : "");
	} else {
		pb_text_add(out, "%s",
			    word->offer == PB_CLI_FOLDERS   ? "folders"
			    : word->offer == PB_CLI_PLUGINS ? "plugins"
							    : "anything");
	}
	pb_text_add(out, "' ;;\n");
}

static void add_options(struct pb_text *out, const struct pb_cli_command *c)
{
	add_place(out, c);
	pb_text_add(out, "--') offer='words --%s", pb_cli_help_option.name);
	for (size_t i = 0; c->options && c->options[i]; i++)
		pb_text_add(out, " --%s", c->options[i]->name);
	pb_text_add(out, "' ;;\n");
	for (size_t i = 0; c->options && c->options[i]; i++) {
		if (c->options[i]->type == PB_CLI_FLAG)
			continue;
		add_place(out, c);
		pb_text_add(out, "--%s')", c->options[i]->name);
		add_offer(out, &c->options[i]->value);
	}
}

static void add_command(struct pb_text *out, const struct pb_cli_command *c)
{
	for (int i = 0; c->operands && c->operands[i].name; i++) {
		add_place(out, c);
		if (c->operands[i].repeated)
			pb_text_add(out, "'[0-9]*)");
		else
			pb_text_add(out, "%d')", i + 1);
		add_offer(out, &c->operands[i]);
	}
	add_options(out, c);
	if (!c->commands)
		return;
	add_place(out, c);
	pb_text_add(out, "commands') offer='words");
	for (size_t i = 0; c->commands[i]; i++)
		pb_text_add(out, " %s", pb_cli_last_word(c->commands[i]));
	pb_text_add(out, "' ;;\n");
	for (size_t i = 0; c->commands[i]; i++)
		add_command(out, c->commands[i]);
}

void pb_completion_bash(const struct pb_cli_command *program, struct pb_text *out)
{
	pb_text_add(out, "%s", head);
	add_command(out, program);
	pb_text_add(out, "%s", tail);
}
