//! The two scripts through which cargo and editors come to the harness.

#[expect(dead_code, reason = "of the two things in it, only the workspace's place is needed here")]
mod built;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// A directory whose name has a space, with a program that prints its arguments, one a line, under each of these names.
fn printers(names: &[&str]) -> TempDir {
    let directory = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
    for name in names {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // `cp` writes it, not this process: a program cannot be executed while anyone holds it open for writing.
        let template = directory.path().join("template");
        fs::write(&template, "#!/bin/sh\necho \"${0##*/}\"\nprintf '%s\\n' \"$@\"\n").unwrap();
        fs::set_permissions(&template, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Command::new("cp").arg(&template).arg(&path).status().unwrap().success());
    }
    directory
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(String::from).collect()
}

fn script(name: &str) -> PathBuf {
    built::workspace().join("harness").join(name)
}

/// What `run-kernel` starts for a kernel, with `cargo` printing its arguments.
fn run_kernel(directory: &Path, kernel: &Path) -> Vec<String> {
    let mut command = Command::new(script("run-kernel"));
    let output = command.arg(kernel).args(["--exact", "a b"]).env("CARGO", directory.join("cargo")).output();
    lines(&output.unwrap())
}

#[test]
fn a_harness_beside_the_kernel_is_started_without_cargo() {
    let directory = printers(&["cargo", "debug/steward-harness"]);
    let kernel = directory.path().join("x86_64-unknown-none/debug/deps/kernel-1");
    let words = run_kernel(directory.path(), &kernel);
    assert_eq!((words[0].as_str(), words[1].as_str()), ("steward-harness", "--workspace"));
    assert_eq!(Path::new(&words[2]).canonicalize().unwrap(), built::workspace());
    assert_eq!(words[3..], [kernel.to_str().unwrap(), "--exact", "a b"]);
}

#[test]
fn a_harness_that_is_not_there_is_built_where_the_kernel_was_built() {
    let directory = printers(&["cargo"]);
    let kernel = directory.path().join("x86_64-unknown-none/debug/deps/kernel-1");
    let words = run_kernel(directory.path(), &kernel);
    assert_eq!(words[..3], ["cargo", "run", "--quiet"]);
    let target = words.iter().position(|word| word == "--target-dir").expect("the directory is passed on");
    assert_eq!(words[target + 1], directory.path().to_str().unwrap());
    let behind = words.iter().position(|word| word == "--").unwrap();
    assert_eq!(
        (words[behind + 1].as_str(), &words[behind + 3..]),
        ("--workspace", &[kernel.to_str().unwrap(), "--exact", "a b"].map(String::from)[..])
    );
}

#[test]
fn a_kernel_from_anywhere_gets_cargos_own_harness() {
    let directory = printers(&["cargo"]);
    let words = run_kernel(directory.path(), Path::new("/boot/kernel"));
    assert!(words[0] == "cargo" && !words.contains(&"--target-dir".to_owned()), "{words:?}");
}

/// What `cargo-for-editors` has cargo do.
fn asked(line: &str) -> String {
    let directory = printers(&["cargo"]);
    let path = format!("{}:/usr/bin:/bin", directory.path().display());
    let mut command = Command::new(script("cargo-for-editors"));
    // An editor names the script itself in `CARGO`; it must not start itself.
    let output = command.args(line.split(' ')).env("PATH", path).env("CARGO", script("cargo-for-editors")).output();
    lines(&output.unwrap()).join(" ")
}

#[test]
fn tests_of_the_kernels_libraries_are_asked_of_the_kernel() {
    // As rust-analyzer's Test Explorer, its button `Run Test`, and that on a module write them.
    for (line, expected) in [
        (
            "--color=always test --package steward-frames --lib --no-fail-fast --manifest-path /w/Cargo.toml -- \
             ktests::x -Z unstable-options --format=json --nocapture",
            "cargo --color=always test --no-fail-fast --manifest-path /w/Cargo.toml --package steward-kernel --bin \
             steward-kernel --target x86_64-unknown-none -- --crate steward_frames ktests::x -Z unstable-options \
             --format=json --nocapture",
        ),
        (
            "test --package steward-machine --lib -- ktests::paging::x --exact --nocapture --include-ignored",
            "cargo test --package steward-kernel --bin steward-kernel --target x86_64-unknown-none -- --crate \
             steward_machine ktests::paging::x --exact --nocapture --include-ignored",
        ),
        (
            "test --package steward-core --lib --features ktest -- ktests --nocapture",
            "cargo test --package steward-kernel --bin steward-kernel --target x86_64-unknown-none -- --crate \
             steward_core ktests --nocapture",
        ),
        (
            "test --package steward-kernel --bin steward-kernel -- ktests::x --exact --nocapture --include-ignored",
            "cargo test --package steward-kernel --bin steward-kernel --target x86_64-unknown-none -- --crate \
             steward_kernel ktests::x --exact --nocapture --include-ignored",
        ),
        (
            "test --package steward-kernel",
            "cargo test --package steward-kernel --bin steward-kernel --target x86_64-unknown-none -- --crate \
             steward_kernel",
        ),
    ] {
        assert_eq!(asked(line), expected);
    }
}

#[test]
fn a_whole_library_is_tested_on_the_host_and_in_the_kernel() {
    let line = "test --package steward-core --lib --manifest-path /w/Cargo.toml -- -Z unstable-options --format=json";
    let kernel = "cargo test --manifest-path /w/Cargo.toml --package steward-kernel --bin steward-kernel --target \
                  x86_64-unknown-none -- --crate steward_core -Z unstable-options --format=json";
    assert_eq!(asked(line), format!("cargo {line} {kernel}"));
}

#[test]
fn everything_else_goes_to_cargo_as_it_is() {
    for line in [
        "metadata --format-version 1 --manifest-path /w/Cargo.toml",
        "check --workspace --message-format=json --all-targets --keep-going",
        "test --package steward-frames --lib -- tests::map::x --exact --nocapture --include-ignored",
        "test --package steward-harness --test runner -- ktests --nocapture",
        "build --package steward-kernel --target x86_64-unknown-none",
    ] {
        assert_eq!(asked(line), format!("cargo {line}"));
    }
}

/// The whole way, with the kernel itself: rust-analyzer's own command lines, and what it reads of the answers.
#[test]
fn the_test_explorer_gets_the_lines_that_it_needs() {
    for (package, target, test) in [
        ("steward-kernel", &["--bin", "steward-kernel"][..], "ktests::uptime_rises"),
        ("steward-frames", &["--lib"], "ktests::physical_addresses_have_52_bits"),
    ] {
        let mut command = Command::new(script("cargo-for-editors"));
        command.args(["--color=always", "test", "--package", package]).args(target);
        command.args(["--no-fail-fast", "--manifest-path"]).arg(built::workspace().join("Cargo.toml"));
        command.args(["--", test, "-Z", "unstable-options", "--format=json", "--nocapture"]);
        // Flags for this process's target would replace those that a kernel needs.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTC_BOOTSTRAP", "1");
        let output = command.current_dir(built::workspace()).output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
        let values: Vec<Value> = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let of_type = |kind: &str| values.iter().filter(|value| value["type"] == kind).cloned().collect::<Vec<_>>();
        let events: Vec<_> =
            of_type("test").iter().map(|value| (value["event"].clone(), value["name"].clone())).collect();
        let expected = ["started", "ok"].map(|event| (Value::from(event), Value::from(test)));
        assert_eq!(events, expected, "{stdout}");
        assert_eq!(of_type("suite").len(), 2, "{stdout}");
    }
}
