//! What GitHub shows of a run: annotations at the lines of the code, and a page for the job.

mod annotations;
mod job_summary;

use std::{
    env,
    fs::File,
    io::{self, Write},
    path::PathBuf,
};

use super::{Case, Record, Writer};
use crate::{Error, verdict::Verdict};
pub(super) use annotations::{Directories, annotations};
pub(super) use job_summary::job_summary;

/// GitHub refuses a step's summary of more bytes, whole.
const MOST_BYTES: u64 = 1 << 20;

/// Whether this is a job of GitHub Actions.
#[must_use]
pub fn in_github_actions() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Writes annotations and a job summary, when a run has ended.
///
/// Annotations are workflow commands on standard error, where they disturb nobody who reads standard output.
#[derive(Debug)]
pub struct GitHub {
    /// The step's summary, to which every program of the step appends.
    summary: Option<PathBuf>,
    directories: Directories,
}

impl GitHub {
    /// Will annotate, and append to the file that the job names in `GITHUB_STEP_SUMMARY`, if it names one.
    ///
    /// # Errors
    /// [`Error::Request`] when that file cannot be written.
    pub fn from_environment() -> Result<Self, Error> {
        let path = |name| env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        // Without a working directory, files stand where they are said to.
        let working = env::current_dir().unwrap_or_default();
        let directories = Directories { working, repository: path("GITHUB_WORKSPACE") };
        Ok(Self { directories, ..Self::with_summary(path("GITHUB_STEP_SUMMARY"))? })
    }

    fn with_summary(summary: Option<PathBuf>) -> Result<Self, Error> {
        if let Some(path) = &summary {
            let refused = |error| Error::Request(format!("cannot write the job summary {}: {error}", path.display()));
            File::options().append(true).create(true).open(path).map_err(refused)?;
        }
        Ok(Self { summary, directories: Directories::default() })
    }
}

impl Writer for GitHub {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        io::stderr().write_all(annotations(record, &self.directories).as_bytes())?;
        let Some(path) = &self.summary else { return Ok(()) };
        let append = || {
            let mut file = File::options().append(true).create(true).open(path)?;
            let left = MOST_BYTES.saturating_sub(file.metadata()?.len());
            file.write_all(job_summary(record, usize::try_from(left).unwrap_or(usize::MAX)).as_bytes())
        };
        append().map_err(|error| io::Error::new(error.kind(), format!("writing {}: {error}", path.display())))
    }
}

/// Tests that failed, the worst first: what tells most about the kernel, then what tells most about the test, and last
/// what may be the host's doing.
fn ranked(record: &Record) -> Vec<&Case> {
    let mut failures: Vec<&Case> = record.failures().collect();
    failures.sort_by_key(|case| rank(case.last().verdict));
    failures
}

const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::BootFailure => 0,
        Verdict::TripleFault => 1,
        Verdict::CpuFault => 2,
        Verdict::Panic => 3,
        Verdict::Reset => 4,
        Verdict::Hang { interrupts: false } => 5,
        Verdict::Hang { interrupts: true } => 6,
        Verdict::Leak => 7,
        Verdict::Fail => 8,
        Verdict::Garbled => 9,
        Verdict::Truncated => 10,
        Verdict::FirmwareFailure => 11,
        Verdict::EmulatorFailure => 12,
        Verdict::HostStarvation => 13,
        Verdict::Pass => 14,
    }
}

#[cfg(test)]
mod tests;
