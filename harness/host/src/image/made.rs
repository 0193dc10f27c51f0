//! Media that a project's own command makes of its kernel.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    io::{Read, Seek, SeekFrom},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use super::{Attach, Firmware, Image, Kind, cache};
use crate::{
    Error,
    process::{Interrupts, Process},
};

/// How often it is looked whether the command has ended, or another process has made the medium.
const POLL: Duration = Duration::from_millis(20);
/// How much of what a failed command said is shown: the end of it.
const SHOWN: u64 = 16 << 10;
/// What a medium may depend on beside the kernel: here stand the settings and the versions of boot loaders.
const SETTINGS: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// What a project's own command makes of its kernel: a disc or a disk, which this firmware starts.
///
/// In each of the command's words, `{kernel}` stands for the kernel's path and `{image}` for the file that the command is
/// to write. It runs in `directory`, without a shell and without input. What it makes is kept in `cache`, and made again
/// when the kernel's content, the command, or `Cargo.toml` or `Cargo.lock` in the directory have changed. Of several
/// processes that want the same one, one makes it.
///
/// # Errors
/// [`Error::Request`] when the command names no `{image}`, cannot be run, fails (the text has what it said) or leaves no
/// medium that boots; [`Error::Interrupted`] when the harness was asked to stop, and the command with it; [`Error::Io`].
pub fn made(
    kernel: &Path,
    command: &[String],
    directory: &Path,
    firmware: &Firmware,
    cache: &Path,
    interrupts: &Interrupts,
) -> Result<Image, Error> {
    let kernel = std::path::absolute(kernel).map_err(Error::io(format!("finding {}", kernel.display())))?;
    let maker = Maker { kernel: &kernel, command, directory };
    maker.check()?;
    let media = cache.join("media");
    let place = media.join(format!("{:016x}.made", maker.hash()?));
    let _lock = lock(&place, interrupts)?;
    let attach = match attach(&place) {
        Some(attach) => {
            cache::keep_young(&place);
            attach
        }
        None => maker.make(&place, &media, interrupts)?,
    };
    Ok(Image::of_medium(&kernel, &place, attach, firmware.clone()))
}

/// How this file is plugged in; `None` for what is no medium that boots.
fn attach(file: &Path) -> Option<Attach> {
    match Kind::of(file) {
        Ok(Kind::Iso { .. }) => Some(Attach::Cd),
        Ok(Kind::Disk) => Some(Attach::Disk),
        _ => None,
    }
}

/// Waits until no other process makes this medium, and keeps others from it as long as the value lives.
fn lock(place: &Path, interrupts: &Interrupts) -> Result<File, Error> {
    let path = place.with_extension("lock");
    let failed = || Error::io(format!("locking {}", path.display()));
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed())?;
    let file = File::options().create(true).append(true).open(&path).map_err(failed())?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(failed()(error)),
        }
        match interrupts.signal() {
            Some(signal) => return Err(Error::Interrupted(signal)),
            None => sleep(POLL),
        }
    }
}

struct Maker<'a> {
    kernel: &'a Path,
    command: &'a [String],
    directory: &'a Path,
}

