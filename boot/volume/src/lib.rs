//! What a loader reads before it has a kernel.
#![no_std]
#![forbid(unsafe_code)]
