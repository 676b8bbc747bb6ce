/* abi.c: compares a plugin's ABI block, from the note in its file, with the host's. */
#include <string.h>

#include "base/status.h"
#include "host/host_impl.h"

struct field {
	const char *name;
	uint32_t host, plugin;
	bool fits;
};

int pb_abi_compare(const char *path, const struct pb_abi *plugin)
{
	const struct pb_abi host = PB_ABI_INIT;
	const struct field fields[] = {
		{"magic", host.magic, plugin->magic, host.magic == plugin->magic},
		{"ABI major", host.major, plugin->major, host.major == plugin->major},
		{"ABI minor", host.minor, plugin->minor, host.major != plugin->major || plugin->minor <= host.minor},
		{"real bytes", host.real_bytes, plugin->real_bytes, host.real_bytes == plugin->real_bytes},
		{"index bytes", host.index_bytes, plugin->index_bytes, host.index_bytes == plugin->index_bytes},
		{"layout", host.layout, plugin->layout, host.layout == plugin->layout},
	};
	struct pb_text text = {0};
	bool fits = true, newer = plugin->major > host.major || (fields[1].fits && plugin->minor > host.minor);
	for (size_t i = 0; i < PB_COUNT(fields); i++) {
		const struct field *f = &fields[i];
		bool hex = i == 0 || i == 5;
		if (!f->fits)
			pb_text_add(&text, hex ? "\n  %s: host %#010x, plugin %#010x" : "\n  %s: host %u, plugin %u",
				    f->name, f->host, f->plugin);
		fits &= f->fits;
	}
	int rc = pb_text_status(&text);
	if (!rc && !fits)
		rc = pb_fail(PB_E_ABI,
			     "%s was built against another patchbay; these differ:%s\n"
			     "rebuild the plugin with the headers of this patchbay (%s)%s",
			     path, text.data, PB_VERSION,
			     newer ? ", or install the newer patchbay it was built for" : "");
	pb_text_finish(&text);
	return rc;
}

int pb_abi_check(const char *path, const struct pb_image *image)
{
	struct pb_abi abi;
	size_t size;
	const void *note = pb_image_note(image, "patchbay", 1, &size);
	if (!note || size < sizeof abi)
		return pb_fail(PB_E_FORMAT,
			       "%s is no plugin: it has no patchbay ABI note; its source must have `PB_PLUGIN_ABI;` "
			       "once, at file scope",
			       path);
	memcpy(&abi, note, sizeof abi);
	return pb_abi_compare(path, &abi);
}

int pb_abi_check_file(const char *path)
{
	struct pb_image *image;
	int rc = pb_image_open(path, &image);
	if (rc < 0)
		return rc;
	rc = pb_abi_check(path, image);
	pb_image_close(image);
	return rc;
}
