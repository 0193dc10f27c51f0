//! What a test may return.

use core::fmt::{self, Write};

/// Most bytes of a failure's text that travel to the host; what is longer is cut.
const FAILURE_BYTES: usize = 1024;

/// Why a test failed, in words. Texts past its capacity are cut at a character boundary.
#[derive(Default)]
pub struct FailureText(heapless::String<FAILURE_BYTES>);

impl FailureText {
    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self(heapless::String::new())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Write for FailureText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.push(character).is_err() {
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
