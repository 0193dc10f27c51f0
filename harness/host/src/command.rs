//! `steward-harness`'s commands beside that of running a kernel's own tests.

pub mod ktap;
mod matrix;
mod options;
mod run;
mod task;
mod told;

use std::{env, ffi::OsString, io, process::ExitCode};

pub use options::{directory_of, working_directory};

use clap::{Args, Command};
use steward_harness::{Error, process::exit_code};

/// What a command exits with when something failed.
pub(crate) const FAILED: u8 = 1;
/// What it exits with when it could not do what it was asked, as clap does.
const UNABLE: u8 = 2;

/// Does what the first word of the command line asks for. `None` when that is no command: then it is a kernel.
pub fn dispatch() -> Option<ExitCode> {
    let mut words = env::args_os().skip(1);
    let name = words.next()?;
    let words: Vec<_> = words.collect();
    let done = match name.to_str()? {
        "run" => run::run(&parse::<options::Options>("run", words)),
        "ktap" => ktap::run(&parse::<ktap::Options>("ktap", words)),
        _ => return None,
    };
    Some(done.unwrap_or_else(|error| failure(&error)))
}

fn failure(error: &Error) -> ExitCode {
    match error {
        Error::Interrupted(signal) => {
            eprintln!("error: {error}");
            ExitCode::from(exit_code(*signal))
        }
        // Whoever read the output has gone away: there is nobody to tell.
        Error::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(UNABLE),
        _ => {
            eprintln!("error: {error}");
            ExitCode::from(UNABLE)
        }
    }
}

/// Reads a command's options. What clap has to say about them ends the program, with status 2 when they are wrong.
fn parse<T: Args>(name: &'static str, words: Vec<OsString>) -> T {
    let mut command = definition::<T>(name);
    let words = std::iter::once(OsString::from(name)).chain(words);
    let matches = command.try_get_matches_from_mut(words);
    let read = matches.and_then(|matches| T::from_arg_matches(&matches).map_err(|error| error.format(&mut command)));
    read.unwrap_or_else(|error| error.exit())
}

fn definition<T: Args>(name: &'static str) -> Command {
    T::augment_args(Command::new(name).bin_name(format!("steward-harness {name}")).max_term_width(120))
}
