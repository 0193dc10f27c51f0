//! What the virtual machine monitor says at the start (Xen, public/arch-x86/hvm/start_info.h).

use steward_boot_protocol::map::{Kind, Range};

use crate::memory::peek;

/// First word of the structure.
const MAGIC: u32 = 0x336e_c578;

/// Longest command line that is taken, in bytes.
const COMMAND_LINE_LIMIT: u64 = 64 << 10;

/// The structure, version 1, as far as the loader needs it.
#[derive(Clone, Copy)]
pub struct StartInfo {
    modules: u32,
    module_list: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_entries: u32,
}

/// Why the machine's start information cannot be used.
#[derive(Clone, Copy, Debug)]
pub enum StartInfoError {
    /// The structure or a table it points to is beyond reach.
    OutOfReach,
    /// It does not begin with its magic number; holds what it begins with.
    Magic(u32),
    /// Version 0, which has no memory map, or an empty map.
    NoMemoryMap,
    /// There is no initial RAM disk.
    NoModule,
}

impl StartInfo {
    /// Reads the structure at a physical address.
    pub fn read(address: u64) -> Result<Self, StartInfoError> {
        let word = |index: u64| peek(address.wrapping_add(index * 8)).ok_or(StartInfoError::OutOfReach);
        let (low, high) = (|word: u64| word as u32, |word: u64| (word >> 32) as u32);
        if low(word(0)?) != MAGIC {
            return Err(StartInfoError::Magic(low(word(0)?)));
        }
        if high(word(0)?) == 0 || low(word(6)?) == 0 {
            return Err(StartInfoError::NoMemoryMap);
        }
        Ok(Self {
            modules: high(word(1)?),
            module_list: word(2)?,
            command_line: word(3)?,
            rsdp: word(4)?,
            memory_map: word(5)?,
            memory_entries: low(word(6)?),
        })
    }

    /// Address and length of the initial RAM disk, which is the first module.
    pub fn archive(&self) -> Result<(u64, u64), StartInfoError> {
        if self.modules == 0 {
            return Err(StartInfoError::NoModule);
        }
        let word = |index: u64| peek(self.module_list.wrapping_add(index * 8)).ok_or(StartInfoError::OutOfReach);
        Ok((word(0)?, word(1)?))
    }

    /// Address and length of the command line, without its closing zero.
    pub fn command_line(&self) -> (u64, u64) {
        let byte = |index: u64| peek(self.command_line.wrapping_add(index)).map_or(0, |word| word & 0xff);
        let length = (0..COMMAND_LINE_LIMIT).take_while(|index| self.command_line != 0 && byte(*index) != 0).count();
        (self.command_line, length as u64)
    }

    /// Physical address of the ACPI root pointer, if the monitor gives it.
    pub fn rsdp(&self) -> Option<u64> {
        (self.rsdp != 0).then_some(self.rsdp)
    }

    /// The memory map: 24 bytes an entry, base, length and type (E820 numbers).
    pub fn ranges(&self) -> impl Iterator<Item = Range> + use<> {
        let (base, count) = (self.memory_map, u64::from(self.memory_entries));
        (0..count).map_while(move |index| {
            let word = |offset: u64| peek(base.wrapping_add(index * 24 + offset));
            let kind = match word(16)? as u32 {
                1 => Kind::Usable,
                3 => Kind::AcpiReclaimable,
                4 => Kind::AcpiNvs,
                5 => Kind::BadMemory,
                _ => Kind::Reserved,
            };
            Some(Range { base: word(0)?, length: word(8)?, kind })
        })
    }
}
