/* wrap.c: breaks words into lines. */
#include "cli/wrap.h"

#include <string.h>

enum { WIDTH = 100 };

void pb_cli_wrap(struct pb_text *out, const char *text, int indent, int used)
{
	int column = used;
	while (*text) {
		size_t length = strcspn(text, " \n");
		if (column > indent && column + 1 + (int)length > WIDTH) {
			pb_text_add(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			pb_text_add(out, " ");
			column++;
		}
		pb_text_add_bytes(out, text, length);
		column += (int)length;
		text += length;
		if (text[0] == '\n') {
			pb_text_add(out, text[1] == '\n' ? "\n\n%*s" : "\n%*s", indent, "");
			column = indent;
		}
		text += strspn(text, " \n");
	}
	pb_text_add(out, "\n");
}
