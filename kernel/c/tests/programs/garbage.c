/* A caller that passes whatever it has got. It gets codes. */
#include "check.h"

typedef struct Proc Proc;

enum { PAGE = 4096, VA = 0x400000, ROUNDS = 2000, REALS = 3 };

/* xorshift64: the same garbage every time. */
static uint64_t
next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* No process: no pointer at all, pointers to something, names that are nearly right. */
static int
is_refused(Proc *bad, Proc *good, uintptr_t pa)
{
	CHECK(pageown_acquire(bad, pa, VA) == BORROW_EINVAL);
	CHECK(pageown_release(bad, pa) == BORROW_EINVAL);
	CHECK(pageown_transfer(bad, good, pa, VA) == BORROW_EINVAL);
	CHECK(pageown_transfer(good, bad, pa, VA) == BORROW_EINVAL);
	CHECK(pageown_borrow_shared(bad, good, pa, VA) == BORROW_EINVAL);
	CHECK(pageown_borrow_shared(good, bad, pa, VA) == BORROW_EINVAL);
	CHECK(pageown_borrow_mut(bad, good, pa, VA) == BORROW_EINVAL);
	CHECK(pageown_borrow_mut(good, bad, pa, VA) == BORROW_EINVAL);
	CHECK(pageown_return_shared(bad, pa) == BORROW_EINVAL);
	CHECK(pageown_return_mut(bad, pa) == BORROW_EINVAL);
	CHECK(pageown_cleanup_process(bad) == BORROW_EINVAL);
	CHECK(borrow_acquire(bad, pa) == BORROW_EINVAL);
	CHECK(borrow_release(bad, pa) == BORROW_EINVAL);
	CHECK(borrow_transfer(bad, good, pa) == BORROW_EINVAL);
	CHECK(borrow_transfer(good, bad, pa) == BORROW_EINVAL);
	CHECK(borrow_borrow_shared(bad, good, pa) == BORROW_EINVAL);
	CHECK(borrow_borrow_shared(good, bad, pa) == BORROW_EINVAL);
	CHECK(borrow_borrow_mut(bad, good, pa) == BORROW_EINVAL);
	CHECK(borrow_borrow_mut(good, bad, pa) == BORROW_EINVAL);
	CHECK(borrow_return_shared(bad, pa) == BORROW_EINVAL);
	CHECK(borrow_return_mut(bad, pa) == BORROW_EINVAL);
	CHECK(borrow_cleanup_process(bad) == BORROW_EINVAL);
	return 0;
}

static int
no_processes(Proc *good, uintptr_t pa)
{
	static long object;
	uintptr_t name = (uintptr_t)good;
	Proc *dead = newproc();
	Proc *bad[] = {
		NULL,
		dead,
		(Proc *)&object,
		(Proc *)((uintptr_t)&object + 1),
		(Proc *)pa,
		(Proc *)(uintptr_t)VA,
		(Proc *)UINTPTR_MAX,
		(Proc *)(UINTPTR_MAX / 2 + 1),
		(Proc *)(name + 1),                      /* misaligned */
		(Proc *)(name + 8),
		(Proc *)(name - 1),
		(Proc *)(name & 0xffff0000ffffffff),     /* other generations and slots */
		(Proc *)(name + 0x10000),
		(Proc *)(name - 0x10000),
		(Proc *)(name | 0xfff0),
		(Proc *)(name & ~(uintptr_t)0xfff0),     /* slot 0, which is nobody's */
		(Proc *)((name & ~(uintptr_t)0xfff0) | 0x10), /* and that of the kernel */
		(Proc *)(name ^ (uintptr_t)1 << 63),     /* another tag */
		(Proc *)(name & 0xffffffffffff),
	};
	size_t i;
	int line;

	CHECK(dead != NULL && endproc(dead) == BORROW_OK);
	/* A name is no address that the CPU takes: of those, the upper 17 bits are alike. */
	CHECK(name >> 47 != 0 && name >> 47 != 0x1ffff);
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		/* The generation of a first process is 0: then this is no other name. */
		if (bad[i] != good && (line = is_refused(bad[i], good, pa)) != 0)
			return line;
	}
	return 0;
}

/* Addresses where no page is, or none begins. */
static int
no_pages(Proc *good, Proc *other, uintptr_t pa)
{
	const uintptr_t bad[] = {pa + 1,
	                         pa + PAGE / 2,
	                         1,
	                         PAGE - 1,
	                         PAGE + 8,
	                         UINTPTR_MAX,
	                         UINTPTR_MAX - PAGE + 1,
	                         (uintptr_t)1 << 63,
	                         (uintptr_t)1 << 52,
	                         ((uintptr_t)1 << 52) - PAGE,
	                         0x7ff000000000};
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK(pageown_acquire(good, bad[i], VA) == BORROW_EINVAL);
		CHECK(pageown_release(good, bad[i]) == BORROW_EINVAL);
		CHECK(pageown_transfer(good, other, bad[i], VA) == BORROW_EINVAL);
		CHECK(pageown_borrow_shared(good, other, bad[i], VA) == BORROW_EINVAL);
		CHECK(pageown_borrow_mut(good, other, bad[i], VA) == BORROW_EINVAL);
		CHECK(pageown_return_shared(good, bad[i]) == BORROW_EINVAL);
		CHECK(pageown_return_mut(good, bad[i]) == BORROW_EINVAL);
		CHECK(pa2owner(bad[i]) == NULL);
	}
	/* Memory of the kernel's is there, and is not to be had. */
	CHECK(pageown_acquire(good, 0x100000, VA) != BORROW_OK);
	CHECK(pageown_release(good, 0x100000) != BORROW_OK);
	return 0;
}

