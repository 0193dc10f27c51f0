//! A PS/2 keyboard behind an i8042 controller.
#![no_std]
#![forbid(unsafe_code)]
