/* Pages exchanged and lent between three processes, by the header and by what a run-time borrow checker promises:
 * at most one writer or any number of readers, moves, and a cleanup at exit. It uses nothing of the other
 * programs. */
#include <steward/borrow.h>

#define PAGE 4096u
#define AT 0x10000000u

typedef struct Proc Proc;

/* vmexchange: a page is given away for good. The sender has nothing left of it. */
static int
exchange(Proc *from, Proc *to, uintptr_t pa)
{
	const struct PageOwner *snapshot;
	int error = pageown_transfer(from, to, pa, AT);

	if (error != BORROW_OK)
		return error;
	snapshot = pa2owner(pa);
	if (snapshot == 0 || snapshot->owner != to || snapshot->state != BORROW_EXCLUSIVE)
		return -1;
	return pageown_release(from, pa) == BORROW_ENOTOWNER ? BORROW_OK : -1;
}

/* vmlend_shared: any number of readers, no writer, and the owner keeps the page. */
static int
lend_shared(Proc *owner, Proc *readers[], int n, uintptr_t pa)
{
	int i, error;

	for (i = 0; i < n; i++) {
		if ((error = pageown_borrow_shared(owner, readers[i], pa, AT)) != BORROW_OK)
			return error;
		if (pa2owner(pa)->shared_count != (uint32_t)i + 1)
			return -1;
	}
	if (pageown_borrow_mut(owner, readers[0], pa, AT) != BORROW_ESHAREDBORROW)
		return -1;
	for (i = 0; i < n; i++)
		if ((error = pageown_return_shared(readers[i], pa)) != BORROW_OK)
			return error;
	return pa2owner(pa)->state == BORROW_EXCLUSIVE ? BORROW_OK : -1;
}

/* vmlend_mut: one writer, and the owner is blocked until it returns. */
static int
lend_mut(Proc *owner, Proc *writer, Proc *other, uintptr_t pa)
{
	int error = pageown_borrow_mut(owner, writer, pa, AT);

	if (error != BORROW_OK)
		return error;
	if (pa2owner(pa)->mut_borrower != writer || pa2owner(pa)->state != BORROW_MUT_LENT)
		return -1;
	if (pageown_borrow_shared(owner, other, pa, AT) != BORROW_EMUTBORROW)
		return -1;
	if (pageown_release(owner, pa) != BORROW_EBORROWED || pageown_transfer(owner, other, pa, AT) != BORROW_EBORROWED)
		return -1;
	/* Only the writer can return it, and only as what it is. */
	if (pageown_return_mut(other, pa) != BORROW_ENOTBORROWED || pageown_return_shared(writer, pa) != BORROW_ENOTBORROWED)
		return -1;
	return pageown_return_mut(writer, pa);
}

/* A lock is a resource like any other: its address is its key. */
static int
locks(Proc *a, Proc *b)
{
	static int lock;
	uintptr_t key = (uintptr_t)&lock;

	if (borrow_acquire(a, key) != BORROW_OK || borrow_acquire(b, key) != BORROW_EALREADY)
		return -1;
	if (borrow_borrow_mut(a, b, key) != BORROW_OK || borrow_release(a, key) != BORROW_EBORROWED)
		return -1;
	if (key2owner(key)->mut_borrower != b || key2owner(key)->owner != a)
		return -1;
	/* b goes without returning it: that is done for it. */
	if (borrow_cleanup_process(b) != BORROW_OK || borrow_release(a, key) != BORROW_OK)
		return -1;
	return borrow_return_mut(b, key) == BORROW_EINVAL ? BORROW_OK : -1;
}

/* 0 if everything is as the header says, otherwise which part is not. */
int
c_second(uintptr_t base, int npage)
{
	Proc *a = borrow_newproc(16, 16, 16), *b = borrow_newproc(16, 16, 16), *c = borrow_newproc(16, 16, 16);
	Proc *readers[2];
	uintptr_t pa = base;

	readers[0] = b;
	readers[1] = c;
	if (a == 0 || b == 0 || c == 0 || npage < 2)
		return 1;
	if (pageown_acquire(a, pa, AT) != BORROW_OK || pageown_acquire(b, pa, AT) != BORROW_EALREADY)
		return 2;
	if (lend_shared(a, readers, 2, pa) != BORROW_OK)
		return 3;
	if (lend_mut(a, b, c, pa) != BORROW_OK)
		return 4;
	if (exchange(a, b, pa) != BORROW_OK)
		return 5;
	if (exchange(a, b, pa) != BORROW_ENOTOWNER)
		return 6;
	if (locks(a, b) != BORROW_OK)
		return 7;
	/* b's page is lent to c when b goes: c keeps it, and with c's return it is nobody's. */
	if (pageown_borrow_shared(b, c, pa, AT) != BORROW_OK || pageown_cleanup_process(b) != BORROW_OK)
		return 8;
	if (pa2owner(pa)->estate != 1 || pageown_return_shared(c, pa) != BORROW_OK || pa2owner(pa)->state != BORROW_FREE)
		return 9;
	if (pageown_acquire(a, pa, AT) != BORROW_OK || pageown_acquire(a, pa + PAGE, AT + PAGE) != BORROW_OK)
		return 10;
	if (pageown_cleanup_process(a) != BORROW_OK || pa2owner(pa)->state != BORROW_FREE)
		return 11;
	if (borrow_cleanup_process(a) != BORROW_OK || pageown_cleanup_process(c) != BORROW_OK)
		return 12;
	if (borrow_cleanup_process(c) != BORROW_OK || pageown_cleanup_process(c) != BORROW_EINVAL)
		return 13;
	return 0;
}
