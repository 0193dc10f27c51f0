/* A kernel that is a Linux process: it lends memory to the library, supplies what host.h asks for, gets many things
 * wrong first, and then runs the programs of kernel/c/tests/programs. What it prints is its verdict. */
#include "process.h"

int c_plan9(uintptr_t base, int pages);
int c_codes(uintptr_t base, int pages);
int c_garbage(uintptr_t base, int pages);
int c_second(uintptr_t base, int pages);
int c_takes(struct Proc *p, uintptr_t key, int times);
int c_lends(struct Proc *owner, struct Proc *borrower, uintptr_t key, int times);

/* Keys that a process can get, one after the other, up to a number. */
static uint32_t
takes_keys(struct Proc *p, uint32_t most)
{
	uint32_t n = 0;

	while (n < most && borrow_acquire(p, (uintptr_t)n * 64) == BORROW_OK)
		n++;
	return n;
}

/* There is as much room as was asked for, and what is beyond is told. */
static int
room(void)
{
	struct Proc *p = newproc(), *q = newproc(), *all[300];
	uint32_t keys, loans;
	int i, n;

	CHECK(pageown_acquire(p, BASE, VA) == BORROW_OK);
	for (loans = 0; loans <= LOANS && pageown_borrow_shared(p, q, BASE, VA) == BORROW_OK; loans++)
		;
	CHECK(loans == LOANS && pageown_borrow_shared(p, q, BASE, VA) == BORROW_ENOMEM);
	CHECK(pa2owner(BASE)->shared_count == LOANS);
	CHECK(borrow_acquire(p, 0) == BORROW_OK);
	for (loans = 0; loans <= LOANS && borrow_borrow_shared(p, q, 0) == BORROW_OK; loans++)
		;
	CHECK(loans == LOANS && borrow_release(p, 0) == BORROW_EBORROWED);
	CHECK(endproc(q) == BORROW_OK && borrow_release(p, 0) == BORROW_OK);
	keys = takes_keys(p, 100 * KEYS);
	CHECK(keys >= KEYS && keys < 100 * KEYS && borrow_acquire(p, (uintptr_t)keys * 64) == BORROW_ENOMEM);
	CHECK(endproc(p) == BORROW_OK && key2owner(0)->state == BORROW_FREE);
	for (n = 0; n < 300 && (all[n] = newproc()) != NULL; n++)
		;
	CHECK(n == PROCESSES);
	for (i = 0; i < n; i++)
		CHECK(endproc(all[i]) == BORROW_OK);
	return 0;
}

/* A page comes zeroed, and whoever gives it up, or dies with it, that is told. */
static int
zeroed_and_freed(void)
{
	struct Proc *p = newproc(), *q = newproc();
	unsigned char *page = page_at(BASE + PAGE);
	unsigned freed = frees_told, zeroed = zeroes_told;
	int i;

	memset(page - PAGE, 0xa5, 3 * PAGE);
	CHECK(pageown_acquire(p, BASE + PAGE, VA) == BORROW_OK && zeroes_told == zeroed + 1);
	for (i = 0; i < PAGE; i++)
		CHECK(page[i] == 0);
	CHECK(page[-1] == 0xa5 && page[PAGE] == 0xa5);
	/* Who is refused, and who gets it from its owner, finds what is there. */
	page[7] = 7;
	CHECK(pageown_acquire(q, BASE + PAGE, VA) == BORROW_EALREADY);
	CHECK(pageown_transfer(p, q, BASE + PAGE, VA) == BORROW_OK);
	CHECK(pageown_borrow_mut(q, p, BASE + PAGE, VA) == BORROW_OK && pageown_return_mut(p, BASE + PAGE) == BORROW_OK);
	CHECK(page[7] == 7 && zeroes_told == zeroed + 1 && frees_told == freed);
	CHECK(pageown_release(q, BASE + PAGE) == BORROW_OK);
	CHECK(frees_told == freed + 1 && last_freed == BASE + PAGE);
	CHECK(pageown_acquire(p, SECOND, VA) == BORROW_OK && pageown_acquire(p, SECOND + PAGE, VA) == BORROW_OK);
	CHECK(pageown_borrow_shared(p, q, SECOND, VA) == BORROW_OK);
	/* What is lent is free when the borrower is done. */
	CHECK(endproc(p) == BORROW_OK && frees_told == freed + 2 && last_freed == SECOND + PAGE);
	CHECK(endproc(q) == BORROW_OK && frees_told == freed + 3 && last_freed == SECOND);
	return 0;
}

