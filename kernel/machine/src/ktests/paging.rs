//! Page permissions, shown by provoking the faults.

use alloc::boxed::Box;

use steward_harness_guest::ktest;

use super::fault_of;
use crate::{
    boot, fault,
    layout::{self, image::Part},
    memory,
    stack::{self, Stack},
};

/// Bits of a page fault's error code (Intel SDM volume 3, section 4.7).
const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const FETCH: u64 = 1 << 4;

/// Asserts that `function(address)` is stopped by a page fault there, with that error code.
fn assert_page_fault(function: extern "C" fn(u64), address: u64, error_code: u64) {
    let fault = fault_of(function, address).expect("the page protects itself");
    assert_eq!((fault.frame.vector, fault.frame.error_code), (14, error_code), "at {address:#x}");
    assert_eq!(fault.cr2, address);
}

/// Asserts that nothing is mapped at `address`, whatever `function` does there. Emulators differ in whether an instruction
/// that reads and writes is reported as a read or as a write.
fn assert_unmapped(function: extern "C" fn(u64), address: u64) {
    let fault = fault_of(function, address).expect("nothing is mapped there");
    assert_eq!((fault.frame.vector, fault.frame.error_code & PRESENT), (14, 0), "at {address:#x}");
    assert_eq!(fault.cr2, address);
}

#[ktest]
fn text_is_not_writable() {
    let (start, end) = Part::Text.bounds();
    for page in (start..end).step_by(4096) {
        assert_page_fault(fault::write, page, PRESENT | WRITE);
    }
}

#[ktest]
fn read_only_data_is_neither_writable_nor_executable() {
    let (start, end) = Part::ReadOnlyData.bounds();
    for page in (start..end).step_by(4096) {
        assert_page_fault(fault::write, page, PRESENT | WRITE);
        assert_page_fault(fault::execute, page, PRESENT | FETCH);
    }
}

#[ktest]
fn data_is_not_executable() {
    let (start, end) = Part::Data.bounds();
    for page in (start..end).step_by(4096) {
        assert_page_fault(fault::execute, page, PRESENT | FETCH);
    }
}

#[ktest]
fn the_heap_is_not_executable() {
    let code = Box::new([0xc3_u8; 16]);
    assert_page_fault(fault::execute, code.as_ptr() as u64, PRESENT | FETCH);
}

#[ktest]
fn the_stack_is_not_executable() {
    let code = [0xc3_u8; 16];
    assert_page_fault(fault::execute, code.as_ptr() as u64, PRESENT | FETCH);
}

#[ktest]
fn text_may_be_read_and_run() {
    let ran = core::cell::Cell::new(0);
    crate::trap::attempt(&mut || ran.set(ran.get() + 1)).expect("kernel code runs");
    assert_eq!(ran.get(), 1);
    fault_of(fault::read, layout::image::start()).expect_err("kernel code may be read");
}

#[ktest]
fn nothing_is_mapped_at_null_nor_anywhere_in_the_lower_half() {
    assert_unmapped(fault::read, 0);
    assert_unmapped(fault::write, 8);
    assert_unmapped(fault::execute, 0);
    for bit in 12..47 {
        assert_eq!(memory::mapping(1 << bit), None, "the boot loader's mapping at {:#x} is gone", 1_u64 << bit);
    }
}

#[ktest]
fn no_page_of_the_image_is_both_writable_and_executable() {
    for page in (layout::image::start()..layout::image::start() + layout::image::bytes()).step_by(4096) {
        let mapping = memory::mapping(page).expect("the image is mapped as a whole");
        assert!(!(mapping.writable && mapping.executable), "{page:#x}: {mapping:?}");
        assert!(!mapping.user, "{page:#x} is open to user mode");
    }
}

#[ktest]
fn the_direct_map_shows_all_memory_and_lets_none_be_executed() {
    let map = &boot::handover().expect("the kernel was handed a memory map").memory;
    let usable = map.regions().iter().filter(|region| region.kind == steward_frames::RegionKind::Usable);
    for region in usable {
        for physical in [region.range.start_address(), region.range.end_address() - 4096] {
            let mapping = memory::mapping(memory::direct(physical)).expect("memory is in the direct map");
            assert_eq!(mapping.physical, physical);
            assert!(!mapping.executable && !mapping.user, "{mapping:?}");
        }
    }
}

#[ktest]
fn what_is_read_only_in_the_image_is_so_in_the_direct_map() {
    for part in [Part::Text, Part::ReadOnlyData] {
        let (start, end) = part.bounds();
        for page in (start..end).step_by(4096) {
            let physical = memory::mapping(page).expect("the image is mapped as a whole").physical;
            assert_page_fault(fault::write, memory::direct(physical), PRESENT | WRITE);
        }
    }
}

#[ktest]
fn the_guard_below_a_stack_faults_and_the_stack_does_not() {
    let stack = Stack::new(8192).expect("there is memory for a stack");
    fault_of(fault::write, stack.bottom()).expect_err("the lowest word of a stack may be written");
    fault_of(fault::write, stack.top() - 1).expect_err("the highest byte of a stack may be written");
    assert_unmapped(fault::write, stack.bottom() - 1);
    assert!(stack::is_guard(stack.bottom() - 1));
    assert!(!stack::is_guard(stack.bottom()));
    // The next slot's guard begins where this stack ends.
    assert_eq!(memory::mapping(stack.top()), None);
    stack.give_back().expect("it is as it was made");
}

#[ktest]
fn a_stack_given_back_is_unmapped_and_its_place_is_used_again() {
    let stack = Stack::new(8192).expect("there is memory for a stack");
    let (bottom, top) = (stack.bottom(), stack.top());
    stack.give_back().expect("it is as it was made");
    assert_unmapped(fault::write, bottom);
    assert_unmapped(fault::write, top - 1);
    assert!(!stack::is_guard(bottom), "no stack is there");
    let next = Stack::new(8192).expect("there is memory for a stack");
    assert_eq!(next.bottom(), bottom);
    fault_of(fault::write, bottom).expect_err("the new stack may be written");
    next.give_back().expect("it is as it was made");
}

#[ktest]
fn a_device_register_is_mapped_uncached_and_not_executable() {
    let io_apic = 0xfec0_0000;
    let address = memory::map_device(io_apic + 0x30, 4).expect("the device window has room");
    let mapping = memory::mapping(address).expect("it is mapped now");
    assert_eq!(mapping.physical, io_apic + 0x30);
    assert!(mapping.uncached && mapping.writable && !mapping.executable && !mapping.user, "{mapping:?}");
    assert_page_fault(fault::execute, address, PRESENT | FETCH);
}

#[ktest]
fn what_the_address_space_cannot_reach_is_an_error() {
    memory::map_device(u64::MAX - 10, 100).expect_err("that wraps round");
    memory::map_device(1 << 51, 4096).expect_err("that is beyond every physical address");
    memory::map_device(0, layout::DEVICES_BYTES + 4096).expect_err("that is larger than the window");
    memory::map_firmware(1 << 51, 4096).expect_err("that is beyond the direct map");
    let ram = boot::handover().expect("the kernel was handed a memory map").kernel_physical;
    memory::map_device(ram, 8).expect_err("the kernel itself is no device");
}
