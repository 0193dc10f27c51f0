//! Several CPUs: that they come up alike, are called, and are stopped.

use alloc::{boxed::Box, vec::Vec};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use steward_harness_guest::ktest;
use x86_64::registers::{
    control::{Cr0, Cr3},
    model_specific::Efer,
};

use super::fault_of;
use crate::{
    apic, boot, clock, cpu, fault, interrupts, memory,
    smp::{self, CpuIndex, MOST_CPUS},
    stack, trap,
};

/// A number for each CPU.
struct Table([AtomicU64; MOST_CPUS]);

impl Table {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; MOST_CPUS])
    }

    fn of(&self, cpu: CpuIndex) -> &AtomicU64 {
        &self.0[cpu.as_usize()]
    }

    /// The numbers of the CPUs that run.
    fn values(&self) -> Vec<u64> {
        smp::running().iter().map(|cpu| self.of(cpu).load(Ordering::Relaxed)).collect()
    }
}

/// What must be the same on all CPUs.
fn control_registers() -> [u64; 5] {
    let (root, flags) = Cr3::read();
    let page_attributes = cpu::page_attributes().unwrap_or(0);
    let root = root.start_address().as_u64() | flags.bits();
    [Cr0::read_raw(), root, cpu::control_4().bits(), Efer::read_raw(), page_attributes]
}

fn every_cpu_comes_up_and_is_told_apart(cpus: usize) {
    assert_eq!((smp::started().count(), smp::running()), (cpus, smp::started()));
    assert_eq!(smp::current(), CpuIndex::BOOT);
    let (ids, stacks, registers) = (Table::new(), Table::new(), Table::new());
    let boot_registers = control_registers();
    smp::on_all(|cpu| {
        assert_eq!(smp::current(), cpu);
        let local = 0_u8;
        ids.of(cpu).store(u64::from(apic::id().expect("each has a local APIC")) + 1, Ordering::Relaxed);
        stacks.of(cpu).store(&raw const local as u64 >> 20, Ordering::Relaxed);
        registers.of(cpu).store(u64::from(control_registers() == boot_registers), Ordering::Relaxed);
    });
    let listed: Vec<u64> = smp::running().iter().filter_map(smp::apic_id).map(|id| u64::from(id) + 1).collect();
    assert_eq!(ids.values(), listed);
    assert_eq!(registers.values(), alloc::vec![1; cpus]);
    for mut numbers in [ids.values(), stacks.values()] {
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), cpus, "each has its own: {numbers:x?}");
    }
    for page in (0..1 << 20).step_by(4096) {
        assert_eq!(memory::mapping(page), None, "what they began with at {page:#x} is gone");
    }
}

#[ktest(cpus = 2)]
fn two_cpus_come_up_and_are_told_apart() {
    every_cpu_comes_up_and_is_told_apart(2);
}

#[ktest(cpus = 4)]
fn four_cpus_come_up_and_are_told_apart() {
    every_cpu_comes_up_and_is_told_apart(4);
}

#[ktest(cpus = 4, machine = "microvm")]
fn the_four_cpus_of_a_microvm_come_up_and_are_told_apart() {
    every_cpu_comes_up_and_is_told_apart(4);
}

#[ktest(cpus = 4, memory = 6144)]
fn cpus_come_up_in_a_machine_with_memory_above_4_gib() {
    every_cpu_comes_up_and_is_told_apart(4);
}

#[ktest(cpus = 64, timeout = 60_000)]
fn sixty_four_cpus_come_up_and_are_told_apart() {
    every_cpu_comes_up_and_is_told_apart(64);
}

#[ktest]
fn a_cpu_alone_calls_itself() {
    if smp::running().count() > 1 {
        return;
    }
    let ran = AtomicUsize::new(0);
    smp::on_others(|_| panic!("there is no other"));
    smp::on_all(|_| _ = ran.fetch_add(1, Ordering::Relaxed));
    assert_eq!(ran.into_inner(), 1);
}

#[ktest(cpus = 1)]
fn a_cpu_that_does_not_answer_is_given_up_and_its_stacks_are_given_back() {
    let map = &boot::handover().expect("the kernel was handed a memory map").memory;
    let before = smp::running();
    smp::try_to_start(map, &[200], MOST_CPUS - 1, 20_000_000).expect("all but the CPU is there");
    assert_eq!(smp::running(), before);
    assert!(map.regions().iter().all(|region| memory::mapping(region.range.start_address()).is_none()));
    // That the stacks are back is what the audit behind each test looks at.
}

#[ktest(cpus = 4)]
fn a_closure_runs_once_on_each_cpu_with_interrupts_on_and_off() {
    for enabled in [true, false] {
        let (all, others) = (Table::new(), Table::new());
        if !enabled {
            interrupts::disable();
        }
        for _ in 0..100 {
            smp::on_all(|cpu| _ = all.of(cpu).fetch_add(1, Ordering::Relaxed));
            smp::on_others(|cpu| _ = others.of(cpu).fetch_add(1, Ordering::Relaxed));
        }
        let after = interrupts::are_enabled();
        interrupts::enable();
        assert_eq!(after, enabled);
        assert_eq!(all.values(), [100; 4]);
        assert_eq!(others.values(), [0, 100, 100, 100]);
    }
}