impl Maker<'_> {
    fn check(&self) -> Result<(), Error> {
        if self.command.is_empty() {
            return Err(Error::Request("`image` is empty: it must hold a command, as a list of words".into()));
        }
        if !self.command.iter().any(|word| word.contains("{image}")) {
            return Err(self.failed("has no `{image}`: that stands for the file that it must write"));
        }
        Ok(())
    }

    /// Of all that the medium is taken to depend on.
    fn hash(&self) -> Result<u64, Error> {
        let mut hasher = DefaultHasher::new();
        let read = |path: &Path| fs::read(path).map_err(Error::io(format!("reading {}", path.display())));
        read(self.kernel)?.hash(&mut hasher);
        (self.command, self.directory).hash(&mut hasher);
        // What is not there is as good as empty.
        SETTINGS.map(|name| fs::read(self.directory.join(name)).unwrap_or_default()).hash(&mut hasher);
        Ok(hasher.finish())
    }

    /// Runs the command, and gives what it wrote its place. It appears there whole or not at all.
    fn make(&self, place: &Path, media: &Path, interrupts: &Interrupts) -> Result<Attach, Error> {
        let failed = || Error::io(format!("making a medium in {}", media.display()));
        let made = tempfile::Builder::new().prefix(".new-").tempdir_in(media).map_err(failed())?;
        let new = std::path::absolute(made.path().join("image")).map_err(failed())?;
        eprintln!("making a bootable image: {}", self.command.join(" "));
        self.run(&new, interrupts)?;
        let attach = match Kind::of(&new) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Err(self.failed("succeeded, and wrote no `{image}`"))
            }
            Ok(kind) => attach(&new).ok_or_else(|| {
                self.failed(&format!(
                    "made {kind}, and no machine boots that from a drive: an ISO or a raw disk image does"
                ))
            }),
            Err(Error::Kernel { why, .. }) => Err(self.failed(&format!("wrote no usable `{{image}}`: {why}"))),
            Err(error) => Err(error),
        }?;
        fs::rename(&new, place).map_err(failed())?;
        cache::prune(media);
        Ok(attach)
    }

    fn run(&self, image: &Path, interrupts: &Interrupts) -> Result<(), Error> {
        let failed = || Error::io("keeping what the command in `image` says");
        let mut said = tempfile::tempfile().map_err(failed())?;
        let mut words = self.command.iter().map(|word| filled_in(word, self.kernel.as_os_str(), image.as_os_str()));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(self.directory).stdin(Stdio::null());
        command.stdout(said.try_clone().map_err(failed())?).stderr(said.try_clone().map_err(failed())?);
        let cannot = |error| self.failed(&format!("cannot be run in {}: {error}", self.directory.display()));
        let mut process = Process::spawn(command).map_err(cannot)?;
        let status = loop {
            match (process.wait_at_most(POLL).map_err(cannot)?, interrupts.signal()) {
                (Some(status), _) => break status,
                // Dropping it kills it.
                (None, Some(signal)) => return Err(Error::Interrupted(signal)),
                (None, None) => {}
            }
        };
        if status.success() {
            return Ok(());
        }
        let length = said.seek(SeekFrom::End(0)).map_err(failed())?;
        said.seek(SeekFrom::Start(length.saturating_sub(SHOWN))).map_err(failed())?;
        let mut tail = Vec::new();
        said.read_to_end(&mut tail).map_err(failed())?;
        let text = String::from_utf8_lossy(&tail);
        Err(self.failed(&format!("failed ({status}); it said:\n{}", text.trim_end())))
    }

    fn failed(&self, why: &str) -> Error {
        Error::Request(format!("the command in `image` ({}) {why}", self.command.join(" ")))
    }
}

