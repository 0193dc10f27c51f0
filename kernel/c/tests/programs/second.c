/*
 * The memory code of a small kernel in the manner of Plan 9, trying out who may do what.
 * Processes acquire, move, lend, return and release pages, and then other keys, and exit.
 */
#include <stddef.h>
#include <stdint.h>
#include "steward/borrow.h"

typedef struct Proc Proc;
typedef struct PageOwner PageOwner;

enum {
	Pgsz = 4096,
	Poor = 3,	/* the process that may have one of each */
	No = 4,		/* no process; how many there are */

	Acquire = 0, Release, Retshared, Retmut,	/* one process takes part */
	Move, Lend, Lendmut,	/* two do */
	Exit, Nokey, Estate, Was, Is,	/* Was: four looks ago; Is+n: with n shared loans */
	Ok = BORROW_OK, Already = BORROW_EALREADY, Notowner = BORROW_ENOTOWNER,
	Borrowed = BORROW_EBORROWED, Mutborrow = BORROW_EMUTBORROW, Nomem = BORROW_ENOMEM,
	Sharedborrow = BORROW_ESHAREDBORROW, Notborrowed = BORROW_ENOTBORROWED, Inval = BORROW_EINVAL,
	Free = BORROW_FREE, Excl = BORROW_EXCLUSIVE, Shared = BORROW_SHARED_OWNED, Mut = BORROW_MUT_LENT,
	Ekey = 100,	/* c_second: up to here a step with pages, from here with other keys */
	Efew = 201, Eexit, Eleft, Etext,
};

typedef struct Api {
	int (*one[4])(Proc*, uintptr_t);
	int (*two[3])(Proc*, Proc*, uintptr_t);
	int (*end[2])(Proc*);
	const PageOwner *(*look)(uintptr_t);
} Api;

/* What processes a and b do with a key, and what comes of it. */
typedef struct Step { int op, a, b, key, want; } Step;

static uint64_t uva = 0x10000000;	/* where a process saw the last page */
static int kmap;	/* a kernel object; its address is a key */
static const PageOwner *seen[4];	/* the last looks */
static unsigned nseen;

/* Gives a process a free page, at an address not used before. */
static int
newpage(Proc *p, uintptr_t pa)
{
	return pageown_acquire(p, pa, uva += Pgsz);
}

/* System call: moves a page to another process. */
static int
sysvmexchange(Proc *p, Proc *to, uintptr_t pa)
{
	return pageown_transfer(p, to, pa, uva += Pgsz);
}

/* System call: lends a page for reading. */
static int
sysvmlend_shared(Proc *p, Proc *to, uintptr_t pa)
{
	return pageown_borrow_shared(p, to, pa, uva += Pgsz);
}

/* System call: lends a page for writing. */
static int
sysvmlend_mut(Proc *p, Proc *to, uintptr_t pa)
{
	return pageown_borrow_mut(p, to, pa, uva += Pgsz);
}

static const Api pages = {
	{newpage, pageown_release, pageown_return_shared, pageown_return_mut},
	{sysvmexchange, sysvmlend_shared, sysvmlend_mut},
	{pageown_cleanup_process, borrow_cleanup_process}, pa2owner,
};
static const Api keys = {
	{borrow_acquire, borrow_release, borrow_return_shared, borrow_return_mut},
	{borrow_transfer, borrow_borrow_shared, borrow_borrow_mut},
	{borrow_cleanup_process, pageown_cleanup_process}, key2owner,
};
static const Step script[] = {
	/* 1: no process, no key, no owner. 5: one owner, who releases once and may do nothing after */
	{Acquire,No,No,0,Inval}, {Acquire,0,No,2,Inval}, {Nokey,No,No,2,0}, {Release,0,No,0,Notowner},
	{Is,No,No,0,Free}, {Acquire,0,No,0,Ok}, {Acquire,1,No,0,Already}, {Release,1,No,0,Notowner},
	{Is,0,No,0,Excl}, {Release,0,No,0,Ok}, {Release,0,No,0,Notowner}, {Lend,0,1,0,Notowner},
	/* 13: moved, and moved back */
	{Acquire,0,No,0,Ok}, {Move,0,0,0,Inval}, {Move,0,1,0,Ok}, {Is,1,No,0,Excl},
	{Release,0,No,0,Notowner}, {Lendmut,0,2,0,Notowner}, {Move,0,2,0,Notowner}, {Move,1,0,0,Ok},
	/* 21: many read, and nobody writes */
	{Lend,0,0,0,Inval}, {Lend,0,1,0,Ok}, {Lend,0,1,0,Ok}, {Lend,0,2,0,Ok},
	{Is+3,0,No,0,Shared}, {Was,No,No,0,Free}, {Lendmut,0,2,0,Sharedborrow}, {Move,0,1,0,Borrowed},
	{Release,0,No,0,Borrowed}, {Retmut,1,No,0,Notborrowed}, {Retshared,1,No,0,Ok}, {Retshared,1,No,0,Ok},
	{Retshared,1,No,0,Notborrowed}, {Is+1,0,No,0,Shared}, {Retshared,2,No,0,Ok}, {Is,0,No,0,Excl},
	/* 37: one writes, and the owner is blocked */
	{Lendmut,0,1,0,Ok}, {Is,0,1,0,Mut}, {Was,0,No,0,Shared}, {Lend,0,2,0,Mutborrow},
	{Lendmut,0,2,0,Mutborrow}, {Move,0,2,0,Borrowed}, {Release,0,No,0,Borrowed}, {Release,1,No,0,Notowner},
	{Retshared,1,No,0,Notborrowed}, {Retmut,2,No,0,Notborrowed}, {Retmut,1,No,0,Ok}, {Retmut,1,No,0,Notborrowed},
	/* 49: no room */
	{Is,0,No,0,Excl}, {Acquire,0,No,1,Ok}, {Lend,0,Poor,0,Ok}, {Lend,0,Poor,0,Nomem}, {Lendmut,0,Poor,1,Nomem},
	{Is+1,0,No,0,Shared}, {Retshared,Poor,No,0,Ok}, {Move,0,Poor,1,Ok}, {Move,0,Poor,0,Nomem}, {Is,0,No,0,Excl},
	/* 59: a borrower exits, and what it borrowed goes back */
	{Lend,0,1,0,Ok}, {Lend,0,2,0,Ok}, {Lendmut,Poor,1,1,Ok}, {Exit,1,No,0,Ok}, {Is+1,0,No,0,Shared},
	{Is,Poor,No,1,Excl}, {Exit,1,No,0,Inval}, {Lend,0,1,0,Inval}, {Lendmut,Poor,2,1,Ok},
	/* 68: owners exit, and what is lent becomes free when the last borrower is done */
	{Exit,Poor,No,0,Ok}, {Estate,No,No,1,Mut}, {Retmut,2,No,1,Ok}, {Is,No,No,1,Free},
	{Acquire,0,No,1,Ok}, {Exit,0,No,0,Ok}, {Is,No,No,1,Free}, {Estate,No,No,0,Shared},
	{Exit,2,No,0,Ok}, {Is,No,No,0,Free}, {Acquire,2,No,0,Inval},
};

