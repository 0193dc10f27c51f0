//! The QEMU that is used.

use std::{
    env, fmt, fs,
    io::Write,
    os::unix::fs::MetadataExt,
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

    /// Reads what [`Version`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        let version = Self { major: numbers.next()??, minor: numbers.next()??, micro: numbers.next()?? };
        numbers.next().is_none().then_some(version)
    }

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
        Self::at(&place()?)
    }

    /// As [`Emulator::find`], without asking a QEMU again that has told its version before: that takes half as long as
    /// a whole test. What it told is kept in the directory `cache`, for as long as the program is the same file.
    ///
    /// # Errors
    /// As [`Emulator::find`].
    pub fn find_known(cache: &Path) -> Result<Self, Error> {
        Self::known(place()?, cache)
    }

    fn known(program: PathBuf, cache: &Path) -> Result<Self, Error> {
        let Some(identity) = identity(&program) else { return Self::at(&program) };
        let known = cache.join("emulator");
        let told = fs::read_to_string(&known).ok();
        let version = told.as_deref().and_then(|text| text.strip_prefix(&identity)).and_then(Version::read);
        if let Some(version) = version {
            return Ok(Self { program, version });
        }
        let emulator = Self::at(&program)?;
        // Where it cannot be kept, it is asked again. Another run may write the same now, so the file appears whole.
        let _ = fs::create_dir_all(cache).and_then(|()| tempfile::NamedTempFile::new_in(cache)).and_then(|mut file| {
            writeln!(file, "{identity}version {}", emulator.version)?;
            file.persist(known).map_err(|error| error.error)
        });
        Ok(emulator)
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

/// Where QEMU is: the program that `STEWARD_QEMU` names, else the first on the search path.
fn place() -> Result<PathBuf, Error> {
    let named = env::var_os("STEWARD_QEMU").map(PathBuf::from);
    named.or_else(on_search_path).ok_or_else(|| Error::EmulatorMissing(NAME.into()))
}

/// A line that no other program has, nor this one after an update.
fn identity(program: &Path) -> Option<String> {
    let data = fs::metadata(program).ok()?;
    let (device, inode, size) = (data.dev(), data.ino(), data.size());
    let (changed, nanoseconds) = (data.ctime(), data.ctime_nsec());
    Some(format!("{} {device} {inode} {size} {changed}.{nanoseconds:09}\n", program.display()))
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
        let written = Version { major: 7, minor: 2, micro: 22 };
        assert_eq!(Version::parse(&written.to_string()), Some(written));
        assert_eq!([Version::parse("7.2"), Version::parse("7.2.x"), Version::parse("7.2.1.0")], [None; 3]);
    }

    #[test]
    fn versions_compare_by_number_not_by_text() {
        let version = |text| Version::read(&format!("version {text}")).unwrap();
        assert!(version("10.0.0") > version("9.1.0"));
        assert!(version("6.2.0") < Version::OLDEST && version("7.2.0") >= Version::OLDEST);
    }

    #[test]
    fn a_known_program_is_not_asked_again_until_it_is_another_one() {
        let directory = tempfile::tempdir().unwrap();
        let (program, calls) = (directory.path().join("qemu"), directory.path().join("calls"));
        let install = |version: &str| {
            let _ = fs::remove_file(&program);
            let text =
                format!("#!/bin/sh\necho called >>'{}'\necho QEMU emulator version {version}\n", calls.display());
            crate::test_emulator::write(&program, &text);
        };
        let known = || Emulator::known(program.clone(), &directory.path().join("cache")).unwrap().version().to_string();
        let calls = || fs::read_to_string(&calls).unwrap().lines().count();
        install("9.1.0");
        assert_eq!((known(), known(), calls()), ("9.1.0".into(), "9.1.0".into(), 1));
        install("10.0.2");
        assert_eq!((known(), known(), calls()), ("10.0.2".into(), "10.0.2".into(), 2));
    }

    #[test]
    fn a_program_that_is_not_qemu_or_not_there_is_refused_with_advice() {
        let error = Emulator::at(Path::new("/bin/true")).unwrap_err();
        assert!(matches!(error, Error::Emulator(_)), "{error}");
        let error = Emulator::at(Path::new("/nowhere/qemu")).unwrap_err().to_string();
        assert!(error.contains("apt-get install qemu-system-x86"), "{error}");
    }
}
