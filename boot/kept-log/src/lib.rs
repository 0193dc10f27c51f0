//! A log in memory that a reset leaves alone.
#![no_std]
#![forbid(unsafe_code)]
