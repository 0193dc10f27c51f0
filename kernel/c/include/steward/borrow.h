/* The ledger of who owns and who borrows what, for C programs in the kernel. C99 or later, or C++.
 *
 * There are two ledgers. Calls that begin with pageown_ and pa2owner are about pages of the machine's memory, by their
 * physical addresses, which are multiples of 4096. Those that begin with borrow_ and key2owner are about any other keys: a
 * number that is also the address of a page is another thing there. borrow_newproc and borrow_strerror serve both. A process
 * has its quotas once for each, and ends in each by itself; what has ended answers BORROW_EINVAL there.
 *
 * Each call says which codes it answers besides BORROW_OK. When several fit, the one that stands first is the answer, where
 * ENOMEM is that of a quota. A loan counts against its borrower's quota until it is over, also when the owner is dead.
 *
 * Only owners lend, for as long as the borrower likes. What else the ledger can (loans that end by a deadline or are taken
 * back, borrowers that lend on, pages of which a device is told) only Rust code asks for.
 *
 * How much room there is, the kernel says: for at most 255 processes at once, and for so many loans and other keys.
 * Until it has opened the ledger, every call answers BORROW_EINVAL, or NULL.
 *
 * Any CPU may call at any time, also from interrupt handlers, but not from those of NMIs. No call sleeps.
 *
 * Made from kernel/c by `cargo xtask header`: do not edit. */

#ifndef STEWARD_BORROW_H
#define STEWARD_BORROW_H

#include <stdint.h>

/* A process. A pointer to it is its name and no address: it leads nowhere, and C code never
 * follows it. The name of a process that has ended is never another's. */
struct Proc;

// What the owner of a key may do.
enum BorrowState {
  // Nobody owns it.
  BORROW_FREE = 0,
  // The owner alone has it.
  BORROW_EXCLUSIVE = 1,
  // It is lent for reading, which the owner may do too.
  BORROW_SHARED_OWNED = 2,
  // It is lent for writing, and the owner has no access.
  BORROW_MUT_LENT = 3,
};

// What calls answer, as an `int`. Unless it is BORROW_OK, nothing was changed.
enum BorrowError {
  // It is done.
  BORROW_OK = 0,
  // The page or key has an owner already.
  BORROW_EALREADY = 1,
  // Who asks does not own it. A borrower does not.
  BORROW_ENOTOWNER = 2,
  // It is lent, in whatever kind, or a device uses it: the owner cannot give it up or away.
  BORROW_EBORROWED = 3,
  // It is lent mutably, or a device writes to it: it cannot be lent.
  BORROW_EMUTBORROW = 4,
  // It is lent shared, or a device reads it: it cannot be lent mutably.
  BORROW_ESHAREDBORROW = 5,
  // Who asks has not borrowed it in this kind, or no longer.
  BORROW_ENOTBORROWED = 6,
  // No such process, page, key or address; the process has ended; both are the same; or the ledger is not open.
  BORROW_EINVAL = 7,
  // A quota of who gets something, or the ledger's own room, is used up.
  BORROW_ENOMEM = 8,
};

