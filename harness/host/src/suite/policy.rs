//! How a run treats its tests.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::machine::ParseError;

/// How tests are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Every test has a fresh machine, forked from one that was booted once.
    #[default]
    Test,
    /// Every test has a fresh machine, booted for it.
    Boot,
    /// Tests follow each other in one machine, as long as it lasts.
    None,
}

impl FromStr for Isolation {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "test" => Ok(Self::Test),
            "boot" => Ok(Self::Boot),
            "none" => Ok(Self::None),
            _ => Err(ParseError::new(format!("`{text}` is no isolation; known are test, boot and none"))),
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Boot => "boot",
            Self::None => "none",
        })
    }
}

/// How a run treats its tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How tests are kept apart.
    pub isolation: Isolation,
    /// How often a test that failed is tried again.
    pub retries: u32,
    /// How often every test is run, at least 1.
    pub repeat: u32,
    /// Dispatch nothing more once a test has failed for good.
    pub until_fail: bool,
    /// What the tests' seeds are made of: each test's own is a hash of this, its name and its round.
    pub seed: u64,
    /// Where machines whose test failed are kept for `--replay`; `None` keeps none.
    pub artifacts: Option<PathBuf>,
}

impl Default for Policy {
    /// Every test once, in a fresh machine, with a seed that nobody has used before; nothing is kept.
    fn default() -> Self {
        Self {
            isolation: Isolation::Test,
            retries: 0,
            repeat: 1,
            until_fail: false,
            seed: crate::session::fresh_nonce().0,
            artifacts: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isolations_are_read_back_from_their_names() {
        for isolation in [Isolation::Test, Isolation::Boot, Isolation::None] {
            assert_eq!(isolation.to_string().parse(), Ok(isolation));
        }
        assert!("vm".parse::<Isolation>().unwrap_err().to_string().contains("test, boot and none"));
    }
}
