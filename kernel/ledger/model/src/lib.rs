//! A plain, slow model of the ledger: what its rules say, without its tricks.
#![no_std]
#![forbid(unsafe_code)]
