//! Remembering which accelerator works, until something changes that it depends on.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Chosen, KVM, Request};
use crate::{Emulator, machine::Accelerator};

/// What the answer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The host's present run; a restart may change anything.
    boot: String,
    emulator: PathBuf,
    version: String,
    /// Device number, inode and permissions of `/dev/kvm`; `None` without one.
    kvm: Option<(u64, u64, u32)>,
}

impl Key {
    pub fn of(emulator: &Emulator) -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let kvm = fs::metadata(KVM).ok().map(|data| (data.rdev(), data.ino(), data.mode()));
        Self { boot, emulator: emulator.program().into(), version: emulator.version().to_string(), kvm }
    }
}

#[derive(Serialize, Deserialize)]
struct Entry {
    key: Key,
    kvm: bool,
    slowness: f64,
    note: Option<String>,
}

/// One small file for each request, below the cache directory.
pub struct Cache {
    directory: PathBuf,
    key: Key,
}

impl Cache {
    pub fn new(directory: &Path, key: Key) -> Self {
        Self { directory: directory.into(), key }
    }

    fn path(&self, request: Request) -> PathBuf {
        self.directory.join(format!("accelerator-{request}.json"))
    }

    /// The answer, if it still holds.
    pub fn read(&self, request: Request) -> Option<Chosen> {
        let entry: Entry = serde_json::from_slice(&fs::read(self.path(request)).ok()?).ok()?;
        let accelerator = if entry.kvm { Accelerator::Kvm } else { Accelerator::Tcg };
        let sane = entry.slowness.is_finite() && entry.slowness > 0.0;
        (entry.key == self.key && sane).then_some(Chosen { accelerator, slowness: entry.slowness, note: entry.note })
    }

    /// Remembers the answer and gives it back. Where it cannot be kept it is found out again next time.
    pub fn write(&self, request: Request, chosen: Chosen) -> Chosen {
        let Chosen { accelerator, slowness, ref note } = chosen;
        let kvm = accelerator == Accelerator::Kvm;
        let entry = Entry { key: self.key.clone(), kvm, slowness, note: note.clone() };
        if let Ok(text) = serde_json::to_vec_pretty(&entry) {
            // Another run may write the same at this moment, so the file appears whole.
            let _ = fs::create_dir_all(&self.directory);
            let _ = tempfile::NamedTempFile::new_in(&self.directory).and_then(|mut file| {
                std::io::Write::write_all(&mut file, &text)?;
                file.persist(self.path(request)).map_err(|error| error.error)
            });
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key { boot: "b".into(), emulator: "/q".into(), version: "7.2.0".into(), kvm: Some((1, 2, 3)) }
    }

    #[test]
    fn an_answer_holds_until_something_changes() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("steward");
        let chosen = Chosen { accelerator: Accelerator::Tcg, slowness: 1.5, note: Some("/dev/kvm hangs".into()) };
        let cache = Cache::new(&inner, key());
        assert_eq!(cache.read(Request::Auto), None);
        cache.write(Request::Auto, chosen.clone());
        assert_eq!(cache.read(Request::Auto), Some(chosen));
        assert_eq!(cache.read(Request::Kvm), None);
        for changed in [
            Key { boot: "c".into(), ..key() },
            Key { version: "9.0.0".into(), ..key() },
            Key { kvm: None, ..key() },
            Key { emulator: "/r".into(), ..key() },
        ] {
            assert_eq!(Cache::new(&inner, changed).read(Request::Auto), None);
        }
    }

    #[test]
    fn a_damaged_or_absurd_file_is_no_answer() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(directory.path(), key());
        cache.write(Request::Tcg, Chosen { accelerator: Accelerator::Tcg, slowness: -1.0, note: None });
        assert_eq!(cache.read(Request::Tcg), None);
        fs::write(cache.path(Request::Tcg), "{").unwrap();
        assert_eq!(cache.read(Request::Tcg), None);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let chosen = Chosen { accelerator: Accelerator::Kvm, slowness: 0.1, note: None };
        let cache = Cache::new(Path::new("/proc/nowhere"), key());
        assert_eq!(cache.write(Request::Auto, chosen.clone()), chosen);
    }
}
