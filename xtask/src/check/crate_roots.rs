//! Every crate without a listed file says `#![forbid(unsafe_code)]` in its root.

use super::Faults;
use super::sources::Source;
use super::unsafe_files::{LIST, listed};
use crate::workspace::Workspace;

/// Root file of a crate.
pub struct Root {
    /// Path relative to the workspace's root.
    pub path: String,
}

/// The roots of all libraries and binaries of the workspace. Build scripts and integration tests become no part of
/// anything; for them the list of files is enough.
#[must_use]
pub fn of(workspace: &Workspace) -> Vec<Root> {
    let targets = workspace.packages().into_iter().flat_map(|package| &package.targets);
    targets
        .filter(|target| target.is_lib() || target.is_bin() || target.is_proc_macro())
        .map(|target| {
            let path = target.src_path.as_std_path();
            let path = path.strip_prefix(workspace.root()).unwrap_or(path);
            Root { path: path.to_string_lossy().into_owned() }
        })
        .collect()
}

/// Looks for the attribute in each root. A root is exempt when it is listed, or a file below its directory is.
#[must_use]
pub fn check(roots: &[Root], sources: &[Source], list: &str) -> Faults {
    let listed = listed(list);
    let mut faults = Vec::new();
    for root in roots {
        let directory = root.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let holds = |path: &&str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        if listed.contains_key(root.path.as_str()) || listed.keys().any(holds) {
            continue;
        }
        let Some(source) = sources.iter().find(|source| source.path == root.path) else {
            faults.push(format!("{}: the crate's root is not among the sources", root.path));
            continue;
        };
        if !forbids_unsafe(&source.text) {
            faults.push(format!("{}:1: says no `#![forbid(unsafe_code)]`, and {LIST} names no file of it", root.path));
        }
    }
    faults
}

fn forbids_unsafe(text: &str) -> bool {
    let Ok(file) = syn::parse_file(text) else { return false };
    file.attrs.iter().any(|attribute| {
        let mut found = false;
        if attribute.path().is_ident("forbid") {
            // A list that is no list of paths has no effect on what was found before the fault.
            let _ = attribute.parse_nested_meta(|meta| {
                found |= meta.path.is_ident("unsafe_code");
                Ok(())
            });
        }
        found
    })
}

#[cfg(test)]
mod tests {
    use super::super::sources::tests::source;
    use super::*;

    fn root(path: &str) -> Root {
        Root { path: path.into() }
    }

    #[test]
    fn a_root_without_the_attribute_fails() {
        let sources = [source("a/src/lib.rs", "//! Docs.\n"), source("b/src/lib.rs", "#![forbid(unsafe_code)]\n")];
        let faults = check(&[root("a/src/lib.rs"), root("b/src/lib.rs")], &sources, "");
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("a/src/lib.rs:1:"), "{faults:?}");
    }

    #[test]
    fn deny_or_a_comment_is_not_enough() {
        assert!(!forbids_unsafe("#![deny(unsafe_code)]\n// #![forbid(unsafe_code)]\n"));
        assert!(forbids_unsafe("#![forbid(missing_docs, unsafe_code)]\n"));
    }

    #[test]
    fn a_crate_with_a_listed_file_is_exempt() {
        let sources = [source("a/src/lib.rs", "")];
        assert_eq!(check(&[root("a/src/lib.rs")], &sources, "a/src/deep/port.rs ports\n"), [""; 0]);
        assert_eq!(check(&[root("a/src/lib.rs")], &sources, "a/src/lib.rs ports\n"), [""; 0]);
    }

    #[test]
    fn the_roots_of_this_workspace_are_its_libraries_and_binaries() {
        let roots = of(&Workspace::load().unwrap());
        let has = |path: &str| roots.iter().any(|root| root.path == path);
        assert!(has("xtask/src/main.rs") && has("harness/macros/src/lib.rs") && has("kernel/src/main.rs"));
        assert!(!has("xtask/tests/preflight.rs"));
    }

    #[test]
    fn a_directory_whose_name_only_begins_alike_exempts_nothing() {
        let sources = [source("a/src/lib.rs", "")];
        assert_eq!(check(&[root("a/src/lib.rs")], &sources, "a/src2/port.rs ports\n").len(), 1);
    }
}
