/* bad.c: a setter that one macro spoils; built once per macro, each a plugin that must not load or must fail well. */
#include <patchbay/setter.h>

#ifndef ABI
#define ABI PB_ABI_INIT
#endif
#ifndef NOTE_ABI
#define NOTE_ABI ABI
#endif
#ifndef KIND
#define KIND PB_KIND_SETTER
#endif
#ifndef NAME
#define NAME "bad"
#endif
#ifndef VERSION
#define VERSION "1.0.0"
#endif
#ifndef SUMMARY
#define SUMMARY "fails in one way"
#endif
#ifdef NEWER /* has members that this host does not know */
#define STRUCT_SIZE (sizeof(struct pb_plugin) + 64)
#define OPS_SIZE (sizeof(struct pb_setter_ops) + 64)
#endif
#ifndef STRUCT_SIZE
#define STRUCT_SIZE sizeof(struct pb_plugin)
#endif
#ifndef EXTENSIONS
#define EXTENSIONS 0
#endif
#ifndef OPS_SIZE
#define OPS_SIZE sizeof(struct pb_setter_ops)
#endif
#ifndef OPS
#define OPS &ops
#endif
#ifndef SYMBOL
#define SYMBOL patchbay_plugin
#endif
#ifndef FLAGS
#define FLAGS PB_SETTER_FREE_AXES
#endif
#ifndef AXES
#define AXES 0
#endif
#ifndef EFFECT
#define EFFECT PB_EFFECT_REPLACE
#endif
#ifndef SOURCE
#define SOURCE PB_SOURCE_NONE
#endif
#ifndef APPLY
#define APPLY apply
#endif
#ifndef ADJOINT
#define ADJOINT NULL
#endif
#ifndef PARAM_DOC
#define PARAM_DOC "how often"
#endif
#ifndef CREATE_RETURNS
#define CREATE_RETURNS 0
#endif

/* Other builds' ABI blocks. */
#define ABI_OF(magic, major, minor, real, index, layout)                                                               \
	{                                                                                                              \
		magic, major, minor, real, index, layout                                                               \
	}

struct params {
	int64_t count;
	int32_t choice;
};

#ifdef CHOICES /* a hundred pointers in a row */
#define TEN(d) d "0", d "1", d "2", d "3", d "4", d "5", d "6", d "7", d "8", d "9"
static const char *const choices[] = {TEN("a"), TEN("b"), TEN("c"), TEN("d"), TEN("e"), TEN("f"),
				      TEN("g"), TEN("h"), TEN("i"), TEN("j"), NULL};
#endif

static const struct pb_param params[] = {
	{.name = "count", .type = PB_TYPE_INT, .default_text = "1", .doc = PARAM_DOC},
#ifdef CHOICES
	{.name = "choice",
	 .type = PB_TYPE_ENUM,
	 .offset = offsetof(struct params, choice),
	 .default_text = "a0",
	 .choices = choices,
	 .doc = "one of many"},
#endif
};

#ifdef UNRESOLVED
int nobody_defines_this(void);
#endif

#ifdef IMPORTED /* another file's function in a slot of the table */
int nobody_applies(void *self, const struct pb_host *host, const struct pb_setter_call *call);
#endif

#ifdef EXTRA /* should have been hidden */
PB_EXPORT int extra(void);
int extra(void)
{
	return 7;
}
#endif

__attribute__((unused)) static int apply(void *self, const struct pb_host *host, const struct pb_setter_call *call)
{
	(void)self;
#ifdef UNRESOLVED
	if (nobody_defines_this())
		return 0;
#endif
	return host->fill(host, call->target, 0.0);
}

static int create(const struct pb_host *host, const void *parsed, void **ret_self)
{
	(void)parsed, (void)ret_self;
	host->log(host, PB_LOG_INFO, "created with %d", 7);
	return CREATE_RETURNS;
}

static const uint8_t axes[] = {AXES, AXES};

__attribute__((unused)) static const struct pb_setter_ops ops = {
	.struct_size = OPS_SIZE,
	.flags = FLAGS,
	.effect = EFFECT,
	.source = SOURCE,
	.axes = AXES ? axes : NULL,
	.n_axes = AXES ? 2 : 0,
	.create = create,
	.apply = APPLY,
	.adjoint = ADJOINT,
};

extern const struct pb_plugin SYMBOL;
PB_EXPORT const struct pb_plugin SYMBOL = {
	.abi = ABI,
	.struct_size = STRUCT_SIZE,
	.kind = KIND,
	.name = NAME,
	.version = VERSION,
	.summary = SUMMARY,
	.params = params,
	.n_params = PB_COUNT(params),
	.params_size = sizeof(struct params),
	.ops = OPS,
	.n_extensions = EXTENSIONS,
};

#ifndef NO_NOTE
__attribute__((section(".note.patchbay"), used, aligned(4))) static const struct pb_abi_note note = {
	9, (uint32_t)sizeof(struct pb_abi), 1, "patchbay", NOTE_ABI};
#endif
