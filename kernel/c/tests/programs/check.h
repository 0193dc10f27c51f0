/* What the programs check by. Each returns 0, or the line of the first check that failed. */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <steward/borrow.h>

#define CHECK(condition)          \
	do {                          \
		if (!(condition))         \
			return __LINE__;      \
	} while (0)

#define UNLIMITED UINT32_MAX

/* No limits, as most processes of these programs have none. */
static inline struct Proc *
newproc(void)
{
	return borrow_newproc(UNLIMITED, UNLIMITED, UNLIMITED);
}

/* Both steps of an exit. */
static inline int
endproc(struct Proc *p)
{
	int pages = pageown_cleanup_process(p);
	int keys = borrow_cleanup_process(p);

	return pages != BORROW_OK ? pages : keys;
}

#endif
