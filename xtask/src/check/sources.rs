//! The Rust sources of the repository.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A source file.
pub struct Source {
    /// Path relative to the root, with `/` between its parts.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// Every `.rs` file below `root`, sorted by path. Hidden directories and directories that carry a `CACHEDIR.TAG`
/// (cargo's build directories) are left out.
///
/// # Errors
/// When a directory or a file cannot be read, or a file is not UTF-8.
pub fn all(root: &Path) -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    collect(root, "", &mut paths)?;
    paths.sort();
    paths.into_iter().map(|path| Ok(Source { text: read(root, &path)?, path })).collect()
}

/// The text of one file of the repository.
///
/// # Errors
/// When it cannot be read; the error names it.
pub fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

fn collect(root: &Path, below: &str, paths: &mut Vec<String>) -> Result<()> {
    let directory = root.join(below);
    for entry in fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && !entry.path().join("CACHEDIR.TAG").exists() {
            collect(root, &path, paths)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A source for the tests of the rules.
    pub fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    /// A temporary tree of files, for tests of the rules.
    pub fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn sources_are_found_and_build_directories_are_not() {
        let root = tree(&[
            ("kernel/src/main.rs", "fn main() {}"),
            ("kernel/notes.txt", "no source"),
            ("build.rs", "fn main() {}"),
            ("target/CACHEDIR.TAG", ""),
            ("target/debug/out.rs", "unsafe {}"),
            (".hidden/x.rs", "unsafe {}"),
        ]);
        let paths: Vec<_> = all(root.path()).unwrap().into_iter().map(|source| source.path).collect();
        assert_eq!(paths, ["build.rs", "kernel/src/main.rs"]);
    }
}
