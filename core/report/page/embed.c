/* embed.c: run by the build: writes a page as a C array, with {{FILE}} replaced by the file of that name.
 * usage: embed OUT.c PAGE FILE... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct part {
	const char *name;
	char *text;
};

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	long size = -1;
	if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0)
		text = malloc((size_t)size + 1);
	if (text && fread(text, 1, (size_t)size, file) == (size_t)size) {
		text[size] = '\0';
	} else {
		free(text);
		text = NULL;
	}
	if (file)
		fclose(file);
	return text;
}

static const char *find(const struct part *parts, int count, const char *name, size_t length)
{
	for (int i = 0; i < count; i++)
		if (strlen(parts[i].name) == length && memcmp(parts[i].name, name, length) == 0)
			return parts[i].text;
	return NULL;
}

static void put(FILE *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		fprintf(out, "%d,%s", (unsigned char)text[i], text[i] == '\n' ? "\n" : "");
}

/* Markers without a file, such as {{data}}, stay for the program. */
static void expand(FILE *out, const char *page, const struct part *parts, int count)
{
	for (const char *open; (open = strstr(page, "{{"));) {
		const char *close = strstr(open, "}}");
		const char *text = close ? find(parts, count, open + 2, (size_t)(close - open - 2)) : NULL;
		const char *next = text ? close + 2 : open + 2;
		put(out, page, (size_t)((text ? open : next) - page));
		if (text)
			put(out, text, strlen(text));
		page = next;
	}
	put(out, page, strlen(page));
}

int main(int argc, char **argv)
{
	enum { MAX_PARTS = 32 };
	struct part parts[MAX_PARTS];
	int count = argc - 3, failed = argc < 3 || count > MAX_PARTS;
	for (int i = 0; !failed && i < count; i++) {
		const char *slash = strrchr(argv[i + 3], '/');
		parts[i] = (struct part){slash ? slash + 1 : argv[i + 3], read_text(argv[i + 3])};
		failed = !parts[i].text;
	}
	char *page = failed ? NULL : read_text(argv[2]);
	FILE *out = page ? fopen(argv[1], "wb") : NULL;
	if (!out) {
		fprintf(stderr, "embed: cannot read the files or write %s\n", argc > 1 ? argv[1] : "the output");
		return 1;
	}
	fprintf(out, "const unsigned char pb_report_page[] = {");
	expand(out, page, parts, count);
	fprintf(out, "0};\n");
	for (int i = 0; i < count; i++)
		free(parts[i].text);
	free(page);
	return fclose(out) ? 1 : 0;
}
