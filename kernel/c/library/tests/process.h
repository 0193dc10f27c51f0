/* What the files of the test have in common: a machine made of a process's memory, and its parts. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include <steward/host.h>

enum {
	PAGE = 4096,
	PAGES = 64,     /* of the first bank */
	SECOND_PAGES = 8,
	VA = 0x400000,
	PROCESSES = 20,
	LOANS = 100,
	KEYS = 50,
};

/* Physical addresses of two banks of memory; page_at says where they are in the process. */
#define BASE ((uintptr_t)0x200000)
#define SECOND ((uintptr_t)0x900000000)

/* What the machine's functions do and have noted. */
extern _Thread_local uint32_t this_cpu;
extern _Thread_local uintptr_t interrupts_are_off;
extern unsigned zeroes_told, frees_told, within_refused;
extern uintptr_t last_freed;
extern struct Proc *call_from_within;
extern void (*on_panic)(const char *text);

/* What is wrong with the machine itself ends the process. */
void broken(const char *what);
unsigned char *page_at(uintptr_t pa);

/* How many bytes of stack a function takes, with all it calls. */
size_t stack_of(void (*function)(void));

/* The plan that the ledger is opened by, the block, and how large it is. */
extern struct StewardPlan plan;
extern unsigned char *block;
extern size_t block_bytes;

/* Parts of the test: 0, or the line of the first check that failed. */
int wrong_beginnings(void);
int waiting(void);
int two_cpus(void);
int overwritten(void);

#endif
