//! `steward-harness KERNEL [libtest's arguments]`: runs a kernel's tests, each in a machine of its own.
//!
//! As cargo's runner for a bare-metal target it makes a kernel behave like a test program of the host:
//! `cargo test`, `cargo nextest` and editors list its tests, run some or all, and read the result.
#![forbid(unsafe_code)]

mod cli;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Parser;
use steward_harness::{
    Emulator, Error,
    accel::choose,
    filter::{Ignored, Selection},
    image::{Image, cache_directory},
    listing::Listing,
    process::{Interrupts, exit_code},
    report::{JsonLines, Style, Terminal},
    session::Limits,
    suite::{Policy, Sink, Suite},
    symbols::Symbols,
};

use cli::{Cli, Format};

/// What libtest exits with when a test failed.
const FAILED: u8 = 101;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        // Whoever read the output has gone away: there is nobody to tell.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(FAILED),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if let Error::Interrupted(signal) = error { exit_code(signal) } else { FAILED })
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Error> {
    let listing = Listing::read(&cli.kernel)?;
    let selection = cli.filter().select(&listing);
    if cli.list {
        list(cli, &selection).map_err(|source| Error::Io { doing: "listing the tests".into(), source })?;
        return Ok(ExitCode::SUCCESS);
    }
    if listing.tests.is_empty() {
        // A run that runs nothing must not look like one that passed.
        let why = "it holds no tests: was it built without its feature `ktest`?".into();
        return Err(Error::Kernel { path: cli.kernel.clone(), why });
    }
    let interrupts = Interrupts::install()?;
    let emulator = Emulator::find()?;
    let cache = cache_directory(&cli.kernel);
    let image = Image::build(&cli.kernel, &[], &cache)?;
    let chosen = choose(cli.accel, &emulator, &image, &cache, &interrupts)?;
    if let Some(note) = &chosen.note {
        eprintln!("note: {note}");
    }
    let suite = Suite {
        emulator: &emulator,
        image: &image,
        count: listing.count(),
        shape: cli.shape(),
        chosen: &chosen,
        jobs: cli.jobs(),
        limits: Limits::default(),
        command_line: String::new(),
        policy: Policy::default(),
        cache: cache.clone(),
    };
    let summary = suite.run(&selection, &mut *sink(cli), &interrupts)?;
    Ok(match summary.interrupted {
        Some(signal) => ExitCode::from(exit_code(signal)),
        None if summary.success() => ExitCode::SUCCESS,
        None => ExitCode::from(FAILED),
    })
}

fn sink(cli: &Cli) -> Box<dyn Sink> {
    let out = io::stdout();
    let symbols = Symbols::of(&cli.kernel);
    match cli.format {
        Format::Json => Box::new(JsonLines::new(out, symbols)),
        Format::Pretty | Format::Terse => {
            let colour = cli.colour(out.is_terminal());
            Box::new(Terminal::new(out, Style { colour, output: cli.nocapture }, symbols))
        }
    }
}

/// Lists what `--list` asks for. Other programs read this: every line that ends in `: test` is one, and with
/// `--format terse` there is no other line.
fn list(cli: &Cli, selection: &Selection<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut tests: Vec<_> = selection.run.clone();
    if cli.filter().ignored != Ignored::Only {
        tests.extend(&selection.ignored);
    }
    tests.sort_by_key(|test| test.index);
    for test in &tests {
        writeln!(out, "{}: test", test.name)?;
    }
    if cli.format == Format::Pretty {
        writeln!(out, "\n{} tests, 0 benchmarks", tests.len())?;
    }
    out.flush()
}
