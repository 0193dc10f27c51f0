//! Where genuine Limine comes from: a directory that somebody names, or git.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use steward_boot_media::limine::Release;
use steward_harness::process::Interrupts;

use crate::workspace::Workspace;

mod fetch;

use fetch::Remote;

/// The variable that names a directory with Limine's binary release.
pub const VARIABLE: &str = "STEWARD_LIMINE";

/// The binary release that is fetched when no directory is named: v8.2.0-binary.
const UPSTREAM: Remote<'static> = Remote {
    url: "https://github.com/limine-bootloader/limine.git",
    commit: "1dbdf77f82211c42969c7c5114377436fabc9187",
};

/// What boots without Limine, for whoever cannot have it.
const OTHER_WAYS: &str = "without Limine, `--firmware uefi --bootloader steward` boots by our own loader, and `--firmware \
    direct` (only `run` and `test`) without any firmware";

/// Where Limine is to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The directory that the option names.
    Option(PathBuf),
    /// The directory that the variable names.
    Variable(PathBuf),
    /// This directory, which git fetched before.
    Fetched(PathBuf),
    /// Git, into this directory.
    Git(PathBuf),
}

impl Source {
    /// The source to use: what the option names, else what `STEWARD_LIMINE` names, else git.
    #[must_use]
    pub fn choose(option: Option<&Path>, workspace: &Workspace) -> Self {
        let variable = env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self::of(option, variable, &workspace.cache().join("limine"), &UPSTREAM)
    }

    fn of(option: Option<&Path>, variable: Option<PathBuf>, fetched: &Path, remote: &Remote<'_>) -> Self {
        match (option, variable) {
            (Some(directory), _) => Self::Option(directory.into()),
            (None, Some(directory)) => Self::Variable(directory),
            (None, None) if remote.is_at(fetched) => Self::Fetched(fetched.into()),
            (None, None) => Self::Git(fetched.into()),
        }
    }

    /// Whether somebody has named a directory.
    #[must_use]
    pub fn is_named(&self) -> bool {
        matches!(self, Self::Option(_) | Self::Variable(_))
    }

    /// The release. When it comes by git, it is fetched now.
    ///
    /// # Errors
    /// When a directory lacks a file of it; the error names both. When git cannot fetch it; the error says what was
    /// tried, and what works without.
    pub fn open(&self, interrupts: &Interrupts) -> Result<Release> {
        self.open_from(&UPSTREAM, interrupts)
    }

    fn open_from(&self, remote: &Remote<'_>, interrupts: &Interrupts) -> Result<Release> {
        if let Self::Git(directory) = self {
            eprintln!("fetching Limine from {} (once, about 2 MB)", remote.url);
            let fetched = fetch::fetch(remote, directory, interrupts);
            fetched.map_err(|error| if interrupts.signal().is_some() { error } else { unavailable(remote, &error) })?;
            return Self::Fetched(directory.clone()).read();
        }
        self.read()
    }

    /// Whether the release can be had, as far as that can be told without fetching it.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn check(&self) -> Result<()> {
        if matches!(self, Self::Git(_)) { Ok(()) } else { self.read().map(drop) }
    }

    fn read(&self) -> Result<Release> {
        let (Self::Option(directory) | Self::Variable(directory) | Self::Fetched(directory) | Self::Git(directory)) =
            self;
        // Its text has its cause already.
        let release = Release::open(directory).map_err(|error| anyhow::Error::msg(error.to_string()));
        release.with_context(|| format!("cannot use Limine from {self}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(directory) => write!(f, "{} (--limine)", directory.display()),
            Self::Variable(directory) => write!(f, "{} ({VARIABLE})", directory.display()),
            Self::Fetched(directory) => write!(f, "{} (fetched by git)", directory.display()),
            Self::Git(_) => write!(f, "git fetches it when it is asked for; {VARIABLE} is not set"),
        }
    }
}

fn unavailable(remote: &Remote<'_>, error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "there is no Limine: --limine is not given, {VARIABLE} is not set, and git cannot fetch commit {} of {}: \
         {error:#}. Where there is no network, name a directory with the files of that commit by `--limine DIR` or \
         {VARIABLE}; {OTHER_WAYS}",
        remote.commit,
        remote.url
    )
}

#[cfg(test)]
mod tests;
