/* glob.c: shell-style patterns.
 *
 * Goes through the pattern once and keeps the set of places in the name that it can have reached, so that the time is
 * at most length times length whatever the pattern is, and only braces recurse.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { MAX_NAME = 1023, MAX_NESTING = 16 };

struct glob {
	const char *pattern; /* what is left of it */
	const char *name;
	size_t length;
	int depth; /* of braces */
	bool malformed;
};

/* at[i]: the pattern up to here can match the first i bytes of the name. */
struct places {
	bool at[MAX_NAME + 1];
};

static void match_run(struct glob *g, struct places *places);

static bool in_set(const char *set, const char *end, char c)
{
	for (const char *q = set; q < end; q++) {
		if (q + 2 < end && q[1] == '-') {
			if (c >= q[0] && c <= q[2])
				return true;
			q += 2;
		} else if (c == *q) {
			return true;
		}
	}
	return false;
}

/* One character of the name that is in the set from..end: moves all places on by one. */
static void match_set(struct glob *g, struct places *places, const char *from, const char *end, bool wanted)
{
	for (size_t i = g->length; i > 0; i--)
		places->at[i] = places->at[i - 1] && in_set(from, end, g->name[i - 1]) == wanted;
	places->at[0] = false;
}

static void match_brackets(struct glob *g, struct places *places)
{
	const char *from = g->pattern + 1, *end = strchr(from, ']');
	bool wanted = *from != '!';
	if (!end || end == from) {
		g->malformed = true;
		return;
	}
	match_set(g, places, from + !wanted, end, wanted);
	g->pattern = end + 1;
}

static void match_any_run(struct glob *g, struct places *places)
{
	for (size_t i = 1; i <= g->length; i++)
		places->at[i] |= places->at[i - 1];
	g->pattern++;
}

/* <=N and its kin against whole runs of digits: a part of a number is not a number. */
static void match_number(struct glob *g, struct places *places)
{
	bool less = *g->pattern == '<', equal = g->pattern[1] == '=';
	const char *digits = g->pattern + 1 + equal;
	if (!isdigit((unsigned char)*digits)) {
		g->malformed = true;
		return;
	}
	char *behind;
	unsigned long long bound = strtoull(digits, &behind, 10);
	for (size_t i = g->length + 1; i-- > 0;) {
		bool here = places->at[i];
		places->at[i] = false;
		if (!here || !isdigit((unsigned char)g->name[i]) || (i && isdigit((unsigned char)g->name[i - 1])))
			continue;
		char *end;
		unsigned long long value = strtoull(g->name + i, &end, 10);
		if ((equal && value == bound) || (less ? value < bound : value > bound))
			places->at[end - g->name] = true;
	}
	g->pattern = behind;
}

/* {a,b}: each alternative starts from the same places. */
static void match_braces(struct glob *g, struct places *places)
{
	struct places all = {0}, one;
	if (++g->depth > MAX_NESTING) {
		g->malformed = true;
		return;
	}
	do {
		g->pattern++;
		one = *places;
		match_run(g, &one);
		for (size_t i = 0; i <= g->length; i++)
			all.at[i] |= one.at[i];
	} while (*g->pattern == ',');
	g->malformed |= *g->pattern != '}';
	if (!g->malformed)
		g->pattern++;
	g->depth--;
	*places = all;
}

/* To the end of the pattern or, in braces, of the alternative. */
static void match_run(struct glob *g, struct places *places)
{
	while (*g->pattern && !g->malformed && !(g->depth && strchr(",}", *g->pattern))) {
		switch (*g->pattern) {
		case '*': match_any_run(g, places); break;
		case '{': match_braces(g, places); break;
		case '[': match_brackets(g, places); break;
		case '<':
		case '>': match_number(g, places); break;
		case '?':
			match_set(g, places, NULL, NULL, false);
			g->pattern++;
			break;
		default: match_set(g, places, g->pattern, g->pattern + 1, true); g->pattern++;
		}
	}
}

bool pb_glob_match(const char *pattern, const char *name)
{
	struct glob g = {.pattern = pattern, .name = name, .length = strlen(name)};
	struct places places = {.at = {true}};
	if (g.length > MAX_NAME)
		return false;
	match_run(&g, &places);
	return !g.malformed && places.at[g.length];
}
