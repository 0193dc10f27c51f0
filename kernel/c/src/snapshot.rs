//! What C code is shown of a key.

use core::{
    cell::UnsafeCell,
    ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use steward_ledger::{Error, State, View};

use crate::{
    host::{MOST_CPUS, host},
    process::{Proc, name_of},
    world::{World, ask},
};

/// What the owner of a key may do.
#[expect(non_camel_case_types, reason = "these are the names that C knows")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BorrowState {
    /// Nobody owns it.
    BORROW_FREE = 0,
    /// The owner alone has it.
    BORROW_EXCLUSIVE = 1,
    /// It is lent for reading, which the owner may do too.
    BORROW_SHARED_OWNED = 2,
    /// It is lent for writing, and the owner has no access.
    BORROW_MUT_LENT = 3,
}

/// All about a key, at one moment.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOwner {
    /// The physical address of the page, or the key.
    pub key: usize,
    /// Who owns it, or did until it died, if borrowers still use it. NULL while nobody does; or while the kernel does, or a
    /// process that C code has no name for.
    pub owner: *mut Proc,
    /// Who has borrowed it mutably. Where Rust code has let borrowers lend on, which C code cannot, the last of them. NULL
    /// likewise.
    pub mut_borrower: *mut Proc,
    /// What the owner may do.
    pub state: BorrowState,
    /// How many shared loans there are of it.
    pub shared_count: u32,
    /// How many devices are reading it. Only Rust code says so, for drivers; with C code alone this is 0.
    pub device_reads: u32,
    /// 1 while a device is writing to it; likewise.
    pub device_writes: u8,
    /// 1 while the owner is dead and borrowers still use it.
    pub estate: u8,
}

const _: () = assert!(size_of::<PageOwner>() == 40);

/// Snapshots that a CPU keeps.
const KEPT: usize = 4;

/// A CPU's snapshots, and which is next.
#[repr(align(64))]
struct Buffers {
    snapshots: [UnsafeCell<PageOwner>; KEPT],
    next: AtomicUsize,
}

// SAFETY: Rust code writes to a CPU's buffers on that CPU alone, while it does nothing else, and never reads them.
unsafe impl Sync for Buffers {}

static BUFFERS: [Buffers; MOST_CPUS] =
    [const { Buffers { snapshots: [const { UnsafeCell::new(EMPTY) }; KEPT], next: AtomicUsize::new(0) } }; MOST_CPUS];

const EMPTY: PageOwner = PageOwner {
    key: 0,
    owner: ptr::null_mut(),
    mut_borrower: ptr::null_mut(),
    state: BorrowState::BORROW_FREE,
    shared_count: 0,
    device_reads: 0,
    device_writes: 0,
    estate: 0,
};

/// Takes a snapshot of a key into the next buffer of this CPU; null if there is no such key, or no kernel.
pub(crate) fn take(world: World, key: Result<usize, Error>) -> *const PageOwner {
    key.and_then(|key| look(world, key)).and_then(keep).unwrap_or(ptr::null())
}

fn look(world: World, key: usize) -> Result<PageOwner, Error> {
    let (view, mut_borrower) = ask(world, |ledger, _| {
        loop {
            let view = ledger.view(key)?;
            let borrower = view.holder.and_then(|loan| ledger.loan(loan)).map(|loan| loan.borrower);
            // No other loan ever has the holder's name, so if nothing else changed, that has not either.
            if ledger.view(key)? == view {
                return Ok::<_, Error>((view, borrower));
            }
        }
    })??;
    let name = |process: Option<_>| process.map_or(ptr::null_mut(), |process| name_of(world, process));
    let View { state, owner, estate, shared, reads, writes, .. } = view;
    Ok(PageOwner {
        key: if world == World::Frames { key * 4096 } else { key },
        owner: name(owner),
        mut_borrower: name(mut_borrower),
        state: match state {
            State::Free => BorrowState::BORROW_FREE,
            State::Exclusive => BorrowState::BORROW_EXCLUSIVE,
            State::SharedOwned => BorrowState::BORROW_SHARED_OWNED,
            State::MutLent => BorrowState::BORROW_MUT_LENT,
        },
        shared_count: shared,
        device_reads: reads,
        device_writes: writes.into(),
        estate: estate.into(),
    })
}

fn keep(snapshot: PageOwner) -> Result<*const PageOwner, Error> {
    let mut kept = Err(Error::Invalid);
    host()?.on_this_cpu(&mut |cpu| {
        let Some(buffers) = BUFFERS.get(cpu) else { return };
        let buffer = buffers.snapshots[buffers.next.load(Relaxed) % KEPT].get();
        buffers.next.store(buffers.next.load(Relaxed).wrapping_add(1), Relaxed);
        // SAFETY: the buffer is this CPU's, which does nothing else until this returns; of C code that still reads an older
        // snapshot there, `pa2owner` says that it must not.
        unsafe { buffer.write(snapshot) };
        kept = Ok(buffer.cast_const());
    });
    kept
}
