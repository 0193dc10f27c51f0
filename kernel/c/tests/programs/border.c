/* What is measured at the border: calls in both directions, and the ledger asked from C. */
#include "check.h"

/* What a loop of those below costs by itself. */
void
c_loops(int times)
{
	int i;

	for (i = 0; i < times; i++)
		__asm__ volatile("" : : "r"(i));
}

/* As little as a call can be. */
int
c_nothing(int x)
{
	return x;
}

/* Calls back so often. */
int
c_calls_back(int (*function)(int), int times)
{
	int i, last = 0;

	for (i = 0; i < times; i++)
		last = function(i);
	return last;
}

/* Takes a key and gives it up, so often. How often that was refused. */
int
c_takes(struct Proc *p, uintptr_t key, int times)
{
	int i, refused = 0;

	for (i = 0; i < times; i++) {
		refused += borrow_acquire(p, key) != BORROW_OK;
		refused += borrow_release(p, key) != BORROW_OK;
	}
	return refused;
}

/* Lends a key and gets it back, so often. How often that was refused. */
int
c_lends(struct Proc *owner, struct Proc *borrower, uintptr_t key, int times)
{
	int i, refused = 0;

	for (i = 0; i < times; i++) {
		refused += borrow_borrow_shared(owner, borrower, key) != BORROW_OK;
		refused += borrow_return_shared(borrower, key) != BORROW_OK;
	}
	return refused;
}

/* Where processes see pages here. */
#define VA 0x400000

/* Takes the page at pa and gives it up, so often. How often that was refused. */
int
c_takes_page(struct Proc *p, uintptr_t pa, int times)
{
	int i, refused = 0;

	for (i = 0; i < times; i++) {
		refused += pageown_acquire(p, pa, VA) != BORROW_OK;
		refused += pageown_release(p, pa) != BORROW_OK;
	}
	return refused;
}

/* Lends the page at pa and gets it back, so often. How often that was refused. */
int
c_lends_page(struct Proc *owner, struct Proc *borrower, uintptr_t pa, int times)
{
	int i, refused = 0;

	for (i = 0; i < times; i++) {
		refused += pageown_borrow_shared(owner, borrower, pa, VA) != BORROW_OK;
		refused += pageown_return_shared(borrower, pa) != BORROW_OK;
	}
	return refused;
}
