//! Files in their directories, as the writers of volumes need them.

use std::collections::BTreeMap;

use crate::File;

/// The directories of a volume, and its files.
pub(crate) struct Tree<'a> {
    /// The root first, each level before the next, siblings by identifier.
    pub(crate) directories: Vec<Directory<'a>>,
    /// Directory by directory.
    pub(crate) files: Vec<&'a File>,
}

pub(crate) struct Directory<'a> {
    /// The root's is empty.
    pub(crate) identifier: Vec<u8>,
    /// Its number in [`Tree::directories`]. The root is its own parent.
    pub(crate) parent: usize,
    /// By identifier.
    pub(crate) entries: Vec<Entry<'a>>,
}

/// A file or directory in a directory.
pub(crate) struct Entry<'a> {
    /// Its name as the volume's oldest readers know it. No other in the directory has the same.
    pub(crate) identifier: Vec<u8>,
    pub(crate) name: &'a str,
    pub(crate) node: Node,
}

#[derive(Clone, Copy)]
pub(crate) enum Node {
    /// Its number in [`Tree::directories`].
    Directory(usize),
    /// Its number in [`Tree::files`].
    File(usize),
}

/// Makes an identifier for the name of a directory (if the second argument says so) or a file, which is none of those
/// that the third argument says are taken.
pub(crate) type Namer = fn(&str, bool, &dyn Fn(&[u8]) -> bool) -> Vec<u8>;

impl<'a> Tree<'a> {
    /// The tree of these files, whose paths are checked and in order.
    pub(crate) fn new(files: &[&'a File], namer: Namer) -> Self {
        let root = Directory { identifier: Vec::new(), parent: 0, entries: Vec::new() };
        let mut tree = Self { directories: vec![root], files: Vec::new() };
        // What each directory still has to be filled with: files by their path within it.
        let mut waiting = vec![files.iter().map(|file| (file.path.as_str(), *file)).collect()];
        let mut number = 0;
        while number < tree.directories.len() {
            for (identifier, (name, files)) in identified(std::mem::take(&mut waiting[number]), namer) {
                let node = match files[0] {
                    ("", file) => {
                        tree.files.push(file);
                        Node::File(tree.files.len() - 1)
                    }
                    _ => {
                        let identifier = identifier.clone();
                        tree.directories.push(Directory { identifier, parent: number, entries: Vec::new() });
                        waiting.push(files);
                        Node::Directory(tree.directories.len() - 1)
                    }
                };
                tree.directories[number].entries.push(Entry { identifier, name, node });
            }
            number += 1;
        }
        tree
    }
}

/// Files of one directory, by the first name of their path, under their identifiers. The path is what is left of it.
type Named<'a> = BTreeMap<Vec<u8>, (&'a str, Vec<(&'a str, &'a File)>)>;

fn identified<'a>(files: Vec<(&'a str, &'a File)>, namer: Namer) -> Named<'a> {
    let mut names: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (path, file) in files {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        names.entry(name).or_default().push((rest, file));
    }
    let mut found = Named::new();
    for (name, files) in names {
        let identifier = namer(name, !files[0].0.is_empty(), &|identifier| found.contains_key(identifier));
        found.insert(identifier, (name, files));
    }
    found
}
