//! Images, made by the program as a person makes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// `cargo xtask` with these words.
pub fn xtask(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(words).env_remove("STEWARD_LIMINE");
    // Flags for this process's target, such as those for coverage, would replace those that a kernel needs.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.output().unwrap()
}

/// Makes an image with these options in the file `name` of a directory for such; gives its path.
pub fn image(name: &str, options: &[&str]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ways");
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    let output = xtask(&[&["image", "--output", path.to_str().unwrap()], options].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(name), "{}", text(&output.stdout));
    path
}

/// The ISO image with our loader, as `cargo xtask image` makes it.
pub fn iso() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| image("steward.iso", &[]))
}

/// The disk image with our loader.
pub fn disk() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| image("steward.img", &["--format", "disk"]))
}

/// The ISO image that runs the tests by itself.
pub fn autorun() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| image("ktest.iso", &["--autorun", "ktest"]))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
