//! The shape of a machine, and the QEMU command line that makes it.

mod arguments;
mod screen;
mod shape;

pub use arguments::{
    Backing, Configuration, DEBUG_EXIT, Gdb, Lines, MEMORY, MEMORY_OBJECT, READY_POINT, READY_POINT_FILE, STATE, Start,
};
pub use screen::{Display, Screen};
pub use shape::{Accelerator, Kind, Memory, ParseError, Shape};
