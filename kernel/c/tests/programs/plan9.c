/* A process's memory as a Plan 9 kernel has it: pages in segments, segments of processes, fork and
 * exit. Every page has its owner in the ledger, and what is shared is lent. */
#include "check.h"

typedef uint64_t u64int;
typedef uintptr_t uintptr;
typedef struct Proc Proc;
typedef struct PageOwner PageOwner;

enum {
	BY2PG = 4096,
	NPAGE = 64,  /* pages of the bank */
	SEGPAGE = 8, /* pages of a segment */
	UTZERO = 0x200000,
};

#define USTKTOP UINT64_C(0x7ff000000)

/* How a segment came to its pages. */
enum Kind { OWNED, SHARED, EXCLUSIVE };

typedef struct Segment {
	Proc *p;    /* whose it is */
	Proc *from; /* who lent the pages */
	enum Kind kind;
	u64int base;
	int npage;
	uintptr page[SEGPAGE];
} Segment;

/* The memory that pages are taken from, as conf.mem[] says it. */
static struct {
	uintptr base;
	int npage;
} bank;

/* The first page of the bank that nobody has; 0 if there is none. */
static uintptr
newpage(Proc *p, u64int va)
{
	int i;

	for (i = 0; i < bank.npage; i++) {
		uintptr pa = bank.base + (uintptr)i * BY2PG;
		if (pageown_acquire(p, pa, va) == BORROW_OK)
			return pa;
	}
	return 0;
}

static int
freepages(void)
{
	int i, n = 0;

	for (i = 0; i < bank.npage; i++) {
		const PageOwner *o = pa2owner(bank.base + (uintptr)i * BY2PG);
		n += o != NULL && o->state == BORROW_FREE;
	}
	return n;
}

static int
newseg(Segment *s, Proc *p, u64int base, int npage)
{
	*s = (Segment){.p = p, .kind = OWNED, .base = base};
	for (; s->npage < npage; s->npage++) {
		uintptr pa = newpage(p, base + (u64int)s->npage * BY2PG);
		if (pa == 0)
			return BORROW_ENOMEM;
		s->page[s->npage] = pa;
	}
	return BORROW_OK;
}

/* A segment gives up its pages, from the last one on; what could not be given up it keeps. */
static int
putseg(Segment *s)
{
	while (s->npage > 0) {
		uintptr pa = s->page[s->npage - 1];
		int code = s->kind == OWNED    ? pageown_release(s->p, pa)
		           : s->kind == SHARED ? pageown_return_shared(s->p, pa)
		                               : pageown_return_mut(s->p, pa);
		if (code != BORROW_OK)
			return code;
		s->npage--;
	}
	return BORROW_OK;
}

/* A segment of another process with the same pages, lent; all of them or none. */
static int
lendseg(Segment *to, Segment *s, Proc *p, enum Kind kind)
{
	*to = (Segment){.p = p, .from = s->p, .kind = kind, .base = s->base};
	for (; to->npage < s->npage; to->npage++) {
		uintptr pa = s->page[to->npage];
		u64int va = to->base + (u64int)to->npage * BY2PG;
		int code = kind == SHARED ? pageown_borrow_shared(s->p, p, pa, va)
		                          : pageown_borrow_mut(s->p, p, pa, va);
		if (code != BORROW_OK) {
			putseg(to);
			return code;
		}
		to->page[to->npage] = pa;
	}
	return BORROW_OK;
}

/* All pages of a segment become another process's. */
static int
moveseg(Segment *s, Proc *to)
{
	int i;

	for (i = 0; i < s->npage; i++) {
		int code = pageown_transfer(s->p, to, s->page[i], s->base + (u64int)i * BY2PG);
		if (code != BORROW_OK)
			return code;
	}
	s->p = to;
	return BORROW_OK;
}

