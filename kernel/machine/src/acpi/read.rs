//! From physical memory to [`Acpi`], through the `acpi` crate.

use alloc::vec::Vec;
use core::{fmt, ptr::NonNull, slice};

use acpi::{
    AcpiError, AcpiHandler, AcpiTables, AmlTable, PhysicalMapping,
    address::{AddressSpace, GenericAddress},
    fadt::Fadt,
    hpet::HpetInfo,
    madt::Madt,
};

use super::{Acpi, PowerOff, Register, Reset, Table, madt, s5};
use crate::{clock::HPET_ADDRESS_SPACE_AT, memory};

/// Why the tables cannot be used.
#[derive(Debug)]
pub(super) struct Unusable(AcpiError);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Gives the `acpi` crate its view of memory: the direct map, extended as needed.
#[derive(Clone, Copy)]
struct DirectMap;

impl AcpiHandler for DirectMap {
    unsafe fn map_physical_region<T>(&self, physical_address: usize, size: usize) -> PhysicalMapping<Self, T> {
        let address = memory::map_firmware(physical_address as u64, size as u64)
            .unwrap_or_else(|error| panic!("firmware tables at {physical_address:#x} cannot be mapped: {error}"));
        let start = NonNull::new(address as *mut T).expect("the direct map does not begin at address 0");
        // SAFETY: `map_firmware` has mapped `size` bytes from `address`, and the direct map is never taken away.
        unsafe { PhysicalMapping::new(physical_address, start, size, size, *self) }
    }

    fn unmap_physical_region<T>(_: &PhysicalMapping<Self, T>) {}
}

/// The bytes of `length` that lie at physical `address`.
fn bytes(address: u64, length: u64) -> Option<&'static [u8]> {
    let start = memory::map_firmware(address, length).ok()?;
    // SAFETY: `map_firmware` has mapped `length` bytes from `start`; they hold a table of the firmware, which nobody
    // writes to, and the direct map is never taken away.
    Some(unsafe { slice::from_raw_parts(start as *const u8, length as usize) })
}

/// Reads every table that is used, behind the root pointer at physical address `rsdp`.
pub(super) fn tables(rsdp: u64) -> Result<Acpi, Unusable> {
    // SAFETY: the boot loader names `rsdp` as the root pointer's address; the crate checks signature and checksum
    // before it follows what is there.
    let root = unsafe { AcpiTables::from_rsdp(DirectMap, rsdp as usize) }.map_err(Unusable)?;
    let fadt = root.find_table::<Fadt>().map_err(|error| log::warn!("ACPI: no FADT: {error:?}")).ok();
    let dsdt = root.dsdt().ok();
    let pointer = RootPointer::read(rsdp);
    let mut tables: Vec<Table> = pointer.tables().filter_map(table).collect();
    tables.extend(dsdt.as_ref().and_then(|dsdt| table(dsdt.address as u64 - HEADER_BYTES)));
    Ok(Acpi {
        rsdp,
        revision: pointer.revision,
        oem: pointer.oem,
        tables,
        madt: root.find_table::<Madt>().ok().and_then(|raw| checked_madt(&raw)),
        hpet: hpet(&root),
        power_off: fadt.as_deref().and_then(|fadt| power_off(fadt, dsdt.as_ref())),
        reset: fadt.as_deref().and_then(reset),
    })
}

/// Bytes of the header that every table begins with (ACPI 6.5, section 5.2.6).
const HEADER_BYTES: u64 = 36;

/// What the root pointer says (ACPI 6.5, section 5.2.5.3), where the `acpi` crate has found it sound.
struct RootPointer {
    revision: u8,
    oem: [u8; 6],
    /// The root table's entries, each an address.
    entries: &'static [u8],
    /// Bytes of an entry: 4 in an RSDT, 8 in an XSDT.
    entry_bytes: usize,
}

