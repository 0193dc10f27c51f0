//! The shape of a machine, and the QEMU command line that makes it.

mod arguments;
mod shape;

pub use arguments::{Configuration, DEBUG_EXIT, Gdb, Lines, Start};
pub use shape::{Accelerator, Kind, Memory, ParseError, Shape};
