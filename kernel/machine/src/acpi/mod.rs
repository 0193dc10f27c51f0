//! What the firmware's ACPI tables say, read once into the kernel's own types (crate `acpi`).

mod madt;
mod read;
mod s5;

use alloc::vec::Vec;

pub use madt::{CpuEntry, CpuState, IoApicEntry, Madt};
use spin::Once;

/// A register that ACPI describes (ACPI 6.5, section 5.2.3.2, generic address structure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// A port.
    Port(u16),
    /// A physical address.
    Memory(u64),
}

/// How the machine is switched off (ACPI 6.5, sections 4.8.3.2.1 and 4.8.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerOff {
    /// Write the sleep types of state S5 to the PM1 control registers.
    Pm1 {
        /// PM1a control block.
        a: u16,
        /// PM1b control block, where there is one.
        b: Option<u16>,
        /// What `_S5` says for each.
        types: (u8, u8),
        /// Where ACPI mode is asked for, and with what value; `None` on machines that are always in it.
        enable: Option<(u16, u8)>,
    },
    /// Hardware-reduced ACPI: write the sleep type of state S5 to the sleep control register.
    SleepControl {
        /// The register.
        register: Register,
        /// What `_S5` says.
        kind: u8,
    },
}

/// How the machine is reset (ACPI 6.5, section 4.8.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The register.
    pub register: Register,
    /// What to write.
    pub value: u8,
}

/// One table, as the `acpi` command lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Four letters, such as `APIC`.
    pub signature: [u8; 4],
    /// Physical address of its header.
    pub address: u64,
    /// Bytes, header included.
    pub length: u32,
}

/// What is known of the machine from its tables.
#[derive(Clone, Debug)]
pub struct Acpi {
    /// Physical address of the root pointer.
    pub rsdp: u64,
    /// Revision of the root pointer: 0 for ACPI 1.0, 2 for later ones.
    pub revision: u8,
    /// Who made the machine, as the root pointer says, padded with spaces.
    pub oem: [u8; 6],
    /// The tables found, in the firmware's order, and the DSDT.
    pub tables: Vec<Table>,
    /// CPUs and interrupt controllers, where the tables list them.
    pub madt: Option<Madt>,
    /// Physical address of the HPET's registers, where there is one.
    pub hpet: Option<u64>,
    /// How the machine is switched off, where the tables say.
    pub power_off: Option<PowerOff>,
    /// How it is reset, where the tables say.
    pub reset: Option<Reset>,
}

static ACPI: Once<Option<Acpi>> = Once::new();

/// Reads the tables behind the root pointer at `rsdp`; call once, when the heap is up.
///
/// When a table cannot be right, none is used, and the log says why: whoever wrote one wrong may have written more.
pub(crate) fn init(rsdp: Option<u64>) {
    ACPI.call_once(|| match rsdp {
        Some(address) => read::tables(address)
            .inspect_err(|error| log::warn!("ACPI tables behind {address:#x} cannot be used: {error}"))
            .ok(),
        None => {
            log::warn!("the boot loader gave no ACPI root pointer");
            None
        }
    });
}

/// What the tables say; `None` when there are none, or before they were read.
#[must_use]
pub fn get() -> Option<&'static Acpi> {
    ACPI.get()?.as_ref()
}
