/*
 * schema SCHEMA < DOCUMENT: holds a JSON document against a JSON schema, of which it knows the
 * words that this project's schemas use, and refuses others. Of objects that have done, failed and
 * not_started it holds the sum against the number that their parent's parent asked for.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const json_t *root;

static bool check(const json_t *schema, const json_t *value, const char *where);

static bool complain(const char *where, const char *what)
{
    fprintf(stderr, "schema: %s: %s\n", where, what);
    return false;
}

static bool has_type(const char *type, const json_t *value)
{
    return (strcmp(type, "object") == 0 && json_is_object(value)) ||
           (strcmp(type, "array") == 0 && json_is_array(value)) ||
           (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
           (strcmp(type, "number") == 0 && json_is_number(value)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "null") == 0 && json_is_null(value));
}

static bool check_type(const json_t *type, const json_t *value, const char *where)
{
    if (json_is_string(type))
        return has_type(json_string_value(type), value) || complain(where, "has another type");
    for (size_t n = 0; n < json_array_size(type); n++)
        if (has_type(json_string_value(json_array_get(type, n)), value))
            return true;
    return complain(where, "has none of the types");
}

static bool check_enum(const json_t *list, const json_t *value, const char *where)
{
    for (size_t n = 0; n < json_array_size(list); n++)
        if (json_equal(json_array_get(list, n), value))
            return true;
    return complain(where, "is none of the values");
}

static bool check_required(const json_t *list, const json_t *value, const char *where)
{
    for (size_t n = 0; json_is_object(value) && n < json_array_size(list); n++) {
        const char *key = json_string_value(json_array_get(list, n));
        if (!json_object_get(value, key)) {
            fprintf(stderr, "schema: %s: '%s' is missing\n", where, key);
            return false;
        }
    }
    return true;
}

/* The properties there are; all of them are in the schema, whose additionalProperties are false. */
static bool check_properties(const json_t *schema, const json_t *value, const char *where)
{
    const char *key;
    json_t *property;
    json_object_foreach((json_t *)value, key, property)
    {
        char path[256];
        snprintf(path, sizeof path, "%s.%s", where, key);
        const json_t *own = json_object_get(json_object_get(schema, "properties"), key);
        if (!own)
            return complain(path, "is not in the schema");
        if (!check(own, property, path))
            return false;
    }
    return true;
}

static bool check_items(const json_t *items, const json_t *value, const char *where)
{
    for (size_t n = 0; n < json_array_size(value); n++) {
        char path[256];
        snprintf(path, sizeof path, "%s[%zu]", where, n);
        if (!check(items, json_array_get(value, n), path))
            return false;
    }
    return true;
}

static bool check_ref(const char *ref, const json_t *value, const char *where)
{
    static const char prefix[] = "#/$defs/";
    if (strncmp(ref, prefix, sizeof prefix - 1) != 0)
        return complain(ref, "is no reference that is known");
    const json_t *target = json_object_get(json_object_get(root, "$defs"), ref + sizeof prefix - 1);
    return target ? check(target, value, where) : complain(ref, "refers to nothing");
}

static bool check_word(const json_t *schema, const char *word, const json_t *argument,
                       const json_t *value, const char *where)
{
    static const char *const silent[] = {"$schema", "title", "description", "$defs",
                                         "additionalProperties"};
    if (strcmp(word, "type") == 0)
        return check_type(argument, value, where);
    if (strcmp(word, "enum") == 0)
        return check_enum(argument, value, where);
    if (strcmp(word, "required") == 0)
        return check_required(argument, value, where);
    if (strcmp(word, "properties") == 0)
        return check_properties(schema, value, where);
    if (strcmp(word, "items") == 0)
        return check_items(argument, value, where);
    if (strcmp(word, "$ref") == 0)
        return check_ref(json_string_value(argument), value, where);
    if (strcmp(word, "minimum") == 0)
        return !json_is_number(value) || json_number_value(value) >= json_number_value(argument) ||
               complain(where, "is too small");
    for (size_t n = 0; n < sizeof silent / sizeof *silent; n++)
        if (strcmp(word, silent[n]) == 0)
            return true;
    return complain(word, "is a word of schemas that this checker does not know");
}

static bool check(const json_t *schema, const json_t *value, const char *where)
{
    const char *word;
    json_t *argument;
    json_object_foreach((json_t *)schema, word, argument)
    {
        if (!check_word(schema, word, argument, value, where))
            return false;
    }
    return true;
}

/* Of each model the counts add up to what the program asked for. */
static bool check_counts(const json_t *program, const char *name)
{
    static const char *const asked_names[] = {"downloads", "sums", "items"};
    json_int_t asked = -1;
    for (size_t n = 0; n < 3; n++)
        if (json_object_get(program, asked_names[n]))
            asked = json_integer_value(json_object_get(program, asked_names[n]));
    const json_t *models = json_object_get(program, "models");
    for (size_t n = 0; n < json_array_size(models); n++) {
        const json_t *model = json_array_get(models, n);
        json_int_t sum = json_integer_value(json_object_get(model, "done")) +
                         json_integer_value(json_object_get(model, "failed")) +
                         json_integer_value(json_object_get(model, "not_started"));
        if (sum != asked)
            return complain(name, "done, failed and not_started do not add up to what was asked");
    }
    return true;
}

/* So do those of a document that has items. */
static bool check_items_count(const json_t *document)
{
    const json_t *items = json_object_get(document, "items");
    json_int_t sum = json_integer_value(json_object_get(document, "done")) +
                     json_integer_value(json_object_get(document, "failed")) +
                     json_integer_value(json_object_get(document, "not_started"));
    return !items || (json_int_t)json_array_size(items) == sum ||
           complain("document", "done, failed and not_started do not add up to the items");
}

int main(int argc, char **argv)
{
    json_error_t error;
    root = argc == 2 ? json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error) : NULL;
    if (!root) {
        fprintf(stderr, "schema: there is no schema: %s\n", argc == 2 ? error.text : "name one");
        return 2;
    }
    json_t *document = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error);
    if (!document) {
        fprintf(stderr, "schema: not one JSON document: line %d: %s\n", error.line, error.text);
        return 1;
    }
    bool good = check(root, document, "document") && check_items_count(document);
    const char *name;
    json_t *program;
    json_object_foreach(document, name, program)
    {
        good = good && check_counts(program, name);
    }
    json_decref(document);
    json_decref((json_t *)root);
    return good ? 0 : 1;
}
