//! The local APIC of this CPU, in xAPIC mode (Intel SDM volume 3, chapter 10), and the PICs it replaces.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use x86_64::{
    instructions::interrupts::without_interrupts,
    registers::model_specific::{ApicBase, ApicBaseFlags},
};

use steward_ledger::Error;

use crate::{
    device::Registers,
    memory::MapError,
    port::IoPort,
    resources::{self, Kind},
    trap::{CALL_VECTOR, FLUSH_VECTOR, SPURIOUS_VECTOR},
};

/// Register offsets (Intel SDM volume 3, table 10-1).
const ID: u64 = 0x20;
const VERSION: u64 = 0x30;
const TASK_PRIORITY: u64 = 0x80;
const END_OF_INTERRUPT: u64 = 0xb0;
const SPURIOUS: u64 = 0xf0;
const INTERRUPT_COMMAND: u64 = 0x300;
pub(crate) const TIMER_ENTRY: u64 = 0x320;
const LINT0: u64 = 0x350;
const LINT1: u64 = 0x360;
pub(crate) const TIMER_INITIAL: u64 = 0x380;
pub(crate) const TIMER_CURRENT: u64 = 0x390;
pub(crate) const TIMER_DIVIDE: u64 = 0x3e0;

/// The first ports of both PICs.
const PIC_1: u16 = 0x20;
const PIC_2: u16 = 0xa0;

/// Bit of a local vector table entry: masked.
pub(crate) const MASKED: u32 = 1 << 16;
/// Bit of the spurious-interrupt register: the APIC is on.
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// LINT1 as firmware leaves it: NMI.
const DELIVER_NMI: u32 = 0b100 << 8;
/// Interrupt command: put the CPU into its state after a reset, from which a start-up IPI wakes it.
const DELIVER_INIT: u32 = 0b101 << 8;
/// Interrupt command: begin at the page whose number stands in the vector field.
const DELIVER_START_UP: u32 = 0b110 << 8;
/// Interrupt command: as all but the de-assertion of INIT have it.
const ASSERT: u32 = 1 << 14;
/// Interrupt command, read back: the last one is not sent yet.
const PENDING: u32 = 1 << 12;
/// Interrupt command: this CPU only, whatever the destination field holds.
const TO_SELF: u32 = 0b01 << 18;

/// Virtual address of the registers; 0 until `init`.
static BASE: AtomicU64 = AtomicU64::new(0);

/// The local APIC's registers; `None` before [`init`] or on a machine without one.
pub(crate) fn registers() -> Option<Registers> {
    match BASE.load(Ordering::Relaxed) {
        0 => None,
        base => Some(Registers::at(base)),
    }
}

/// Why the local APIC cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Its registers cannot be mapped.
    Map(MapError),
    /// The firmware left it in x2APIC mode, in which it has no registers in memory.
    X2Apic,
    /// Its vectors, or the ports of the PICs, are somebody else's.
    Refused(Error),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(error) => write!(f, "its registers cannot be mapped: {error}"),
            Self::X2Apic => f.write_str("the firmware left it in x2APIC mode, which this kernel does not drive yet"),
            Self::Refused(error) => write!(f, "its vectors or the ports of the PICs cannot be taken: {error}"),
        }
    }
}

/// Masks the PICs and switches the local APIC on, its timer and LINT0 masked, LINT1 as NMI.
///
/// # Errors
/// [`Unusable`]; the kernel then has no tick.
pub(crate) fn init() -> Result<(), Unusable> {
    let refused = Unusable::Refused;
    let pics = [PIC_1, PIC_2].map(|port| resources::take(Kind::IoPorts, port.into(), 2));
    let vectors = [SPURIOUS_VECTOR, CALL_VECTOR, FLUSH_VECTOR];
    let vectors = vectors.map(|vector| resources::take(Kind::Interrupts, vector.into(), 1));
    for taken in pics.into_iter().chain(vectors) {
        taken.map_err(refused)?.keep();
    }
    mask_pics();
    let (frame, flags) = ApicBase::read();
    if flags.contains(ApicBaseFlags::X2APIC_ENABLE) {
        return Err(Unusable::X2Apic);
    }
    // SAFETY: the base is written back as it was read, with the APIC enabled; xAPIC mode is kept.
    unsafe { ApicBase::write(frame, flags | ApicBaseFlags::LAPIC_ENABLE) };
    let registers = Registers::map(frame.start_address().as_u64(), 4096).map_err(Unusable::Map)?;
    switch_on(registers);
    BASE.store(registers.address(), Ordering::Relaxed);
    Ok(())
}

