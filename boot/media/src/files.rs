//! Files that shall stand on a medium, and the paths that are fit for it.

use std::collections::BTreeMap;

use crate::Error;

/// The longest name of a file or directory. A directory record of ISO 9660 (at most 254 bytes) holds it in one piece.
const MAX_NAME: usize = 128;
/// ECMA-119, 6.8.2.1: eight levels of directories, the root included.
const MAX_DEPTH: usize = 8;
/// ECMA-119, 6.8.2.1: the length of a path.
const MAX_PATH: usize = 255;
/// What a FAT volume has no place for in a name, and what means something else in a path of `limine.conf`: `#` begins a
/// checksum, `$` a macro. `~` stands in the short names that FAT volumes have besides.
const RESERVED: &[char] = &['"', '*', ':', '<', '>', '?', '\\', '|', '#', '$', '~'];
/// How many files a volume may have. ISO 9660 counts directories in 16 bits, and each file may have seven of its own.
const MAX_FILES: usize = 4096;

/// A file for a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path within the volume: names with `/` between them, without one in front.
    ///
    /// A name has 1 to 128 characters of printable ASCII, none of them ``"*:<>?\|#$~``, and neither a space nor a full
    /// stop at its end. A path has at most eight names and 255 characters. Paths that differ only in case are the same.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl File {
    /// A file of this path and content. Whether the path is fit for a medium shows when one is made.
    #[must_use]
    pub fn new(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: content.into() }
    }
}

/// The files in the order of their paths, which is the same for any order they are given in.
///
/// # Errors
/// [`Error::Name`], [`Error::Twice`], [`Error::TooMany`].
pub(crate) fn in_order(files: &[File]) -> Result<Vec<&File>, Error> {
    if files.len() > MAX_FILES {
        return Err(Error::TooMany { what: "files on a volume", count: files.len(), limit: MAX_FILES });
    }
    let mut found = BTreeMap::new();
    for file in files {
        check(&file.path)?;
        if let Some(other) = found.insert(file.path.to_ascii_lowercase(), file) {
            return Err(Error::Twice { first: other.path.clone(), second: file.path.clone() });
        }
    }
    one_spelling(&found)?;
    Ok(found.into_values().collect())
}

/// Each directory has one spelling, and none is also a file.
fn one_spelling(files: &BTreeMap<String, &File>) -> Result<(), Error> {
    let mut directories: BTreeMap<String, &File> = BTreeMap::new();
    for file in files.values() {
        for (end, _) in file.path.match_indices('/') {
            let key = file.path[..end].to_ascii_lowercase();
            let twice = |other: &File| Error::Twice { first: other.path.clone(), second: file.path.clone() };
            if let Some(other) = files.get(&key) {
                return Err(twice(other));
            }
            let other = directories.entry(key).or_insert(file);
            if other.path[..end] != file.path[..end] {
                return Err(twice(other));
            }
        }
    }
    Ok(())
}

fn check(path: &str) -> Result<(), Error> {
    let fault = if path.is_empty() {
        "it is empty"
    } else if path.len() > MAX_PATH {
        "it is longer than 255 characters"
    } else if path.split('/').count() > MAX_DEPTH {
        "it has more than eight names"
    } else if let Some(fault) = path.split('/').find_map(name_fault) {
        fault
    } else {
        return Ok(());
    };
    Err(Error::Name { path: path.into(), fault })
}

fn name_fault(name: &str) -> Option<&'static str> {
    let printable = |character: char| character == ' ' || character.is_ascii_graphic();
    match name {
        "" => Some("a name in it is empty (no slash stands at the ends, and no two in a row)"),
        "." | ".." => Some("`.` and `..` are no names"),
        _ if name.len() > MAX_NAME => Some("a name in it is longer than 128 characters"),
        _ if !name.chars().all(printable) => Some("a character in it is not printable ASCII"),
        _ if name.contains(RESERVED) => Some("it has one of the characters \" * : < > ? \\ | # $ ~"),
        _ if name.ends_with([' ', '.']) || name.starts_with(' ') => {
            Some("a name in it begins or ends with a space, or ends with a full stop")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<File> {
        paths.iter().map(|path| File::new(*path, [])).collect()
    }

    fn fault(paths: &[&str]) -> String {
        in_order(&files(paths)).unwrap_err().to_string()
    }

    #[test]
    fn paths_that_cannot_stand_on_a_medium_are_refused_with_the_fault() {
        for path in ["/a", "a/", "a//b"] {
            assert!(fault(&[path]).contains("is empty"), "{path}");
        }
        assert!(fault(&[""]).contains("it is empty"));
        assert!(fault(&["a/../b"]).contains("are no names"));
        assert!(fault(&["n".repeat(129).as_str()]).contains("longer than 128"));
        assert!(fault(&[format!("{0}/{0}/{0}", "n".repeat(100)).as_str()]).contains("longer than 255"));
        assert!(fault(&["1/2/3/4/5/6/7/8/9"]).contains("more than eight names"));
        for path in ["gr\u{fc}n", "a\nb", "a\0"] {
            assert!(fault(&[path]).contains("not printable ASCII"), "{path:?}");
        }
        for path in ["a:b", "a#b", "${a}", "a\\b", "a~1"] {
            assert!(fault(&[path]).contains("one of the characters"), "{path}");
        }
        for path in ["a.", "a ", " a", "a./b"] {
            assert!(fault(&[path]).contains("begins or ends with a space"), "{path:?}");
        }
    }

    #[test]
    fn the_longest_paths_are_taken() {
        let longest = ["n".repeat(128), "m".repeat(126)].join("/");
        assert!(in_order(&files(&[&longest, "1/2/3/4/5/6/7/8", "a b/-_.x"])).is_ok());
    }

    #[test]
    fn paths_that_are_the_same_for_a_reader_are_refused() {
        assert!(fault(&["a", "a"]).starts_with("there are two files \"a\""));
        assert!(fault(&["Kernel", "kernel"]).contains("rename one"));
        assert!(fault(&["a/b", "a"]).contains("rename one"));
        assert!(fault(&["a/b/c", "A"]).contains("rename one"));
        assert!(fault(&["a/b", "A/c"]).contains("rename one"));
    }

    #[test]
    fn more_files_than_a_volume_counts_are_refused() {
        let files: Vec<_> = (0..=MAX_FILES).map(|number| File::new(number.to_string(), [])).collect();
        assert!(matches!(in_order(&files), Err(Error::TooMany { count: 4097, limit: 4096, .. })));
        assert!(in_order(&files[1..]).is_ok());
    }
}
