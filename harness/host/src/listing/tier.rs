//! How much a test costs, which says when it is run.

use std::{fmt, str::FromStr};

use steward_harness_wire::layout;

use crate::machine::ParseError;

/// The smallest set of tests that a test belongs to. Each tier includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Run on every change.
    #[default]
    Test,
    /// Run before a change is published.
    Verify,
    /// Run for as long as somebody likes.
    Soak,
}

impl Tier {
    /// All tiers, the smallest first.
    pub const ALL: [Self; 3] = [Self::Test, Self::Verify, Self::Soak];

    /// Its name, as in `#[ktest(tier = "verify")]`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Verify => "verify",
            Self::Soak => "soak",
        }
    }

    /// Why a test of this tier does not run when its tier was not asked for; `None` when it runs always.
    pub(super) fn reason(self) -> Option<String> {
        (self != Self::Test).then(|| format!("tier {self}"))
    }
}

impl From<layout::Tier> for Tier {
    fn from(tier: layout::Tier) -> Self {
        match tier {
            layout::Tier::Test => Self::Test,
            layout::Tier::Verify => Self::Verify,
            layout::Tier::Soak => Self::Soak,
        }
    }
}

impl FromStr for Tier {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|tier| tier.name() == text);
        found.ok_or_else(|| ParseError::new(format!("`{text}` is no tier; known are test, verify and soak")))
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_read_back_from_their_names_and_grow() {
        for tier in Tier::ALL {
            assert_eq!(tier.to_string().parse(), Ok(tier));
        }
        assert!(Tier::ALL.is_sorted());
        assert!("nightly".parse::<Tier>().unwrap_err().to_string().contains("test, verify and soak"));
    }

    #[test]
    fn the_attribute_and_the_command_line_call_tiers_alike() {
        for tier in Tier::ALL {
            assert_eq!(layout::Tier::from_name(tier.name()).map(Tier::from), Some(tier));
        }
    }
}
