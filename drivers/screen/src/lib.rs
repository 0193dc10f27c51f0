//! A text terminal on a linear framebuffer.
#![no_std]
#![forbid(unsafe_code)]
