//! The firmware's interfaces, beside whoever else uses them.

use uefi::boot::{self, OpenProtocolAttributes, OpenProtocolParams, ScopedProtocol};
use uefi::proto::ProtocolPointer;
use uefi::{Handle, Status};

use super::console;

/// Opens a protocol of a handle without taking it from the drivers that use it: a disk must keep its
/// partitions, and a screen its console.
///
/// # Errors
/// When the handle does not have it.
pub fn open<P: ProtocolPointer + ?Sized>(handle: Handle) -> uefi::Result<ScopedProtocol<P>> {
    let params = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // SAFETY: the firmware runs no one else while the loader does, and the loader opens no protocol of a
    // handle twice at a time and removes no device. So what it opens stays, and stays unaliased.
    unsafe { boot::open_protocol(params, OpenProtocolAttributes::GetProtocol) }
}

/// Ends a loader that cannot go on: back to the firmware, or where that has gone, nowhere.
pub fn give_up() -> ! {
    if !console::has_left_firmware() {
        console::wait_for_key(Some(super::ERROR_SECONDS));
        // SAFETY: the loader has no callbacks, and what memory it leaves behind no one looks at.
        let _ = unsafe { boot::exit(boot::image_handle(), Status::ABORTED, 0, core::ptr::null_mut()) };
    }
    loop {
        core::hint::spin_loop();
    }
}