#[ktest(cpus = 4)]
fn a_closure_runs_on_all_cpus_at_the_same_time() {
    let arrived = AtomicUsize::new(0);
    smp::on_all(|_| {
        arrived.fetch_add(1, Ordering::Relaxed);
        while arrived.load(Ordering::Relaxed) < 4 {
            core::hint::spin_loop();
        }
    });
}

fn all_call_all(times: u64, work: impl Fn() + Sync) {
    let ran = Table::new();
    smp::on_all(|_| {
        for _ in 0..times {
            smp::on_all(|cpu| {
                work();
                ran.of(cpu).fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    let cpus = smp::running().count();
    assert_eq!(ran.values(), alloc::vec![times * cpus as u64; cpus]);
}

#[ktest(cpus = 2, timeout = 60_000)]
fn two_cpus_call_each_other_a_thousand_times_at_once() {
    all_call_all(1000, || ());
}

#[ktest(cpus = 2, timeout = 60_000)]
fn two_cpus_call_each_other_at_once_with_interrupts_off() {
    interrupts::disable();
    all_call_all(1000, || ());
    interrupts::enable();
}

#[ktest(cpus = 4)]
fn four_cpus_call_one_another_a_hundred_times_at_once() {
    all_call_all(100, || ());
}

#[ktest(cpus = 64, timeout = 60_000)]
fn sixty_four_cpus_call_one_another_at_once() {
    all_call_all(2, || ());
}

#[ktest(cpus = 2, timeout = 60_000)]
fn a_call_that_breaks_into_another_may_use_the_heap() {
    all_call_all(300, || assert_eq!(core::hint::black_box(Box::new([7_u8; 100]))[50], 7));
}

#[ktest(cpus = 4)]
fn a_fault_is_caught_by_the_cpu_that_caused_it() {
    smp::on_all(|cpu| {
        let address = 0x1000 * (cpu.as_usize() as u64 + 1);
        for _ in 0..50 {
            let fault = fault_of(fault::read, address).expect("nothing is mapped there");
            assert_eq!((fault.frame.vector, fault.cr2), (14, address));
        }
    });
}

#[ktest(cpus = 4)]
fn a_stack_overflow_of_another_cpu_is_a_double_fault_on_a_stack_of_its_own() {
    let guards = Table::new();
    smp::on_all(|cpu| {
        let fault = fault_of(fault::overflow_stack, 0).expect("the guard page stops it");
        assert_eq!(fault.frame.vector, 8);
        assert!(stack::is_guard(fault.cr2), "cr2 {:#x} is in a guard", fault.cr2);
        guards.of(cpu).store(fault.cr2, Ordering::Relaxed);
    });
    let mut guards = guards.values();
    guards.sort_unstable();
    guards.dedup();
    assert_eq!(guards.len(), 4, "each has a stack of its own: {guards:x?}");
}

#[ktest(cpus = 2)]
fn a_call_is_not_within_the_catch_that_it_breaks_into() {
    static SEEN: AtomicU64 = AtomicU64::new(0);
    extern "C" fn wait(_: u64) {
        while SEEN.load(Ordering::Relaxed) == 0 {
            core::hint::spin_loop();
        }
    }
    smp::on_all(|cpu| match cpu {
        CpuIndex::BOOT => {
            trap::catch(wait, 0).expect("nothing faults");
        }
        _ => smp::on_others(|_| SEEN.store(1 + u64::from(trap::is_catching()), Ordering::Relaxed)),
    });
    assert_eq!(SEEN.load(Ordering::Relaxed), 1);
}

#[ktest(cpus = 4)]
fn a_call_that_its_caller_is_thrown_out_of_comes_back_first() {
    let done = AtomicUsize::new(0);
    let others = |cpu| match cpu {
        CpuIndex::BOOT => fault::read(0),
        _ => {
            clock::wait(20_000_000);
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let fault = trap::attempt(&mut || smp::on_all(others)).expect_err("nothing is mapped at 0");
    assert!(matches!(fault, trap::Escape::Fault(_)), "{fault:?}");
    assert_eq!(done.into_inner(), 3);
    smp::on_all(|_| ());
}

#[ktest(cpus = 4)]
fn cpus_that_are_held_stand_still_and_go_on() {
    let (turns, done) = (Table::new(), AtomicBool::new(false));
    smp::on_all(|cpu| {
        if cpu != CpuIndex::BOOT {
            // With interrupts off: only an NMI gets through.
            interrupts::without_interrupts(|| {
                while !done.load(Ordering::Relaxed) {
                    turns.of(cpu).fetch_add(1, Ordering::Relaxed);
                    core::hint::spin_loop();
                }
            });
            return;
        }
        for _ in 0..10 {
            let held = smp::hold_others();
            let before = turns.values();
            clock::wait(1_000_000);
            assert_eq!(turns.values(), before);
            drop(held);
            while turns.values().iter().zip(&before).skip(1).any(|(now, before)| now == before) {
                core::hint::spin_loop();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[ktest(cpus = 4, should_panic)]
fn a_panic_on_any_cpu_brings_the_machine_down_whatever_the_others_do() {
    // In the prompt's suite it would, and not only end this test.
    if trap::is_catching() {
        panic!("as it should");
    }
    smp::on_all(|cpu| {
        interrupts::disable();
        assert_ne!(cpu.as_usize(), 3, "as it should");
        loop {
            core::hint::spin_loop();
        }
    });
}
