//! Exceptions: each arrives with its vector, its error code and the registers as they were.

use steward_harness_guest::ktest;

use super::fault_of;
use crate::{apic, backtrace, fault, layout, memory, stack, trap};

#[ktest]
fn division_by_zero_is_vector_0() {
    let fault = fault_of(fault::divide, 0).expect("a division by zero faults");
    assert_eq!((fault.frame.vector, fault.frame.error_code), (0, 0));
    assert_eq!(fault.frame.rax, 1, "the dividend is still there");
}

#[ktest]
fn an_invalid_instruction_is_vector_6_and_points_at_itself() {
    let fault = fault_of(fault::invalid_opcode, 0).expect("UD2 faults");
    assert_eq!(fault.frame.vector, 6);
    let start = fault::invalid_opcode as *const () as u64;
    assert!((start..start + 64).contains(&fault.frame.rip), "{:#x}", fault.frame.rip);
}

#[ktest]
fn a_selector_past_its_table_is_vector_13_and_is_named_by_the_error_code() {
    let fault = fault_of(fault::general_protection, 0).expect("the load faults");
    assert_eq!((fault.frame.vector, fault.frame.error_code), (13, 0x1000));
}

#[ktest]
fn a_non_canonical_address_is_vector_13_and_not_a_page_fault() {
    let fault = fault_of(fault::read, 1 << 60).expect("the read faults");
    assert_eq!((fault.frame.vector, fault.frame.error_code), (13, 0));
}

#[ktest]
fn every_exception_without_error_code_reaches_its_vector() {
    for vector in (0..32).filter(|vector| ![8, 10, 11, 12, 13, 14, 17, 21, 29, 30].contains(vector)) {
        let fault = fault_of(fault::software, vector).expect("INT raises it");
        assert_eq!(fault.frame.vector, vector);
        assert_eq!(fault.frame.error_code, 0, "vector {vector} has no error code");
    }
}

#[ktest]
fn a_stack_overflow_is_a_double_fault_on_a_stack_of_its_own() {
    let fault = fault_of(fault::overflow_stack, 0).expect("the guard page stops it");
    assert_eq!(fault.frame.vector, 8);
    assert!(stack::is_guard(fault.cr2), "cr2 {:#x} is in a guard", fault.cr2);
    assert!(stack::is_guard(fault.frame.rsp - 8), "rsp {:#x} is at the stack's end", fault.frame.rsp);
}

#[ktest]
fn a_fault_that_cannot_be_delivered_is_a_double_fault_and_the_table_is_whole_afterwards() {
    let fault = fault_of(fault::double, 0).expect("the CPU gives up");
    assert_eq!((fault.frame.vector, fault.frame.error_code), (8, 0));
    let fault = fault_of(fault::read, 0).expect("vector 14 works again");
    assert_eq!(fault.frame.vector, 14);
}

#[ktest]
fn an_nmi_arrives_although_interrupts_are_off() {
    extern "C" fn send(_: u64) {
        crate::interrupts::disable();
        assert!(apic::send_nmi_to_self(), "there is a local APIC");
        for _ in 0..1_000_000 {
            core::hint::spin_loop();
        }
    }
    let fault = fault_of(send, 0).expect("the NMI arrives within a million turns");
    assert_eq!(fault.frame.vector, 2);
    assert!(!fault.frame.interrupts_were_enabled());
}

#[ktest]
fn registers_are_reported_as_they_were() {
    let fault = fault_of(fault::read, 0x1234_5000).expect("nothing is mapped there");
    assert_eq!(fault.cr2, 0x1234_5000);
    let frame = &fault.frame;
    let registers = [frame.rax, frame.rbx, frame.rcx, frame.rdx, frame.rsi, frame.rdi, frame.r8, frame.r9, frame.r10];
    assert!(registers.contains(&0x1234_5000), "some register held the address: {registers:x?}");
    assert!(fault.frame.interrupts_were_enabled());
    assert_eq!(frame.cs & 3, 0, "ring 0");
}

