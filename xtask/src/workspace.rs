//! Where things are: the root, the packages, the build directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use xshell::Shell;

/// Target triple of everything that runs without an operating system, but for what UEFI starts.
pub const BARE_METAL: &str = "x86_64-unknown-none";
/// Target triple of what UEFI starts.
pub const UEFI: &str = "x86_64-unknown-uefi";
/// Package of the kernel binary.
pub const KERNEL: &str = "steward-kernel";
/// Package of the direct loader.
pub const LOADER: &str = "steward-boot-direct";
/// Package of the UEFI loader.
pub const UEFI_LOADER: &str = "steward-boot-uefi";
/// Package of the ledger's library for C kernels.
pub const LIBRARY: &str = "steward-c-library";
/// Package that gives kernels their tests.
pub const GUEST: &str = "steward-harness-guest";
/// Package of the kernels that test the harness.
pub const FIXTURES: &str = "steward-fixtures";

/// Packages whose programs are for another target than [`BARE_METAL`], each with it. Some of one may build on the host too.
const ELSEWHERE: [(&str, &str); 1] = [(UEFI_LOADER, UEFI)];

/// This workspace as `cargo metadata` describes it, without its external dependencies.
pub struct Workspace {
    metadata: Metadata,
}

impl Workspace {
    /// Reads the workspace that this program belongs to, or else the one around the current directory.
    ///
    /// # Errors
    /// When `cargo metadata` fails; the error has cargo's message.
    pub fn load() -> Result<Self> {
        let start = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
        let mut metadata = metadata(&start)?;
        // The default members are the whole workspace's only when cargo is asked at its root.
        let root = metadata.workspace_root.clone().into_std_path_buf();
        if root != start {
            metadata = self::metadata(&root)?;
        }
        Ok(Self { metadata })
    }

    /// The directory of the root manifest.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// Cargo's build directory (`target`, or `CARGO_TARGET_DIR`).
    #[must_use]
    pub fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// Where our own caches and results go: a directory of the build directory.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.target().join("steward")
    }

    /// A shell that stands at the root.
    ///
    /// # Errors
    /// When the current directory cannot be determined.
    pub fn shell(&self) -> Result<Shell> {
        let shell = Shell::new()?;
        shell.change_dir(self.root());
        Ok(shell)
    }

    /// All packages of the workspace, by name.
    #[must_use]
    pub fn packages(&self) -> Vec<&Package> {
        let mut packages = self.metadata.workspace_packages();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        packages
    }

    /// A package by its name.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages().into_iter().find(|package| package.name.as_str() == name)
    }

    /// The directory of a package, relative to the root, with `/` between its parts; empty for the root itself.
    #[must_use]
    pub fn directory(&self, package: &Package) -> String {
        let directory = package.manifest_path.parent().unwrap_or(&package.manifest_path);
        directory.strip_prefix(&self.metadata.workspace_root).unwrap_or(directory).as_str().to_owned()
    }

    /// Packages with programs that run without an operating system, by the targets that those build for: the members that
    /// are no default members, and those that have a target of their own. No target is without packages.
    #[must_use]
    pub fn bare_metal(&self) -> BTreeMap<&'static str, Vec<&Package>> {
        let hosted: BTreeSet<_> = self.metadata.workspace_default_members.iter().collect();
        let mut by_target = BTreeMap::<_, Vec<_>>::new();
        for package in self.packages() {
            let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == package.name.as_str());
            if elsewhere.is_some() || !hosted.contains(&package.id) {
                by_target.entry(elsewhere.map_or(BARE_METAL, |(_, target)| target)).or_default().push(package);
            }
        }
        by_target
    }

    /// Packages of the workspace that name this one as a dependency, optional or not; sorted by name.
    #[must_use]
    pub fn dependents(&self, name: &str) -> Vec<&Package> {
        let mut packages = self.packages();
        packages.retain(|package| package.dependencies.iter().any(|dependency| dependency.name == name));
        packages
    }

    /// `names` and every package of the workspace that they need at run time, optional dependencies included,
    /// procedural macros excluded; sorted by name.
    #[must_use]
    pub fn with_dependencies(&self, names: &[&str]) -> Vec<&Package> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Package> = names.iter().filter_map(|name| self.package(name)).collect();
        while let Some(package) = open.pop() {
            let is_macro = package.targets.iter().any(cargo_metadata::Target::is_proc_macro);
            if is_macro || !seen.insert(package.name.as_str()) {
                continue;
            }
            let normal = package.dependencies.iter().filter(|d| d.kind == cargo_metadata::DependencyKind::Normal);
            open.extend(normal.filter(|d| d.path.is_some()).filter_map(|d| self.package(&d.name)));
        }
        seen.into_iter().filter_map(|name| self.package(name)).collect()
    }
}

fn metadata(directory: &Path) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.current_dir(directory).no_deps();
    command.exec().context("cargo metadata failed; run this inside the repository")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_bare_metal_and_this_program_is_not() {
        let workspace = Workspace::load().unwrap();
        let packages = workspace.bare_metal();
        let names = |target| packages[target].iter().map(|package| package.name.as_str()).collect::<Vec<_>>();
        assert!([KERNEL, LOADER, FIXTURES].iter().all(|name| names(BARE_METAL).contains(name)), "{packages:?}");
        assert_eq!(names(UEFI), [UEFI_LOADER]);
        assert!(!names(BARE_METAL).contains(&"xtask"));
    }

    #[test]
    fn directories_are_relative_to_the_root() {
        let workspace = Workspace::load().unwrap();
        let package = workspace.package("xtask").unwrap();
        assert_eq!(workspace.directory(package), "xtask");
        assert!(workspace.root().join("xtask/Cargo.toml").exists());
    }
}
