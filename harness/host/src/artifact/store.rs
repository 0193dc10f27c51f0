//! Where artifacts lie, how they get there, and how they are found again.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{self, Seek},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::{AtFlags, CWD, linkat};

use super::{Artifact, BootMedium, FORMAT, MOST_KEPT, Record};
use crate::{
    Error,
    image::{Boot, Firmware, Image},
};

pub(super) const KERNEL: &str = "kernel.elf";
pub(super) const STATE: &str = "state";
pub(super) const MEDIUM: &str = "medium";
pub(super) const FIRMWARE: &str = "firmware";
const RECORD: &str = "artifact.json";

/// How the names of directories start that are not, or no longer, artifacts. No id starts so.
const TEMPORARY: &str = ".new-";
/// How old such a directory gets before it is taken for a killed run's. Filling one takes milliseconds.
const ABANDONED: Duration = Duration::from_secs(60 * 60);
/// Longest part of a test's name in an id, in characters.
const LONGEST_NAME: usize = 24;
/// How often an id is drawn before it is given up: it is taken once in 65,536 times.
const DRAWS: usize = 16;

/// Puts a machine beside the others, whole or not at all.
pub(super) fn put(directory: &Path, state: File, record: Record, image: &Image) -> io::Result<Artifact> {
    let new = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(directory)?;
    give_name(state, &new.path().join(STATE))?;
    link_or_copy(&image.elf, &new.path().join(KERNEL))?;
    if let Boot::Medium { file, firmware, .. } = &image.boot {
        link_or_copy(file, &new.path().join(MEDIUM))?;
        if let Firmware::Uefi { code } = firmware {
            link_or_copy(code, &new.path().join(FIRMWARE))?;
        }
    }
    fs::write(new.path().join(RECORD), serde_json::to_string_pretty(&record)? + "\n")?;
    for _ in 0..DRAWS {
        let id = draw_id(&record.test);
        let path = directory.join(&id);
        // A directory that is not empty is never replaced.
        match fs::rename(new.path(), &path) {
            Ok(()) => {
                // Nothing stands under the old name any more.
                let _ = new.keep();
                prune(directory, &path);
                return Ok(Artifact { id, path, record });
            }
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free name was found for it"))
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

/// A test's own name and four digits: short enough to type.
fn draw_id(test: &str) -> String {
    let last = test.rsplit("::").next().unwrap_or_default();
    let typable = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
    let name: String = last.chars().filter(typable).take(LONGEST_NAME).collect();
    let number = RandomState::new().hash_one(0) & 0xffff;
    format!("{}-{number:04x}", if name.is_empty() { "test" } else { &name })
}

/// Gives a file without a name one; copies it where the file system cannot do that.
fn give_name(mut file: File, path: &Path) -> io::Result<()> {
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    if linkat(CWD, &unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW).is_ok() {
        return Ok(());
    }
    file.rewind()?;
    io::copy(&mut file, &mut File::create_new(path)?).map(drop)
}

/// A linker writes a new file each time, and so does who makes a medium: a second name for the old one keeps what it was.
fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    // Cargo may have made a symbolic link of it.
    let from = from.canonicalize()?;
    fs::hard_link(&from, to).or_else(|_| fs::copy(&from, to).map(drop))
}

/// Removes the oldest artifacts, and what killed runs left. Another run may be doing the same, so nothing here can fail.
fn prune(directory: &Path, newest: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut kept = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(age) = age(&path) else { continue };
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            if age > ABANDONED {
                let _ = fs::remove_dir_all(path);
            }
        } else if path != newest && path.join(RECORD).is_file() {
            kept.push((age, path));
        }
    }
    kept.sort();
    for (_, path) in kept.into_iter().skip(MOST_KEPT - 1) {
        // First out of sight: an artifact with half its files must not be found.
        let gone = directory.join(format!("{TEMPORARY}{}", path.file_name().unwrap_or_default().display()));
        let _ = fs::rename(path, &gone).and_then(|()| fs::remove_dir_all(gone));
    }
}

fn age(path: &Path) -> Option<Duration> {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    Some(SystemTime::now().duration_since(modified).unwrap_or_default())
}

/// The artifact of this id in `directory`, or of a directory that `name` is the path of. The first letters of an id do,
/// when no other starts with them.
///
/// # Errors
/// [`Error::Request`] when there is none, with those that there are; or when its files are no artifact of this version.
pub fn find(directory: &Path, name: &str) -> Result<Artifact, Error> {
    if Path::new(name).join(RECORD).is_file() {
        return read(Path::new(name));
    }
    let all = all(directory);
    let fitting: Vec<&PathBuf> = all.iter().filter(|path| id(path).starts_with(name)).collect();
    match (all.iter().find(|path| id(path) == name), &fitting[..]) {
        (Some(path), _) | (None, &[path]) if !name.is_empty() => read(path),
        (_, fitting) => Err(Error::Request(not_found(directory, name, &all, fitting.len()))),
    }
}

