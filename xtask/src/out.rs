//! Standard output that may be full, or closed by whoever was reading.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process;

/// Prints a line as `println!` does. When it cannot be written, the program ends with exit code 1, and says why unless
/// the reader has simply gone; what it has started ends with it.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::out::line(format_args!($($text)*))
    };
}
pub(crate) use say;

/// What `say!` does.
pub fn line(text: Arguments<'_>) {
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        if error.kind() != ErrorKind::BrokenPipe {
            eprintln!("error: writing to standard output: {error}");
        }
        process::exit(1);
    }
}
