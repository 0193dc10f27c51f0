//! Checks of the ledger's rules that go through all cases.
//!
//! [`space`] visits every state that a few processes can reach with a few keys.
#![forbid(unsafe_code)]

pub mod space;
