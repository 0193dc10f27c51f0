/* Every code of every call, provoked; and that a refused call changes nothing. */
#include "check.h"

typedef struct Proc Proc;

enum { PAGE = 4096, VA = 0x400000 };

/* The calls of both generations, as one: over pages, and over keys. */
typedef struct Api {
	int (*acquire)(Proc *, uintptr_t);
	int (*release)(Proc *, uintptr_t);
	int (*transfer)(Proc *, Proc *, uintptr_t);
	int (*lend_shared)(Proc *, Proc *, uintptr_t);
	int (*lend_mut)(Proc *, Proc *, uintptr_t);
	int (*return_shared)(Proc *, uintptr_t);
	int (*return_mut)(Proc *, uintptr_t);
	const struct PageOwner *(*look)(uintptr_t);
} Api;

static int page_acquire(Proc *p, uintptr_t k) { return pageown_acquire(p, k, VA); }
static int page_transfer(Proc *p, Proc *q, uintptr_t k) { return pageown_transfer(p, q, k, VA); }
static int page_shared(Proc *p, Proc *q, uintptr_t k) { return pageown_borrow_shared(p, q, k, VA); }
static int page_mut(Proc *p, Proc *q, uintptr_t k) { return pageown_borrow_mut(p, q, k, VA); }

static const Api pages = {page_acquire, pageown_release,       page_transfer,      page_shared,
                          page_mut,     pageown_return_shared, pageown_return_mut, pa2owner};
static const Api keys = {borrow_acquire,    borrow_release,       borrow_transfer,   borrow_borrow_shared,
                         borrow_borrow_mut, borrow_return_shared, borrow_return_mut, key2owner};

static int
ends(Proc **p, int n)
{
	while (n-- > 0)
		CHECK(endproc(p[n]) == BORROW_OK);
	return 0;
}

/* What a key that p owns answers while q has one shared loan of it. */
static int
while_shared(const Api *api, Proc *p, Proc *q, Proc *r, uintptr_t k)
{
	const struct PageOwner *o;

	CHECK(api->lend_shared(p, q, k) == BORROW_OK);
	CHECK(api->release(p, k) == BORROW_EBORROWED);
	CHECK(api->transfer(p, r, k) == BORROW_EBORROWED);
	CHECK(api->lend_mut(p, r, k) == BORROW_ESHAREDBORROW);
	CHECK(api->return_mut(q, k) == BORROW_ENOTBORROWED);
	CHECK(api->return_shared(r, k) == BORROW_ENOTBORROWED);
	CHECK(api->lend_shared(p, r, k) == BORROW_OK);
	/* One borrower may have it more than once. */
	CHECK(api->lend_shared(p, q, k) == BORROW_OK);
	o = api->look(k);
	CHECK(o != NULL && o->key == k && o->owner == p && o->state == BORROW_SHARED_OWNED);
	CHECK(o->shared_count == 3 && o->mut_borrower == NULL && o->estate == 0);
	CHECK(api->return_shared(q, k) == BORROW_OK);
	CHECK(api->return_shared(q, k) == BORROW_OK);
	CHECK(api->return_shared(q, k) == BORROW_ENOTBORROWED);
	CHECK(api->return_shared(r, k) == BORROW_OK);
	CHECK(api->look(k)->state == BORROW_EXCLUSIVE);
	return 0;
}

/* The same while q has it mutably. */
static int
while_mut(const Api *api, Proc *p, Proc *q, Proc *r, uintptr_t k)
{
	const struct PageOwner *o;

	CHECK(api->lend_mut(p, q, k) == BORROW_OK);
	CHECK(api->release(p, k) == BORROW_EBORROWED);
	CHECK(api->transfer(p, q, k) == BORROW_EBORROWED);
	CHECK(api->lend_shared(p, r, k) == BORROW_EMUTBORROW);
	CHECK(api->lend_mut(p, r, k) == BORROW_EMUTBORROW);
	CHECK(api->return_shared(q, k) == BORROW_ENOTBORROWED);
	CHECK(api->return_mut(p, k) == BORROW_ENOTBORROWED);
	CHECK(api->acquire(r, k) == BORROW_EALREADY);
	o = api->look(k);
	CHECK(o->owner == p && o->state == BORROW_MUT_LENT && o->mut_borrower == q && o->shared_count == 0);
	CHECK(api->return_mut(q, k) == BORROW_OK);
	CHECK(api->return_mut(q, k) == BORROW_ENOTBORROWED);
	return 0;
}

static int
every_code(const Api *api, uintptr_t k)
{
	Proc *all[3] = {newproc(), newproc(), newproc()};
	Proc *p = all[0], *q = all[1], *r = all[2];
	int line;

	CHECK(p != NULL && q != NULL && r != NULL);
	CHECK(api->look(k)->state == BORROW_FREE && api->look(k)->owner == NULL);
	CHECK(api->release(p, k) == BORROW_ENOTOWNER);
	CHECK(api->return_shared(p, k) == BORROW_ENOTBORROWED);
	CHECK(api->acquire(p, k) == BORROW_OK);
	CHECK(api->acquire(p, k) == BORROW_EALREADY);
	CHECK(api->acquire(q, k) == BORROW_EALREADY);
	CHECK(api->release(q, k) == BORROW_ENOTOWNER);
	CHECK(api->transfer(q, r, k) == BORROW_ENOTOWNER);
	CHECK(api->lend_shared(q, r, k) == BORROW_ENOTOWNER);
	CHECK(api->lend_mut(q, r, k) == BORROW_ENOTOWNER);
	/* To oneself nothing can be given or lent. */
	CHECK(api->transfer(p, p, k) == BORROW_EINVAL);
	CHECK(api->lend_shared(p, p, k) == BORROW_EINVAL);
	CHECK(api->lend_mut(p, p, k) == BORROW_EINVAL);
	if ((line = while_shared(api, p, q, r, k)) != 0 || (line = while_mut(api, p, q, r, k)) != 0)
		return line;
	CHECK(api->transfer(p, q, k) == BORROW_OK);
	CHECK(api->release(p, k) == BORROW_ENOTOWNER);
	CHECK(api->release(q, k) == BORROW_OK);
	CHECK(api->release(q, k) == BORROW_ENOTOWNER);
	return ends(all, 3);
}

