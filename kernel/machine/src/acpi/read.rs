//! From physical memory to [`Acpi`], through the `acpi` crate.

use alloc::vec::Vec;
use core::{fmt, ptr::NonNull, slice};

use acpi::{
    AcpiError, AcpiHandler, AcpiTables, PhysicalMapping,
    address::{AddressSpace, GenericAddress},
    fadt::Fadt,
    hpet::HpetInfo,
    madt::Madt,
};

use super::{Acpi, PowerOff, Register, Reset, Table, madt, s5};
use crate::{clock::HPET_ADDRESS_SPACE_AT, memory};

/// Why the tables cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Something that should be at this physical address cannot be there.
    Unreachable(u64),
    /// The table at this physical address has a length that no table has.
    Length(u64, u32),
    /// The `acpi` crate's reason.
    Crate(AcpiError),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(address) => write!(f, "nothing can be at {address:#x}"),
            Self::Length(address, length) => write!(f, "the table at {address:#x} says it has {length} bytes"),
            Self::Crate(error) => write!(f, "{error:?}"),
        }
    }
}

/// Gives the `acpi` crate its view of memory: the direct map, extended as needed.
#[derive(Clone, Copy)]
struct DirectMap;

impl AcpiHandler for DirectMap {
    unsafe fn map_physical_region<T>(&self, physical_address: usize, size: usize) -> PhysicalMapping<Self, T> {
        // A table may be shorter than the newest form of it, which the crate refers to as a whole.
        let size = size.max(size_of::<T>());
        let address = memory::map_firmware(physical_address as u64, size as u64)
            .unwrap_or_else(|error| panic!("ACPI table at {physical_address:#x}, checked before, is gone: {error}"));
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
///
/// # Errors
/// [`Unusable`] when the root pointer or a table is damaged: the `acpi` crate trusts addresses and lengths, so one that
/// cannot be right keeps it from being asked at all.
pub(super) fn tables(rsdp: u64) -> Result<Acpi, Unusable> {
    let pointer = RootPointer::read(rsdp)?;
    let mut tables = pointer.tables().map(table).collect::<Result<Vec<Table>, _>>()?;
    let fadt = tables.iter().find(|table| table.signature == *b"FACP");
    if let Some(dsdt) = fadt.map(|fadt| dsdt_address(fadt.address)).transpose()? {
        tables.push(table(dsdt)?);
    }
    // SAFETY: the boot loader names `rsdp` as the root pointer's address. It and every table behind it have just been
    // found to lie where they can be mapped, with sensible lengths; the crate checks signatures and checksums itself.
    let root = unsafe { AcpiTables::from_rsdp(DirectMap, rsdp as usize) }.map_err(Unusable::Crate)?;
    let fadt = root.find_table::<Fadt>().map_err(|error| log::warn!("ACPI: no FADT: {error:?}")).ok();
    let sleep_types = sleep_types(&tables);
    Ok(Acpi {
        rsdp,
        revision: pointer.revision,
        oem: pointer.oem,
        tables,
        madt: root.find_table::<Madt>().ok().and_then(|raw| checked_madt(&raw)),
        hpet: hpet(&root),
        power_off: fadt.as_deref().and_then(|fadt| power_off(fadt, sleep_types?)),
        reset: fadt.as_deref().and_then(reset),
    })
}

/// Bytes of the header that every table begins with (ACPI 6.5, section 5.2.6).
const HEADER_BYTES: u64 = 36;

/// Longest table that is believed: servers have DSDTs of some hundred KiB.
const LONGEST_TABLE: u64 = 4 << 20;

/// What the root pointer says (ACPI 6.5, section 5.2.5.3), not yet found sound by the `acpi` crate.
struct RootPointer {
    revision: u8,
    oem: [u8; 6],
    /// The root table's entries, each an address.
    entries: &'static [u8],
    /// Bytes of an entry: 4 in an RSDT, 8 in an XSDT.
    entry_bytes: usize,
}

impl RootPointer {
    fn read(address: u64) -> Result<Self, Unusable> {
        let pointer = bytes(address, 20).ok_or(Unusable::Unreachable(address))?;
        let (revision, oem) = (pointer[15], pointer[9..15].try_into().expect("six bytes make six bytes"));
        let (root, entry_bytes) = match revision {
            0 => (number(&pointer[16..20]), 4),
            _ => (number(&bytes(address, 36).ok_or(Unusable::Unreachable(address))?[24..32]), 8),
        };
        let length = u64::from(table(root)?.length);
        let root = bytes(root, length).ok_or(Unusable::Unreachable(root))?;
        Ok(Self { revision, oem, entries: &root[HEADER_BYTES as usize..], entry_bytes })
    }

    /// Physical addresses of the tables.
    fn tables(&self) -> impl Iterator<Item = u64> {
        self.entries.chunks_exact(self.entry_bytes).map(number)
    }
}

/// Physical address of the DSDT, from the FADT at `fadt`: its 64-bit field when the table has one that is set
/// (ACPI 6.5, table 5.9), else the 32-bit one.
fn dsdt_address(fadt: u64) -> Result<u64, Unusable> {
    const DSDT: usize = 40;
    const X_DSDT: usize = 140;
    let length = table(fadt)?.length;
    let fadt = bytes(fadt, u64::from(length)).ok_or(Unusable::Unreachable(fadt))?;
    let field = |at: usize, bytes: usize| fadt.get(at..at + bytes).map_or(0, number);
    Ok(match field(X_DSDT, 8) {
        0 => field(DSDT, 4),
        address => address,
    })
}

/// The little-endian number that up to eight bytes hold.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The table whose header is at physical `address`, when all of it can be mapped.
fn table(address: u64) -> Result<Table, Unusable> {
    let header = bytes(address, HEADER_BYTES).ok_or(Unusable::Unreachable(address))?;
    let signature = header[..4].try_into().expect("four bytes make four bytes");
    let length = number(&header[4..8]) as u32;
    if !(HEADER_BYTES..=LONGEST_TABLE).contains(&u64::from(length)) {
        return Err(Unusable::Length(address, length));
    }
    bytes(address, u64::from(length)).ok_or(Unusable::Unreachable(address))?;
    Ok(Table { signature, address, length })
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

/// The sleep types of state S5, from the DSDT or, as in SeaBIOS's own tables, from an SSDT; a table whose checksum is wrong
/// is passed over (ACPI 6.5, section 5.2.6: all its bytes sum to 0).
fn sleep_types(tables: &[Table]) -> Option<(u8, u8)> {
    let of = |signature: [u8; 4]| tables.iter().filter(move |table| table.signature == signature);
    of(*b"DSDT").chain(of(*b"SSDT")).find_map(|table| {
        let aml = bytes(table.address, u64::from(table.length))?;
        let sum = aml.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        if sum == 0 { s5::sleep_types(aml) } else { None }
    })
}

fn power_off(fadt: &Fadt, types: (u8, u8)) -> Option<PowerOff> {
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
