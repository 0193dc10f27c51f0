//! The high precision event timer's main counter (IA-PC HPET specification 1.0a, section 2.3).

use spin::Once;

use super::Reference;
use crate::{device::Registers, memory::MapError};

/// Offset in the ACPI table of the byte that says where the registers lie; 0 is memory (section 3.2.4).
pub(crate) const ADDRESS_SPACE_AT: usize = 40;

const CAPABILITIES: u64 = 0x00;
const CONFIGURATION: u64 = 0x10;
const MAIN_COUNTER: u64 = 0xf0;
/// Bit of the configuration register: the counter runs.
const ENABLE: u32 = 1 << 0;
const FEMTOSECONDS_PER_NANOSECOND: u64 = 1_000_000;
/// Longest period that the specification allows (section 2.3.4): 100 ns.
const LONGEST_PERIOD_FS: u64 = 100 * FEMTOSECONDS_PER_NANOSECOND;

/// A running HPET.
pub(super) struct Hpet {
    registers: Registers,
    /// Femtoseconds per tick, 1 to 10^8.
    period: u64,
}

impl Hpet {
    /// Starts the counter of the HPET at a physical address. `None` when there is none that keeps the specification.
    pub(super) fn start(physical: u64) -> Option<Self> {
        let registers = registers(physical)?;
        let period = u64::from(registers.read(CAPABILITIES + 4));
        if period == 0 || period > LONGEST_PERIOD_FS {
            return None;
        }
        registers.write(CONFIGURATION, registers.read(CONFIGURATION) | ENABLE);
        Some(Self { registers, period })
    }
}

/// Physical and virtual address of the registers, once they are mapped: for good.
static MAPPED: Once<(u64, Registers)> = Once::new();

/// The registers of the HPET at that address; of one only.
fn registers(physical: u64) -> Option<Registers> {
    let mapped = MAPPED.try_call_once(|| Ok::<_, MapError>((physical, Registers::map(physical, 1024)?))).ok()?;
    (mapped.0 == physical).then_some(mapped.1)
}

impl Reference for Hpet {
    fn nanoseconds(&mut self) -> Option<u64> {
        let ticks = self.registers.read_u64(MAIN_COUNTER);
        Some((u128::from(ticks) * u128::from(self.period) / u128::from(FEMTOSECONDS_PER_NANOSECOND)) as u64)
    }
}
