/* What a kernel that lends memory can get wrong: before, while and after it opens the ledger, and much later. */
#include "process.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct StewardRange banks[] = {{BASE / PAGE, PAGES}, {SECOND / PAGE, SECOND_PAGES}};

struct StewardPlan plan = {banks, 2, PROCESSES, LOANS, LOANS, KEYS, 0x5eed};
unsigned char *block;
size_t block_bytes;

enum { AROUND = 4096, CANARY = 0xcc };

/* The memory that the block is in the middle of, and what it looked like. */
static unsigned char *around, *as_it_was;

static int
refuses_all(void)
{
	CHECK(newproc() == NULL && pa2owner(BASE) == NULL && key2owner(1) == NULL);
	CHECK(pageown_acquire((struct Proc *)1, BASE, VA) == BORROW_EINVAL && borrow_acquire(NULL, 1) == BORROW_EINVAL);
	CHECK(pageown_cleanup_process(NULL) == BORROW_EINVAL && borrow_strerror(BORROW_EINVAL) != NULL);
	return 0;
}

/* A plan that makes no sense needs no memory, and gets none. */
static int
refuses_plan(const struct StewardPlan *wrong)
{
	CHECK(steward_bytes(wrong) == 0);
	CHECK(steward_open(wrong, block, block_bytes) == BORROW_EINVAL);
	return 0;
}

static int
wrong_numbers(void)
{
	struct StewardPlan w;
	int line;

#define REFUSES(change)                                  \
	do {                                             \
		w = plan;                                \
		change;                                  \
		if ((line = refuses_plan(&w)) != 0)      \
			return __LINE__;                 \
	} while (0)
	CHECK(refuses_plan(NULL) == 0);
	CHECK(refuses_plan((const struct StewardPlan *)((uintptr_t)&plan + 1)) == 0);
	REFUSES(w.processes = 0);
	REFUSES(w.processes = 255);
	REFUSES(w.processes = UINT32_MAX);
	REFUSES(w.page_loans = (1 << 20) + 1);
	REFUSES(w.key_loans = UINT32_MAX);
	REFUSES(w.keys = (1 << 24) + 1);
	REFUSES(w.keys = UINT32_MAX);
	REFUSES(w.ranges = NULL);
	REFUSES(w.ranges = (const struct StewardRange *)((uintptr_t)banks + 1));
	REFUSES(w.range_count = 1025);
	REFUSES(w.range_count = SIZE_MAX);
	/* The largest numbers that there may be. */
	w = plan;
	w.processes = 254;
	w.page_loans = w.key_loans = 1 << 20;
	w.keys = 1 << 24;
	CHECK(steward_bytes(&w) > (size_t)1 << 30 && steward_open(&w, block, block_bytes) == BORROW_ENOMEM);
	/* None of what can be none. */
	w = (struct StewardPlan){.processes = 1};
	CHECK(steward_bytes(&w) != 0 && steward_bytes(&w) < block_bytes);
	return 0;
}

static int
wrong_ranges(void)
{
	static const struct StewardRange wrong[][2] = {
		{{0x100, 0}, {0x200, 1}},                          /* empty */
		{{0x100, 1}, {0x200, 0}},
		{{0x100, 1}, {0x101, 1}},                          /* touch */
		{{0x100, 2}, {0x101, 1}},                          /* overlap */
		{{0x100, 1}, {0x100, 1}},
		{{0x200, 1}, {0x100, 1}},                          /* descend */
		{{0x100, 1}, {(uintptr_t)1 << 40, 1}},             /* beyond all addresses */
		{{0x100, 1}, {((uintptr_t)1 << 40) - 1, 2}},
		{{0x100, 1}, {0x200, UINTPTR_MAX}},                /* and beyond all numbers */
		{{0x100, 1}, {UINTPTR_MAX, 1}},
		{{0x100, (uintptr_t)1 << 29}, {(uintptr_t)1 << 30, (uintptr_t)1 << 29}}, /* one too many */
	};
	static struct StewardRange many[1025], more[2];
	struct StewardPlan w = plan;
	size_t i;

	for (i = 0; i < 1025; i++)
		many[i] = (struct StewardRange){2 * i, 1};
	w.ranges = many;
	w.range_count = 1025;
	CHECK(refuses_plan(&w) == 0);
	w.range_count = 1024;
	CHECK(steward_bytes(&w) != 0);
	w.range_count = 2;
	memcpy(more, banks, sizeof more);
	more[1].count++;
	w.ranges = more;
	CHECK(steward_bytes(&w) == block_bytes + 16);
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		w.ranges = wrong[i];
		if (refuses_plan(&w) != 0) {
			printf("ranges %zu\n", i);
			return __LINE__;
		}
	}
	/* As many as can be, and up to the last address. */
	w.ranges = (const struct StewardRange[]){{0, ((uintptr_t)1 << 30) - 2}, {((uintptr_t)1 << 40) - 1, 1}};
	CHECK(steward_bytes(&w) > (size_t)1 << 30);
	return 0;
}

