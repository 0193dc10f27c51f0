//! Reads test results from kernels' logs: TAP 13, TAP 14 and KTAP 1, in whatever else a kernel prints.
//!
//! [`Parser`] takes the log as it comes, in pieces of any size, and tells of tests as they end. It works in time linear
//! in the log, and keeps at most [`LINE`] bytes of a line and about a kilobyte for each of at most [`DEPTH`] levels of
//! nesting ([`Parser::retained`]), however long the log is. What statuses and counts mean follows Linux's `kunit.py`.
//!
//! ```
//! use steward_ktap::{Event, Parser, Status};
//!
//! let mut failed = Vec::new();
//! let mut tell = |event: Event<'_>| {
//!     if let Event::Test(test) = event && test.status == Status::Failure {
//!         failed.push(test.name.into_owned());
//!     }
//! };
//! let mut parser = Parser::new();
//! parser.push(b"[  0.1] KTAP version 1\n[  0.1] 1..2\n[ 12.3] ok 1 - a\nnot ok", &mut tell);
//! parser.push(b" 2 - b\n", &mut tell);
//! assert!(parser.is_complete());
//! let summary = parser.finish(&mut tell);
//! assert_eq!((summary.status, summary.counts.passed, summary.counts.failed), (Status::Failure, 1, 1));
//! assert_eq!(failed, ["b"]);
//! ```
//!
//! # What is absent
//!
//! Nothing here knows files, machines, or how results are shown, but for [`json`].
#![forbid(unsafe_code)]

mod crash;
mod event;
mod frame;
pub mod json;
mod line;
mod parser;
mod prefix;
mod result;
mod tree;

pub use crash::crash;
pub use event::{Counts, Event, MISSING, Status, Summary, Test};
pub use parser::{LINE, Parser};
pub use tree::DEPTH;
