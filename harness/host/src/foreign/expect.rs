//! What a run must come to.

use std::{fmt, str::FromStr};

use crate::machine::ParseError;

/// One thing that a run must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expectation {
    /// `ktap`: it prints results of tests, and all of them passed.
    Ktap,
    /// `text=…`: it prints this.
    Text(String),
    /// `regex=…`: it prints a line that this regular expression finds something in.
    Regex(String),
    /// `exit=N`: QEMU ends with this status.
    Exit(i32),
    /// `status=N`: the line, typed into a POSIX shell, ends with this status.
    Status(i32),
    /// `verdict=ID`: it ends with this verdict ([`Verdict::id`](crate::verdict::Verdict::id)).
    Verdict(&'static str),
}

impl FromStr for Expectation {
    type Err = ParseError;

    fn from_str(_text: &str) -> Result<Self, ParseError> {
        unimplemented!()
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unimplemented!()
    }
}
