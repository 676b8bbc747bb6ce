/* fuzz_events.c: any bytes as events.jsonl, line by line, as `patchbay watch` takes them, and what it draws of it. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/driver.h"
#include "report/dashboard.h"

const char *const pb_fuzz_tokens[] = {
	"{\"event\":\"run\",\"name\":\"a\",\"folder\":\"b\",\"pid\":1,\"time\":\"2026-01-01T00:00:00Z\"}\n",
	"{\"event\":\"begin\",\"kind\":\"stage\",\"what\":\"a\",\"done\":0,\"total\":9,\"seconds\":0}\n",
	"{\"event\":\"progress\",\"kind\":\"stage\",\"what\":\"a\",\"done\":1,\"total\":9,\"seconds\":1,\"detail\":\"x\"}\n",
	"{\"event\":\"end\",\"kind\":\"stage\",\"what\":\"a\",\"done\":9,\"total\":9,\"seconds\":2}\n",
	"{\"event\":\"sweep\",\"name\":\"a\",\"file\":\"a\",\"cells\":4,\"notes\":1}\n",
	"{\"event\":\"done\",\"seconds\":3}\n",
	"{\"event\":\"failed\",\"seconds\":3,\"text\":\"why\"}\n",
	"9223372036854775807", "1e308", "-1", "null", "\n", "\\u0000", "\\u001b[2J", NULL,
};

static void draw(const struct pb_dashboard *d, int height)
{
	struct pb_terminal terminal = {.width = 40};
	struct pb_text text = {0};
	pb_dashboard_draw(d, &terminal, 10, height, &text);
	if (text.length && memchr(text.data, 0x1b, text.length))
		abort(); /* it was asked for no colours */
	pb_text_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pb_dashboard d = {0};
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size, taken = length + !!end;
		pb_dashboard_take(&d, (const char *)data, length, 5);
		data += taken;
		size -= taken;
	}
	draw(&d, 0);
	draw(&d, 3);
	pb_dashboard_finish(&d);
	return 0;
}
