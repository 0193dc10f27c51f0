//! The QEMU that is used.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

const NAME: &str = "qemu-system-x86_64";

/// A version of QEMU, such as 7.2.22.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub micro: u32,
}

impl Version {
    /// The oldest that the harness can drive.
    pub const OLDEST: Self = Self { major: 7, minor: 2, micro: 0 };

    /// Reads the first line of `qemu-system-x86_64 --version`.
    fn read(text: &str) -> Option<Self> {
        let word = text.lines().next()?.split_once("version ")?.1.split([' ', '(']).next()?;
        let mut numbers = word.split(['.', '-']).map(str::parse);
        let mut number = || numbers.next()?.ok();
        Some(Self { major: number()?, minor: number()?, micro: number().unwrap_or(0) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// A QEMU that was asked for its version and is new enough.
#[derive(Clone, Debug)]
pub struct Emulator {
    program: PathBuf,
    version: Version,
}

impl Emulator {
    /// Finds QEMU: the program that `STEWARD_QEMU` names, else `qemu-system-x86_64` on the search path.
    ///
    /// # Errors
    /// [`Error::EmulatorMissing`] says what to install, [`Error::EmulatorTooOld`] what there is,
    /// [`Error::Emulator`] that the program is something else.
    pub fn find() -> Result<Self, Error> {
        let named = env::var_os("STEWARD_QEMU").map(PathBuf::from);
        let program = named.clone().or_else(on_search_path).ok_or_else(|| Error::EmulatorMissing(NAME.into()))?;
        Self::at(&program)
    }

    /// The QEMU at this place.
    ///
    /// # Errors
    /// As [`Emulator::find`].
    pub fn at(program: &Path) -> Result<Self, Error> {
        let output = Command::new(program)
            .arg("--version")
            .output()
            .map_err(|error| Error::EmulatorMissing(format!("{} ({error})", program.display())))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = Version::read(&text).ok_or_else(|| {
            Error::Emulator(format!("`{} --version` states no version of QEMU: {:?}", program.display(), text.trim()))
        })?;
        if version < Version::OLDEST {
            return Err(Error::EmulatorTooOld(version.to_string()));
        }
        Ok(Self { program: program.into(), version })
    }

    /// Where it is.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Which it is.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }
}

fn on_search_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(NAME)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_print_them() {
        let read = |text| Version::read(text).map(|version| version.to_string());
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright";
        assert_eq!(read(debian).unwrap(), "7.2.22");
        assert_eq!(read("QEMU emulator version 9.1.0").unwrap(), "9.1.0");
        assert_eq!(read("QEMU emulator version 10.0-rc1 (v10)").unwrap(), "10.0.0");
        assert_eq!(read("GNU bash, version five"), None);
    }

    #[test]
    fn versions_compare_by_number_not_by_text() {
        let version = |text| Version::read(&format!("version {text}")).unwrap();
        assert!(version("10.0.0") > version("9.1.0"));
        assert!(version("6.2.0") < Version::OLDEST && version("7.2.0") >= Version::OLDEST);
    }

    #[test]
    fn a_program_that_is_not_qemu_or_not_there_is_refused_with_advice() {
        let error = Emulator::at(Path::new("/bin/true")).unwrap_err();
        assert!(matches!(error, Error::Emulator(_)), "{error}");
        let error = Emulator::at(Path::new("/nowhere/qemu")).unwrap_err().to_string();
        assert!(error.contains("apt-get install qemu-system-x86"), "{error}");
    }
}
