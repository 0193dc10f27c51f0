//! The heap's caches, and each CPU's part of them.

use spin::{Once, RelaxStrategy};
use steward_slab::{CacheId, Caches, Magazines, Pages, Usage};
use x86_64::instructions::interrupts::without_interrupts;

use super::pages::{DirectMap, all_leaves};
use crate::{
    frames,
    layout::PAGE_BYTES,
    lock::Lock,
    smp::{self, MOST_CPUS},
};

/// Waits as [`smp::relax`] does, which follows changes of the page tables: a lock's holder may be making one.
#[derive(Debug)]
pub(crate) struct Following;

impl RelaxStrategy for Following {
    fn relax() {
        smp::relax();
    }
}

/// The caches; there from the first allocation on.
pub(crate) type Kept = Caches<'static, DirectMap, Following>;
static CACHES: Once<Kept> = Once::new();

/// A CPU's part of the heap, from its first allocation on.
///
/// Lock order: page tables, then a CPU's own part, then the caches, then frames. Nobody holds two CPUs' parts.
type Part = Once<&'static Lock<Own>>;
/// Not in what each CPU has of its own (`smp`): that is all zeros, which the image's file has no room for, and this is not.
static PARTS: [Part; MOST_CPUS] = [const { Part::new() }; MOST_CPUS];

/// What a CPU needs of the heap, in one place.
#[derive(Debug)]
struct Own {
    caches: &'static Kept,
    magazines: Magazines,
}

/// The caches; `None` when there is no memory for them yet.
pub(crate) fn caches() -> Option<&'static Kept> {
    let open = || all_leaves().map(|(windows, leaves)| Caches::new(DirectMap, windows, leaves)).ok_or(());
    // An interrupt in the middle of it would wait for ever for what it broke into.
    CACHES.get().or_else(|| without_interrupts(|| CACHES.try_call_once(open).ok()))
}

/// This CPU's part.
#[inline(always)]
fn own() -> Option<&'static Lock<Own>> {
    let part = &PARTS[smp::this_cpu().index().as_usize()];
    match part.get() {
        Some(own) => Some(own),
        None => open(part),
    }
}

#[cold]
fn open(part: &Part) -> Option<&'static Lock<Own>> {
    caches()?;
    let make = || {
        let new = || {
            let caches = CACHES.get().expect("they have just been there");
            Lock::new(Own { caches, magazines: Magazines::new() })
        };
        DirectMap.table(1, new).and_then(<[_]>::first).ok_or(())
    };
    without_interrupts(|| part.try_call_once(make).ok().copied())
}

/// Runs `act` with the caches and this CPU's magazines, without interrupts; `None` without memory for them.
#[inline(always)]
pub(crate) fn with<R>(act: impl FnOnce(&'static Kept, &mut Magazines) -> R) -> Option<R> {
    let mut own = own()?.lock();
    let Own { caches, magazines } = &mut *own;
    Some(act(caches, magazines))
}

/// Runs `act`, which looks for that many bytes; if it finds none, once again when all that the heap keeps for later is given back.
#[inline(always)]
pub(crate) fn take(bytes: usize, act: impl Fn(&Kept, &mut Magazines) -> Option<usize>) -> Option<usize> {
    match with(&act) {
        Some(Some(address)) => Some(address),
        _ => try_again(bytes, &act),
    }
}

#[cold]
fn try_again(bytes: usize, act: &dyn Fn(&Kept, &mut Magazines) -> Option<usize>) -> Option<usize> {
    if give_up_spare((bytes as u64).div_ceil(PAGE_BYTES)) { with(act)? } else { None }
}

/// Gives all back that the heap keeps for later, on all CPUs, for somebody who found too few of so many frames. `false`, and
/// nothing is given up, if there could not be so many all the same. The caller holds no lock of the heap's or the frames'.
pub(crate) fn give_up_spare(frames: u64) -> bool {
    let Some(caches) = CACHES.get().filter(|_| frames::could_be_free(frames)) else { return false };
    all_own().for_each(|own| caches.flush(&mut own.lock().magazines));
    // A call from another CPU that came in between would find locks held by what it broke into.
    without_interrupts(|| caches.shrink());
    true
}

fn all_own() -> impl Iterator<Item = &'static Lock<Own>> {
    PARTS.iter().filter_map(Once::get).copied()
}

/// What is used of a cache, on all CPUs.
pub(crate) fn usage(caches: &Kept, cache: CacheId) -> Usage {
    let parts = all_own().map(|own| caches.part(cache, &own.lock().magazines));
    let sum = parts.fold((0_u64, 0_u64), |sum, part| (sum.0.wrapping_add(part.0), sum.1.wrapping_add(part.1)));
    without_interrupts(|| caches.usage_of(cache, sum))
}
