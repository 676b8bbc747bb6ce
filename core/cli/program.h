/* program.h: the commands and their options as data. One description feeds the parser, `--help`, the manual page and
 * the shells' completion.
 *
 * A command is one `const struct pb_cli_command` in the file that implements it, and one row of pb_cli_program's list
 * in commands.c (a subcommand of `plugin`: one row in cmd_plugin.c); an option is one row of its command's list.
 */
#ifndef PB_CLI_PROGRAM_H
#define PB_CLI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* What completion offers for a word. */
enum pb_cli_offer {
	PB_CLI_ANYTHING = 0, /* nothing */
	PB_CLI_FILES,
	PB_CLI_FOLDERS,
	PB_CLI_PLUGINS, /* names of plugins */
};

/* A word that the user fills in: an operand, or an option's value. */
struct pb_cli_word {
	const char *name;           /* "FILE", for help; NULL: ends a list of words */
	const char *const *choices; /* the only words there are, ended by NULL; NULL: any */
	enum pb_cli_offer offer;
	const char *suffixes; /* FILES: those offered, "yaml yml"; NULL: all */
	bool repeated;        /* the last operand: it may stand several times */
};

/* What the parser makes of an option, and where it leaves it. */
enum pb_cli_type {
	PB_CLI_FLAG = 1, /* bool; the option takes no value */
	PB_CLI_TEXT,     /* const char *: the word, or the one of `choices` */
	PB_CLI_INT,      /* int, within [min, max] */
	PB_CLI_REAL,     /* double, within [min, max] */
	PB_CLI_SIZE,     /* size_t: bytes, with K, M or G behind them */
	PB_CLI_LIST,     /* struct pb_cli_list: the option may stand several times */
};

enum { PB_CLI_MOST = 256 };

struct pb_cli_list {
	const char *items[PB_CLI_MOST + 1]; /* ended by NULL */
	size_t count;
};

struct pb_cli_option {
	const char *name; /* without dashes */
	char letter;      /* its short form; 0: none */
	enum pb_cli_type type;
	size_t offset;            /* offsetof(struct of the command's values, member) */
	struct pb_cli_word value; /* no name: FLAG */
	double min, max;
	bool (*accepts)(const char *value); /* (optional) TEXT: is that a value? */
	const char *expected; /* what a value is, for mistakes; for those with a range, `accepts`, or SIZE */
	const char *doc;      /* one sentence or two */
};

struct pb_cli_example {
	const char *line; /* behind "patchbay "; NULL: ends the list */
	const char *doc;
};

struct pb_cli_command {
	const char *name;    /* all its words behind "patchbay": "run", "plugin list"; "": the program itself */
	const char *summary; /* in the list of commands */
	const char *doc;     /* paragraphs, parted by an empty line; may be NULL */
	const struct pb_cli_word *operands;           /* ended by one without a name; NULL: none */
	const struct pb_cli_option *const *options;   /* all but --help, ended by NULL; NULL: none */
	const struct pb_cli_example *examples;        /* at least one */
	const struct pb_cli_command *const *commands; /* subcommands, ended by NULL; NULL: none */
	/* argv[0] is the command's last word. Returns the process's exit code. NULL with `commands`. */
	int (*run)(int argc, char **argv);
	bool writes; /* files, that must become whole even if nobody reads the output any more */
};

extern const struct pb_cli_command pb_cli_program;
/* What --help says itself of the option that every command has. */
extern const struct pb_cli_option pb_cli_help_option;

/* Finds the subcommand that argv[1] names and runs it, or says which is nearest. Returns the process's exit code. */
int pb_cli_dispatch(const struct pb_cli_command *command, int argc, char **argv);
/* 0 if all that was printed is out; or 1, and says so. */
int pb_cli_finish_output(void);
const char *pb_cli_last_word(const struct pb_cli_command *command); /* "list" */
const char *pb_cli_space(const struct pb_cli_command *command);     /* what stands between "patchbay" and the name */

#endif
