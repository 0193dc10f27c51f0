//! Where the harness keeps what it can make again.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::loader::TARGET;

/// Where the harness keeps what it can make again: `steward` in cargo's build directory that the kernel lies in, or in
/// the one that `CARGO_TARGET_DIR` names. For a kernel that no cargo built it is `steward-harness` in the person's own
/// cache directory, `$XDG_CACHE_HOME` or `~/.cache`.
#[must_use]
pub fn cache_directory(elf: &Path) -> PathBuf {
    target_directory(elf).map_or_else(|| personal(|name| env::var_os(name)), |target| target.join("steward"))
}

/// Cargo's build directory that the kernel belongs to, if it is known.
pub fn target_directory(elf: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(elf).unwrap_or_else(|_| elf.into());
    built_in(&absolute).map(PathBuf::from).or_else(|| env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
}

/// Cargo puts a bare-metal program at `<target>/<name of its target>/<profile>/…`, and two files into every build
/// directory.
fn built_in(elf: &Path) -> Option<&Path> {
    let is_cargos = |path: &&Path| [".rustc_info.json", "CACHEDIR.TAG"].iter().all(|name| path.join(name).is_file());
    let triple = elf.ancestors().find(|path| path.file_name().is_some_and(|name| name == TARGET));
    triple.and_then(Path::parent).or_else(|| elf.ancestors().skip(1).find(is_cargos))
}

/// By the XDG Base Directory Specification, to which a relative path is none.
fn personal(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("steward-harness")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_lies_in_the_target_directory_of_the_kernel() {
        let elf = Path::new("/w/target/x86_64-unknown-none/debug/deps/kernel-0a1b");
        assert_eq!(cache_directory(elf), Path::new("/w/target/steward"));
    }

    #[test]
    fn a_build_directory_is_known_by_what_cargo_leaves_there_whatever_the_target_is_called() {
        let directory = tempfile::tempdir().unwrap();
        let elf = directory.path().join("x86_64-my_os/debug/kernel");
        // The folder itself may lie in a build directory.
        assert_ne!(built_in(&elf), Some(directory.path()));
        for name in [".rustc_info.json", "CACHEDIR.TAG"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(built_in(&elf), Some(directory.path()));
    }

    #[test]
    fn a_kernel_that_no_cargo_built_has_its_cache_with_the_persons_own() {
        let set = |pairs: &'static [(&str, &str)]| {
            personal(move |name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into()))
        };
        assert_eq!(set(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]), Path::new("/c/steward-harness"));
        assert_eq!(set(&[("HOME", "/h"), ("XDG_CACHE_HOME", "c")]), Path::new("/h/.cache/steward-harness"));
        assert_eq!(set(&[("XDG_CACHE_HOME", "")]), env::temp_dir().join("steward-harness"));
    }
}
