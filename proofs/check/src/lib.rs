//! Checks of the ledger's rules that go through all cases.
//!
//! [`space`] visits every state that a few processes can reach with a few keys.
//! [`proof`] shows by induction that the rules hold for any number of them.
//! [`table`] makes the prover's rules of the ledger's own table.
#![forbid(unsafe_code)]

pub mod proof;
pub mod space;
pub mod table;
