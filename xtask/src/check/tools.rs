//! Checks that cargo makes: formatting, lints, documentation.

use anyhow::Result;
use xshell::cmd;

use super::{Context, Faults};
use crate::style;
use crate::workspace::Workspace;

/// `cargo fmt --all --check`.
pub fn fmt(context: &Context) -> Result<Faults> {
    cargo(context, &["fmt", "--all", "--check"], "cargo fmt --all puts it right")
}

/// Clippy over the default members, with all their targets.
pub fn clippy_host(context: &Context) -> Result<Faults> {
    cargo(context, &["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"], "")
}

/// Clippy over the bare-metal binaries and everything of the workspace inside of them, each for its target, with and
/// without the kernel's own tests.
pub fn clippy_bare_metal(context: &Context) -> Result<Faults> {
    let mut faults = Vec::new();
    for (target, with_tests, selection) in bare_metal_selections(&context.workspace) {
        if with_tests && !selection.iter().any(|argument| argument == FEATURES) {
            // Nothing there has tests: it would be the same again.
            continue;
        }
        let mut arguments: Vec<String> = ["clippy", "--quiet", "--target", target].map(String::from).into();
        arguments.extend(selection);
        arguments.extend(["--", "-D", "warnings"].map(String::from));
        faults.extend(cargo(context, &arguments, "")?);
    }
    Ok(faults)
}

/// `cargo doc` over the default members and over the bare-metal binaries, with warnings denied.
pub fn docs(context: &Context) -> Result<Faults> {
    let mut faults = cargo(context, &["doc", "--quiet", "--no-deps"], "")?;
    for (target, packages) in context.workspace.bare_metal() {
        let mut arguments: Vec<String> = ["doc", "--quiet", "--no-deps", "--target", target].map(String::from).into();
        for package in packages {
            arguments.extend(["-p".to_owned(), package.name.to_string()]);
        }
        faults.extend(cargo(context, &arguments, "")?);
    }
    Ok(faults)
}

const FEATURES: &str = "--features";

/// For each target, without and with tests: arguments that select the packages for it and everything of the workspace
/// inside of them, and the feature `ktest` of those that have it.
fn bare_metal_selections(workspace: &Workspace) -> Vec<(&'static str, bool, Vec<String>)> {
    let mut selections = Vec::new();
    for (target, packages) in workspace.bare_metal() {
        let binaries: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
        for with_tests in [false, true] {
            let mut arguments = Vec::new();
            for package in workspace.with_dependencies(&binaries) {
                arguments.extend(["-p".to_owned(), package.name.to_string()]);
                if with_tests && package.features.contains_key("ktest") {
                    arguments.extend([FEATURES.to_owned(), format!("{}/ktest", package.name)]);
                }
            }
            selections.push((target, with_tests, arguments));
        }
    }
    selections
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
    use crate::workspace::{BARE_METAL, UEFI, UEFI_LOADER};

    #[test]
    fn every_bare_metal_package_is_selected_for_its_target_and_no_host_program_is() {
        let workspace = Workspace::load().unwrap();
        let selections = bare_metal_selections(&workspace);
        let select = |target: &str, with_tests: bool| {
            let mut found = selections.iter().filter(|selection| (selection.0, selection.1) == (target, with_tests));
            &found.next().unwrap().2
        };
        let has = |arguments: &[String], name: &str| arguments.iter().any(|argument| argument == name);
        let kernel = select(BARE_METAL, true);
        assert!(has(kernel, "steward-kernel") && has(kernel, "steward-machine/ktest"), "{kernel:?}");
        assert!(!has(kernel, UEFI_LOADER) && !has(select(BARE_METAL, false), FEATURES));
        let uefi = select(UEFI, false);
        assert!(has(uefi, UEFI_LOADER) && has(uefi, "steward-boot-protocol"), "{uefi:?}");
        assert!(selections.iter().all(|(_, _, all)| !has(all, "xtask") && !has(all, "steward-harness")));
    }
}
