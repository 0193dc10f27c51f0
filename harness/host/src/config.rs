//! What a project states about its kernel once and for all, in a file.
//!
//! The file is `steward-harness.toml`, or the table `[package.metadata.steward]` of a `Cargo.toml`: [`Project::find`]
//! looks for either, [`Project::read`] reads a named one. What it says becomes [`Settings`], which what was given on a
//! command line goes over: [`Settings::over`]. `docs/configuration.md` has every key.

mod error;
mod find;
mod merge;
mod project;
mod schema;
mod value;

use error::Spot;
pub use merge::{Machine, Settings};
pub use project::{Project, Shape};
pub use value::{Expect, Firmware, ForkPoint, Seconds};

#[cfg(test)]
mod tests;
