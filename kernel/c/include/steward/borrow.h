/* The ledger of who owns and who borrows what, for C programs in the kernel.
 *
 * There are two ledgers. Calls that begin with pageown_ are about pages of the machine's memory, by their physical
 * addresses, which are multiples of 4096. Those that begin with borrow_ are about any other keys: a number that is
 * also the address of a page is another thing there. A process has its quotas once for each, and ends in each by
 * itself; what has ended answers BORROW_EINVAL there.
 *
 * When several codes fit, the first of these is the answer. BORROW_EINVAL: a process that is none or has ended, an
 * address or key that is none, the same process twice. Then BORROW_ENOMEM, where the one who gets something may have no
 * more: each loan counts against its borrower until it is over, also when the owner is dead. Then what the key
 * itself refuses: BORROW_ENOTOWNER or BORROW_ENOTBORROWED before all others. Who releases or moves a key that is lent,
 * in whatever kind, gets BORROW_EBORROWED. Only owners lend: a borrower that tries is not the owner.
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

// What every call answers. Unless it is BORROW_OK, nothing was changed.
enum BorrowError {
  // It is done.
  BORROW_OK = 0,
  // The key has an owner.
  BORROW_EALREADY = 1,
  // Who asks does not own the key.
  BORROW_ENOTOWNER = 2,
  // The key is lent, or a device uses it.
  BORROW_EBORROWED = 3,
  // The key is lent mutably, or a device writes to it.
  BORROW_EMUTBORROW = 4,
  // The key is lent shared, or a device reads it.
  BORROW_ESHAREDBORROW = 5,
  // Who asks has not borrowed the key in this kind, or no longer.
  BORROW_ENOTBORROWED = 6,
  // No such process or key; the process is dead; or both processes are the same.
  BORROW_EINVAL = 7,
  // There is no room: a quota, a counter or the ledger's own memory is used up.
  BORROW_ENOMEM = 8,
};

// All about a key, at one moment.
struct PageOwner {
  // The physical address of the page, or the key.
  uintptr_t key;
  // Who owns it, or did until it died, if borrowers still use it. NULL while nobody does; or while the kernel does, or a
  // process that C code has no name for.
  struct Proc *owner;
  // Who has borrowed it mutably; of several, one from the other, the last. NULL likewise.
  struct Proc *mut_borrower;
  // What the owner may do.
  enum BorrowState state;
  // How many shared loans there are of it.
  uint32_t shared_count;
  // How often it is pinned for devices that read.
  uint32_t device_reads;
  // 1 while it is pinned for a device that writes.
  uint8_t device_writes;
  // 1 while the owner is dead and borrowers still use it.
  uint8_t estate;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What a code means, in a few words. The text is there for ever, whatever the code is.
const char *borrow_strerror(int code);

// A new process, which may own `owned` pages, and have borrowed `borrowed` by `loans` loans; and as many other keys,
// likewise. A page that it has borrowed twice counts twice. `UINT32_MAX` is no limit. It accepts whatever it is lent or
// given. NULL when there is no room.
//
// It ends in two steps, in either order: `pageown_cleanup_process` and `borrow_cleanup_process`.
struct Proc *borrow_newproc(uint32_t owned,
                            uint32_t borrowed,
                            uint32_t loans);

// Ends a process as far as pages go. What it has borrowed goes back, what it owns becomes free, and what of that is lent
// out becomes free when the last borrower is done.
int pageown_cleanup_process(struct Proc *process);

// Ends a process as far as other keys go, likewise.
int borrow_cleanup_process(struct Proc *process);

// A process becomes the owner of the page at physical address `pa`, which nobody owns. It holds zeroes. `va` is where
// the process is to see it: a page in the lower half of its addresses.
int pageown_acquire(struct Proc *process,
                    uintptr_t pa,
                    uint64_t va);

// The owner gives a page up, which is not lent.
int pageown_release(struct Proc *process, uintptr_t pa);

// The owner makes another process the owner of a page, which is not lent. That one is to see it at `new_va`.
int pageown_transfer(struct Proc *from, struct Proc *to, uintptr_t pa, uint64_t new_va);

// The owner lends a page for reading; it and others may read it meanwhile. The borrower is to see it at `va`.
int pageown_borrow_shared(struct Proc *owner, struct Proc *borrower, uintptr_t pa, uint64_t va);

// The owner lends a page for writing; nobody else has access meanwhile. The borrower is to see it at `va`.
int pageown_borrow_mut(struct Proc *owner, struct Proc *borrower, uintptr_t pa, uint64_t va);

// A borrower gives back the last of the shared loans that it has of a page.
int pageown_return_shared(struct Proc *borrower, uintptr_t pa);

// A borrower gives back its mutable loan of a page.
int pageown_return_mut(struct Proc *borrower, uintptr_t pa);

// All about the page at `pa`, at one moment; NULL if there is no such page. The snapshot is in a buffer of this CPU's, and
// stays as it is until four more were asked for on this CPU.
struct PageOwner *pa2owner(uintptr_t pa);

// A process becomes the owner of a key that nobody owns. A key is any number but `UINTPTR_MAX`.
int borrow_acquire(struct Proc *process, uintptr_t key);

// The owner gives a key up, which is not lent.
int borrow_release(struct Proc *process, uintptr_t key);

// The owner makes another process the owner of a key, which is not lent.
int borrow_transfer(struct Proc *from, struct Proc *to, uintptr_t key);

// The owner lends a key for reading; it and others may read it meanwhile.
int borrow_borrow_shared(struct Proc *owner, struct Proc *borrower, uintptr_t key);

// The owner lends a key for writing; nobody else has access meanwhile.
int borrow_borrow_mut(struct Proc *owner, struct Proc *borrower, uintptr_t key);

// A borrower gives back the last of the shared loans that it has of a key.
int borrow_return_shared(struct Proc *borrower, uintptr_t key);

// A borrower gives back its mutable loan of a key.
int borrow_return_mut(struct Proc *borrower, uintptr_t key);

// All about a key, as `pa2owner` tells about a page, and in the same buffers; NULL if there can be no such key.
struct PageOwner *key2owner(uintptr_t key);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STEWARD_BORROW_H */