// All about a key, at one moment.
struct PageOwner {
  // The physical address of the page, or the key.
  uintptr_t key;
  // Who owns it, or did until it died, if borrowers still use it. NULL while nobody does; or while the kernel does, or a
  // process that C code has no name for.
  struct Proc *owner;
  // Who has borrowed it mutably. Where Rust code has let borrowers lend on, which C code cannot, the last of them. NULL
  // likewise.
  struct Proc *mut_borrower;
  // What the owner may do.
  enum BorrowState state;
  // How many shared loans there are of it.
  uint32_t shared_count;
  // How many devices are reading it. Only Rust code says so, for drivers; with C code alone this is 0.
  uint32_t device_reads;
  // 1 while a device is writing to it; likewise.
  uint8_t device_writes;
  // 1 while the owner is dead and borrowers still use it.
  uint8_t estate;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What a code means, in a few words. The text is there for ever, whatever the code is.
const char *borrow_strerror(int code);

// A new process. Its quotas: it may own `owned` pages, and have borrowed `borrowed` by `loans` loans; and as many other
// keys, likewise. A page that it has borrowed twice counts twice. With `UINT32_MAX` there is no quota, and the ledger's own
// room is the limit. It accepts whatever it is lent or given. NULL when there is no room for a process, or no ledger.
//
// It ends in two steps, in either order: `pageown_cleanup_process` and `borrow_cleanup_process`. Only after both can another
// have its place, and only after the last borrower of what it owned is done.
struct Proc *borrow_newproc(uint32_t owned,
                            uint32_t borrowed,
                            uint32_t loans);

// Ends a process as far as pages go. What it has borrowed goes back, what it owns becomes free, and what of that is lent
// out becomes free when the last borrower is done. Answers: EINVAL.
int pageown_cleanup_process(struct Proc *process);

// Ends a process as far as other keys go, likewise. Answers: EINVAL.
int borrow_cleanup_process(struct Proc *process);

// A process becomes the owner of the page at physical address `pa`, which nobody owns, and which holds zeroes then.
// Nothing is mapped. `va` is where the process is to see the page: it is checked to be a multiple of 4096 below 2⁴⁷, and
// not kept.
//
// Answers: EINVAL, ENOMEM, EALREADY.
int pageown_acquire(struct Proc *process,
                    uintptr_t pa,
                    uint64_t va);

// The owner gives a page up.
//
// Answers: EINVAL, ENOTOWNER, EBORROWED.
int pageown_release(struct Proc *process, uintptr_t pa);

// The owner makes another process the owner of a page. `new_va` is as `va` in `pageown_acquire`.
//
// Answers: EINVAL, ENOMEM, ENOTOWNER, EBORROWED.
int pageown_transfer(struct Proc *from, struct Proc *to, uintptr_t pa, uint64_t new_va);

// The owner lends a page for reading; it and others may read it meanwhile. One borrower may have several such loans.
// `va` is as in `pageown_acquire`.
//
// Answers: EINVAL, ENOMEM, ENOTOWNER, EMUTBORROW.
int pageown_borrow_shared(struct Proc *owner,
                          struct Proc *borrower,
                          uintptr_t pa,
                          uint64_t va);

// The owner lends a page for writing; nobody else has access meanwhile. `va` is as in `pageown_acquire`.
//
// Answers: EINVAL, ENOMEM, ENOTOWNER, EMUTBORROW, ESHAREDBORROW.
int pageown_borrow_mut(struct Proc *owner, struct Proc *borrower, uintptr_t pa, uint64_t va);

// A borrower gives back the newest of the shared loans that it has of a page.
//
// Answers: EINVAL, ENOTBORROWED.
int pageown_return_shared(struct Proc *borrower, uintptr_t pa);

// A borrower gives back its mutable loan of a page.
//
// Answers: EINVAL, ENOTBORROWED.
int pageown_return_mut(struct Proc *borrower, uintptr_t pa);

// All about the page at `pa`, at one moment; NULL if there is no such page. The snapshot is in one of four buffers of this
// CPU's, which are used in turn, by `key2owner` and by interrupt handlers too: whoever may be interrupted by one that looks,
// or moved to another CPU, keeps interrupts off until the snapshot is read or copied.
const struct PageOwner *pa2owner(uintptr_t pa);

// A process becomes the owner of a key that nobody owns. A key is any number but `UINTPTR_MAX`.
//
// Answers: EINVAL, ENOMEM, EALREADY.
int borrow_acquire(struct Proc *process, uintptr_t key);

// The owner gives a key up.
//
// Answers: EINVAL, ENOTOWNER, EBORROWED.
int borrow_release(struct Proc *process, uintptr_t key);

// The owner makes another process the owner of a key.
//
// Answers: EINVAL, ENOMEM, ENOTOWNER, EBORROWED.
int borrow_transfer(struct Proc *from, struct Proc *to, uintptr_t key);

// The owner lends a key for reading; it and others may read it meanwhile. One borrower may have several such loans.
//
// Answers: EINVAL, ENOMEM, ENOTOWNER, EMUTBORROW.
int borrow_borrow_shared(struct Proc *owner,
                         struct Proc *borrower,
                         uintptr_t key);

// The owner lends a key for writing; nobody else has access meanwhile.
//
// Answers: EINVAL, ENOMEM, ENOTOWNER, EMUTBORROW, ESHAREDBORROW.
int borrow_borrow_mut(struct Proc *owner, struct Proc *borrower, uintptr_t key);

// A borrower gives back the newest of the shared loans that it has of a key.
//
// Answers: EINVAL, ENOTBORROWED.
int borrow_return_shared(struct Proc *borrower, uintptr_t key);

// A borrower gives back its mutable loan of a key.
//
// Answers: EINVAL, ENOTBORROWED.
int borrow_return_mut(struct Proc *borrower, uintptr_t key);

// All about a key, as `pa2owner` tells about a page, and in the same buffers; NULL if there can be no such key.
const struct PageOwner *key2owner(uintptr_t key);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STEWARD_BORROW_H */