/* A function of the kernel's that calls the ledger is refused, and so is a CPU without a number. */
static int
from_within(void)
{
	struct Proc *p = newproc();

	call_from_within = p;
	CHECK(pageown_acquire(p, BASE, VA) == BORROW_OK && within_refused == 1);
	CHECK(pageown_release(p, BASE) == BORROW_OK && within_refused == 2);
	call_from_within = NULL;
	this_cpu = 64;
	CHECK(pageown_acquire(p, BASE, VA) == BORROW_EINVAL && borrow_acquire(p, 1) == BORROW_EINVAL);
	CHECK(pa2owner(BASE) == NULL && newproc() == NULL);
	this_cpu = UINT32_MAX;
	CHECK(pageown_acquire(p, BASE, VA) == BORROW_EINVAL);
	this_cpu = 63;
	CHECK(pageown_acquire(p, BASE, VA) == BORROW_OK && pa2owner(BASE)->owner == p);
	this_cpu = 0;
	/* Each CPU has snapshots of its own, and interrupts are as they were. */
	CHECK(pa2owner(BASE) != NULL && interrupts_are_off == 0);
	interrupts_are_off = 5;
	CHECK(endproc(p) == BORROW_OK && interrupts_are_off == 5);
	interrupts_are_off = 0;
	return 0;
}

static struct Proc *one, *other;

/* Each call, and loans that end by deaths. */
static void
calls(void)
{
	int i;

	one = newproc();
	other = newproc();
	pageown_acquire(one, BASE, VA);
	borrow_acquire(one, 1);
	for (i = 0; i < 9; i++) {
		pageown_borrow_shared(one, other, BASE, VA);
		borrow_borrow_shared(one, other, 1);
	}
	pageown_return_shared(other, BASE);
	pageown_transfer(one, other, BASE, VA);
	pa2owner(BASE);
	key2owner(1);
	endproc(one);
	endproc(other);
	one = newproc();
	borrow_acquire(one, 1);
	borrow_borrow_mut(one, other, 1);
	borrow_return_mut(other, 1);
	borrow_release(one, 1);
	endproc(one);
}

/* What the documentation says of stacks. */
static int
stacks(void)
{
	size_t bytes = stack_of(calls);

	printf("stack of any other call: %zu\n", bytes);
	CHECK(bytes > 100 && bytes <= 2048);
	return 0;
}

/* The programs that the ledger's C interface is tested by everywhere. */
static int
programs(void)
{
	struct Proc *p, *q;
	int line;

	if ((line = c_plan9(BASE, PAGES)) != 0 || (line = c_codes(BASE, PAGES)) != 0)
		return line;
	if ((line = c_garbage(BASE, PAGES)) != 0 || (line = c_second(BASE, PAGES)) != 0)
		return line;
	p = newproc();
	q = newproc();
	CHECK(c_takes(p, 0x1000, 100) == 0 && borrow_acquire(p, 0x1000) == BORROW_OK && c_lends(p, q, 0x1000, 100) == 0);
	CHECK(endproc(p) == BORROW_OK && endproc(q) == BORROW_OK);
	return 0;
}

int
main(void)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} parts[] = {{"wrong beginnings", wrong_beginnings}, {"room", room},
	             {"pages zeroed and freed", zeroed_and_freed}, {"calls from within", from_within}, {"stacks", stacks},
	             {"programs", programs}, {"waiting", waiting}, {"two CPUs", two_cpus},
	             {"lent memory overwritten", overwritten}};
	size_t i;

	for (i = 0; i < sizeof parts / sizeof *parts; i++) {
		int line = parts[i].run();
		if (line != 0) {
			printf("%s: went wrong at line %d\n", parts[i].name, line);
			return 1;
		}
		printf("%s: right\n", parts[i].name);
		fflush(stdout);
	}
	return 0;
}
