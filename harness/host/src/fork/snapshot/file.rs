//! The file of a snapshot: where it lies, who may make it, and how it is written.

use std::{
    fs,
    fs::{File, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

use crate::{Error, fork::memory::Pages, image::cache, machine::Lines, process::Interrupts, session::Session};

/// Ends the file. The number is the format's version.
const MAGIC: &[u8; 16] = b"steward snapshot";
const FORMAT: u64 = 3;
/// Bytes of the lengths and of the magic.
const TRAILER: u64 = 8 + 8 + 16;
/// Most bytes of the state and of what is said about it: no machine here comes near.
const LONGEST: u64 = 1 << 30;
/// How often a process that waits for another's snapshot looks.
const POLL: Duration = Duration::from_millis(5);

/// Where the snapshot of this session's machine lies: named after everything that it depends on.
pub fn place(session: &Session<'_>, cache: &Path) -> Result<PathBuf, Error> {
    let mut hasher = DefaultHasher::new();
    FORMAT.hash(&mut hasher);
    session.emulator.version().hash(&mut hasher);
    let lines = Lines { com1: 0, com2: 1, qmp: 2 };
    session.configuration.arguments(session.image, lines).hash(&mut hasher);
    session.ready.hash(&mut hasher);
    for file in session.image.files() {
        hasher.write(&fs::read(file).map_err(Error::io(format!("reading {}", file.display())))?);
    }
    identify(session.emulator.program(), &mut hasher)?;
    // The machine's clock, and under KVM its CPU, are the host's, and of this boot of it.
    fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default().hash(&mut hasher);
    Ok(cache.join("snapshots").join(format!("{:016x}.snapshot", hasher.finish())))
}

/// Which file it is, and in which state, without reading it.
fn identify(path: &Path, hasher: &mut impl Hasher) -> Result<(), Error> {
    let data = fs::metadata(path).map_err(Error::io(format!("reading {}", path.display())))?;
    (path, data.dev(), data.ino(), data.size(), data.mtime(), data.mtime_nsec()).hash(&mut { hasher });
    Ok(())
}

/// Waits until no other process makes this snapshot, at most so long: one that was suspended would hold up all others.
/// Keeps others from it as long as the value lives.
pub fn lock(path: &Path, interrupts: &Interrupts, limit: Duration) -> Result<File, Error> {
    let path = path.with_extension("lock");
    let failed = || Error::io(format!("locking {}", path.display()));
    let deadline = Instant::now() + limit;
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed())?;
    }
    let file = File::options().create(true).append(true).open(&path).map_err(failed())?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(failed()(error)),
        }
        if let Some(signal) = interrupts.signal() {
            return Err(Error::Interrupted(signal));
        }
        if Instant::now() >= deadline {
            return Err(failed()(io::Error::new(io::ErrorKind::TimedOut, "another process does not let go of it")));
        }
        sleep(POLL);
    }
}

/// Writes the whole file, under its name only when it is whole, and gives it opened.
pub fn write(path: &Path, pages: &Pages, memory: u64, state: &mut File, about: &[u8]) -> Result<File, Error> {
    cache::publish(path, |file| {
        file.set_len(memory)?;
        pages.write(file)?;
        file.seek(SeekFrom::Start(memory))?;
        state.seek(SeekFrom::Start(0))?;
        let length = io::copy(state, file)?;
        file.write_all(about)?;
        file.write_all(&length.to_le_bytes())?;
        file.write_all(&(about.len() as u64).to_le_bytes())?;
        file.write_all(MAGIC)
    })?;
    File::options().read(true).write(true).open(path).map_err(Error::io(format!("reading {}", path.display())))
}

