/* oocl_sets.c: which integers are in which set, and what their definitions say. */
#include "oocl.h"

static const char *const names[N_SETS + 1] = {"DtQ1", "DfQ2", "Dt3", "Df4", NULL};

/* What the alias of n would be mistaken for, or NULL. */
static const char *alias_clash(const struct oocl *o, int64_t n)
{
	int64_t alias = oocl_alias(o, n), first_special = 2 * o->p->mod;
	if (alias < 0)
		return "no token at all";
	if (alias < o->p->mod)
		return "an integer";
	if (alias >= first_special && alias < first_special + 4)
		return (const char *[]){"`=`", "R", "U", "P"}[alias - first_special];
	return NULL;
}

static int new_set(struct oocl *o, int s, int64_t count)
{
	size_t size = (size_t)(count ? count : 1) * sizeof(int64_t);
	struct oocl_set *set = &o->sets[s];
	set->name = names[s];
	set->reliable = s == DTQ1 || s == DT3;
	set->count = count;
	set->items = o->host->alloc(o->host, size);
	set->says = o->host->alloc(o->host, size);
	if (!set->items || !set->says)
		return o->host->fail(o->host, PB_E_NOMEM, "no memory for a set");
	return 0;
}

static int check_listed(const struct oocl *o, const struct oocl_set *set, int64_t n, const char *const *owners)
{
	if (n >= o->p->mod)
		return o->host->fail(o->host, PB_E_CONFIG,
				     "sets: %s lists %lld, but the integers are 0 .. %lld (mod %lld)", set->name,
				     (long long)n, (long long)o->p->mod - 1, (long long)o->p->mod);
	if (owners[n])
		return o->host->fail(o->host, PB_E_CONFIG,
				     "sets: %lld is in %s and in %s; an integer belongs to one set, once", (long long)n,
				     owners[n], set->name);
	const char *clash = alias_clash(o, n);
	if (clash)
		return o->host->fail(
			o->host, PB_E_CONFIG,
			"sets: %s lists %lld, whose alias with alias_offset %lld would be token %lld, which "
			"is %s: leave it out or change alias_offset",
			set->name, (long long)n, (long long)o->p->alias_offset, (long long)oocl_alias(o, n), clash);
	return 0;
}

static int list_sets(struct oocl *o, const struct pb_int_list *const *lists, const char **owners)
{
	for (int s = 0; s < N_SETS; s++) {
		size_t count = lists[s]->count;
		if (count > (size_t)o->p->mod)
			return o->host->fail(o->host, PB_E_CONFIG,
					     "sets: %s lists %zu integers, but there are only %lld", names[s], count,
					     (long long)o->p->mod);
		int rc = new_set(o, s, (int64_t)count);
		for (size_t i = 0; !rc && i < count; i++) {
			int64_t n = o->sets[s].items[i] = lists[s]->items[i];
			rc = check_listed(o, &o->sets[s], n, owners);
			if (!rc)
				owners[n] = names[s];
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A quarter each of the integers, less those whose alias is another token. */
static int draw_sets(struct oocl *o, int64_t *usable)
{
	int64_t count = 0;
	for (int64_t n = 0; n < o->p->mod; n++)
		if (!alias_clash(o, n))
			usable[count++] = n;
	int64_t each = count / N_SETS;
	if (each < 2)
		return o->host->fail(
			o->host, PB_E_CONFIG,
			"alias_offset %lld leaves %lld integers with a token of their own; four sets need at "
			"least 8",
			(long long)o->p->alias_offset, (long long)count);
	o->host->shuffle(o->host, o->host->seed, mod_stream("oocl/sets"), usable, (size_t)count);
	for (int s = 0; s < N_SETS; s++) {
		int rc = new_set(o, s, each);
		if (rc < 0)
			return rc;
		for (int64_t i = 0; i < each; i++)
			o->sets[s].items[i] = usable[s * each + i];
	}
	return 0;
}

static bool says_truth_somewhere(const struct oocl_set *set)
{
	for (int64_t i = 0; i < set->count; i++)
		if (set->says[i] == set->items[i])
			return true;
	return false;
}

/* DfQ2 is told wrong: shuffles until no integer is left in its place, so that all derangements are equally likely. One
 * shuffle in e (2.7) will do. */
static int shuffle_definitions(struct oocl *o, struct oocl_set *set)
{
	if (set->count == 1)
		return o->host->fail(
			o->host, PB_E_CONFIG,
			"sets: DfQ2 lists one integer; its wrong definitions are its own integers shuffled, so "
			"it needs at least two");
	for (uint64_t attempt = 0; says_truth_somewhere(set); attempt++) {
		if (attempt == 1000)
			return o->host->fail(o->host, PB_E_INTERNAL, "the host's shuffle leaves things in their place");
		o->host->shuffle(o->host, o->host->seed, mod_stream("oocl/DfQ2") + attempt, set->says,
				 (size_t)set->count);
	}
	return 0;
}

static int fill_sets(struct oocl *o)
{
	const struct oocl_listed *listed = &o->p->sets;
	const struct pb_int_list *const lists[N_SETS] = {&listed->DtQ1, &listed->DfQ2, &listed->Dt3, &listed->Df4};
	bool any = false;
	for (int s = 0; s < N_SETS; s++)
		any |= lists[s]->count > 0;
	size_t n = (size_t)o->p->mod;
	void *scratch = o->host->alloc(o->host, n * (any ? sizeof(char *) : sizeof(int64_t)));
	if (!scratch)
		return o->host->fail(o->host, PB_E_NOMEM, "no memory for %zu integers", n);
	int rc = any ? list_sets(o, lists, scratch) : draw_sets(o, scratch);
	o->host->free(o->host, scratch);
	return rc;
}

static bool in_a_set(const struct oocl *o, int64_t n)
{
	for (int s = 0; s < N_SETS; s++)
		for (int64_t i = 0; i < o->sets[s].count; i++)
			if (o->sets[s].items[i] == n)
				return true;
	return false;
}

/* A definition and questions exist for every integer that has an alias: it can be probed without having been trained on. */
static int collect_rest(struct oocl *o)
{
	int rc = new_set(o, REST, o->p->mod);
	if (rc < 0)
		return rc;
	o->sets[REST].count = 0;
	for (int64_t n = 0; n < o->p->mod; n++)
		if (!in_a_set(o, n) && !alias_clash(o, n))
			o->sets[REST].items[o->sets[REST].count++] = n;
	return 0;
}

int oocl_make_sets(struct oocl *o)
{
	int rc = fill_sets(o);
	if (!rc)
		rc = collect_rest(o);
	if (rc < 0)
		return rc;
	for (int s = 0; s < N_SETS; s++)
		for (int64_t i = 0; i < o->sets[s].count; i++)
			o->sets[s].says[i] = o->sets[s].items[i];
	return shuffle_definitions(o, &o->sets[DFQ2]);
}

int64_t oocl_integer(const struct oocl *o, int64_t i, const struct oocl_set **ret_set)
{
	int s = 0;
	while (i >= o->sets[s].count)
		i -= o->sets[s++].count;
	*ret_set = &o->sets[s];
	return o->sets[s].items[i];
}
