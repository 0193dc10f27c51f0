//! A guest's last word, apart from its records: a second witness, on another way out of the machine.
//!
//! A guest that was told to *exit* writes the word to the debug-exit device, and QEMU exits with status
//! `word * 2 + 1`. A guest that was told to *park* puts the word into RAX and the nonce of the run into RDX and
//! executes HLT with interrupts off, for good; the host reads the registers through QEMU.

/// The test passed.
pub const PASSED: u8 = 0x10;
/// It did not.
pub const FAILED: u8 = 0x11;
/// The loader found nothing to start.
pub const LOADER: u8 = 0x12;

/// QEMU's exit status for a word.
#[must_use]
pub const fn exit_status(word: u8) -> i32 {
    word as i32 * 2 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_give_the_exit_statuses_that_the_documents_name() {
        assert_eq!([PASSED, FAILED, LOADER].map(exit_status), [33, 35, 37]);
    }
}
