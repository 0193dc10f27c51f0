//! Unsafe code stands in listed files only, and every listed file has some.

use std::collections::BTreeMap;

use super::Faults;
use super::allow;
use super::sources::Source;
use super::unsafety::{self, Use};

/// Where the list is; named in faults.
pub const LIST: &str = "xtask/allow/unsafe-files.txt";

/// Paths of the listed files with the lines of their entries. Faults of the list's form are reported by [`check`].
#[must_use]
pub fn listed(list: &str) -> BTreeMap<&str, usize> {
    allow::read(list, LIST, 1, &mut Vec::new()).into_iter().map(|entry| (entry.words[0], entry.line)).collect()
}

/// Compares the sources with the list: lines of the form `path reason`.
#[must_use]
pub fn check(sources: &[Source], list: &str) -> Faults {
    let mut faults = Vec::new();
    allow::read(list, LIST, 1, &mut faults);
    let mut stale = listed(list);
    for source in sources {
        let found = match unsafety::tokens(&source.text) {
            Ok(tokens) => unsafety::uses(tokens),
            Err(error) => {
                faults.push(format!("{}: {error}", source.path));
                continue;
            }
        };
        if found.is_empty() || stale.remove(source.path.as_str()).is_some() {
            continue;
        }
        faults.push(unlisted(&source.path, &found));
    }
    faults.extend(stale.into_iter().map(|(path, line)| {
        format!("{LIST}:{line}: {path} has no unsafe code (or does not exist); take the entry out")
    }));
    faults
}

fn unlisted(path: &str, found: &[Use]) -> String {
    let lines: Vec<_> = found.iter().map(|found| format!("{} ({:?})", found.line, found.kind)).collect();
    let (shown, more) = lines.split_at(lines.len().min(3));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{path}: unsafe code in a file that {LIST} does not name, at line {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::sources::{self, tests::tree};
    use super::*;

    #[test]
    fn unsafe_code_outside_the_list_fails_and_names_the_line() {
        let root = tree(&[("a/src/lib.rs", "fn f() {\n    unsafe { g() }\n}\n"), ("b/src/lib.rs", "fn f() {}\n")]);
        let faults = check(&sources::all(root.path()).unwrap(), "");
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("a/src/lib.rs:") && faults[0].ends_with("line 2 (Block)"), "{faults:?}");
    }

    #[test]
    fn a_listed_file_may_have_unsafe_code() {
        let root = tree(&[("a/src/lib.rs", "fn f() { unsafe { g() } }\n")]);
        assert_eq!(check(&sources::all(root.path()).unwrap(), "a/src/lib.rs it talks to the port\n"), [""; 0]);
    }

    #[test]
    fn a_listed_file_without_unsafe_code_fails() {
        let root = tree(&[("a/src/lib.rs", "fn f() {}\n")]);
        let sources = sources::all(root.path()).unwrap();
        let faults = check(&sources, "a/src/lib.rs no longer\ngone.rs gone\n");
        assert_eq!(faults.len(), 2);
        assert!(faults[0].contains("a/src/lib.rs has no unsafe code"), "{faults:?}");
        assert!(faults[1].contains("gone.rs"), "{faults:?}");
    }
}
