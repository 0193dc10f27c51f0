//! `doctor`: what is installed, what is missing, and what the accelerator probe said.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;
use steward_harness::accel::{self, Request};
use steward_harness::process::Interrupts;

use crate::images::{self, Build};
use crate::limine::{Source, VARIABLE};
use crate::out::say;
use crate::preflight::components::{Component, first_line, locate};
use crate::preflight::{self, packages::Manager};
use crate::style;
use crate::workspace::{BARE_METAL, UEFI, Workspace};

/// Lists every component with its version, its place and whether it will do, and probes the accelerator.
///
/// Nothing is installed. The exit code is 0 when everything needed is there; else it is 1, and the last line is the
/// command that installs what is missing, or says why there is none.
///
/// Needed are QEMU 7.2 or newer (from the search path, or the program that STEWARD_QEMU names), OVMF, which is the UEFI
/// firmware for it (from where distributions put it, or the code image that STEWARD_OVMF names), and Rust's targets
/// x86_64-unknown-none and x86_64-unknown-uefi. `test` looks into failed machines with gdb.
///
/// Limine is for --bootloader limine and --firmware bios. It is taken from the directory that STEWARD_LIMINE names, or git
/// fetches it; a C compiler makes its installer.
///
/// Commands install what they need and is missing: after asking on a terminal; without asking when given --yes, when CI
/// is set, or as root without a terminal; never when STEWARD_NO_INSTALL is set.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Leave the accelerator probe out: it builds the kernel and boots it
    #[arg(long)]
    no_probe: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask doctor
  cargo xtask doctor --no-probe";

/// A line of the list.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    name: String,
    version: String,
    place: String,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    Missing,
    /// Not there, and only some commands or options need it.
    Optional,
}

const NEEDED: [Component; 4] =
    [Component::Qemu, Component::Firmware, Component::RustTarget(BARE_METAL), Component::RustTarget(UEFI)];
const OPTIONAL: [Component; 4] = [Component::Gdb, Component::Git, Component::Compiler, Component::Prover];

/// Prints the list.
///
/// # Errors
/// When the workspace cannot be read.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut lines: Vec<Line> = ["rustc", "cargo", "rustfmt", "cargo-clippy"].map(tool).into();
    lines.extend(NEEDED.map(|component| component_line(component, Status::Missing)));
    lines.extend(OPTIONAL.map(|component| component_line(component, Status::Optional)));
    let limine = limine_line(&Source::choose(None, &workspace));
    let limine_fault = limine.status == Status::Missing;
    lines.push(limine);
    lines.push(manager_line(Manager::detect()));
    say!("{}", table(&lines).trim_end());
    let mut healthy = lines.iter().all(|line| line.status != Status::Missing);
    if healthy && !options.no_probe {
        match probe(&workspace) {
            Ok(text) => say!("accelerator: {text}"),
            Err(error) => {
                say!("accelerator: the probe failed: {error:#}");
                healthy = false;
            }
        }
    }
    if healthy {
        say!("{}", style::good("everything needed is there"));
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}", style::bad("something needed is missing"));
    if let Some(fix) = preflight::fix(&NEEDED) {
        say!("{fix}");
    } else if limine_fault {
        say!("{VARIABLE} names the directory of a binary release of Limine; point it to one, or unset it");
    }
    Ok(ExitCode::FAILURE)
}

fn tool(name: &str) -> Line {
    let place = locate(Path::new(name));
    let version = first_line(Command::new(name).arg("--version"));
    let status = if version.is_some() { Status::Ok } else { Status::Missing };
    let version = version.as_deref().and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default().to_owned();
    let place = place.map_or_else(|| "rustup component add clippy rustfmt".to_owned(), |p| p.display().to_string());
    Line { name: name.to_owned(), version, place, status }
}

fn component_line(component: Component, when_missing: Status) -> Line {
    let name = component.to_string();
    match component.find() {
        Ok(found) => {
            Line { name, version: found.version, place: found.place.display().to_string(), status: Status::Ok }
        }
        Err(fault) => Line { name, version: String::new(), place: fault, status: when_missing },
    }
}

/// A directory that is named and holds no Limine is a fault: with it, nothing boots by Limine.
fn limine_line(source: &Source) -> Line {
    let status = match source.check() {
        Ok(()) if matches!(source, Source::Git(_)) => Status::Optional,
        Ok(()) => Status::Ok,
        Err(_) => Status::Missing,
    };
    let place = source.check().map_or_else(|fault| format!("{fault:#}"), |()| source.to_string());
    Line { name: "Limine".to_owned(), version: String::new(), place, status }
}

fn manager_line(manager: Option<Manager>) -> Line {
    let place = manager.and_then(|manager| locate(Path::new(manager.program())));
    Line {
        name: "package manager".to_owned(),
        version: String::new(),
        status: if place.is_some() { Status::Ok } else { Status::Optional },
        place: place.map_or_else(|| "none that we know".to_owned(), |place| place.display().to_string()),
    }
}

fn table(lines: &[Line]) -> String {
    let width = |text: fn(&Line) -> &str| lines.iter().map(|line| text(line).len()).max().unwrap_or(0);
    let (names, versions) = (width(|line| &line.name), width(|line| &line.version));
    let row = |line: &Line| {
        let status = match line.status {
            Status::Ok => style::good("ok      "),
            Status::Missing => style::bad("missing "),
            Status::Optional => "optional".to_owned(),
        };
        format!("{status}  {:<names$}  {:<versions$}  {}\n", line.name, line.version, line.place)
    };
    lines.iter().map(row).collect()
}

fn probe(workspace: &Workspace) -> Result<String> {
    let emulator = steward_harness::Emulator::find()?;
    let interrupts = Interrupts::install()?;
    let image = images::image(workspace, Build { release: false, tests: true, ..Build::default() }, &interrupts)?;
    let chosen = accel::choose(Request::Auto, &emulator, &image, &workspace.cache(), &interrupts)?;
    let note = chosen.note.map_or_else(String::new, |note| format!("; {note}"));
    Ok(format!("{}, {:.1} × the speed of the reference{note}", chosen.accelerator, 1.0 / chosen.slowness))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let line = |name: &str, version: &str, status| Line {
            name: name.into(),
            version: version.into(),
            place: "/usr/bin/x".into(),
            status,
        };
        let text =
            style::plain(&table(&[line("QEMU", "7.2.22", Status::Ok), line("Rust target", "", Status::Missing)]));
        assert_eq!(text, "ok        QEMU         7.2.22  /usr/bin/x\nmissing   Rust target          /usr/bin/x\n");
    }

    #[test]
    fn a_tool_that_is_not_there_is_missing() {
        assert_eq!(tool("no-such-tool").status, Status::Missing);
        assert_eq!(tool("cargo").status, Status::Ok);
    }

    #[test]
    fn a_directory_without_limine_is_a_fault_and_none_at_all_is_not() {
        assert_eq!(limine_line(&Source::Git("/nowhere".into())).status, Status::Optional);
        let line = limine_line(&Source::Variable("/proc/self".into()));
        assert_eq!(line.status, Status::Missing);
        assert!(line.place.contains("STEWARD_LIMINE") && line.place.contains("/proc/self"), "{line:?}");
    }

    #[test]
    fn an_absent_optional_component_is_no_fault() {
        let line = component_line(Component::RustTarget("no-such-target"), Status::Optional);
        assert_eq!(line.status, Status::Optional);
        assert!(!line.place.is_empty());
    }
}
