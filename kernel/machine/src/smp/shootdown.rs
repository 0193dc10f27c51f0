//! Telling the other CPUs that pages are gone: what they remember of the page tables (Intel SDM volume 3, section 4.10.5).
//!
//! There is one change at a time, as whoever makes it holds the page tables. A CPU follows it in the handler of an interrupt,
//! or, with interrupts off, wherever it waits for another CPU ([`relax`](super::relax)): else two CPUs, one of which holds the
//! tables and waits for the other, which waits for the tables, would do so for ever.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use x86_64::{
    VirtAddr,
    instructions::{interrupts::without_interrupts, tlb},
};

use super::{per_cpu, running, this_cpu};
use crate::{apic, layout::PAGE_BYTES, memory::TablesInForce, trap::FLUSH_VECTOR};

/// Number of the last change, and what it was about: the address of its first page, and how many pages.
static CHANGE: AtomicU64 = AtomicU64::new(0);
static FIRST: AtomicU64 = AtomicU64::new(0);
static PAGES: AtomicU64 = AtomicU64::new(0);

/// Has every CPU forget `pages` pages from `first`, which the caller has taken out of the tables; returns when all have.
///
/// A CPU with interrupts off is waited for until it switches them on or waits for something itself.
pub(crate) fn flush(_held: &mut TablesInForce, first: u64, pages: u64) {
    FIRST.store(first, Ordering::Relaxed);
    PAGES.store(pages, Ordering::Relaxed);
    let change = CHANGE.load(Ordering::Relaxed) + 1;
    // Release: pairs with the Acquire in `serve`, so that who sees the change sees which, and the tables as they now are.
    CHANGE.store(change, Ordering::Release);
    serve();
    // SeqCst: pairs with the one in `join`. A CPU that comes up is among those below, or sees the change.
    fence(Ordering::SeqCst);
    let others = running().without(this_cpu().index());
    for cpu in others.iter() {
        apic::send(per_cpu::of(cpu).apic_id(), FLUSH_VECTOR);
    }
    for cpu in others.iter() {
        // Acquire: pairs with the Release in `serve`. A CPU that is stopped for good meanwhile uses no page any more.
        while per_cpu::of(cpu).flushed.load(Ordering::Acquire) < change && running().contains(cpu) {
            core::hint::spin_loop();
        }
    }
}

/// Follows the last change, if this CPU has not yet.
pub(crate) fn serve() {
    // Acquire: pairs with the Release in `flush`.
    if this_cpu().flushed.load(Ordering::Relaxed) == CHANGE.load(Ordering::Acquire) {
        return;
    }
    // An interrupt in the middle might follow this change and the next, and then would be forgotten about.
    without_interrupts(|| {
        // Acquire: as above.
        let change = CHANGE.load(Ordering::Acquire);
        let (first, pages) = (FIRST.load(Ordering::Relaxed), PAGES.load(Ordering::Relaxed));
        for page in (first..).step_by(PAGE_BYTES as usize).take(pages as usize) {
            tlb::flush(VirtAddr::new(page));
        }
        // Release: pairs with the Acquire in `flush`, which lets the frames be used again.
        this_cpu().flushed.store(change, Ordering::Release);
    });
}

/// Called on a CPU that comes up, once it is among those that run: what it remembers may be from before a change that was
/// made without it, and `forget` makes it forget all.
pub(super) fn join(forget: impl FnOnce()) {
    // SeqCst: pairs with the one in `flush`.
    fence(Ordering::SeqCst);
    // Acquire: as in `serve`.
    let change = CHANGE.load(Ordering::Acquire);
    forget();
    // Release: as in `serve`.
    this_cpu().flushed.store(change, Ordering::Release);
}

/// Called for each interrupt with [`FLUSH_VECTOR`].
pub(crate) fn on_interrupt() {
    serve();
    apic::end_of_interrupt();
}
