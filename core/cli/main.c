/* main.c: the command line's entry. */
#include <stdio.h>

int main(void)
{
	puts("patchbay " PB_VERSION);
	return 0;
}
