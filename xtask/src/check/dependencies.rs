//! Every external dependency is explained in docs/dependencies.md, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use super::Faults;
use crate::workspace::Workspace;

const DOCUMENT: &str = "docs/dependencies.md";

/// Names of all external packages that packages of the workspace name, with one package that does.
#[must_use]
pub fn of(workspace: &Workspace) -> BTreeMap<String, String> {
    let mut used = BTreeMap::new();
    for package in workspace.packages() {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_none()) {
            used.entry(dependency.name.clone()).or_insert_with(|| package.name.to_string());
        }
    }
    used
}

/// Compares `used` with the document. A line explains a package when its first word, after a list mark or a table
/// bar, is the package's name in backticks, and more words follow. Below a heading with the words "left out", the
/// document speaks of packages that are not used; using one of them is a fault.
#[must_use]
pub fn check(used: &BTreeMap<String, String>, document: &str) -> Faults {
    let mut explained = BTreeSet::new();
    let mut faults = Vec::new();
    let mut left_out = false;
    for (index, line) in document.lines().enumerate() {
        if line.starts_with('#') {
            left_out = line.to_lowercase().contains("left out");
        }
        let Some((name, rest)) = entry(line) else { continue };
        let place = format!("{DOCUMENT}:{}", index + 1);
        if left_out {
            faults.extend(used.get(name).map(|by| format!("{place}: `{name}` is not left out; {by} depends on it")));
            continue;
        }
        if !rest.contains(char::is_alphanumeric) {
            faults.push(format!("{place}: `{name}` is named and not explained"));
        }
        if !explained.insert(name) {
            faults.push(format!("{place}: `{name}` is explained twice"));
        }
        if !used.contains_key(name) {
            faults.push(format!("{place}: nothing depends on `{name}`; take the line out"));
        }
    }
    let missing = used.iter().filter(|(name, _)| !explained.contains(name.as_str()));
    faults.extend(missing.map(|(name, by)| {
        format!(
            "{DOCUMENT}: `{name}`, which {by} depends on, is not explained: what it does for us, what we would lose"
        )
    }));
    faults
}

fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let body = ["- ", "* ", "| "].iter().find_map(|mark| line.strip_prefix(mark))?.trim_start();
    body.strip_prefix("**").unwrap_or(body).strip_prefix('`')?.split_once('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "steward-x".to_owned())).collect()
    }

    #[test]
    fn explained_dependencies_pass_in_lists_and_tables() {
        let document =
            "# Title\n\nText with `code`.\n\n- `acpi`: tables\n\n| Package | Why |\n|---|---|\n| `spin` | locks |\n";
        assert_eq!(check(&used(&["acpi", "spin"]), document), [""; 0]);
    }

    #[test]
    fn a_dependency_without_a_line_fails_and_names_who_uses_it() {
        let faults = check(&used(&["acpi"]), "# Dependencies\n");
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("`acpi`") && faults[0].contains("steward-x"), "{faults:?}");
    }

    #[test]
    fn a_line_without_a_dependency_fails() {
        let faults = check(&used(&[]), "- `gone`: no longer\n");
        assert_eq!(faults, ["docs/dependencies.md:1: nothing depends on `gone`; take the line out"]);
    }

    #[test]
    fn packages_that_were_left_out_may_be_named_and_not_used() {
        let document = "- `acpi`: tables\n\n## Considered and left out\n\n- `noline`: waits\n";
        assert_eq!(check(&used(&["acpi"]), document), [""; 0]);
        let faults = check(&used(&["acpi", "noline"]), document);
        assert_eq!(faults.len(), 2);
        assert!(faults[0].contains("`noline` is not left out"), "{faults:?}");
    }

    #[test]
    fn a_bare_name_or_a_second_line_fails() {
        assert_eq!(check(&used(&["acpi"]), "- `acpi` |\n").len(), 1);
        assert_eq!(check(&used(&["acpi"]), "- `acpi`: a\n- `acpi`: b\n").len(), 1);
    }
}
