//! The multiple APIC description table (ACPI 6.5, section 5.2.12).

use alloc::vec::Vec;
use core::pin::Pin;

use acpi::madt::{Madt as Raw, MadtEntry};

/// A CPU that the firmware lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuEntry {
    /// Id of its local APIC.
    pub apic_id: u32,
    /// Id by which ACPI names it.
    pub uid: u32,
    /// Whether it may be started.
    pub state: CpuState,
}

/// Whether a listed CPU may be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuState {
    /// It may.
    Enabled,
    /// Not yet: it may be plugged in.
    OnlineCapable,
    /// It is an empty place.
    Disabled,
}

/// An I/O APIC that the firmware lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoApicEntry {
    /// Its id.
    pub id: u8,
    /// Physical address of its registers.
    pub address: u64,
    /// First global interrupt that it serves.
    pub first_interrupt: u32,
}

/// CPUs and interrupt controllers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Madt {
    /// Physical address of the local APICs' registers.
    pub local_apic: u64,
    /// In the firmware's order; the boot CPU is usually first.
    pub cpus: Vec<CpuEntry>,
    /// In the firmware's order.
    pub io_apics: Vec<IoApicEntry>,
}

/// Bytes of the table before its entries: the common header, the local APIC address, the flags.
pub(super) const ENTRIES_AT: usize = 44;
/// Flag of a CPU entry: it can be used (ACPI 6.5, table 5.23).
const ENABLED: u32 = 1 << 0;
/// Flag of a CPU entry: it is off, but can be brought up (ACPI 6.3 and later).
const ONLINE_CAPABLE: u32 = 1 << 1;

/// Whether the entries fill the table exactly, none of them shorter than what its type takes.
///
/// Asked before the `acpi` crate walks them, which trusts each entry's length.
pub(super) fn is_well_formed(table: &[u8]) -> bool {
    let Some(mut rest) = table.get(ENTRIES_AT..) else { return false };
    while let [kind, length, ..] = *rest {
        let least = match kind {
            0 => 8,      // local APIC
            1 | 5 => 12, // I/O APIC, local APIC address override
            2 => 10,     // interrupt source override
            3 => 8,      // NMI source
            4 => 6,      // local APIC NMI
            9 => 16,     // local x2APIC
            0xa => 12,   // local x2APIC NMI
            // Of the others that the crate refers to, none of which a PC has, the GIC's CPU interface is the longest.
            6..=8 | 0xb..=0x10 => 80,
            _ => 2,
        };
        if length < least || usize::from(length) > rest.len() {
            return false;
        }
        rest = &rest[usize::from(length)..];
    }
    rest.is_empty()
}

/// Copies what the kernel uses out of a table for which [`is_well_formed`] holds.
pub(super) fn read(raw: Pin<&Raw>) -> Madt {
    let mut madt = Madt { local_apic: u64::from(raw.local_apic_address), ..Madt::default() };
    let state = |flags: u32| match flags {
        flags if flags & ENABLED != 0 => CpuState::Enabled,
        flags if flags & ONLINE_CAPABLE != 0 => CpuState::OnlineCapable,
        _ => CpuState::Disabled,
    };
    for entry in raw.entries() {
        match entry {
            MadtEntry::LocalApic(cpu) => madt.cpus.push(CpuEntry {
                apic_id: u32::from(cpu.apic_id),
                uid: u32::from(cpu.processor_id),
                state: state(cpu.flags),
            }),
            MadtEntry::LocalX2Apic(cpu) => {
                madt.cpus.push(CpuEntry { apic_id: cpu.x2apic_id, uid: cpu.processor_uid, state: state(cpu.flags) })
            }
            MadtEntry::IoApic(io_apic) => madt.io_apics.push(IoApicEntry {
                id: io_apic.io_apic_id,
                address: u64::from(io_apic.io_apic_address),
                first_interrupt: io_apic.global_system_interrupt_base,
            }),
            MadtEntry::LocalApicAddressOverride(address) => madt.local_apic = address.local_apic_address,
            _ => {}
        }
    }
    madt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[u8]) -> Vec<u8> {
        let mut table = alloc::vec![0; ENTRIES_AT];
        table.extend_from_slice(entries);
        table
    }

    #[test]
    fn whole_entries_are_well_formed() {
        assert!(is_well_formed(&table(&[])));
        assert!(is_well_formed(&table(&[0, 8, 0, 0, 1, 0, 0, 0, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])));
    }

    #[test]
    fn an_entry_without_length_would_be_walked_for_ever_and_is_refused() {
        assert!(!is_well_formed(&table(&[0x7f, 0])));
    }

    #[test]
    fn an_entry_past_the_end_or_too_short_for_its_type_is_refused() {
        assert!(!is_well_formed(&table(&[0, 8, 0, 0])));
        assert!(!is_well_formed(&table(&[1, 8, 0, 0, 0, 0, 0, 0])));
        assert!(!is_well_formed(&table(&[0])));
        assert!(!is_well_formed(&[0; 10]));
    }
}