/* Does a snapshot say what the step wants? */
static int
is(const PageOwner *o, const Step *s, Proc **p, uintptr_t key)
{
	if(o == NULL || s->op == Nokey)
		return o == NULL && s->op == Nokey;
	if(o->key != key || (int)o->state != s->want || o->estate != (s->op == Estate))
		return 0;
	return s->op == Estate || (o->owner == p[s->a] && o->mut_borrower == p[s->b]
		&& o->device_reads == 0 && o->device_writes == 0
		&& (s->op == Was || o->shared_count == (uint32_t)(s->op-Is)));
}

/* Takes a step: does it come to what it should? */
static int
step(const Api *a, const Step *s, Proc **p, uintptr_t key)
{
	if(s->op < Move)
		return a->one[s->op](p[s->a], key) == s->want;
	if(s->op < Exit)
		return a->two[s->op-Move](p[s->a], p[s->b], key) == s->want;
	if(s->op == Exit)
		return a->end[0](p[s->a]) == s->want;
	if(s->op != Was)
		seen[nseen++%4] = a->look(key);
	return is(seen[(s->op == Was ? nseen : nseen-1)%4], s, p, key);
}

/* Takes all steps, with new processes, and ends those: 0, or the number of a wrong step. */
static int
run(const Api *a, const uintptr_t *key)
{
	Proc *p[No+1];
	int i, r;

	for(i = 0; i < No; i++)
		p[i] = i == Poor ? borrow_newproc(1, 1, 1) : borrow_newproc(UINT32_MAX, UINT32_MAX, UINT32_MAX);
	p[No] = NULL;
	for(i = r = 0; r == 0 && i < (int)(sizeof script/sizeof script[0]); i++)
		if(!step(a, &script[i], p, key[script[i].key]))
			r = i+1;
	for(i = 0; i < No; i++){
		a->end[0](p[i]);	/* the script has done so, unless it failed */
		if(a->end[1](p[i]) != BORROW_OK && r == 0)
			r = Eexit;
	}
	return r;
}

/* Takes the steps with pages, and with other keys. All pages are free in the end. */
int
c_second(uintptr_t base, int npage)
{
	const uintptr_t page[] = {base, base+(npage-1)*(uintptr_t)Pgsz, -(uintptr_t)Pgsz};
	const uintptr_t key[] = {(uintptr_t)&kmap, 0, UINTPTR_MAX};
	const PageOwner *o;
	int i, r;

	r = npage < 4 ? Efew : run(&pages, page);
	if(r == 0 && (r = run(&keys, key)) != 0)
		r += Ekey;
	for(i = 0; i < npage && r == 0; i++){
		o = pa2owner(base + i*(uintptr_t)Pgsz);
		if(o == NULL || o->state != BORROW_FREE || o->estate != 0)
			r = Eleft;
	}
	for(i = -1; i <= BORROW_ENOMEM+1 && r == 0; i++)
		if(borrow_strerror(i) == NULL || borrow_strerror(i)[0] == 0)
			r = Etext;
	return r;
}
