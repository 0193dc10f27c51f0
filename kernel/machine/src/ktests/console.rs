//! What a person sits before: the screen and the keyboard.

use steward_harness_guest::ktest;

use crate::{
    boot, cpu,
    keyboard::{Absent, KEYBOARD},
    layout,
    memory::{self, Mapping},
    resources::NotStarted,
    screen::{self, SCREEN},
};

#[ktest]
fn the_page_attribute_table_is_the_kernels_own() {
    let table = cpu::page_attributes().expect("every CPU with long mode has one");
    assert_eq!(table, cpu::PAGE_ATTRIBUTES, "{table:#018x}");
}

/// Asserts that `address` leads to `physical` the way a screen's pixels should.
fn assert_pixels(address: u64, physical: u64) {
    let mapping = memory::mapping(address).expect("the whole framebuffer is mapped");
    let Mapping { writable, executable, user, uncached, write_combining, .. } = mapping;
    assert_eq!(mapping.physical, physical);
    assert!(writable && write_combining && !executable && !user && !uncached, "{mapping:?}");
}

#[ktest]
fn a_screen_is_mapped_write_combining_and_a_machine_without_one_maps_nothing_there() {
    let Some(framebuffer) = boot::handover().expect("the kernel was handed something").screen else {
        // A machine started directly has none.
        assert_eq!(screen::address(), None);
        assert_eq!(memory::mapping(layout::SCREEN), None);
        assert!(SCREEN.lock().is_none());
        return;
    };
    let start = screen::address().expect("a framebuffer that was found sound is mapped");
    assert!((layout::SCREEN..layout::SCREEN + layout::SCREEN_BYTES).contains(&start), "{start:#x}");
    for offset in (0..framebuffer.bytes()).step_by(4096).chain([framebuffer.bytes() - 1]) {
        assert_pixels(start + offset, framebuffer.address() + offset);
    }
    let past = (start + framebuffer.bytes()).next_multiple_of(4096);
    assert_eq!(memory::mapping(past), None, "what is behind the framebuffer is no screen");
    assert!(SCREEN.lock().as_ref().is_some_and(|screen| screen.columns() >= 40 && screen.rows() >= 10));
}

#[ktest(machine = "q35")]
fn a_q35_has_a_keyboard_that_nobody_types_on() {
    KEYBOARD.start().expect("a q35 has a keyboard controller");
    let mut keyboard = KEYBOARD.lock();
    let keyboard = keyboard.as_mut().expect("it was started");
    assert_eq!(keyboard.poll(), None);
}

#[ktest(machine = "microvm")]
fn a_microvm_has_no_keyboard_and_does_without() {
    assert_eq!(KEYBOARD.start(), Err(NotStarted::Absent(Absent::Controller)));
    assert!(KEYBOARD.lock().is_none());
}
