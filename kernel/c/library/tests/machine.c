/* The functions that host.h asks of a kernel, over a process's memory, and two CPUs that are threads. */
#include "process.h"

#include <pthread.h>
#include <sched.h>
#include <ucontext.h>

_Thread_local uint32_t this_cpu;
_Thread_local uintptr_t interrupts_are_off;
unsigned zeroes_told, frees_told, within_refused;
uintptr_t last_freed;
struct Proc *call_from_within;
void (*on_panic)(const char *text);

static _Alignas(4096) unsigned char bank[(PAGES + SECOND_PAGES) * PAGE];

void
broken(const char *what)
{
	printf("the machine: %s\n", what);
	fflush(stdout);
	_Exit(1);
}

unsigned char *
page_at(uintptr_t pa)
{
	if (pa % PAGE != 0)
		broken("no page begins there");
	if (pa >= BASE && pa - BASE < (uintptr_t)PAGES * PAGE)
		return bank + (pa - BASE);
	if (pa >= SECOND && pa - SECOND < (uintptr_t)SECOND_PAGES * PAGE)
		return bank + (uintptr_t)PAGES * PAGE + (pa - SECOND);
	broken("a page that there is not");
	return NULL;
}

/* A page whose zeroing takes until somebody waits for it; how far that is, and how often somebody has waited. */
static uintptr_t slow_page;
static unsigned zeroing, waits;

static void
zero_slowly(void)
{
	unsigned before = __atomic_load_n(&waits, __ATOMIC_RELAXED);
	long patience = 100 * 1000 * 1000;

	__atomic_store_n(&zeroing, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&waits, __ATOMIC_RELAXED) == before) {
		if (--patience == 0)
			broken("nobody relaxes while waiting");
		sched_yield();
	}
}

/* Whether everything that a function of the kernel's may ask the ledger is refused. */
static void
ask_from_within(uintptr_t pa)
{
	struct Proc *p = call_from_within;

	if (p == NULL)
		return;
	if (pageown_acquire(p, BASE + 8 * PAGE, VA) != BORROW_EINVAL || pageown_release(p, pa) != BORROW_EINVAL)
		broken("pages are given out from within");
	if (borrow_acquire(p, 1) != BORROW_EINVAL || pa2owner(pa) != NULL || key2owner(1) != NULL)
		broken("keys are given out from within");
	if (newproc() != NULL || endproc(p) != BORROW_EINVAL)
		broken("processes come and go from within");
	within_refused++;
}

uint32_t
steward_cpu(void)
{
	if (interrupts_are_off == 0)
		broken("asked which CPU this is while it may change");
	return this_cpu;
}

uintptr_t
steward_interrupts_off(void)
{
	uintptr_t before = interrupts_are_off;

	interrupts_are_off = before + 1;
	return before;
}

void
steward_interrupts_restore(uintptr_t before)
{
	if (interrupts_are_off != before + 1)
		broken("interrupts are not restored as they were");
	interrupts_are_off = before;
}

void
steward_page_zero(uintptr_t pa)
{
	if (interrupts_are_off == 0)
		broken("zeroes a page with interrupts on");
	memset(page_at(pa), 0, PAGE);
	__atomic_fetch_add(&zeroes_told, 1, __ATOMIC_RELAXED);
	if (pa == slow_page)
		zero_slowly();
	ask_from_within(pa);
}

void
steward_page_freed(uintptr_t pa)
{
	page_at(pa);
	__atomic_fetch_add(&frees_told, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&last_freed, pa, __ATOMIC_RELAXED);
	ask_from_within(pa);
}

void
steward_relax(void)
{
	if (interrupts_are_off == 0)
		broken("waits with interrupts on");
	__atomic_fetch_add(&waits, 1, __ATOMIC_RELAXED);
	sched_yield();
}

void
steward_panic(const char *text)
{
	if (on_panic != NULL)
		on_panic(text);
	broken(text);
}

size_t
stack_of(void (*function)(void))
{
	enum { ALL = 256 * 1024, PAINT = 0xa5 };
	static unsigned char stack[ALL];
	ucontext_t here, there;
	size_t unused = 0;

	memset(stack, PAINT, ALL);
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = ALL;
	there.uc_link = &here;
	makecontext(&there, function, 0);
	swapcontext(&here, &there);
	while (unused < ALL && stack[unused] == PAINT)
		unused++;
	return ALL - unused;
}

enum { ROUNDS = 20000, FOUGHT_OVER = 4 };

/* Takes whatever of a few pages it gets, marks it, sees that nobody else does meanwhile, and gives it up. */
static void *
cpu(void *number)
{
	struct Proc *p;
	uintptr_t had = 0;
	uint32_t i;

	this_cpu = (uint32_t)(uintptr_t)number;
	p = newproc();
	for (i = 0; i < ROUNDS; i++) {
		uintptr_t pa = BASE + i % FOUGHT_OVER * PAGE;
		volatile uint32_t *word = (volatile uint32_t *)page_at(pa);
		int code = pageown_acquire(p, pa, VA);
		if (code == BORROW_EALREADY)
			continue;
		if (code != BORROW_OK || *word != 0)
			broken("a page that is another CPU's");
		*word = this_cpu;
		if (pa2owner(pa)->owner != p || *word != this_cpu || pageown_release(p, pa) != BORROW_OK)
			broken("a page was taken away");
		had++;
	}
	if (p == NULL || endproc(p) != BORROW_OK)
		broken("a process cannot end");
	return (void *)had;
}

static void *
takes_slow_page(void *process)
{
	this_cpu = 1;
	return (void *)(uintptr_t)pageown_acquire(process, slow_page, VA);
}

/* Who comes to a page while another CPU is at it, to look or to take it, relaxes until that is done. */
int
waiting(void)
{
	struct Proc *p = newproc(), *q = newproc();
	pthread_t other;
	void *code;
	int looks;

	slow_page = BASE + 3 * PAGE;
	for (looks = 0; looks < 2; looks++) {
		zeroing = 0;
		CHECK(pthread_create(&other, NULL, takes_slow_page, p) == 0);
		while (!__atomic_load_n(&zeroing, __ATOMIC_ACQUIRE))
			sched_yield();
		if (looks)
			CHECK(pa2owner(slow_page)->owner == p);
		else
			CHECK(pageown_acquire(q, slow_page, VA) == BORROW_EALREADY);
		CHECK(pthread_join(other, &code) == 0 && (uintptr_t)code == BORROW_OK);
		CHECK(pageown_release(p, slow_page) == BORROW_OK);
	}
	slow_page = 0;
	CHECK(endproc(p) == BORROW_OK && endproc(q) == BORROW_OK);
	return 0;
}

int
two_cpus(void)
{
	pthread_t other;
	void *here, *there;
	int i;

	CHECK(pthread_create(&other, NULL, cpu, (void *)(uintptr_t)2) == 0);
	here = cpu((void *)(uintptr_t)1);
	CHECK(pthread_join(other, &there) == 0 && here != NULL && there != NULL);
	this_cpu = 0;
	for (i = 0; i < FOUGHT_OVER; i++)
		CHECK(pa2owner(BASE + (uintptr_t)i * PAGE)->state == BORROW_FREE);
	return 0;
}
