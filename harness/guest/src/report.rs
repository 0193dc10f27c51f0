//! What a test may return.

use core::fmt::{self, Write};

/// Most bytes of a failure's text that travel to the host; what is longer is cut.
const FAILURE_BYTES: usize = 1024;

/// Why a test failed, in words. Texts past its capacity are cut at a character boundary.
#[derive(Default)]
pub struct FailureText {
    text: heapless::String<FAILURE_BYTES>,
    is_full: bool,
}

impl FailureText {
    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: heapless::String::new(), is_full: false }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Write for FailureText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // Once something was cut, nothing that came after it may close the gap.
            self.is_full |= self.text.push(character).is_err();
            if self.is_full {
                break;
            }
        }
        Ok(())
    }
}

/// A return type of tests, as `Termination` is one of programs.
pub trait Report {
    /// `true` when the test passed; else says why in `failure`.
    fn report(self, failure: &mut FailureText) -> bool;
}

impl Report for () {
    fn report(self, _: &mut FailureText) -> bool {
        true
    }
}

impl<T: Report, E: fmt::Debug> Report for Result<T, E> {
    fn report(self, failure: &mut FailureText) -> bool {
        match self {
            Ok(value) => value.report(failure),
            Err(error) => {
                // Writing into a FailureText cannot fail; an error here is the value's own Debug giving up.
                if write!(failure, "{error:?}").is_err() {
                    let _ = failure.write_str(" (its Debug implementation failed)");
                }
                false
            }
        }
    }
}
