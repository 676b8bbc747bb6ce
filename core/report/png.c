/* png.c: SVG drawn by librsvg and cairo, which nobody needs to have who asks for no PNG: they are loaded by name. */
#include <dlfcn.h>
#include <math.h>

#include "base/file.h"
#include "base/status.h"
#include "report/report.h"

/* As librsvg and cairo define them. */
struct g_error {
	unsigned domain;
	int code;
	char *message;
};

struct rsvg_dimensions {
	int width, height;
	double em, ex;
};

struct rsvg_rectangle {
	double x, y, width, height;
};

enum { CAIRO_FORMAT_RGB24 = 1, CAIRO_STATUS_SUCCESS = 0, CAIRO_STATUS_WRITE_ERROR = 11 };

struct painter {
	void *library;
	void *(*new_from_file)(const char *path, struct g_error **error);
	void (*get_dimensions)(void *handle, struct rsvg_dimensions *ret);
	int (*render)(void *handle, void *cairo, const struct rsvg_rectangle *viewport, struct g_error **error);
	void (*unref)(void *object);
	void (*error_free)(struct g_error *error);
	void *(*surface_create)(int format, int width, int height);
	int (*surface_status)(void *surface);
	void (*surface_destroy)(void *surface);
	int (*write_png)(void *surface, int (*write)(void *user, const unsigned char *data, unsigned length),
			 void *user);
	void *(*create)(void *surface);
	void (*set_rgb)(void *cairo, double r, double g, double b);
	void (*paint)(void *cairo);
	void (*destroy)(void *cairo);
};

/* librsvg's own libraries come along with it: cairo and gobject are found through it. */
static int open_painter(struct painter *p)
{
	*p = (struct painter){.library = dlopen("librsvg-2.so.2", RTLD_NOW | RTLD_LOCAL)};
	const struct {
		const char *name;
		void *slot;
	} functions[] = {
		{"rsvg_handle_new_from_file", &p->new_from_file},
		{"rsvg_handle_get_dimensions", &p->get_dimensions},
		{"rsvg_handle_render_document", &p->render},
		{"g_object_unref", &p->unref},
		{"g_error_free", &p->error_free},
		{"cairo_image_surface_create", &p->surface_create},
		{"cairo_surface_status", &p->surface_status},
		{"cairo_surface_destroy", &p->surface_destroy},
		{"cairo_surface_write_to_png_stream", &p->write_png},
		{"cairo_create", &p->create},
		{"cairo_set_source_rgb", &p->set_rgb},
		{"cairo_paint", &p->paint},
		{"cairo_destroy", &p->destroy},
	};
	if (!p->library)
		return pb_fail(PB_E_UNSUPPORTED,
			       "PNG is drawn by librsvg, which is not here: install it (Debian: apt-get install "
			       "librsvg2-2) or "
			       "use the .svg files (%s)",
			       dlerror());
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		*(void **)functions[i].slot = dlsym(p->library, functions[i].name);
		if (!*(void **)functions[i].slot) {
			dlclose(p->library);
			return pb_fail(PB_E_UNSUPPORTED, "PNG needs librsvg 2.46 or later: this one has no %s",
				       functions[i].name);
		}
	}
	return 0;
}

static int keep_bytes(void *user, const unsigned char *data, unsigned length)
{
	struct pb_text *png = user;
	pb_text_add_bytes(png, data, length);
	return png->failed ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

static int fail(const struct painter *p, const char *path, struct g_error *error)
{
	int rc = pb_fail(PB_E_FORMAT, "%s cannot be drawn: %s", path,
			 error ? error->message : "librsvg does not say why");
	if (error)
		p->error_free(error);
	return rc;
}

static int paint(const struct painter *p, void *handle, const char *path, void *surface, int width, int height)
{
	struct g_error *error = NULL;
	const struct rsvg_rectangle all = {0, 0, width, height};
	void *cairo = p->create(surface);
	p->set_rgb(cairo, 1, 1, 1);
	p->paint(cairo);
	int rc = p->render(handle, cairo, &all, &error) ? 0 : fail(p, path, error);
	p->destroy(cairo);
	return rc;
}

static int draw(const struct painter *p, const char *path, double scale, struct pb_text *png)
{
	struct g_error *error = NULL;
	struct rsvg_dimensions size = {0};
	void *handle = p->new_from_file(path, &error);
	if (!handle)
		return fail(p, path, error);
	p->get_dimensions(handle, &size);
	const double width = ceil(scale * size.width), height = ceil(scale * size.height);
	const bool fits = width >= 1 && height >= 1 && width <= 32767 && height <= 32767; /* cairo's own limit */
	void *surface = fits ? p->surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height) : NULL;
	int rc = surface && !p->surface_status(surface)
			 ? paint(p, handle, path, surface, (int)width, (int)height)
			 : pb_fail(PB_E_RANGE, "%s: a picture of %.0f x %.0f pixels cannot be made", path, width,
				   height);
	if (!rc && p->write_png(surface, keep_bytes, png))
		rc = pb_fail(PB_E_IO, "%s cannot be written as PNG", path);
	if (surface)
		p->surface_destroy(surface);
	p->unref(handle);
	return rc;
}

int pb_report_write_png(const char *svg_path, const char *png_path, double scale)
{
	struct painter painter;
	struct pb_text png = {0};
	int rc = open_painter(&painter);
	if (rc)
		return rc;
	rc = draw(&painter, svg_path, scale, &png);
	if (!rc)
		rc = pb_text_status(&png);
	if (!rc)
		rc = pb_file_write(png_path, png.data, png.length);
	pb_text_finish(&png);
	return rc; /* the library stays: gobject's types cannot be unloaded */
}
