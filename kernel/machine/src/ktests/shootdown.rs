//! Pages that are gone are gone on every CPU.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use spin::Mutex;
use steward_harness_guest::ktest;

use super::fault_of;
use crate::{
    fault, interrupts,
    smp::{self, CpuIndex},
    stack::Stack,
};

/// Bytes of the stack that is looked at: three pages.
const BYTES: u64 = 3 * 4096;

/// Takes a stack away that all CPUs have just used, while the others run without a change of their page tables.
fn what_is_unmapped_is_gone_everywhere(interrupts_on: bool) {
    let stack = Stack::new(BYTES).expect("there is memory for a stack");
    let pages = (stack.bottom()..stack.top()).step_by(4096);
    let (stack, ready, is_gone) = (Mutex::new(Some(stack)), AtomicUsize::new(0), AtomicBool::new(false));
    let stale = AtomicUsize::new(0);
    let cpus = smp::running().count();
    smp::on_all(|cpu| {
        for page in pages.clone() {
            fault_of(fault::read, page).expect_err("it is there");
        }
        ready.fetch_add(1, Ordering::Relaxed);
        if cpu == CpuIndex::BOOT {
            while ready.load(Ordering::Relaxed) < cpus {
                core::hint::spin_loop();
            }
            let stack = stack.lock().take().expect("it is taken away once");
            stack.give_back().expect("it is as it was made");
            // Release: pairs with the Acquire below, so that who reads the pages after it does so after they are gone.
            is_gone.store(true, Ordering::Release);
        } else {
            wait_for(&is_gone, interrupts_on);
        }
        // A catch loads no page tables.
        let readable = pages.clone().filter(|&page| fault_of(fault::read, page).is_err()).count();
        stale.fetch_add(readable, Ordering::Relaxed);
    });
    assert_eq!(stale.into_inner(), 0, "pages could be read after they had been taken away");
}

fn wait_for(flag: &AtomicBool, interrupts_on: bool) {
    if !interrupts_on {
        interrupts::disable();
    }
    // Acquire: pairs with the Release of whoever takes the pages away.
    while !flag.load(Ordering::Acquire) {
        if !interrupts_on {
            // As somebody does who waits for a lock.
            smp::relax();
        }
        core::hint::spin_loop();
    }
    interrupts::enable();
}

#[ktest]
fn a_cpu_alone_loses_a_page() {
    what_is_unmapped_is_gone_everywhere(true);
}

#[ktest(cpus = 2)]
fn two_cpus_lose_a_page_together() {
    for _ in 0..50 {
        what_is_unmapped_is_gone_everywhere(true);
    }
}

#[ktest(cpus = 4)]
fn four_cpus_lose_a_page_together() {
    for _ in 0..10 {
        what_is_unmapped_is_gone_everywhere(true);
    }
}

#[ktest(cpus = 4)]
fn a_cpu_that_waits_with_interrupts_off_loses_a_page_too() {
    what_is_unmapped_is_gone_everywhere(false);
}

#[ktest(cpus = 64, timeout = 60_000)]
fn sixty_four_cpus_lose_a_page_together() {
    what_is_unmapped_is_gone_everywhere(true);
}

#[ktest(cpus = 2, timeout = 60_000)]
fn two_cpus_that_change_the_page_tables_with_interrupts_off_do_not_wait_for_each_other() {
    smp::on_all(|_| {
        interrupts::without_interrupts(|| {
            for _ in 0..100 {
                let stack = Stack::new(BYTES).expect("there is memory for a stack");
                stack.give_back().expect("it is as it was made");
            }
        });
    });
}
