//! What can be needed, and how it is found.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use steward_harness::Emulator;

/// Something outside of this repository that a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// `qemu-system-x86_64`, 7.2 or newer.
    Qemu,
    /// OVMF, the UEFI firmware for QEMU.
    Firmware,
    /// `xorriso`, which makes discs.
    Xorriso,
    /// `gdb`, the debugger.
    Gdb,
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

/// Where distributions put OVMF. The first that exists is taken.
const FIRMWARE_PLACES: [&str; 8] = [
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/OVMF/OVMF_CODE.fd",
    "/usr/share/ovmf/OVMF.fd",
    "/usr/share/edk2/ovmf/OVMF_CODE.fd",
    "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
    "/usr/share/edk2-ovmf/x64/OVMF_CODE.fd",
    "/usr/share/qemu/ovmf-x86_64-code.bin",
    "/usr/share/OVMF/OVMF.fd",
];

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qemu => f.write_str("QEMU"),
            Self::Firmware => f.write_str("OVMF firmware"),
            Self::Xorriso => f.write_str("xorriso"),
            Self::Gdb => f.write_str("gdb"),
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
            Self::Firmware => FIRMWARE_PLACES
                .iter()
                .find(|place| Path::new(place).exists())
                .map(|place| Found { version: String::new(), place: place.into() })
                .ok_or_else(|| "no OVMF code image in the usual places".to_owned()),
            Self::Xorriso => find_program("xorriso"),
            Self::Gdb => find_program("gdb"),
            Self::RustTarget(target) => find_target(target),
        }
    }
}

fn find_qemu() -> Result<Found, String> {
    let emulator = Emulator::find().map_err(|error| error.to_string())?;
    Ok(Found { version: emulator.version().to_string(), place: emulator.program().to_owned() })
}

fn find_program(name: &str) -> Result<Found, String> {
    let place = locate(Path::new(name)).ok_or_else(|| "it is not on the search path".to_owned())?;
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
