/* select.c: set algebra over parameter names. A recursive descent over the expression's text. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "model/model.h"

enum { MAX_DEPTH = 32, MAX_TERM = 256 };

struct parser {
	const struct pb_param_table *table;
	const char *all, *at;
	int depth;
};

static int fail_syntax(const struct parser *p, const char *expected)
{
	return pb_fail(PB_E_CONFIG, "parameter set `%s`, at character %d: expected %s", p->all,
		       (int)(p->at - p->all) + 1, expected);
}

static void skip_space(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

/* Is the term a run of whole dotted parts of the name? */
static bool is_run_of(const char *term, const char *name)
{
	const size_t length = strlen(term);
	for (const char *at = strstr(name, term); at; at = strstr(at + 1, term))
		if ((at == name || at[-1] == '.') && (!at[length] || at[length] == '.'))
			return true;
	return false;
}

/* Does the glob match the name or a run of whole dotted parts of it? */
static bool matches(const char *glob, const char *name)
{
	char part[MAX_TERM];
	if (!strpbrk(glob, "*?[]{}<>,"))
		return is_run_of(glob, name);
	if (pb_glob_match(glob, name))
		return true;
	for (const char *from = name; from; from = strchr(from, '.') ? strchr(from, '.') + 1 : NULL) {
		for (const char *to = from + 1; *to; to++) {
			if (*to != '.')
				continue;
			memcpy(part, from, (size_t)(to - from));
			part[to - from] = '\0';
			if (pb_glob_match(glob, part))
				return true;
		}
		if (pb_glob_match(glob, from))
			return true;
	}
	return false;
}

/* A parameter's name stands for all its heads. */
static bool match_parts(const char *glob, const struct pb_param_info *info, bool *set)
{
	char name[PB_PARAM_PART_NAME];
	bool whole = matches(glob, info->name), any = false;
	for (int k = 0; k < info->n_parts; k++)
		any |= set[k] = whole || matches(glob, pb_param_part_name(info, k, name));
	return any;
}

/* What the user may have meant: a whole name, its last part, or one of the modules. */
static const char *nearest_of(const struct pb_param_table *table, const char *term)
{
	static const char *const modules[] = {"embed", "pos_embed", "blocks",   "ln1",    "ln2",
					      "attn",  "mlp",       "ln_final", "unembed"};
	enum { MODULES = sizeof modules / sizeof *modules };
	const unsigned n = (unsigned)table->n;
	size_t count = 0;
	const char **names = calloc(2 * (size_t)n + MODULES, sizeof *names);
	if (!names)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		names[count++] = table->items[i].name;
		names[count++] = strrchr(table->items[i].name, '.') + 1;
	}
	for (int m = 0; m < MODULES; m++)
		for (unsigned i = 0; i < n; i++)
			if (matches(modules[m], table->items[i].name)) {
				names[count++] = modules[m];
				break;
			}
	const char *nearest = pb_nearest(term, names, count);
	free(names);
	return nearest;
}

static int last_block(const struct pb_param_table *table)
{
	int last = 0, block;
	for (int i = 0; i < table->n; i++)
		if (sscanf(table->items[i].name, "blocks.%d.", &block) == 1 && block > last)
			last = block;
	return last;
}

static int most_heads(const struct pb_param_table *table)
{
	int most = 1;
	for (int i = 0; i < table->n; i++)
		most = table->items[i].n_parts > most ? table->items[i].n_parts : most;
	return most;
}

static int fail_no_match(const struct parser *p, const char *term)
{
	int block, last = last_block(p->table);
	if (sscanf(term, "blocks.%d", &block) == 1 && block > last)
		return pb_fail(PB_E_NOTFOUND, "`%s` matches no parameter: this model's blocks are 0 .. %d", term, last);
	int head, heads = most_heads(p->table);
	const char *part = strrchr(term, '.') ? strrchr(term, '.') + 1 : term;
	if (sscanf(part, "h%d", &head) == 1 && head >= heads)
		return pb_fail(PB_E_NOTFOUND, "`%s` matches no parameter: this model's heads are h0 .. h%d", term, heads - 1);
	const char *nearest = nearest_of(p->table, term);
	if (nearest)
		return pb_fail(PB_E_NOTFOUND, "`%s` matches no parameter; did you mean `%s`?", term, nearest);
	return pb_fail(PB_E_NOTFOUND, "`%s` matches no parameter of this model; they are named as `%s`", term,
		       p->table->items[p->table->n / 2].name);
}

/* One glob: up to a space or an operator outside braces and brackets. */
static int parse_glob(struct parser *p, bool *set)
{
	char term[MAX_TERM];
	size_t length = 0;
	int braces = 0, brackets = 0;
	for (; *p->at; p->at++) {
		char c = *p->at;
		if (!braces && !brackets && (isspace((unsigned char)c) || strchr("+-&!()", c)))
			break;
		braces += (c == '{') - (c == '}');
		brackets += (c == '[') - (c == ']');
		if (length + 1 >= sizeof term || length >= 120)
			return fail_syntax(p, "a shorter name");
		term[length++] = c;
	}
	term[length] = '\0';
	if (!length)
		return fail_syntax(p, "a parameter's name or a pattern");
	bool any = false;
	for (int i = 0; i < p->table->n; i++)
		any |= match_parts(term, &p->table->items[i], set + p->table->items[i].first_part);
	return any ? 0 : fail_no_match(p, term);
}

static int parse_sum(struct parser *p, bool *set);

static int parse_term(struct parser *p, bool *set)
{
	int rc;
	skip_space(p);
	if (p->depth >= MAX_DEPTH)
		return fail_syntax(p, "fewer parentheses");
	p->depth++;
	if (*p->at == '!') {
		p->at++;
		rc = parse_term(p, set);
		for (int i = 0; !rc && i < p->table->n_parts; i++)
			set[i] = !set[i];
	} else if (*p->at == '(') {
		p->at++;
		rc = parse_sum(p, set);
		skip_space(p);
		if (!rc && *p->at != ')')
			rc = fail_syntax(p, "`)`");
		p->at += !rc;
	} else {
		rc = parse_glob(p, set);
	}
	p->depth--;
	return rc;
}

static int parse_sum(struct parser *p, bool *set)
{
	int rc = parse_term(p, set);
	bool *right = rc ? NULL : calloc((size_t)p->table->n_parts, sizeof *right);
	if (!rc && !right)
		rc = pb_fail_nomem((size_t)p->table->n_parts, "a parameter set");
	for (skip_space(p); !rc && *p->at && strchr("+-&", *p->at); skip_space(p)) {
		char op = *p->at++;
		rc = parse_term(p, right);
		for (int i = 0; !rc && i < p->table->n_parts; i++)
			set[i] = op == '+' ? set[i] || right[i] : op == '-' ? set[i] && !right[i] : set[i] && right[i];
	}
	free(right);
	return rc;
}

int pb_param_select(const struct pb_param_table *table, const char *expression, bool *ret_set)
{
	struct parser p = {table, expression, expression, 0};
	bool *set = calloc((size_t)table->n_parts, sizeof *set);
	if (!set)
		return pb_fail_nomem((size_t)table->n_parts, "a parameter set");
	int rc = 0;
	skip_space(&p);
	if (*p.at)
		rc = parse_sum(&p, set);
	if (!rc && *p.at)
		rc = fail_syntax(&p, "`+`, `-`, `&` or the end");
	if (!rc)
		memcpy(ret_set, set, (size_t)table->n_parts * sizeof *set);
	free(set);
	return rc;
}
