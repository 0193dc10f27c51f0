//! Boots a kernel that speaks the Limine protocol directly, without a boot disk:
//!
//! ```text
//! qemu-system-x86_64 -kernel steward-boot-direct -initrd archive.tar -append "command line"
//! ```
//!
//! The archive is POSIX ustar with the entries `kernel` and `modules/<name>`. What is wrong with it is said
//! on COM1; QEMU then exits with status 37 if it has an isa-debug-exit device at port 0xf4.
#![no_std]
#![no_main]

mod clock;
mod console;
mod entry;
mod memory;
mod port;
mod rsdp;
mod start_info;

use core::arch::x86_64::__cpuid;
use core::fmt::{self, Write as _};
use core::panic::PanicInfo;

use steward_boot_protocol::archive::{Archive, ArchiveError, File};
use steward_boot_protocol::paging::Features;
use steward_boot_protocol::{Handover, Input, LoadError, load};

use crate::console::Console;
use crate::memory::{DivideError, IDENTITY_LIMIT};
use crate::port::Port;
use crate::start_info::{StartInfo, StartInfoError};

/// Modules that an archive may have.
const MAX_MODULES: usize = 64;

/// Why there is nothing to enter.
enum BootError {
    StartInfo(StartInfoError),
    Memory(DivideError),
    Archive(ArchiveError<'static>),
    TooManyModules,
    Load(LoadError),
}

/// From the start info to a loaded kernel.
fn boot(start_info: u64) -> Result<Handover, BootError> {
    let info = StartInfo::read(start_info).map_err(BootError::StartInfo)?;
    let archive = info.archive().map_err(BootError::StartInfo)?;
    let mut division = memory::divide(info.ranges(), [archive, info.command_line()]).map_err(BootError::Memory)?;
    let [archive, command_line] = division.held;
    let archive = Archive::parse(archive).map_err(BootError::Archive)?;
    let mut modules = [File::EMPTY; MAX_MODULES];
    let count = archive.modules().count();
    let modules = modules.get_mut(..count).ok_or(BootError::TooManyModules)?;
    modules.iter_mut().zip(archive.modules()).for_each(|(place, module)| *place = module);
    let input = Input {
        kernel: archive.kernel(),
        modules,
        command_line,
        loader_name: "Steward direct boot",
        loader_version: env!("CARGO_PKG_VERSION"),
        rsdp: info.rsdp().or_else(rsdp::find),
        firmware: None,
        clock: clock::unix_seconds,
        framebuffers: &[],
        features: features(),
        limit: IDENTITY_LIMIT,
    };
    // The protocol wants every legacy interrupt masked. The I/O APIC's entries are masked by reset and
    // nothing has run that would change them; and A20 is open, or this code, loaded in an odd MiB
    // by the monitor itself, could not be fetched.
    Port::Pic1Mask.write(0xff);
    Port::Pic2Mask.write(0xff);
    load(&mut division.memory, &mut division.map, &input).map_err(BootError::Load)
}

/// What CPUID says about page tables.
fn features() -> Features {
    let extended = __cpuid(0x8000_0001);
    Features { gib_pages: extended.edx & 1 << 26 != 0, no_execute: extended.edx & 1 << 20 != 0 }
}

/// Says why on COM1 and gives up.
fn fail(reason: fmt::Arguments<'_>) -> ! {
    // The console cannot fail.
    let _ = write!(Console::new(), "steward-boot-direct: {reason}\r\n");
    loop {
        Port::DebugExit.write(port::FAILED);
        port::halt();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fail(format_args!("PANIC: {info}"))
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => error.fmt(f),
            Self::Archive(error) => error.fmt(f),
            Self::TooManyModules => write!(f, "archive: more than {MAX_MODULES} modules"),
            Self::Memory(DivideError::Map(error)) => error.fmt(f),
            Self::Memory(DivideError::OutOfReach) => {
                write!(f, "the archive or the command line is not below 4 GiB, where this loader can read it")
            }
            Self::StartInfo(StartInfoError::OutOfReach) => write!(f, "PVH start info: a table is not below 4 GiB"),
            Self::StartInfo(StartInfoError::Magic(found)) => {
                write!(
                    f,
                    "PVH start info: it begins with {found:#x}; start this loader with `qemu-system-x86_64 -kernel`"
                )
            }
            Self::StartInfo(StartInfoError::NoMemoryMap) => {
                write!(f, "PVH start info: no memory map; QEMU 4.0 or newer gives one")
            }
            Self::StartInfo(StartInfoError::NoModule) => {
                write!(f, "no archive; give `-initrd ARCHIVE` with a ustar archive that has the entry `kernel`")
            }
        }
    }
}
