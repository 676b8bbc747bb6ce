/* trust.c: modes and owners. */
#include "host/trust.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where every user has a group of the same name, files are often writable for it. */
static bool is_own_group(gid_t gid)
{
	const struct passwd *user = getpwuid(geteuid());
	const struct group *group = user && gid == user->pw_gid ? getgrgid(gid) : NULL;
	return group && !strcmp(group->gr_name, user->pw_name) && (!group->gr_mem || !*group->gr_mem);
}

const char *pb_trust_why_not(const char *path)
{
	struct stat st;
	const char *allowed = getenv("PATCHBAY_ALLOW_WRITABLE_PLUGINS");
	if ((allowed && *allowed) || stat(path, &st) < 0)
		return NULL;
	if (st.st_mode & S_IWOTH)
		return "anybody may write to it, so it is not used: `chmod o-w` it, or set PATCHBAY_ALLOW_WRITABLE_PLUGINS=1";
	if (st.st_mode & S_IWGRP && !is_own_group(st.st_gid))
		return "its group may write to it, so it is not used: `chmod g-w` it, or set PATCHBAY_ALLOW_WRITABLE_PLUGINS=1";
	return NULL;
}