/// Length of the state, and what is said about it; `None` when the file is not whole.
pub fn read_trailer(file: &mut File, memory: u64) -> Option<(u64, Vec<u8>)> {
    let end = file.seek(SeekFrom::End(0)).ok()?;
    let trailer_at = end.checked_sub(TRAILER)?;
    let mut trailer = [0; TRAILER as usize];
    file.read_exact_at(&mut trailer, trailer_at).ok()?;
    let number = |at: usize| trailer[at..at + 8].try_into().map(u64::from_le_bytes).ok().filter(|&n| n <= LONGEST);
    let (state, about) = (number(0)?, number(8)?);
    if trailer[16..] != *MAGIC || memory.checked_add(state)?.checked_add(about)? != trailer_at {
        return None;
    }
    file.seek(SeekFrom::Start(memory + state)).ok()?;
    let mut text = vec![0; usize::try_from(about).ok()?];
    file.read_exact(&mut text).ok()?;
    Some((state, text))
}

/// What tells a memory and a state from damaged ones; the state is as many bytes of `file`, from `start` on.
pub fn digest(pages: &Pages, file: &mut File, start: u64, state: u64) -> io::Result<u64> {
    let mut bytes = vec![0; usize::try_from(state).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, start)?;
    let mut hasher = DefaultHasher::new();
    pages.hash(&mut hasher);
    hasher.write(&bytes);
    Ok(hasher.finish())
}

/// Makes the file look used, so that it is not removed soon.
pub fn keep_young(file: &File) {
    // A file that cannot be touched is at worst made again some day.
    let _ = file.set_modified(SystemTime::now());
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: u64 = 1 << 20;
    const PLACE: u64 = 20487;

    fn written(directory: &Path) -> (PathBuf, File) {
        let path = directory.join("snapshots/x.snapshot");
        let ram = tempfile::tempfile().unwrap();
        ram.set_len(MEMORY).unwrap();
        ram.write_all_at(b"kernel", PLACE).unwrap();
        let pages = Pages::read(&ram, MEMORY, u64::MAX).unwrap().unwrap();
        let mut state = tempfile::tempfile().unwrap();
        state.write_all(b"state").unwrap();
        let file = write(&path, &pages, MEMORY, &mut state, b"about").unwrap();
        (path, file)
    }

    #[test]
    fn what_was_written_is_read_back_and_zeros_take_no_room() {
        let directory = tempfile::tempdir().unwrap();
        let (_, mut file) = written(directory.path());
        assert_eq!(read_trailer(&mut file, MEMORY), Some((5, b"about".to_vec())));
        let mut bytes = [0; 6];
        file.read_exact_at(&mut bytes, PLACE).unwrap();
        assert_eq!(&bytes, b"kernel");
        file.read_exact_at(&mut bytes[..5], MEMORY).unwrap();
        assert_eq!(&bytes[..5], b"state");
        assert!(file.metadata().unwrap().blocks() * 512 < 64 << 10);
    }

    #[test]
    fn a_file_that_is_not_whole_or_of_another_machine_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let (_, mut file) = written(directory.path());
        assert_eq!(read_trailer(&mut file, MEMORY * 2), None);
        let length = file.metadata().unwrap().len();
        for cut in [1, TRAILER, TRAILER + 3, length] {
            file.set_len(length - cut).unwrap();
            assert_eq!(read_trailer(&mut file, MEMORY), None, "{cut} bytes cut off");
            file.set_len(length).unwrap();
        }
    }

    #[test]
    fn a_lock_is_waited_for_but_not_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("snapshots/x.snapshot");
        let interrupts = Interrupts::none().unwrap();
        let first = lock(&path, &interrupts, Duration::ZERO).unwrap();
        let impatient = lock(&path, &interrupts, POLL).unwrap_err().to_string();
        assert!(impatient.contains("does not let go"), "{impatient}");
        std::thread::scope(|scope| {
            let patience = Duration::from_secs(60);
            let second = scope.spawn(move || lock(&path, &Interrupts::none().unwrap(), patience).unwrap());
            sleep(POLL * 10);
            assert!(!second.is_finished());
            drop(first);
            drop(second.join().unwrap());
        });
    }
}
