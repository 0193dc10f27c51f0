//! From files to a running kernel: rehearse, leave the firmware, load, enter.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::convert::Infallible;
use core::fmt;

use steward_boot_protocol::map::{Kind, MapError, MemoryMap, Range};
use steward_boot_protocol::{Framebuffer, Input, LoadError, PAGE_SIZE, load, rehearse};
use steward_boot_uefi::memory::{Descriptor, Piece, ranges};
use uefi::boot::{self, MemoryType};
use uefi::mem::memory_map::{MemoryMap as _, MemoryMapMut as _, MemoryMapOwned};

use super::workspace::Workspace;
use super::{console, enter};

/// What the map may grow by between rehearsal and loading, in page tables and responses: the firmware
/// takes and gives memory until it is left.
const SLACK: u64 = 512 << 10;

/// Starts the kernel. `kept` is the memory in which its log is kept.
///
/// # Errors
/// Whatever would keep the kernel from being loaded, found out before the firmware is left.
pub fn start(mut input: Input<'_>, kept: Option<&Workspace>) -> Result<Infallible, String> {
    let kept = kept.map(Workspace::piece);
    let nothing = Piece { start: 0, end: 0 };
    let map = |workspace| -> Result<Box<MemoryMap>, String> {
        let firmware = boot::memory_map(MemoryType::LOADER_DATA);
        let mut firmware = firmware.map_err(|error| format!("the firmware gives no memory map: {error}"))?;
        tell(&mut firmware, workspace, kept, input.framebuffers).map(Box::new).map_err(|error| error.to_string())
    };
    let refusal = |error| match error {
        LoadError::Image(fault) => format!("kernel (/{}): {fault}", input.kernel.name),
        LoadError::Request(fault) => format!("kernel (/{}): {fault}", input.kernel.name),
        LoadError::Map(fault) => fault.to_string(),
    };
    let size = rehearse(&mut *map(nothing)?, &input).map_err(refusal)? + SLACK;
    let missing = |_| format!("not enough memory: kernel and modules need {} KiB in one piece", size.div_ceil(1024));
    let mut workspace = Workspace::take(usize::try_from(size).unwrap_or(usize::MAX)).map_err(missing)?;
    let mut tables =
        Workspace::take(PAGE_SIZE as usize).map_err(|error| format!("not enough memory for a page table: {error}"))?;
    // What is usable below the workspace's end, highest first, is the workspace.
    input.limit = workspace.piece().end;
    rehearse(&mut *map(workspace.piece())?, &input).map_err(refusal)?;

    let mut firmware = enter::leave_firmware();
    let handover = tell(&mut firmware, workspace.piece(), kept, input.framebuffers)
        .map_err(LoadError::from)
        .and_then(|mut map| load(&mut workspace, &mut map, &input));
    match handover {
        Ok(handover) => enter::enter(&handover, &workspace, &mut tables),
        Err(error) => too_late(&error),
    }
}

/// The memory map that the kernel is told, before loading takes from it.
fn tell(
    firmware: &mut MemoryMapOwned,
    workspace: Piece,
    kept: Option<Piece>,
    screens: &[Framebuffer],
) -> Result<MemoryMap, MapError> {
    firmware.sort();
    let descriptors = firmware.entries().map(|entry| Descriptor {
        kind: entry.ty.0,
        start: entry.phys_start,
        pages: entry.page_count,
        attributes: entry.att.bits(),
    });
    let kept =
        kept.map(|Piece { start, end }| Range { base: start, length: end - start, kind: Kind::KernelAndModules });
    let screens = screens.iter().map(|screen| Range {
        base: screen.address,
        length: screen.pitch * screen.height,
        kind: Kind::Framebuffer,
    });
    MemoryMap::new(ranges(descriptors, workspace).chain(kept).chain(screens))
}

/// Nothing but COM1 is left to say why.
fn too_late(error: &dyn fmt::Display) -> ! {
    console::error(format_args!("{error} (the firmware's memory map changed while it was left; try again)"));
    super::firmware::give_up()
}
