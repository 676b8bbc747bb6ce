/* validate.c: the keywords that core/cli/json_schema.c writes. */
#include "cli/validate.h"

#include <string.h>

#include "base/scalar.h"
#include "support/support.h"

static json_t *scalar(const struct pb_yaml_node *node)
{
	bool truth;
	int64_t number;
	double real;
	if (node->quoted)
		return json_string(node->text);
	if (pb_scalar_null(node->text))
		return json_null();
	if (pb_scalar_bool(node->text, &truth))
		return json_boolean(truth);
	if (pb_scalar_int(node->text, &number) == PB_SCALAR_OK)
		return json_integer(number);
	if (pb_scalar_real(node->text, &real) == PB_SCALAR_OK)
		return json_real(real);
	return json_string(node->text);
}

json_t *validate_from_yaml(const struct pb_yaml_node *node)
{
	if (node->kind == PB_YAML_SCALAR)
		return scalar(node);
	json_t *value = node->kind == PB_YAML_LIST ? json_array() : json_object();
	for (size_t i = 0; i < node->count; i++) {
		json_t *item = validate_from_yaml(node->items[i]);
		if (node->kind == PB_YAML_LIST)
			json_array_append_new(value, item);
		else
			json_object_set_new(value, node->keys[i]->text, item);
	}
	return value;
}

static bool is_type(const char *type, const json_t *value)
{
	if (!strcmp(type, "integer"))
		return json_is_integer(value) ||
		       (json_is_real(value) && json_real_value(value) == (double)(int64_t)json_real_value(value));
	return (!strcmp(type, "object") && json_is_object(value)) ||
	       (!strcmp(type, "array") && json_is_array(value)) ||
	       (!strcmp(type, "string") && json_is_string(value)) ||
	       (!strcmp(type, "number") && json_is_number(value)) ||
	       (!strcmp(type, "boolean") && json_is_boolean(value)) || (!strcmp(type, "null") && json_is_null(value));
}

static bool check_type(const json_t *types, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(types); i++)
		if (is_type(json_string_value(json_array_get(types, i)), value))
			return true;
	return json_is_string(types) && is_type(json_string_value(types), value);
}

static bool check_enum(const json_t *values, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(values); i++)
		if (json_equal(json_array_get(values, i), value))
			return true;
	return false;
}

static size_t count_valid(const json_t *root, const json_t *schemas, const json_t *value)
{
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(schemas); i++)
		n += validate(root, json_array_get(schemas, i), value);
	return n;
}

static bool check_required(const json_t *names, const json_t *value)
{
	for (size_t i = 0; json_is_object(value) && i < json_array_size(names); i++)
		if (!json_object_get(value, json_string_value(json_array_get(names, i))))
			return false;
	return true;
}

static bool check_keys(const json_t *root, const json_t *schema, const json_t *value)
{
	const json_t *known = json_object_get(schema, "properties"),
		     *rest = json_object_get(schema, "additionalProperties");
	const char *key;
	json_t *item;
	json_object_foreach((json_t *)value, key, item)
	{
		const json_t *own = json_object_get(known, key) ? json_object_get(known, key) : rest;
		if (own && !validate(root, own, item))
			return false;
	}
	return true;
}

static bool check_items(const json_t *root, const json_t *schema, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!validate(root, schema, json_array_get(value, i)))
			return false;
	return true;
}

static bool check_reference(const json_t *root, const char *name, const json_t *value)
{
	static const char where[] = "#/definitions/";
	ck_assert_msg(!strncmp(name, where, strlen(where)), "%s", name);
	const json_t *schema = json_object_get(json_object_get(root, "definitions"), name + strlen(where));
	ck_assert_msg(schema != NULL, "no definition %s", name);
	return validate(root, schema, value);
}

static bool check_if(const json_t *root, const json_t *schema, const json_t *value)
{
	const bool holds = validate(root, json_object_get(schema, "if"), value);
	const json_t *then = json_object_get(schema, holds ? "then" : "else");
	return !then || validate(root, then, value);
}

static bool is_silent(const char *keyword)
{
	static const char *const silent[] = {"$schema",     "title", "description", "default",
					     "definitions", "then",  "else"};
	for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
		if (!strcmp(keyword, silent[i]))
			return true;
	return false;
}

static bool check(const json_t *root, const json_t *schema, const char *keyword, const json_t *value)
{
	const json_t *with = json_object_get(schema, keyword);
	if (!strcmp(keyword, "type"))
		return check_type(with, value);
	if (!strcmp(keyword, "enum"))
		return check_enum(with, value);
	if (!strcmp(keyword, "const"))
		return json_equal((json_t *)with, (json_t *)value);
	if (!strcmp(keyword, "minimum"))
		return !json_is_number(value) || json_number_value(value) >= json_number_value(with);
	if (!strcmp(keyword, "maximum"))
		return !json_is_number(value) || json_number_value(value) <= json_number_value(with);
	if (!strcmp(keyword, "minItems"))
		return !json_is_array(value) || (json_int_t)json_array_size(value) >= json_integer_value(with);
	if (!strcmp(keyword, "required"))
		return check_required(with, value);
	if (!strcmp(keyword, "properties") || !strcmp(keyword, "additionalProperties"))
		return check_keys(root, schema, value);
	if (!strcmp(keyword, "items"))
		return check_items(root, with, value);
	if (!strcmp(keyword, "anyOf"))
		return count_valid(root, with, value) > 0;
	if (!strcmp(keyword, "allOf"))
		return count_valid(root, with, value) == json_array_size(with);
	if (!strcmp(keyword, "not"))
		return !validate(root, with, value);
	if (!strcmp(keyword, "$ref"))
		return check_reference(root, json_string_value(with), value);
	if (!strcmp(keyword, "if"))
		return check_if(root, schema, value);
	ck_assert_msg(is_silent(keyword), "validate.c does not know `%s`", keyword);
	return true;
}

bool validate(const json_t *root, const json_t *schema, const json_t *value)
{
	const char *keyword;
	json_t *with;
	if (json_is_boolean(schema))
		return json_is_true(schema);
	ck_assert(json_is_object(schema));
	json_object_foreach((json_t *)schema, keyword, with) if (!check(root, schema, keyword, value)) return false;
	return true;
}