/* Virtual addresses that are no page of a process's. */
static int
no_places(Proc *good, Proc *other, uintptr_t pa)
{
	static const uint64_t bad[] = {1, VA + 1, (uint64_t)1 << 47, UINT64_MAX, 0xffffffff80000000};
	size_t i;

	CHECK(pageown_acquire(good, pa, VA) == BORROW_OK);
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK(pageown_acquire(good, pa + PAGE, bad[i]) == BORROW_EINVAL);
		CHECK(pageown_transfer(good, other, pa, bad[i]) == BORROW_EINVAL);
		CHECK(pageown_borrow_shared(good, other, pa, bad[i]) == BORROW_EINVAL);
		CHECK(pageown_borrow_mut(good, other, pa, bad[i]) == BORROW_EINVAL);
	}
	CHECK(pageown_release(good, pa) == BORROW_OK);
	return 0;
}

/* The one number that is no key. */
static int
no_key(Proc *good, Proc *other)
{
	CHECK(borrow_acquire(good, UINTPTR_MAX) == BORROW_EINVAL);
	CHECK(borrow_release(good, UINTPTR_MAX) == BORROW_EINVAL);
	CHECK(borrow_transfer(good, other, UINTPTR_MAX) == BORROW_EINVAL);
	CHECK(borrow_borrow_shared(good, other, UINTPTR_MAX) == BORROW_EINVAL);
	CHECK(borrow_borrow_mut(good, other, UINTPTR_MAX) == BORROW_EINVAL);
	CHECK(borrow_return_shared(good, UINTPTR_MAX) == BORROW_EINVAL);
	CHECK(borrow_return_mut(good, UINTPTR_MAX) == BORROW_EINVAL);
	CHECK(key2owner(UINTPTR_MAX) == NULL);
	return 0;
}

/* Any call with any arguments, some of them right. All codes are codes, and every pointer is NULL or a snapshot. */
static int
anything(Proc **real, uintptr_t base, int npage, uint64_t seed)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		uint64_t a = next(&seed), b = next(&seed), c = next(&seed);
		Proc *p = a % 4 ? real[a / 4 % REALS] : (Proc *)(uintptr_t)a;
		Proc *q = b % 4 ? real[b / 4 % REALS] : (Proc *)(uintptr_t)b;
		uintptr_t k = c % 8 ? base + c / 8 % (unsigned)npage * PAGE : (uintptr_t)c;
		uint64_t va = b % 5 ? VA : b;
		const struct PageOwner *o = NULL;
		int code = BORROW_OK;

		switch (a % 17) {
		case 0: code = pageown_acquire(p, k, va); break;
		case 1: code = pageown_release(p, k); break;
		case 2: code = pageown_transfer(p, q, k, va); break;
		case 3: code = pageown_borrow_shared(p, q, k, va); break;
		case 4: code = pageown_borrow_mut(p, q, k, va); break;
		case 5: code = pageown_return_shared(p, k); break;
		case 6: code = pageown_return_mut(p, k); break;
		case 7: o = pa2owner(k); break;
		case 8: code = borrow_acquire(p, k); break;
		case 9: code = borrow_release(p, k); break;
		case 10: code = borrow_transfer(p, q, k); break;
		case 11: code = borrow_borrow_shared(p, q, k); break;
		case 12: code = borrow_borrow_mut(p, q, k); break;
		case 13: code = borrow_return_shared(p, k); break;
		case 14: code = borrow_return_mut(p, k); break;
		case 15: o = key2owner(k); break;
		default: CHECK(borrow_strerror((int)a) != NULL);
		}
		CHECK(code >= BORROW_OK && code <= BORROW_ENOMEM);
		CHECK(o == NULL || (o->state <= BORROW_MUT_LENT && o->key == k));
	}
	return 0;
}

int
c_garbage(uintptr_t base, int npage)
{
	Proc *real[REALS] = {newproc(), newproc(), newproc()};
	int line, i;

	CHECK(real[0] != NULL && real[1] != NULL && real[2] != NULL);
	if ((line = no_processes(real[0], base)) != 0 || (line = no_pages(real[0], real[1], base)) != 0)
		return line;
	if ((line = no_key(real[0], real[1])) != 0)
		return line;
	if ((line = no_places(real[0], real[1], base)) != 0)
		return line;
	if ((line = anything(real, base, npage, 0x9e3779b97f4a7c15)) != 0)
		return line;
	for (i = 0; i < REALS; i++)
		CHECK(endproc(real[i]) == BORROW_OK);
	return 0;
}
