//! What the kernel that this is linked into has to supply.
//!
//! None of these may call the ledger; where one does, it gets `BORROW_EINVAL`.

use core::ffi::{CStr, c_char};

// SAFETY: these declarations are where the header has them from, by which the embedder's own are compiled.
unsafe extern "C" {
    /// The number of the CPU that this runs on: below 64, and no two CPUs have the same. On others no call does anything. It is
    /// called with interrupts off.
    fn steward_cpu() -> u32;

    /// Keeps interrupts, and with them the scheduler, from this CPU until `steward_interrupts_restore`. What it returns
    /// is handed to that.
    fn steward_interrupts_off() -> usize;

    /// Lets interrupts through again, if they came through before.
    fn steward_interrupts_restore(before: usize);

    /// Fills the page at `pa` with zeroes: somebody is about to own it. Nobody else has it meanwhile.
    fn steward_page_zero(pa: usize);

    /// The page at `pa` belongs to nobody any more. Another CPU may have taken it again already, so this is a hint of where to
    /// look for free pages, and `pageown_acquire` decides.
    fn steward_page_freed(pa: usize);

    /// Called again and again, with interrupts off, while another CPU is at what this one waits for. Here a kernel answers those
    /// that wait for this CPU; it may do nothing.
    fn steward_relax();

    /// Something is wrong with the library or with the memory that it was lent, and nothing that it knows can be trusted
    /// any more. The text says what; it ends with a zero, and is gone when this returns. It should not return: if it does, this
    /// CPU stays where it is for ever, perhaps with interrupts off.
    fn steward_panic(text: *const c_char);
}

pub(crate) fn cpu() -> usize {
    // SAFETY: the embedder's function takes nothing, and any number that it returns is looked at before use.
    unsafe { steward_cpu() as usize }
}

pub(crate) fn interrupts_off() -> usize {
    // SAFETY: whatever the embedder does to its interrupts, nothing here relies on them for more than what is right.
    unsafe { steward_interrupts_off() }
}

pub(crate) fn interrupts_restore(before: usize) {
    // SAFETY: `before` is what the embedder returned on this CPU, to be handed back like this.
    unsafe { steward_interrupts_restore(before) }
}

pub(crate) fn page_zero(pa: usize) {
    // SAFETY: the page is in one of the embedder's ranges, claimed, and without an owner until this returns.
    unsafe { steward_page_zero(pa) }
}

pub(crate) fn page_freed(pa: usize) {
    // SAFETY: it is told of a page in one of its ranges, and does nothing to it for that.
    unsafe { steward_page_freed(pa) }
}

pub(crate) fn relax() {
    // SAFETY: it is called where nothing is half done but what is waited for, and may not call back.
    unsafe { steward_relax() }
}

/// Says why nothing goes on; does not return.
pub(crate) fn panic(text: &CStr) -> ! {
    // SAFETY: the text ends with a zero, and stays until the call returns.
    unsafe { steward_panic(text.as_ptr()) }
    loop {
        core::hint::spin_loop();
    }
}