/// The word with paths in the place of `{kernel}` and `{image}`.
fn filled_in(word: &str, kernel: &OsStr, image: &OsStr) -> OsString {
    let mut filled = OsString::new();
    let mut rest = word;
    loop {
        let found = [("{kernel}", kernel), ("{image}", image)].into_iter();
        let first = found.filter_map(|(name, path)| Some((rest.find(name)?, name, path))).min_by_key(|(at, ..)| *at);
        let Some((at, name, path)) = first else { break };
        filled.push(&rest[..at]);
        filled.push(path);
        rest = &rest[at + name.len()..];
    }
    filled.push(rest);
    filled
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A kernel, and a command that makes a disk of it which begins with its path.
    struct Project {
        directory: tempfile::TempDir,
        interrupts: Interrupts,
    }

    impl Project {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("kernel"), "a kernel").unwrap();
            Self { directory, interrupts: Interrupts::none().unwrap() }
        }

        fn make(&self, script: &str) -> Result<PathBuf, Error> {
            let words = ["sh", "-c", script, "sh", "{kernel}", "{image}"].map(String::from);
            self.run(&words)
        }

        fn run(&self, words: &[String]) -> Result<PathBuf, Error> {
            let directory = self.directory.path();
            let (kernel, cache) = (directory.join("kernel"), directory.join("cache"));
            let image = made(&kernel, words, directory, &Firmware::Bios, &cache, &self.interrupts)?;
            assert_eq!(image.elf, kernel);
            Ok(image.files()[0].to_path_buf())
        }

        fn why(&self, script: &str) -> String {
            let why = self.make(script).unwrap_err().to_string();
            let left = fs::read_dir(self.directory.path().join("cache/media")).unwrap().flatten();
            let left: Vec<_> =
                left.map(|entry| entry.path()).filter(|path| path.extension() != Some("lock".as_ref())).collect();
            assert!(left.is_empty(), "{left:?} was left behind");
            why
        }
    }

    /// Writes a boot sector, and one word to `made` for every time that it is run.
    const DISK: &str = r#"echo once >>made; head -c 510 "$1" >"$2"; truncate -s 510 "$2"; printf '\125\252' >>"$2""#;

    #[test]
    fn a_medium_is_made_once_for_one_kernel_command_and_settings() {
        let project = Project::new();
        let runs = || fs::read_to_string(project.directory.path().join("made")).unwrap().lines().count();
        let first = project.make(DISK).unwrap();
        assert!(fs::read(&first).unwrap().starts_with(b"a kernel"));
        assert_eq!((project.make(DISK).unwrap() == first, runs()), (true, 1));
        for (number, name) in ["kernel", "Cargo.toml", "Cargo.lock"].into_iter().enumerate() {
            fs::write(project.directory.path().join(name), "changed").unwrap();
            assert_ne!(project.make(DISK).unwrap(), first);
            assert_eq!(runs(), number + 2, "{name}");
        }
        project.make(&format!("{DISK}; true")).unwrap();
        assert_eq!(runs(), 5);
    }

    #[test]
    fn a_damaged_medium_is_made_again() {
        let project = Project::new();
        let first = project.make(DISK).unwrap();
        fs::write(&first, "scribble").unwrap();
        assert_eq!(project.make(DISK).unwrap(), first);
        assert_eq!(attach(&first), Some(Attach::Disk));
    }

    #[test]
    fn what_a_failed_command_said_is_shown() {
        let project = Project::new();
        let why = project.why("echo to the one; echo no such loader >&2; exit 3");
        assert!(why.contains("sh -c") && why.contains("exit status: 3"), "{why}");
        assert!(why.ends_with("it said:\nto the one\nno such loader"), "{why}");
    }

    #[test]
    fn what_is_no_medium_is_refused_with_what_it_is() {
        let project = Project::new();
        assert!(project.why("true").contains("wrote no `{image}`"));
        assert!(project.why("echo text >\"$2\"").contains("made nothing that is known to boot"));
        assert!(project.why(": >\"$2\"").contains("the file is empty"));
        assert!(project.why("printf 'QFI\\373' >\"$2\"").contains("in the format qcow2"));
    }

    #[test]
    fn commands_that_cannot_be_are_refused_before_anything_is_run() {
        let project = Project::new();
        let why = |words: &[&str]| {
            project.run(&words.iter().copied().map(String::from).collect::<Vec<_>>()).unwrap_err().to_string()
        };
        assert!(why(&[]).contains("list of words"));
        assert!(why(&["touch", "made"]).contains("has no `{image}`"));
        assert!(!project.directory.path().join("made").exists());
        let missing = why(&["/no/such/program", "{image}"]);
        assert!(missing.contains("/no/such/program") && missing.contains("cannot be run"), "{missing}");
    }

    #[test]
    fn a_command_dies_with_what_it_started_when_the_harness_is_asked_to_stop() {
        let project = Project::new();
        let other = project.interrupts.clone();
        let written = project.directory.path().join("pid");
        let waiter = std::thread::spawn(move || {
            while fs::read_to_string(&written).map_or(true, |text| !text.ends_with('\n')) {
                sleep(POLL);
            }
            other.trigger(15);
            fs::read_to_string(&written).unwrap().trim().to_owned()
        });
        let error = project.make("sleep 600 & echo $! >pid; wait").unwrap_err();
        assert!(matches!(error, Error::Interrupted(15)), "{error}");
        let stat = format!("/proc/{}/stat", waiter.join().unwrap());
        let runs = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"));
        // It was killed; the system may not have got round to it.
        (0..500).take_while(|_| runs()).for_each(|_| sleep(POLL));
        assert!(!runs(), "what the command started still runs");
    }

    #[test]
    fn paths_stand_in_words_as_often_as_they_are_named() {
        let fill = |word: &str| filled_in(word, "/k{image}".as_ref(), "/i".as_ref()).into_string().unwrap();
        assert_eq!(fill("{kernel}"), "/k{image}");
        assert_eq!(fill("a={image},b={kernel},c={image}"), "a=/i,b=/k{image},c=/i");
        assert_eq!(fill("{}{{image}"), "{}{/i");
        assert_eq!(fill(""), "");
    }
}
