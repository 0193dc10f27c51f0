/* What a kernel in C and the ledger's library want of each other. The ledger itself is in borrow.h.
 *
 * The kernel lends memory, once, and writes the functions that are declared `extern` here. The library has no memory of
 * its own but some static variables, starts nothing, and calls no other function of the kernel's.
 *
 * Made from kernel/c/library by `cargo xtask header`: do not edit. */

#ifndef STEWARD_HOST_H
#define STEWARD_HOST_H

#include <stddef.h>
#include <stdint.h>

// What the block of memory that is lent has to be aligned to, in bytes. A page is.
#define STEWARD_ALIGNMENT 128

// Pages of memory, one after the other.
struct StewardRange {
  // The physical address of the first, divided by 4096.
  uintptr_t first;
  // How many there are.
  uintptr_t count;
};

// What there is to be room for.
struct StewardPlan {
  // The memory of which pages can be owned: `range_count` ranges, at most 1024, which ascend, with at least one page
  // between two of them. What is in none is no page. They are read during the call alone. What the kernel itself uses
  // is best left out; or a process takes it that never ends.
  const struct StewardRange *ranges;
  // How many ranges there are; none, if only other keys are wanted.
  uintptr_t range_count;
  // How many processes there can be at once: 1 to 254.
  uint32_t processes;
  // How many loans of pages there can be at once, at most 2²⁰. A page that is lent three times counts three times.
  uint32_t page_loans;
  // Likewise, of other keys.
  uint32_t key_loans;
  // How many other keys can have an owner at once, at most 2²⁴. There is some more room than that, because it is given out by
  // chance; but who chooses keys and knows the seed can use it up sooner.
  uint32_t keys;
  // Any number, best one that nobody can guess.
  uint64_t seed;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// How many bytes of memory a plan needs; 0 if it makes no sense: a number that is out of its bounds, ranges that are empty,
// touch, overlap, do not ascend or go beyond what physical addresses can say, or more pages than 2³⁰ − 1.
//
// # Safety
// A plan that is not NULL is one, and so are its ranges.
size_t steward_bytes(const struct StewardPlan *plan);

// Opens the ledger, for good, in a block of memory that is the library's from then on: nobody else reads or writes
// it. BORROW_ENOMEM if it is smaller than `steward_bytes` says; it may be larger. BORROW_EINVAL if the plan makes no
// sense, the block is NULL, not a multiple of STEWARD_ALIGNMENT, or goes beyond the last address; or if the ledger is
// open. Then nothing was done, and the block is still the caller's. Until it is open, all calls of borrow.h answer
// BORROW_EINVAL or NULL.
//
// # Safety
// A plan that is not NULL is one, and so are its ranges. The block is memory that can be written to.
int steward_open(const struct StewardPlan *plan,
                 void *memory,
                 size_t bytes);

// The number of the CPU that this runs on: below 64, and no two CPUs have the same. On others no call does anything. It is
// called with interrupts off.
extern uint32_t steward_cpu(void);

// Keeps interrupts, and with them the scheduler, from this CPU until `steward_interrupts_restore`. What it returns
// is handed to that.
extern uintptr_t steward_interrupts_off(void);

// Lets interrupts through again, if they came through before.
extern void steward_interrupts_restore(uintptr_t before);

// Fills the page at `pa` with zeroes: somebody is about to own it. Nobody else has it meanwhile.
extern void steward_page_zero(uintptr_t pa);

// The page at `pa` belongs to nobody any more. Another CPU may have taken it again already, so this is a hint of where to
// look for free pages, and `pageown_acquire` decides.
extern void steward_page_freed(uintptr_t pa);

// Called again and again, with interrupts off, while another CPU is at what this one waits for. Here a kernel answers those
// that wait for this CPU; it may do nothing.
extern void steward_relax(void);

// Something is wrong with the library or with the memory that it was lent, and nothing that it knows can be trusted
// any more. The text says what; it ends with a zero, and is gone when this returns. It should not return: if it does, this
// CPU stays where it is for ever, perhaps with interrupts off.
extern void steward_panic(const char *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STEWARD_HOST_H */
