/* completion_zsh.c: one call of zsh's _arguments for each command. */
#include "cli/completion.h"

static const char head[] = "#compdef patchbay\n"
			   "# zsh completion of patchbay, written by `patchbay completion zsh`.\n"
			   "\n"
			   "_patchbay_plugins() {\n"
			   "\tlocal -a names\n"
			   "\tnames=(${(f)\"$(patchbay plugin list 2>/dev/null | while read -r kind name rest; do\n"
			   "\t\tcase $kind in (setter|metric|dataset|executor) echo $name ;; esac\n"
			   "\tdone)\"})\n"
			   "\tcompadd -a names\n"
			   "}\n"
			   "\n"
			   "# The command's words so far, e.g. \"plugin info\", are in $1.\n"
			   "_patchbay_command() {\n"
			   "\tlocal curcontext=$curcontext state line\n"
			   "\ttypeset -A opt_args\n"
			   "\tcase $1 in\n";

static const char tail[] =
	"\tesac\n"
	"\t[[ $state == command ]] && _patchbay_command \"${1:+$1 }$words[1]\"\n"
	"}\n"
	"\n"
	"_patchbay() { _patchbay_command '' }\n"
	"\n"
	"# Called by the completion system, which has made this file a function; or sourced by hand.\n"
	"if [[ $funcstack[1] == _patchbay ]]; then\n"
	"\t_patchbay\n"
	"else\n"
	"\tcompdef _patchbay patchbay\n"
	"fi\n";

/* A doc inside '[...]' of a single-quoted argument. */
static void add_doc(struct pb_text *out, const char *doc)
{
	for (; *doc; doc++) {
		if (*doc == '\'')
			pb_text_add(out, "'\\''");
		else if (*doc == '[' || *doc == ']' || *doc == ':' || *doc == '\\')
			pb_text_add(out, "\\%c", *doc);
		else
			pb_text_add_bytes(out, doc, 1);
	}
}

/* ":FILE:_files -g ..." */
static void add_word(struct pb_text *out, const struct pb_cli_word *word)
{
	pb_text_add(out, ":%s:", word->name);
	if (word->choices) {
		pb_text_add(out, "(");
		for (size_t i = 0; word->choices[i]; i++)
			pb_text_add(out, "%s%s", i ? " " : "", word->choices[i]);
		pb_text_add(out, ")");
	} else if (word->offer == PB_CLI_FILES && word->suffixes) {
		pb_text_add(out, "_files -g \"*.(");
		for (const char *s = word->suffixes; *s; s++)
			pb_text_add(out, "%c", *s == ' ' ? '|' : *s);
		pb_text_add(out, ")\"");
	} else {
		pb_text_add(out, "%s",
			    word->offer == PB_CLI_FILES     ? "_files"
			    : word->offer == PB_CLI_FOLDERS ? "_files -/"
			    : word->offer == PB_CLI_PLUGINS ? "_patchbay_plugins"
							    : " ");
	}
}

static void add_option(struct pb_text *out, const struct pb_cli_option *o)
{
	if (o->letter)
		pb_text_add(out, " \\\n\t\t\t'(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter, o->name);
	else
		pb_text_add(out, " \\\n\t\t\t'%s--%s%s[", o->type == PB_CLI_LIST ? "*" : "", o->name,
			    o->type == PB_CLI_FLAG ? "" : "=");
	add_doc(out, o->doc);
	pb_text_add(out, "]");
	if (o->type != PB_CLI_FLAG)
		add_word(out, &o->value);
	pb_text_add(out, "'");
}

static void add_operands(struct pb_text *out, const struct pb_cli_command *c)
{
	for (int i = 0; c->operands && c->operands[i].name; i++) {
		if (c->operands[i].repeated)
			pb_text_add(out, " \\\n\t\t\t'*");
		else
			pb_text_add(out, " \\\n\t\t\t'%d", i + 1);
		add_word(out, &c->operands[i]);
		pb_text_add(out, "'");
	}
}

static void add_commands(struct pb_text *out, const struct pb_cli_command *c)
{
	pb_text_add(out, " \\\n\t\t\t'1:command:((");
	for (size_t i = 0; c->commands[i]; i++) {
		pb_text_add(out, "%s%s\\:\"", i ? " " : "", pb_cli_last_word(c->commands[i]));
		add_doc(out, c->commands[i]->summary);
		pb_text_add(out, "\"");
	}
	pb_text_add(out, "))' \\\n\t\t\t'*::word:->command'");
}

static void add_command(struct pb_text *out, const struct pb_cli_command *c)
{
	pb_text_add(out, "\t('%s')\n\t\t_arguments -C", c->name);
	add_option(out, &pb_cli_help_option);
	for (size_t i = 0; c->options && c->options[i]; i++)
		add_option(out, c->options[i]);
	add_operands(out, c);
	if (c->commands)
		add_commands(out, c);
	pb_text_add(out, "\n\t\t;;\n");
	for (size_t i = 0; c->commands && c->commands[i]; i++)
		add_command(out, c->commands[i]);
}

void pb_completion_zsh(const struct pb_cli_command *program, struct pb_text *out)
{
	pb_text_add(out, "%s", head);
	add_command(out, program);
	pb_text_add(out, "%s", tail);
}
