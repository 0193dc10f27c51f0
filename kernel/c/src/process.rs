//! Processes as C names them.

use core::{
    ffi::c_int,
    ptr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use steward_ledger::{Error, ProcessId, Quota, Window};

use crate::{
    code::code,
    host::host,
    world::{World, ask},
};

/// A process. A pointer to it is its name and no address: it leads nowhere, and C code never follows it. The name of a
/// process that has ended is never another's.
#[repr(C)]
pub struct Proc {
    _opaque: [u8; 0],
}

/// So many slots of either ledger are looked at for a process.
pub const MOST_PROCESSES: usize = 256;

// A name: the tag, the generation, the slot, and four zeroes. With this tag it is no address that the CPU takes.
const TAG: u64 = 0x5354;
const TAG_SHIFT: u32 = 48;
const GENERATION_SHIFT: u32 = 16;
const SLOT_SHIFT: u32 = 4;

/// What no generations make.
const NONE: u64 = u64::MAX;

/// For each slot, the last process that was made there: its generation in the ledger of frames, which is part of its
/// name, and below it that in the ledger of keys. It has the same slot in both.
///
/// Relaxed throughout: one word says it all, and the ledgers know who lives.
static MADE: [AtomicU64; MOST_PROCESSES] = [const { AtomicU64::new(NONE) }; MOST_PROCESSES];

/// A new process. Its quotas: it may own `owned` pages, and have borrowed `borrowed` by `loans` loans; and as many other
/// keys, likewise. A page that it has borrowed twice counts twice. With `UINT32_MAX` there is no quota, and the ledger's own
/// room is the limit. It accepts whatever it is lent or given. NULL when there is no room for a process, or no ledger.
///
/// It ends in two steps, in either order: `pageown_cleanup_process` and `borrow_cleanup_process`. Only after both can another
/// have its place, and only after the last borrower of what it owned is done.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_newproc(owned: u32, borrowed: u32, loans: u32) -> *mut Proc {
    make(Quota { owned, borrowed, loans }).unwrap_or(ptr::null_mut())
}

/// Ends a process as far as pages go. What it has borrowed goes back, what it owns becomes free, and what of that is lent
/// out becomes free when the last borrower is done. Answers: EINVAL.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_cleanup_process(process: *mut Proc) -> c_int {
    code(end(World::Frames, process))
}

/// Ends a process as far as other keys go, likewise. Answers: EINVAL.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_cleanup_process(process: *mut Proc) -> c_int {
    code(end(World::Keys, process))
}

/// A new process with that quota in either ledger.
///
/// # Errors
/// [`Error::NoMemory`] when there is no slot that is free in both, [`Error::Invalid`] without a kernel.
pub fn make(quota: Quota) -> Result<*mut Proc, Error> {
    host()?;
    let first = usize::from(ProcessId::KERNEL.slot()) + 1;
    // From the last slot on: the kernel's own processes are in the first ones of its ledger.
    for slot in (first..MOST_PROCESSES).rev() {
        let admit = |world| ask(world, |ledger, _| ledger.admit_at(slot as u16, quota, Window::default()))?;
        // First where there are fewer slots: a machine with little memory has not all of them.
        let Ok(frames) = admit(World::Frames) else { continue };
        match admit(World::Keys) {
            Ok(keys) => {
                let generations = u64::from(frames.generation()) << u32::BITS | u64::from(keys.generation());
                MADE[slot].store(generations, Relaxed);
                return Ok(name(slot, frames.generation()));
            }
            Err(_) => ask(World::Frames, |ledger, effects| ledger.die(frames, effects))??,
        }
    }
    Err(Error::NoMemory)
}

fn end(world: World, process: *const Proc) -> Result<(), Error> {
    let process = find(world, process)?;
    let mut death = ask(world, |ledger, _| ledger.begin_death(process))??;
    while ask(world, |ledger, effects| ledger.go_on(&mut death, effects))? {}
    Ok(())
}

/// The process of that name. Whether it lives is for the ledger to say.
///
/// # Errors
/// [`Error::Invalid`] when C code was never given that name, or another process has the slot.
pub(crate) fn find(world: World, process: *const Proc) -> Result<ProcessId, Error> {
    let bits = process.addr() as u64;
    let slot = bits >> SLOT_SHIFT & 0xfff;
    let generation = (bits >> GENERATION_SHIFT) as u32;
    let made = MADE.get(slot as usize).ok_or(Error::Invalid)?.load(Relaxed);
    if made == NONE || name(slot as usize, generation).addr() as u64 != bits || made >> u32::BITS != generation.into() {
        return Err(Error::Invalid);
    }
    Ok(ProcessId::from_parts(
        slot as u16,
        match world {
            World::Frames => generation,
            World::Keys => made as u32,
        },
    ))
}

/// The name of a process; null if C code has none for it.
pub(crate) fn name_of(world: World, process: ProcessId) -> *mut Proc {
    let slot = usize::from(process.slot());
    let Some(made) = MADE.get(slot).map(|made| made.load(Relaxed)).filter(|&made| made != NONE) else {
        return ptr::null_mut();
    };
    let generation = match world {
        World::Frames => (made >> u32::BITS) as u32,
        World::Keys => made as u32,
    };
    if generation == process.generation() { name(slot, (made >> u32::BITS) as u32) } else { ptr::null_mut() }
}

fn name(slot: usize, generation: u32) -> *mut Proc {
    let bits = TAG << TAG_SHIFT | u64::from(generation) << GENERATION_SHIFT | (slot as u64) << SLOT_SHIFT;
    ptr::without_provenance_mut(bits as usize)
}

const _: () = assert!(MOST_PROCESSES <= 0x1000);
