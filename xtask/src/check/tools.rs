//! Checks that cargo makes: formatting, lints, documentation.

use anyhow::Result;
use xshell::cmd;

use super::{Context, Faults};
use crate::style;
use crate::workspace::{BARE_METAL, Workspace};

/// `cargo fmt --all --check`.
pub fn fmt(context: &Context) -> Result<Faults> {
    cargo(context, &["fmt", "--all", "--check"], "cargo fmt --all puts it right")
}

/// Clippy over the default members, with all their targets.
pub fn clippy_host(context: &Context) -> Result<Faults> {
    cargo(context, &["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"], "")
}

/// Clippy over the bare-metal binaries and everything of the workspace inside of them, with and without the
/// kernel's own tests.
pub fn clippy_bare_metal(context: &Context) -> Result<Faults> {
    let mut faults = Vec::new();
    for with_tests in [false, true] {
        let mut arguments: Vec<String> = ["clippy", "--quiet", "--target", BARE_METAL].map(String::from).into();
        arguments.extend(bare_metal_selection(&context.workspace, with_tests));
        arguments.extend(["--", "-D", "warnings"].map(String::from));
        faults.extend(cargo(context, &arguments, "")?);
    }
    Ok(faults)
}

/// `cargo doc` over the default members and over the bare-metal binaries, with warnings denied.
pub fn docs(context: &Context) -> Result<Faults> {
    let mut faults = cargo(context, &["doc", "--quiet", "--no-deps"], "")?;
    let mut arguments: Vec<String> = ["doc", "--quiet", "--no-deps", "--target", BARE_METAL].map(String::from).into();
    for package in context.workspace.bare_metal_only() {
        arguments.extend(["-p".to_owned(), package.name.to_string()]);
    }
    faults.extend(cargo(context, &arguments, "")?);
    Ok(faults)
}

/// Arguments that select the bare-metal packages, and the feature `ktest` of those that have it.
fn bare_metal_selection(workspace: &Workspace, with_tests: bool) -> Vec<String> {
    let binaries: Vec<_> = workspace.bare_metal_only().iter().map(|package| package.name.as_str()).collect();
    let mut arguments = Vec::new();
    for package in workspace.with_dependencies(&binaries) {
        arguments.extend(["-p".to_owned(), package.name.to_string()]);
        if with_tests && package.features.contains_key("ktest") {
            arguments.extend(["--features".to_owned(), format!("{}/ktest", package.name)]);
        }
    }
    arguments
}

/// Runs cargo; when it fails, the fault is what it printed, with a hint.
fn cargo(context: &Context, arguments: &[impl AsRef<std::ffi::OsStr>], hint: &str) -> Result<Faults> {
    let shell = context.workspace.shell()?;
    let command = cmd!(shell, "cargo {arguments...}").env("RUSTDOCFLAGS", "-D warnings");
    let output = command.quiet().ignore_status().output()?;
    if output.status.success() {
        return Ok(Vec::new());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text.push_str(hint);
    Ok(vec![style::plain(&text)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_metal_selection_has_the_kernel_and_its_tests_and_no_host_program() {
        let workspace = Workspace::load().unwrap();
        let arguments = bare_metal_selection(&workspace, true);
        assert!(arguments.contains(&"steward-kernel".to_owned()), "{arguments:?}");
        let has = |name: &str| arguments.iter().any(|argument| argument == name);
        assert!(!has("xtask") && !has("steward-harness"), "{arguments:?}");
        let without = bare_metal_selection(&workspace, false);
        assert!(without.iter().all(|argument| argument != "--features"));
    }
}