impl RootPointer {
    fn read(address: u64) -> Self {
        let nothing = Self { revision: 0, oem: [b' '; 6], entries: &[], entry_bytes: 4 };
        let Some(pointer) = bytes(address, 20) else { return nothing };
        let (revision, oem) = (pointer[15], pointer[9..15].try_into().expect("six bytes make six bytes"));
        let (root, entry_bytes) = match revision {
            0 => (number(&pointer[16..20]), 4),
            _ => (bytes(address, 36).map_or(0, |pointer| number(&pointer[24..32])), 8),
        };
        let length = table(root).map_or(0, |root| u64::from(root.length));
        let entries = bytes(root, length).and_then(|root| root.get(HEADER_BYTES as usize..)).unwrap_or(&[]);
        Self { revision, oem, entries, entry_bytes }
    }

    /// Physical addresses of the tables.
    fn tables(&self) -> impl Iterator<Item = u64> {
        self.entries.chunks_exact(self.entry_bytes).map(number)
    }
}

/// The little-endian number that up to eight bytes hold.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The table whose header is at physical `address`.
fn table(address: u64) -> Option<Table> {
    let header = bytes(address, HEADER_BYTES)?;
    let signature = header[..4].try_into().expect("four bytes make four bytes");
    Some(Table { signature, address, length: number(&header[4..8]) as u32 })
}

fn checked_madt(raw: &PhysicalMapping<DirectMap, Madt>) -> Option<madt::Madt> {
    let table = bytes(raw.physical_start() as u64, raw.region_length() as u64)?;
    if !madt::is_well_formed(table) {
        log::warn!("ACPI: the MADT's entries do not fill it; it is not used");
        return None;
    }
    Some(madt::read(raw.get()))
}

/// Physical address of the HPET's registers. The crate asserts that they lie in memory, so that is asked first.
fn hpet(root: &AcpiTables<DirectMap>) -> Option<u64> {
    let raw = root.find_table::<acpi::hpet::HpetTable>().ok()?;
    let in_memory =
        bytes(raw.physical_start() as u64, raw.region_length() as u64)?.get(HPET_ADDRESS_SPACE_AT) == Some(&0);
    in_memory.then(|| HpetInfo::new(root).ok()).flatten().map(|info| info.base_address as u64)
}

fn register(address: GenericAddress) -> Option<Register> {
    match address.address_space {
        AddressSpace::SystemIo => u16::try_from(address.address).ok().map(Register::Port),
        AddressSpace::SystemMemory => Some(Register::Memory(address.address)),
        _ => None,
    }
}

fn port(address: GenericAddress) -> Option<u16> {
    match register(address)? {
        Register::Port(port) if port != 0 => Some(port),
        _ => None,
    }
}

fn power_off(fadt: &Fadt, dsdt: Option<&AmlTable>) -> Option<PowerOff> {
    let dsdt = dsdt?;
    let types = s5::sleep_types(bytes(dsdt.address as u64, u64::from(dsdt.length))?)?;
    let flags = fadt.flags;
    if flags.system_is_hw_reduced_acpi() {
        let register = register(fadt.sleep_control_register().ok()??)?;
        return Some(PowerOff::SleepControl { register, kind: types.0 });
    }
    let command = fadt.smi_cmd_port;
    let enable = match (u16::try_from(command), fadt.acpi_enable) {
        (Ok(0) | Err(_), _) | (_, 0) => None,
        (Ok(port), value) => Some((port, value)),
    };
    let a = port(fadt.pm1a_control_block().ok()?)?;
    let b = fadt.pm1b_control_block().ok().flatten().and_then(port);
    Some(PowerOff::Pm1 { a, b, types, enable })
}

fn reset(fadt: &Fadt) -> Option<Reset> {
    let flags = fadt.flags;
    if !flags.supports_system_reset_via_fadt() {
        return None;
    }
    let register = register(fadt.reset_register().ok()?)?;
    Some(Reset { register, value: fadt.reset_value })
}
