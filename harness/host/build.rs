//! Takes the loader for `qemu -kernel` into an installed harness, which then needs nothing of this repository.
//!
//! Only for the profile `release`, in which `cargo install` builds: a harness that runs from this workspace builds the
//! loader when it is needed, and is not compiled anew when the loader changes. `STEWARD_EMBED_LOADER=1` or `=0` decides
//! otherwise.
//!
//! Without the loader (sources not there, or they do not compile) the harness is built all the same. A warning says so,
//! and so does the harness when it needs one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const TARGET: &str = "x86_64-unknown-none";
const PACKAGE: &str = "steward-boot-direct";
const SWITCH: &str = "STEWARD_EMBED_LOADER";

/// Whatever the loader is made of.
const SOURCES: [&str; 5] =
    ["boot/direct", "boot/protocol", "images/direct.ld", ".cargo/config.toml", "rust-toolchain.toml"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={SWITCH}");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let is_wanted = match env::var(SWITCH) {
        Ok(switch) => switch != "0",
        Err(_) => env::var("PROFILE").is_ok_and(|profile| profile == "release"),
    };
    let (loader, why) = match is_wanted.then(|| build(&package.join("../.."), &out)) {
        None => (Vec::new(), String::from("it was built for use in its workspace")),
        Some(Ok(loader)) => (loader, String::new()),
        Some(Err(why)) => {
            println!("cargo::warning=this harness will have no loader for `qemu -kernel`: {why}");
            (Vec::new(), why)
        }
    };
    // An empty file stands for none.
    fs::write(out.join("loader.elf"), loader).expect("cargo's OUT_DIR can be written to");
    fs::write(out.join("no-loader.txt"), why).expect("cargo's OUT_DIR can be written to");
}

/// Builds the loader from the workspace's sources; gives its bytes.
fn build(workspace: &Path, out: &Path) -> Result<Vec<u8>, String> {
    if !workspace.join(SOURCES[0]).join("Cargo.toml").is_file() {
        return Err(String::from("the package was built without the loader's sources beside it"));
    }
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", workspace.join(source).display());
    }
    // A directory of its own: the one that cargo builds in now is locked.
    let target = out.join("loader");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--locked", "--package", PACKAGE, "--bin", PACKAGE]);
    cargo.args(["--target", TARGET, "--target-dir"]).arg(&target).current_dir(workspace);
    // What the loader is compiled with stands in the workspace; what is set for this package's own target, or by clippy,
    // is not for it.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(name);
    }
    let output = cargo.output().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().find(|line| line.contains("error")).unwrap_or("cargo failed without a word");
        return Err(format!(
            "it could not be compiled ({}). Is its target there? `rustup target add {TARGET}` installs it",
            first.trim()
        ));
    }
    let built = target.join(TARGET).join("release").join(PACKAGE);
    fs::read(&built).map_err(|error| format!("{}: {error}", built.display()))
}