/// The directories of all artifacts, the newest first.
#[must_use]
pub fn all(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let artifacts = entries.filter(|path| !id(path).starts_with('.') && path.join(RECORD).is_file());
    let mut aged: Vec<_> = artifacts.map(|path| (age(&path), path)).collect();
    aged.sort();
    aged.into_iter().map(|(_, path)| path).collect()
}

fn id(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn not_found(directory: &Path, name: &str, all: &[PathBuf], fitting: usize) -> String {
    let problem = match fitting {
        _ if name.is_empty() => String::from("name a machine that was kept, or the path of its directory"),
        0 => format!(
            "no machine named `{name}` is kept in {}, and no directory of that name holds one",
            directory.display()
        ),
        _ => format!("`{name}` may be any of {fitting} machines"),
    };
    match all {
        [] => format!("{problem}; none is kept there: a test that fails leaves one"),
        all => format!(
            "{problem}; kept are, the newest first: {}",
            all.iter().map(|path| id(path)).collect::<Vec<_>>().join(", ")
        ),
    }
}

fn read(path: &Path) -> Result<Artifact, Error> {
    let wrong = |why: String| Error::Request(format!("{}: {why}", path.display()));
    let file = path.join(RECORD);
    let text = fs::read_to_string(&file).map_err(Error::io(format!("reading {}", file.display())))?;
    let format = serde_json::from_str::<serde_json::Value>(&text).ok().and_then(|value| value["format"].as_u64());
    if !format.is_some_and(|format| (1..=FORMAT.into()).contains(&format)) {
        let found = format.map_or_else(|| String::from("none"), |format| format.to_string());
        return Err(wrong(format!("its format is {found}; this harness reads up to {FORMAT}")));
    }
    let record: Record = serde_json::from_str(&text).map_err(|error| wrong(format!("{RECORD}: {error}")))?;
    let path = path.canonicalize().map_err(Error::io(format!("finding {}", path.display())))?;
    let (medium, uefi) = (record.medium.is_some(), record.medium.as_ref().is_some_and(|BootMedium { uefi, .. }| *uefi));
    for (name, _) in
        [(KERNEL, true), (STATE, true), (MEDIUM, medium), (FIRMWARE, uefi)].iter().filter(|(_, needed)| *needed)
    {
        if !path.join(name).is_file() {
            return Err(wrong(format!("`{name}` is missing: copy the whole directory")));
        }
    }
    Ok(Artifact { id: id(&path), path, record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{artifact::Machine, image::Attach};

    fn record(test: &str) -> Record {
        Record {
            format: FORMAT,
            test: test.into(),
            file: "k/src/lib.rs".into(),
            line: 3,
            verdict: "panic".into(),
            why: "off by 1".into(),
            seed: u64::MAX,
            nonce: None,
            fault: None,
            panicked_at: None,
            machine: Machine { kind: "pc".into(), cpus: 1, memory_mib: 64, cpu: "max".into(), memory_in_file: false },
            medium: None,
            accelerator: "tcg".into(),
            slots: 1,
            command_line: "serve=com2".into(),
            qemu: "7.2.22".into(),
            report: String::new(),
        }
    }

    /// A directory with a file that stands for a kernel, and one for artifacts.
    fn places() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let (kernel, artifacts) = (directory.path().join("k"), directory.path().join("failures"));
        fs::write(&kernel, "ELF").unwrap();
        fs::create_dir(&artifacts).unwrap();
        (directory, kernel, artifacts)
    }

    fn keep(artifacts: &Path, kernel: &Path, test: &str) -> Artifact {
        let mut state = tempfile::tempfile_in(artifacts).unwrap();
        io::Write::write_all(&mut state, b"state").unwrap();
        put(artifacts, state, record(test), &Image::bare(kernel)).unwrap()
    }

    #[test]
    fn what_is_put_is_found_by_its_id_the_start_of_it_and_its_path() {
        let (_directory, kernel, artifacts) = places();
        let put = keep(&artifacts, &kernel, "k::paging::maps");
        assert!(put.id.starts_with("maps-") && put.id.len() == "maps-0000".len(), "{}", put.id);
        for name in [put.id.as_str(), "map", put.path.to_str().unwrap()] {
            let found = find(&artifacts, name).unwrap();
            assert_eq!((&found.id, &found.record), (&put.id, &put.record));
            assert_eq!(fs::read(found.state()).unwrap(), b"state");
            assert_eq!(fs::read(found.kernel()).unwrap(), b"ELF");
        }
        assert_eq!(fs::read_dir(&artifacts).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_medium_and_its_firmware_are_kept_and_missed_when_they_go() {
        let (directory, kernel, artifacts) = places();
        let [file, code] = ["m", "f"].map(|name| directory.path().join(name));
        fs::write(&file, "image").unwrap();
        fs::write(&code, "ovmf").unwrap();
        let image = Image::of_medium(&kernel, &file, Attach::Usb, Firmware::Uefi { code });
        let medium = Some(BootMedium { attach: "usb".into(), uefi: true, screen: true });
        let state = tempfile::tempfile_in(&artifacts).unwrap();
        let id = put(&artifacts, state, Record { medium, ..record("k::maps") }, &image).unwrap().id;
        let found = find(&artifacts, &id).unwrap();
        let Boot::Medium { file, attach, writable, firmware, screen, .. } = found.image().unwrap().boot else {
            panic!("no medium")
        };
        assert_eq!((fs::read(file).unwrap(), attach), (b"image".to_vec(), Attach::Usb));
        assert!(!writable && screen);
        let Firmware::Uefi { code } = firmware else { panic!("no firmware") };
        assert_eq!(fs::read(&code).unwrap(), b"ovmf");
        fs::remove_file(code).unwrap();
        let error = find(&artifacts, &id).unwrap_err().to_string();
        assert!(error.contains("`firmware` is missing"), "{error}");
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_there_are() {
        let (_directory, kernel, artifacts) = places();
        let none = find(&artifacts, "maps-0000").unwrap_err().to_string();
        assert!(none.contains("maps-0000") && none.contains("none is kept"), "{none}");
        let first = keep(&artifacts, &kernel, "k::maps").id;
        let second = keep(&artifacts, &kernel, "k::maps").id;
        let unknown = find(&artifacts, "unmaps").unwrap_err().to_string();
        assert!(unknown.contains(&first) && unknown.contains(&second), "{unknown}");
        let many = find(&artifacts, "maps").unwrap_err().to_string();
        assert!(many.contains("any of 2"), "{many}");
        assert!(find(&artifacts, "").unwrap_err().to_string().contains("name a machine"));
    }

    #[test]
    fn a_kernel_that_cannot_be_read_leaves_nothing_half_kept() {
        let (_directory, _, artifacts) = places();
        let state = tempfile::tempfile_in(&artifacts).unwrap();
        put(&artifacts, state, record("k::maps"), &Image::bare(Path::new("/nonexistent"))).unwrap_err();
        assert_eq!(fs::read_dir(&artifacts).unwrap().count(), 0);
    }

    #[test]
    fn the_newest_stay_and_what_killed_runs_left_goes() {
        let (_directory, kernel, artifacts) = places();
        let set_age = |path: &Path, hours: u64| {
            let then = SystemTime::now() - Duration::from_secs(hours * 60 * 60);
            File::open(path).unwrap().set_modified(then).unwrap();
        };
        let oldest = keep(&artifacts, &kernel, "k::oldest");
        set_age(&oldest.path, 9);
        for number in 0..MOST_KEPT {
            set_age(&keep(&artifacts, &kernel, "k::other").path, 8 - number as u64 / 4);
        }
        let (abandoned, under_way) = (artifacts.join(".new-a"), artifacts.join(".new-b"));
        fs::create_dir(&abandoned).unwrap();
        fs::create_dir(&under_way).unwrap();
        set_age(&abandoned, 2);
        let newest = keep(&artifacts, &kernel, "k::newest");
        let kept = all(&artifacts);
        assert_eq!(kept.len(), MOST_KEPT);
        assert_eq!(kept[0], newest.path);
        assert!(!oldest.path.exists() && !abandoned.exists() && under_way.exists());
    }

    #[test]
    fn other_formats_and_missing_files_are_refused_in_words() {
        let (_directory, kernel, artifacts) = places();
        let put = keep(&artifacts, &kernel, "k::maps");
        fs::remove_file(put.state()).unwrap();
        let error = find(&artifacts, &put.id).unwrap_err().to_string();
        assert!(error.contains("`state` is missing"), "{error}");
        for (text, why) in
            [("{\"format\": 4}", "is 4; this harness reads up to 3"), ("{", "is none"), ("{\"format\": 1}", "test")]
        {
            fs::write(put.path.join(RECORD), text).unwrap();
            let error = find(&artifacts, &put.id).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn ids_are_short_and_typable_whatever_the_test_is_called() {
        assert!(draw_id("k::a_test_with_a_rather_long_name_indeed").starts_with("a_test_with_a_rather_lon-"));
        assert!(draw_id("k::größe/../x").starts_with("gre"));
        assert!(draw_id("").starts_with("test-"));
    }
}