/// Switches on the local APIC of a CPU that comes up, as the boot CPU's was. Its registers are at the same place.
pub(crate) fn join() {
    if let Some(registers) = registers() {
        switch_on(registers);
    }
}

fn switch_on(registers: Registers) {
    // First of all: while the APIC is off by software, it keeps every vector table entry masked.
    registers.write(SPURIOUS, SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR));
    registers.write(TIMER_ENTRY, MASKED);
    registers.write(LINT0, MASKED);
    registers.write(LINT1, DELIVER_NMI);
    registers.write(TASK_PRIORITY, 0);
}

/// Id of this CPU's local APIC; `None` before it is set up.
#[must_use]
pub fn id() -> Option<u32> {
    registers().map(|registers| registers.read(ID) >> 24)
}

/// Virtual address of the register with the local APIC's id, in its upper eight bits; `None` before it is set up.
pub(crate) fn id_register() -> Option<u64> {
    registers().map(|registers| registers.address() + ID)
}

/// Version of this CPU's local APIC; `None` before it is set up.
#[must_use]
pub fn version() -> Option<u8> {
    registers().map(|registers| registers.read(VERSION) as u8)
}

/// Tells the local APIC that the interrupt in service has been served.
pub(crate) fn end_of_interrupt() {
    if let Some(registers) = registers() {
        registers.write(END_OF_INTERRUPT, 0);
    }
}

/// Sends this CPU a non-maskable interrupt. False on a machine without a local APIC.
pub fn send_nmi_to_self() -> bool {
    // NMI may not be sent with the self shorthand (Intel SDM volume 3, table 10-3), so the own id is named.
    let Some(own) = id() else { return false };
    send_nmi(own);
    true
}

/// Sends a CPU a non-maskable interrupt.
pub(crate) fn send_nmi(id: u32) {
    command(id, ASSERT | DELIVER_NMI);
}

/// Sends a CPU an ordinary interrupt with `vector`.
pub(crate) fn send(id: u32, vector: u8) {
    command(id, ASSERT | u32::from(vector));
}

/// Has a CPU, whatever it does, wait for a start-up IPI.
pub(crate) fn send_init(id: u32) {
    command(id, ASSERT | DELIVER_INIT);
}

/// Has a CPU that waits for it begin in real mode at the page with this physical address, which is below 1 MiB.
pub(crate) fn send_start_up(id: u32, page: u64) {
    command(id, ASSERT | DELIVER_START_UP | (page >> 12) as u32);
}

/// Gives the local APIC a command for the CPU with that id.
fn command(id: u32, command: u32) {
    let Some(registers) = registers() else { return };
    // The command is two registers, and an interrupt handler may give one, too.
    without_interrupts(|| {
        while registers.read(INTERRUPT_COMMAND) & PENDING != 0 {
            core::hint::spin_loop();
        }
        registers.write(INTERRUPT_COMMAND + 0x10, id << 24);
        registers.write(INTERRUPT_COMMAND, command);
    });
}

/// Sends this CPU an ordinary interrupt with `vector`. False on a machine without a local APIC.
///
/// # Panics
/// When `vector` is that of an exception: the APIC would refuse it.
pub fn send_to_self(vector: u8) -> bool {
    assert!(vector >= crate::trap::FIRST_INTERRUPT, "vector {vector} is an exception's");
    let Some(registers) = registers() else { return false };
    registers.write(INTERRUPT_COMMAND, TO_SELF | u32::from(vector));
    true
}

/// Masks every line of both PICs: interrupts come through the APICs only.
fn mask_pics() {
    // The second port of each is for its mask.
    for pic in [PIC_1, PIC_2] {
        IoPort::new(pic).offset(1).write_u8(0xff);
    }
}