/* A text that parent and child share, a stack of each's own: what a fork makes. */
static int
fork_and_exit(void)
{
	Proc *parent = newproc(), *child = newproc();
	Segment text, stack, shared, childstack;
	int before = freepages(), i;

	CHECK(parent != NULL && child != NULL && parent != child);
	CHECK(newseg(&text, parent, UTZERO, 4) == BORROW_OK);
	CHECK(newseg(&stack, parent, USTKTOP - 2 * BY2PG, 2) == BORROW_OK);
	CHECK(lendseg(&shared, &text, child, SHARED) == BORROW_OK);
	CHECK(newseg(&childstack, child, USTKTOP - 2 * BY2PG, 2) == BORROW_OK);
	CHECK(freepages() == before - 8);
	for (i = 0; i < text.npage; i++) {
		const PageOwner *o = pa2owner(text.page[i]);
		CHECK(o->owner == parent && o->state == BORROW_SHARED_OWNED && o->shared_count == 1);
	}
	/* The parent cannot write what the child reads, nor take it away. */
	CHECK(putseg(&text) == BORROW_EBORROWED && text.npage == 4);
	/* The child exits without a word: what it had borrowed is back, what it owned is free. */
	CHECK(endproc(child) == BORROW_OK);
	CHECK(freepages() == before - 6);
	CHECK(putseg(&text) == BORROW_OK && putseg(&stack) == BORROW_OK);
	CHECK(freepages() == before);
	CHECK(endproc(parent) == BORROW_OK);
	return 0;
}

/* A parent that exits before its child takes nothing from under it. */
static int
orphan(void)
{
	Proc *parent = newproc(), *child = newproc();
	Segment text, shared;
	int before = freepages();
	const PageOwner *o;

	CHECK(newseg(&text, parent, UTZERO, 3) == BORROW_OK);
	CHECK(lendseg(&shared, &text, child, SHARED) == BORROW_OK);
	CHECK(endproc(parent) == BORROW_OK);
	o = pa2owner(text.page[0]);
	CHECK(o->estate == 1 && o->owner == parent && o->state == BORROW_SHARED_OWNED);
	CHECK(freepages() == before - 3);
	/* The dead do nothing any more. */
	CHECK(pageown_release(parent, text.page[0]) == BORROW_EINVAL);
	CHECK(putseg(&shared) == BORROW_OK);
	CHECK(freepages() == before);
	CHECK(endproc(child) == BORROW_OK);
	return 0;
}

/* Zero-copy messages: a buffer is moved to a server, or lent to it until it has answered. */
static int
messages(void)
{
	Proc *client = newproc(), *server = newproc();
	Segment buffer, lent;
	int before = freepages();
	const PageOwner *o;

	CHECK(newseg(&buffer, client, UTZERO, 2) == BORROW_OK);
	CHECK(lendseg(&lent, &buffer, server, EXCLUSIVE) == BORROW_OK);
	o = pa2owner(buffer.page[1]);
	CHECK(o->state == BORROW_MUT_LENT && o->owner == client && o->mut_borrower == server);
	CHECK(moveseg(&buffer, server) == BORROW_EBORROWED);
	CHECK(putseg(&lent) == BORROW_OK);
	CHECK(moveseg(&buffer, server) == BORROW_OK);
	CHECK(pageown_release(client, buffer.page[0]) == BORROW_ENOTOWNER);
	CHECK(endproc(client) == BORROW_OK);
	CHECK(freepages() == before - 2);
	CHECK(endproc(server) == BORROW_OK);
	CHECK(freepages() == before);
	return 0;
}

/* A process with a quota is told when it has enough, and its segment is given up as far as it got. */
static int
quota(void)
{
	Proc *p = borrow_newproc(3, UNLIMITED, UNLIMITED);
	int before = freepages();
	Segment s;

	CHECK(newseg(&s, p, UTZERO, 5) == BORROW_ENOMEM && s.npage == 3);
	CHECK(putseg(&s) == BORROW_OK && freepages() == before);
	CHECK(endproc(p) == BORROW_OK);
	return 0;
}

int
c_plan9(uintptr base, int npage)
{
	int line;

	bank.base = base;
	bank.npage = npage < NPAGE ? npage : NPAGE;
	if ((line = fork_and_exit()) != 0 || (line = orphan()) != 0 || (line = messages()) != 0 || (line = quota()) != 0)
		return line;
	return 0;
}