static int
wrong_blocks(void)
{
	CHECK(steward_open(&plan, NULL, block_bytes) == BORROW_EINVAL);
	CHECK(steward_open(&plan, block + 1, block_bytes) == BORROW_EINVAL);
	CHECK(steward_open(&plan, block + STEWARD_ALIGNMENT / 2, block_bytes) == BORROW_EINVAL);
	CHECK(steward_open(&plan, block, 0) == BORROW_ENOMEM);
	CHECK(steward_open(&plan, block, block_bytes - 1) == BORROW_ENOMEM);
	CHECK(steward_open(&plan, block, SIZE_MAX) == BORROW_EINVAL);
	CHECK(steward_open(&plan, block, SIZE_MAX - (uintptr_t)block + 1) == BORROW_EINVAL);
	CHECK(steward_open(&plan, (void *)(UINTPTR_MAX - STEWARD_ALIGNMENT + 1), block_bytes) == BORROW_EINVAL);
	return 0;
}

/* As little as there can be: a process, which gets keys, and neither pages nor loans. In a child, because a ledger is opened
 * once. */
static int
nearly_nothing(void)
{
	static const struct StewardPlan least = {.processes = 1};
	int status;
	pid_t child = fork();

	CHECK(child >= 0);
	if (child == 0) {
		struct Proc *p;
		if (steward_open(&least, block, steward_bytes(&least)) != BORROW_OK || (p = newproc()) == NULL)
			_Exit(1);
		if (newproc() != NULL || pageown_acquire(p, BASE, VA) != BORROW_EINVAL || pa2owner(0) != NULL)
			_Exit(2);
		if (borrow_acquire(p, 1) != BORROW_OK || borrow_borrow_shared(p, p, 1) != BORROW_EINVAL)
			_Exit(3);
		_Exit(endproc(p) == BORROW_OK && key2owner(1)->state == BORROW_FREE ? 0 : 4);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	return 0;
}

static int opened;

static void
opens(void)
{
	opened = steward_open(&plan, block, block_bytes);
}

int
wrong_beginnings(void)
{
	struct StewardPlan w = plan;
	size_t i, all, stack;
	int line;

	block_bytes = steward_bytes(&plan);
	CHECK(block_bytes != 0);
	/* What is asked for is what counts; the documentation says how much each takes. */
	w.page_loans++;
	CHECK(steward_bytes(&w) == block_bytes + 192);
	w.key_loans--;
	CHECK(steward_bytes(&w) == block_bytes);
	w.processes++;
	CHECK(steward_bytes(&w) == block_bytes + 256);
	w.keys = 0;
	i = steward_bytes(&w);
	w.keys = 1 << 16;
	CHECK(steward_bytes(&w) - i <= 80 << 16 && steward_bytes(&w) - i > 79 << 16);
	w.keys++;
	CHECK(steward_bytes(&w) - i <= 145 << 16 && steward_bytes(&w) - i > 143 << 16);
	all = block_bytes + 2 * AROUND;
	around = aligned_alloc(AROUND, (all + AROUND - 1) / AROUND * AROUND);
	as_it_was = malloc(all);
	CHECK(around != NULL && as_it_was != NULL);
	/* Memory that is lent need not be zeroed. */
	memset(around, CANARY, all);
	memcpy(as_it_was, around, all);
	block = around + AROUND;
	if ((line = refuses_all()) != 0 || (line = wrong_numbers()) != 0 || (line = wrong_ranges()) != 0)
		return line;
	if ((line = wrong_blocks()) != 0)
		return line;
	CHECK(nearly_nothing() == 0);
	CHECK(memcmp(around, as_it_was, all) == 0);
	CHECK(refuses_all() == 0);
	stack = stack_of(opens);
	printf("stack of steward_open: %zu\n", stack);
	/* What the documentation says of it. */
	CHECK(opened == BORROW_OK && stack > 1024 && stack <= 24 * 1024);
	/* Not one byte more than was lent. */
	for (i = 0; i < AROUND; i++)
		CHECK(around[i] == CANARY && around[AROUND + block_bytes + i] == CANARY);
	/* Once. */
	CHECK(steward_open(&plan, block, block_bytes) == BORROW_EINVAL);
	CHECK(steward_open(&plan, malloc(block_bytes + AROUND), block_bytes) == BORROW_EINVAL);
	CHECK(pa2owner(BASE) != NULL && pa2owner(SECOND + 7 * PAGE) != NULL && pa2owner(SECOND + 8 * PAGE) == NULL);
	CHECK(pa2owner(BASE - PAGE) == NULL && pa2owner(BASE + PAGES * PAGE) == NULL);
	return 0;
}

enum {
	PANICKED = 42,
	STRIDE = 20, /* every fifth word: there is a process for each */
};

/* In a child: a panic has a text that ends, and says where in the library it was. */
static void
note_panic(const char *text)
{
	_Exit(strncmp(text, "panicked at ", 12) == 0 && strlen(text) > 20 && strlen(text) < 256 ? PANICKED : 1);
}

/* Lends and ends much, in a process whose memory is not as the library left it. */
static void
use_all(struct Proc *p, struct Proc *q)
{
	int i;

	for (i = 0; i < 4; i++) {
		pageown_borrow_shared(p, q, BASE, VA);
		pageown_borrow_mut(p, q, BASE + PAGE, VA);
		borrow_borrow_shared(p, q, 7);
		pageown_return_shared(q, BASE);
		pa2owner(BASE);
	}
	endproc(q);
	endproc(p);
}

/* Somebody writes into memory that was lent, wherever it be: the library may hang or panic then, and no more. At some places it
 * panics, with a text. */
int
overwritten(void)
{
	struct Proc *p = newproc(), *q = newproc();
	unsigned panics = 0;
	size_t at;

	CHECK(pageown_acquire(p, BASE, VA) == BORROW_OK && pageown_acquire(p, BASE + PAGE, VA) == BORROW_OK);
	CHECK(borrow_acquire(p, 7) == BORROW_OK && pageown_borrow_shared(p, q, BASE, VA) == BORROW_OK);
	fflush(stdout);
	for (at = 0; at + 4 <= block_bytes; at += STRIDE) {
		const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
		int status;
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			on_panic = note_panic;
			setitimer(ITIMER_PROF, &soon, NULL);
			memcpy(block + at, "\x01\x00\x55\x55", 4);
			use_all(p, q);
			_Exit(0);
		}
		CHECK(waitpid(child, &status, 0) == child);
		/* At a place that nobody looks at, all goes on. */
		CHECK(WIFEXITED(status) ? WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == PANICKED
		                        : WTERMSIG(status) == SIGPROF);
		panics += WIFEXITED(status) && WEXITSTATUS(status) == PANICKED;
	}
	printf("%u panics\n", panics);
	CHECK(panics > 0);
	CHECK(endproc(q) == BORROW_OK && endproc(p) == BORROW_OK);
	return 0;
}