/* Quotas: of what one owns, of what one has borrowed, of loans. */
static int
no_room(const Api *api, uintptr_t k, uintptr_t step)
{
	Proc *all[4] = {newproc(), borrow_newproc(1, UNLIMITED, UNLIMITED), borrow_newproc(UNLIMITED, 2, UNLIMITED),
	                borrow_newproc(UNLIMITED, UNLIMITED, 1)};
	Proc *p = all[0], *poor = all[1], *few = all[2], *one = all[3];

	CHECK(api->acquire(p, k) == BORROW_OK && api->acquire(p, k + step) == BORROW_OK);
	CHECK(api->acquire(poor, k + 2 * step) == BORROW_OK);
	CHECK(api->acquire(poor, k + 3 * step) == BORROW_ENOMEM);
	CHECK(api->look(k + 3 * step)->state == BORROW_FREE);
	/* Who may have no more hears that first, also of what has an owner. */
	CHECK(api->acquire(poor, k) == BORROW_ENOMEM);
	CHECK(api->transfer(p, poor, k) == BORROW_ENOMEM);
	/* But what there is not comes before. */
	if (api == &pages)
		CHECK(api->acquire(poor, (uintptr_t)1 << 40) == BORROW_EINVAL);
	CHECK(api->look(k)->owner == p);
	CHECK(api->lend_shared(p, few, k) == BORROW_OK && api->lend_shared(p, few, k) == BORROW_OK);
	CHECK(api->lend_shared(p, few, k) == BORROW_ENOMEM && api->lend_mut(p, few, k + step) == BORROW_ENOMEM);
	CHECK(api->lend_mut(p, one, k + step) == BORROW_OK);
	CHECK(api->lend_shared(p, one, k) == BORROW_ENOMEM);
	CHECK(api->look(k)->shared_count == 2);
	/* The owner goes first. What it had lent stays until those who have it go. */
	CHECK(endproc(p) == BORROW_OK);
	CHECK(api->look(k)->estate == 1 && api->look(k + step)->state == BORROW_MUT_LENT);
	CHECK(api->lend_shared(p, poor, k) == BORROW_EINVAL);
	CHECK(endproc(one) == BORROW_OK);
	CHECK(api->look(k + step)->state == BORROW_FREE);
	CHECK(api->return_shared(few, k) == BORROW_OK && api->look(k)->estate == 1);
	CHECK(api->return_shared(few, k) == BORROW_OK && api->look(k)->state == BORROW_FREE);
	CHECK(endproc(few) == BORROW_OK && endproc(poor) == BORROW_OK);
	return 0;
}

/* Snapshots of a CPU: four are kept at a time. */
static int
snapshots(uintptr_t base)
{
	const struct PageOwner *o[5];
	int i;

	for (i = 0; i < 5; i++)
		o[i] = pa2owner(base + (uintptr_t)i * PAGE);
	for (i = 1; i < 5; i++)
		CHECK(o[i]->key == base + (uintptr_t)i * PAGE);
	CHECK(o[0] == o[4]);
	return 0;
}

/* As many processes as there is room for, and their names, none of which is used twice. */
static int
processes(void)
{
	static Proc *p[300];
	int n, i;

	for (n = 0; n < 300 && (p[n] = newproc()) != NULL; n++)
		for (i = 0; i < n; i++)
			CHECK(p[i] != p[n]);
	CHECK(n > 16 && n < 300);
	for (i = 0; i < n; i++)
		CHECK(endproc(p[i]) == BORROW_OK && endproc(p[i]) == BORROW_EINVAL);
	p[n] = newproc();
	CHECK(p[n] != NULL);
	for (i = 0; i < n; i++)
		CHECK(p[i] != p[n] && borrow_acquire(p[i], 1) == BORROW_EINVAL);
	return endproc(p[n]) == BORROW_OK ? 0 : __LINE__;
}

int
c_codes(uintptr_t base, int npage)
{
	static char object;
	int line;

	CHECK(npage >= 8);
	if ((line = every_code(&pages, base)) != 0 || (line = every_code(&keys, (uintptr_t)&object)) != 0)
		return line;
	if ((line = every_code(&keys, 0)) != 0 || (line = every_code(&keys, UINTPTR_MAX - 1)) != 0)
		return line;
	if ((line = no_room(&pages, base, PAGE)) != 0 || (line = no_room(&keys, 0x1000, 0x1000)) != 0)
		return line;
	if ((line = snapshots(base)) != 0 || (line = processes()) != 0)
		return line;
	return 0;
}
