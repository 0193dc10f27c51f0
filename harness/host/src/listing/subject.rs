//! What a test is, beside a function in a kernel.

/// What a test is. How its name is made of parts and how it is run again depend on that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A function marked `#[ktest]`, in a machine of its own. Its name is a path of Rust's and selects it; it has a seed.
    #[default]
    Ktest,
    /// A kernel, from its start to what it shall come to.
    Run,
    /// A line, typed into a machine of its own. Its name selects it.
    Line,
    /// A test of which a kernel's log tells, as TAP or KTAP. It is run again with all that the log told.
    Ktap {
        /// The name of the line that made the kernel tell of it; `None` when the kernel does without being asked.
        line: Option<String>,
    },
    /// A test of this machine, without a machine of its own.
    Host,
}

impl Subject {
    /// A short name for programs, stable between versions.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Ktest => "ktest",
            Self::Run => "run",
            Self::Line => "line",
            Self::Ktap { .. } => "ktap",
            Self::Host => "host",
        }
    }

    /// Whether it has a machine for itself. What a log tells of shares one with all else that it tells of.
    #[must_use]
    pub const fn has_a_machine(&self) -> bool {
        !matches!(self, Self::Host | Self::Ktap { .. })
    }
}
