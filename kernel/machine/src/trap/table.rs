//! The interrupt descriptor table (Intel SDM volume 3, section 6.10).
//!
//! Our own rather than the `x86_64` crate's: that one names the reserved vectors away, and all 32 are reported here.

use core::{cell::UnsafeCell, mem::size_of};

use x86_64::{
    VirtAddr,
    instructions::tables::lidt,
    registers::segmentation::{CS, Segment},
    structures::DescriptorTablePointer,
};

use super::stubs;
use crate::segments::Ist;

/// One gate. Interrupt gates only: the CPU clears the interrupt flag on the way in.
#[repr(C)]
#[derive(Clone, Copy)]
struct Gate {
    offset_low: u16,
    selector: u16,
    ist: u8,
    kind: u8,
    offset_middle: u16,
    offset_high: u32,
    reserved: u32,
}

const _: () = assert!(size_of::<Gate>() == 16);

/// Present, ring 0, 64-bit interrupt gate.
const INTERRUPT_GATE: u8 = 0x8e;

impl Gate {
    const ABSENT: Self =
        Self { offset_low: 0, selector: 0, ist: 0, kind: 0, offset_middle: 0, offset_high: 0, reserved: 0 };

    const fn new(handler: u64, selector: u16, ist: u8) -> Self {
        Self {
            offset_low: handler as u16,
            selector,
            ist,
            kind: INTERRUPT_GATE,
            offset_middle: (handler >> 16) as u16,
            offset_high: (handler >> 32) as u32,
            reserved: 0,
        }
    }
}

struct Table(UnsafeCell<[Gate; 256]>);

// SAFETY: the table is written by `load` only, which is called before the first other CPU is started; all CPUs share it.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([Gate::ABSENT; 256]));

/// Fills the table for the current code segment and loads it. With `stacks`, double fault, NMI and machine check
/// get stacks of their own; without, the task state segment must not be relied on yet.
///
/// Called twice during boot, on the boot CPU, with interrupts off and before another CPU is started.
pub(super) fn load(stacks: bool) {
    let selector = CS::get_reg().0;
    for vector in 0..=u8::MAX {
        let ist = if stacks { Ist::of_vector(vector).map_or(0, Ist::gate_value) } else { 0 };
        let gate = Gate::new(stubs::address(vector), selector, ist);
        // SAFETY: `vector` is within the 256 gates of the table.
        let place = unsafe { TABLE.0.get().cast::<Gate>().add(usize::from(vector)) };
        // SAFETY: no other CPU is started yet, so nobody else writes or has the table loaded; an exception of this CPU
        // meanwhile finds either the old gate or this one, both sound, as interrupts are off.
        unsafe { place.write(gate) };
    }
    reload();
}

/// Tells this CPU where the table is: for the first time, or in case somebody took it away.
pub(super) fn reload() {
    let pointer = DescriptorTablePointer {
        limit: (size_of::<[Gate; 256]>() - 1) as u16,
        base: VirtAddr::from_ptr(TABLE.0.get()),
    };
    // SAFETY: the pointer describes the static table, which `load` has filled with a gate for each vector, and which
    // lives for ever.
    unsafe { lidt(&pointer) };
}