#[ktest]
fn an_interrupt_that_nobody_asked_for_is_counted_and_served() {
    let before = trap::unexpected_interrupts();
    for vector in [0x40, 0x80, 0xfe] {
        assert!(apic::send_to_self(vector), "there is a local APIC");
    }
    // Delivery needs an instruction boundary with interrupts on, of which there are plenty here.
    for _ in 0..1_000_000 {
        if trap::unexpected_interrupts() == before + 3 {
            return;
        }
        core::hint::spin_loop();
    }
    panic!("{} of 3 arrived", trap::unexpected_interrupts() - before);
}

#[ktest]
fn a_backtrace_names_its_callers_in_order() {
    #[inline(never)]
    fn inner() -> backtrace::Backtrace {
        core::hint::black_box(backtrace::here())
    }
    #[inline(never)]
    fn outer() -> backtrace::Backtrace {
        core::hint::black_box(inner())
    }
    let trace = outer();
    let within = |address: u64, function: u64| (function..function + 512).contains(&address);
    assert!(within(trace[0], inner as *const () as u64), "{trace:x?}");
    assert!(within(trace[1], outer as *const () as u64), "{trace:x?}");
    let (start, end) = layout::image::Part::Text.bounds();
    assert!(trace.iter().all(|address| (start..end).contains(address)), "{trace:x?}");
    assert!(trace.len() >= 4, "it reaches the boot order: {trace:x?}");
}

#[ktest]
fn a_backtrace_of_a_fault_starts_at_the_fault_and_goes_on_to_the_callers() {
    // The frames of a caught fault are gone, so this one is made up to have struck in this very function.
    let caller_frame = backtrace::frame_pointer();
    let rip = layout::image::start() + 16;
    let frame = trap::TrapFrame { rip, rbp: caller_frame, ..trap::TrapFrame::default() };
    let trace = backtrace::of(&frame);
    assert_eq!(trace[0], rip);
    // The test's own callers, without the test itself, which `here` names first.
    assert_eq!(trace[1..], backtrace::here()[1..]);
    assert!(trace.len() >= 3, "{trace:x?}");
}

#[ktest]
fn a_backtrace_of_a_wild_jump_names_the_caller() {
    // The call has pushed its return address, and no function has made a frame since.
    let return_address = layout::image::start() + 32;
    let rsp = &raw const return_address as u64;
    let frame = trap::TrapFrame { rip: 0x666_0000, rsp, ..trap::TrapFrame::default() };
    assert_eq!(backtrace::of(&frame).as_slice(), [0x666_0000, return_address]);
}

#[ktest]
fn a_backtrace_of_a_fault_in_a_function_without_a_frame_names_its_caller() {
    #[inline(never)]
    fn callee() -> backtrace::Backtrace {
        core::hint::black_box(backtrace::here())
    }
    let return_address = core::hint::black_box(callee())[1];
    let (rip, rsp) = (callee as *const () as u64, &raw const return_address as u64);
    let frame = trap::TrapFrame { rip, rsp, ..trap::TrapFrame::default() };
    assert_eq!(backtrace::of(&frame).as_slice(), [rip, return_address]);
    // What that call did not call was not called from there.
    let frame = trap::TrapFrame { rip: rip - 1, ..frame };
    assert_eq!(backtrace::of(&frame).as_slice(), [rip - 1]);
}

#[ktest]
fn a_backtrace_of_a_wild_jump_on_a_wild_stack_ends() {
    for rsp in [0, 1, 0x1003, layout::STACKS + 3, 1 << 60, u64::MAX] {
        let frame = trap::TrapFrame { rip: 0x666_0000, rsp, ..trap::TrapFrame::default() };
        assert_eq!(backtrace::of(&frame).as_slice(), [0x666_0000], "stack pointer {rsp:#x}");
    }
}

#[ktest]
fn a_backtrace_of_a_broken_stack_ends() {
    for frame_pointer in [0, 1, 0x1000, memory::direct(0) - 8, u64::MAX - 7, layout::STACKS] {
        let frame = trap::TrapFrame { rbp: frame_pointer, rip: layout::image::start(), ..trap::TrapFrame::default() };
        assert_eq!(backtrace::of(&frame).as_slice(), [layout::image::start()], "frame pointer {frame_pointer:#x}");
    }
}
