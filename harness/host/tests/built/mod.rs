//! The fixtures and other programs, built by cargo as anybody would build them.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace's root.
pub fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("this package lies in the workspace")
}

/// Builds every fixture; gives the ELF files by the fixtures' names.
pub fn build() -> BTreeMap<String, PathBuf> {
    executables(&["--package", "steward-fixtures", "--target", "x86_64-unknown-none"])
}

/// Builds what these options of `cargo build` name; gives the executables by their names.
pub fn executables(options: &[&str]) -> BTreeMap<String, PathBuf> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .arg("build")
        .args(options)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(workspace())
        // Flags for this process's target, such as those for coverage, would replace those that a kernel needs.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "building {options:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo's messages are UTF-8");
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter_map(|message| {
            let executable = message["executable"].as_str()?;
            Some((message["target"]["name"].as_str()?.into(), executable.into()))
        })
        .collect()
}
