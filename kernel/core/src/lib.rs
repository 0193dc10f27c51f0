//! The kernel above the machine: what it logs, what it says at its prompt, and how it reports its own end.
//!
//! Everything here is a decision or a text. Effects go through three traits that somebody below implements:
//! [`log::Sink`] takes log lines, [`prompt::Terminal`] is the line to a person, and [`platform::Platform`] is the
//! machine that the commands ask and order about.
//!
//! Texts end their lines with LF. Whoever owns a serial line wraps it in [`text::CrLf`]; the prompt does so itself.
//!
//! Nothing here knows what a register, a port or a page table is.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod audit;
pub mod autorun;
pub mod boot;
pub mod command;
pub mod fault;
pub mod ktap;
pub mod line;
pub mod log;
pub mod monitor;
pub mod platform;
pub mod prompt;
pub mod text;

#[cfg(feature = "ktest")]
mod ktests;
