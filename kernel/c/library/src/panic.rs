//! The end of everything, in the embedder's hands.

use core::{
    ffi::CStr,
    fmt::{self, Write as _},
    panic::PanicInfo,
};

use crate::embedder;

/// Longest text of a panic, in bytes, with the zero at its end.
const LONGEST: usize = 256;

/// A text as C knows it, as far as there is room.
struct Text {
    /// Zero from `length` on, which is less than all.
    bytes: [u8; LONGEST],
    length: usize,
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes[..LONGEST - 1].iter_mut().skip(self.length);
        for (place, byte) in room.zip(text.bytes().filter(|&byte| byte != 0)) {
            *place = byte;
            self.length += 1;
        }
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut text = Text { bytes: [0; LONGEST], length: 0 };
    // Writing to it cannot fail.
    let _ = write!(text, "{info}");
    embedder::panic(CStr::from_bytes_until_nul(&text.bytes).unwrap_or(c"panicked"))
}
