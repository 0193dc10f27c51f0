//! What can be needed, and how it is found.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use steward_harness::{Emulator, firmware};

/// The variable that names OVMF's code image.
pub const FIRMWARE_VARIABLE: &str = "STEWARD_OVMF";
/// The variable that names Z3's program.
pub const PROVER_VARIABLE: &str = "STEWARD_Z3";

/// Something outside of this repository that a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// `qemu-system-x86_64`, 7.2 or newer.
    Qemu,
    /// OVMF, the UEFI firmware for QEMU.
    Firmware,
    /// `gdb`, the debugger.
    Gdb,
    /// `git`, which fetches Limine.
    Git,
    /// `cc`, which compiles the program that Limine's boot sectors are installed by.
    Compiler,
    /// `z3`, to which the proofs of the ledger's rules are put.
    Prover,
    /// The precompiled core library of a target.
    RustTarget(&'static str),
}

/// A component that was found.
pub struct Found {
    /// Its version, where it has one.
    pub version: String,
    /// Where it is.
    pub place: PathBuf,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qemu => f.write_str("QEMU"),
            Self::Firmware => f.write_str("OVMF firmware"),
            Self::Gdb => f.write_str("gdb"),
            Self::Git => f.write_str("git"),
            Self::Compiler => f.write_str("C compiler"),
            Self::Prover => f.write_str("Z3"),
            Self::RustTarget(target) => write!(f, "Rust target {target}"),
        }
    }
}

impl Component {
    /// Whether the system's package manager brings it.
    #[must_use]
    pub fn is_system(self) -> bool {
        !matches!(self, Self::RustTarget(_))
    }

    /// Looks for it.
    ///
    /// # Errors
    /// When it is not there or does not do; the text says which.
    pub fn find(self) -> Result<Found, String> {
        match self {
            Self::Qemu => find_qemu(),
            Self::Firmware => find_firmware(),
            Self::Gdb => find_program("gdb"),
            Self::Git => find_program("git"),
            Self::Compiler => find_compiler(),
            Self::Prover => find_prover(),
            Self::RustTarget(target) => find_target(target),
        }
    }
}

fn find_qemu() -> Result<Found, String> {
    let emulator = Emulator::find().map_err(|error| error.to_string())?;
    Ok(Found { version: emulator.version().to_string(), place: emulator.program().to_owned() })
}

fn find_firmware() -> Result<Found, String> {
    let place = firmware::uefi().ok_or_else(|| match env::var_os(FIRMWARE_VARIABLE) {
        Some(named) => format!("{FIRMWARE_VARIABLE} names {}, which is no file", named.display()),
        None => "no OVMF code image in the usual places".to_owned(),
    })?;
    Ok(Found { version: String::new(), place })
}

/// What compiles Limine's installer: `cc`, or the program that `CC` names.
fn find_compiler() -> Result<Found, String> {
    match env::var_os("CC").filter(|name| !name.is_empty()) {
        Some(named) => find_program(&named).map_err(|_| format!("CC names {}, which is no program", named.display())),
        None => find_program("cc"),
    }
}

/// `z3`, or the program that `STEWARD_Z3` names.
fn find_prover() -> Result<Found, String> {
    let named = env::var_os(PROVER_VARIABLE).filter(|name| !name.is_empty());
    let program = named.clone().unwrap_or_else(|| "z3".into());
    let not_a_program = |fault| match &named {
        Some(named) => format!("{PROVER_VARIABLE} names {}, which is no program", named.display()),
        None => fault,
    };
    let found = find_program(&program).map_err(not_a_program)?;
    let version = first_line(Command::new(&program).arg("--version")).ok_or("it does not run")?;
    let version = version.split_whitespace().nth(2).unwrap_or_default().to_owned();
    Ok(Found { version, ..found })
}

fn find_program(name: impl AsRef<Path>) -> Result<Found, String> {
    let place = locate(name.as_ref()).ok_or_else(|| "it is not on the search path".to_owned())?;
    Ok(Found { version: String::new(), place })
}

fn find_target(target: &str) -> Result<Found, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = first_line(Command::new(&rustc).arg("--version")).ok_or("there is no rustc")?;
    let sysroot = first_line(Command::new(&rustc).args(["--print", "sysroot"])).ok_or("there is no rustc")?;
    let place = Path::new(&sysroot).join("lib/rustlib").join(target);
    if !place.join("lib").exists() {
        return Err(format!("{} has no core library for it", version.trim()));
    }
    let version = version.split_whitespace().nth(1).unwrap_or_default().to_owned();
    Ok(Found { version, place })
}

/// First line that a program prints on standard output; `None` when it cannot be run or fails.
#[must_use]
pub fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned();
    output.status.success().then_some(text)
}

/// Whether a program of this name is on the search path.
#[must_use]
pub fn on_path(program: &str) -> bool {
    locate(Path::new(program)).is_some()
}

/// The file that running `program` would run: itself when it has a directory, else the first on the search path.
#[must_use]
pub fn locate(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_directory_is_not_searched_for() {
        assert_eq!(locate(Path::new("./no-such-program")), None);
        assert!(locate(Path::new("cargo")).is_some());
    }

    #[test]
    fn the_target_of_this_very_build_is_found_and_an_invented_one_is_not() {
        assert!(Component::RustTarget("x86_64-unknown-none").find().is_ok());
        assert!(Component::RustTarget("no-such-target").find().is_err());
    }
}
