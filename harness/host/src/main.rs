//! `steward-harness KERNEL [libtest's arguments]`: runs a kernel's tests, each in a machine of its own.
//! `steward-harness run` runs any kernel, `steward-harness ktap` reads a log; see [`command`].
//!
//! As cargo's runner for a bare-metal target it makes a kernel behave like a test program of the host:
//! `cargo test`, `cargo nextest` and editors list its tests, run some or all, and read the result.
#![forbid(unsafe_code)]

mod cli;
mod command;
mod front;
mod list;
mod open;
mod update;

use std::{
    env,
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
};

use clap::Parser;
use steward_harness::{
    Emulator, Error,
    accel::choose,
    artifact,
    config::{Firmware, Project},
    filter::{Ignored, Selection},
    image::{self, Image, Way, cache_directory},
    listing::{Listing, Test},
    process::{Interrupts, exit_code},
    report::{Outputs, Style, in_github_actions, quoted},
    session::Limits,
    sources,
    suite::{Sink, Suite, Summary},
    symbols::Symbols,
};

use cli::{Cli, Format};
use command::{directory_of, working_directory};
use front::Front;
use open::open;

/// What libtest exits with when a test failed.
const FAILED: u8 = 101;

fn main() -> ExitCode {
    if let Some(code) = command::dispatch() {
        return code;
    }
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
    if let Some(workspace) = &cli.workspace {
        update::harness(workspace, &cli.kernel)?;
    }
    cli.check()?;
    let cache = cache_directory(&cli.kernel);
    let artifacts = artifact::directory(&cache);
    if let Some(name) = &cli.options.replay {
        return open(&artifacts, name, cli.options.listen.as_deref(), &Interrupts::install()?);
    }
    let listing = Listing::read(&cli.kernel).map_err(|error| cli.explained(error))?;
    let selection = cli.filter().select(&listing);
    if cli.list {
        let listed =
            list::write(&mut io::stdout().lock(), &listed(cli, &selection), cli.format, own_crate(cli).as_deref());
        return listed
            .map(|()| ExitCode::SUCCESS)
            .map_err(|source| Error::Io { doing: "listing the tests".into(), source });
    }
    if listing.tests.is_empty() {
        // A run that runs nothing must not look like one that passed.
        let why = sources::why_none(env::var_os("CARGO_MANIFEST_DIR").as_deref().map(Path::new));
        return Err(Error::Kernel { path: cli.kernel.clone(), why });
    }
    let interrupts = Interrupts::install()?;
    let mut front = Front::new(outputs(cli).open(io::stdout(), Symbols::of(&cli.kernel))?, own_crate(cli));
    let summary = run_tests(cli, &listing, &cache, &artifacts, &mut front, &interrupts)?;
    if let Some(name) = front.kept().filter(|_| cli.options.gdb_on_fail && summary.interrupted.is_none()) {
        open(&artifacts, &name, None, &interrupts)?;
    }
    Ok(match summary.interrupted {
        Some(signal) => ExitCode::from(exit_code(signal)),
        None if summary.success() => ExitCode::SUCCESS,
        None => ExitCode::from(FAILED),
    })
}

fn run_tests(
    cli: &Cli,
    listing: &Listing,
    cache: &Path,
    artifacts: &Path,
    front: &mut Front<impl Sink>,
    interrupts: &Interrupts,
) -> Result<Summary, Error> {
    let project = project()?;
    let machine = cli.options.machine.given().over(project.settings.machine.clone());
    let emulator = Emulator::find_known(cache)?;
    let image = image(cli, &project, cache, interrupts)?;
    let chosen = choose(machine.accel(), &emulator, &image, cache, interrupts)?;
    if let Some(note) = &chosen.note {
        eprintln!("note: {note}");
    }
    let suite = Suite {
        emulator: &emulator,
        image: &image,
        count: listing.count(),
        shape: machine.shape(),
        chosen: &chosen,
        jobs: cli.jobs(),
        limits: Limits::default(),
        command_line: String::new(),
        policy: cli.options.policy(artifacts),
        cache: cache.into(),
    };
    suite.run(&cli.filter().select(listing), front, interrupts)
}

/// What the project states whose kernel this is: that of the package which cargo runs, or of the working directory.
fn project() -> Result<Project, Error> {
    match env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => Project::find(Path::new(&package)),
        None => Project::find(&working_directory()?),
    }
}

/// What the machines boot: the kernel by our loader, or what the project's own command makes of it.
fn image(cli: &Cli, project: &Project, cache: &Path, interrupts: &Interrupts) -> Result<Image, Error> {
    let Some(command) = &project.settings.image else { return Image::build(&cli.kernel, &[], cache) };
    let firmware = project.settings.firmware.map(Firmware::find).transpose()?;
    image::foreign(&image::Options {
        kernel: &cli.kernel,
        initrd: None,
        append: "",
        boot: Way::Auto,
        firmware: firmware.as_ref(),
        limine: None,
        command: Some(command),
        directory: &directory_of(project)?,
        cache,
        interrupts,
    })
}

fn outputs(cli: &Cli) -> Outputs {
    let terminal = io::stdout().is_terminal();
    Outputs {
        json: cli.format == Format::Json,
        style: Style {
            colour: cli.colour(terminal),
            output: cli.nocapture,
            progress: terminal,
            command: command_of(&cli.kernel, env::var("CARGO_PKG_NAME").ok().as_deref()),
            options: String::new(),
        },
        junit: cli.options.junit.clone(),
        html: cli.options.html.clone(),
        github: in_github_actions(),
        ..Outputs::default()
    }
}

/// What people type to have this kernel's tests run: cargo, when it has started this program, or else this program.
fn command_of(kernel: &Path, package: Option<&str>) -> String {
    /// The bare-metal target that comes with Rust. Any other is a file, which the project's configuration names.
    const TARGET: &str = "x86_64-unknown-none";
    let Some(package) = package else { return format!("steward-harness {}", quoted(&kernel.to_string_lossy())) };
    let is_for_target = kernel.components().any(|part| part.as_os_str() == TARGET);
    let target = if is_for_target { format!(" --target {TARGET}") } else { String::new() };
    format!("cargo test{target} --package {package} --")
}

/// The crate whose name is left out of tests' names: programs that read JSON know tests as libtest names them.
fn own_crate(cli: &Cli) -> Option<String> {
    cli.own_crate().filter(|_| cli.format == Format::Json)
}

/// What `--list` asks for, in the order of the ELF file. Without `--ignored`, ignored tests are listed like all others.
fn listed<'l>(cli: &Cli, selection: &Selection<'l>) -> Vec<&'l Test> {
    let mut tests = selection.run.clone();
    if cli.filter().ignored != Ignored::Only {
        tests.extend(&selection.ignored);
    }
    tests.sort_by_key(|test| test.index);
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_run_again_by_what_ran_it() {
        let built = Path::new("/k/target/x86_64-unknown-none/debug/deps/my_kernel-0a1b");
        let by_cargo = "cargo test --target x86_64-unknown-none --package my-kernel --";
        assert_eq!(command_of(built, Some("my-kernel")), by_cargo);
        assert_eq!(command_of(Path::new("/k/target/my_os/debug/k"), Some("k")), "cargo test --package k --");
        assert_eq!(command_of(Path::new("./a kernel"), None), "steward-harness './a kernel'");
    }
}
