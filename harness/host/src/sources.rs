//! The tests of a source tree, found by their attribute, and what the ELF file makes of them.
//!
//! A linker drops what nothing refers to. A test that is in the sources and not in the kernel would never fail
//! again, so the two are compared, name by name. For the same reason a test must be plain to see: one that only a macro
//! or `cfg_attr` brings about is refused.

mod hidden;

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};

use proc_macro2::Span;
use syn::{
    Attribute, ItemFn, ItemMod, Macro,
    spanned::Spanned,
    visit::{Visit, visit_item_fn, visit_item_mod},
};

use crate::{Error, listing::Listing};
use hidden::{in_attribute, in_tokens};

/// A function marked `#[ktest]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceTest {
    /// Source file, relative to the workspace's root, as `file!()` gives it.
    pub file: String,
    /// Its name behind the inline modules of that file, such as `tests::text_is_not_writable`.
    pub path: String,
    /// Line of the attribute.
    pub line: usize,
}

/// Finds the tests in every `.rs` file below `roots` (directories, or single files).
///
/// # Errors
/// [`Error::Io`] for what cannot be read, [`Error::Source`] for what is not Rust, lies outside the workspace, or hides
/// a test in a macro or in `cfg_attr`.
pub fn find(workspace: &Path, roots: &[PathBuf]) -> Result<Vec<SourceTest>, Error> {
    let mut files = BTreeSet::new();
    for root in roots {
        collect(&workspace.join(root), &mut files)?;
    }
    let mut found = Vec::new();
    for path in files {
        let wrong = |why: String| Error::Source { path: path.clone(), why };
        let relative = path.strip_prefix(workspace).map_err(|_| wrong("lies outside the workspace".into()))?;
        let text = fs::read_to_string(&path).map_err(Error::io(format!("reading {}", path.display())))?;
        let in_file = tests_in(&relative.to_string_lossy(), &text);
        found.extend(in_file.map_err(|error| wrong(format!("line {}: {error}", error.span().start().line)))?);
    }
    Ok(found)
}

fn collect(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    if path.is_dir() {
        let failed = || Error::io(format!("reading the directory {}", path.display()));
        for entry in fs::read_dir(path).map_err(failed())? {
            let inner = entry.map_err(failed())?.path();
            if inner.is_dir() || inner.extension().is_some_and(|extension| extension == "rs") {
                collect(&inner, files)?;
            }
        }
        return Ok(());
    }
    files.insert(path.into());
    Ok(())
}

fn tests_in(file: &str, text: &str) -> syn::Result<Vec<SourceTest>> {
    // Parsing takes most of the time, and most files have no test.
    if !text.contains("ktest") {
        return Ok(Vec::new());
    }
    let mut finder = Finder { file, modules: Vec::new(), found: Vec::new(), hidden: None };
    finder.visit_file(&syn::parse_file(text)?);
    match finder.hidden {
        Some(place) => Err(syn::Error::new(
            place,
            "this `ktest` cannot be found in the sources, and its test could vanish unnoticed: write #[ktest] plainly, \
             outside macros, with #[cfg] in place of cfg_attr",
        )),
        None => Ok(finder.found),
    }
}

struct Finder<'f> {
    file: &'f str,
    modules: Vec<String>,
    found: Vec<SourceTest>,
    /// The first `ktest` that a macro or `cfg_attr` hides.
    hidden: Option<Span>,
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.modules.push(module.ident.to_string());
        visit_item_mod(self, module);
        self.modules.pop();
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let last = |path: &syn::Path| path.segments.last().is_some_and(|segment| segment.ident == "ktest");
        if let Some(attribute) = function.attrs.iter().find(|attribute| last(attribute.path())) {
            let mut path = self.modules.clone();
            path.push(function.sig.ident.to_string());
            let line = attribute.span().start().line;
            self.found.push(SourceTest { file: self.file.into(), path: path.join("::"), line });
        }
        visit_item_fn(self, function);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        self.hidden = self.hidden.or_else(|| in_attribute(attribute));
    }

    fn visit_macro(&mut self, of: &'ast Macro) {
        self.hidden = self.hidden.or_else(|| in_tokens(of.tokens.clone()));
    }
}

/// How sources and ELF file differ. Its text names each test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// In the sources and not in the ELF file.
    pub vanished: Vec<SourceTest>,
    /// In the ELF file and not in the sources; their full names and files.
    pub unknown: Vec<(String, String)>,
    /// How many are in the sources.
    pub in_sources: usize,
    /// How many are in the ELF file.
    pub in_elf: usize,
}

impl Differences {
    /// Whether the two agree.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vanished.is_empty() && self.unknown.is_empty()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vanished, unknown, in_sources, in_elf } = self;
        if self.is_empty() {
            return write!(f, "the {in_elf} tests in the ELF file are those in the sources");
        }
        write!(f, "{in_sources} tests are in the sources and {in_elf} in the ELF file")?;
        for SourceTest { file, path, line } in vanished {
            write!(f, "\n  in the sources only: {path} at {file}:{line} (is its crate linked into this kernel?)")?;
        }
        for (name, file) in unknown {
            write!(f, "\n  in the ELF file only: {name}, said to be in {file}")?;
        }
        Ok(())
    }
}

/// Compares the tests in the sources with those in the ELF file, by file and by name.
#[must_use]
pub fn compare(sources: &[SourceTest], listing: &Listing) -> Differences {
    let is_same = |source: &SourceTest, file: &str, name: &str| {
        source.file == file
            && name.strip_suffix(&source.path).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    };
    let mut unmatched: Vec<_> = listing.tests.iter().collect();
    let mut vanished = Vec::new();
    for source in sources {
        match unmatched.iter().position(|test| is_same(source, &test.file, &test.name)) {
            Some(place) => drop(unmatched.remove(place)),
            None => vanished.push(source.clone()),
        }
    }
    Differences {
        vanished,
        unknown: unmatched.into_iter().map(|test| (test.name.clone(), test.file.clone())).collect(),
        in_sources: sources.len(),
        in_elf: listing.tests.len(),
    }
}

/// Why a kernel may hold no tests, in words. `package` is the directory of its package, when cargo has told it.
#[must_use]
pub fn why_none(package: Option<&Path>) -> String {
    // Sources that cannot be read tell nothing.
    let found = package.and_then(|directory| find(directory, &["src".into()]).ok()).unwrap_or_default();
    match found.first() {
        None => String::from(
            "it holds no tests: was it built without them (`cargo test` builds a kernel with them, or its feature \
             `ktest`), or is no function marked #[ktest]?",
        ),
        Some(SourceTest { file, line, .. }) => format!(
            "it holds no tests, and its sources do, as at {file}:{line}: either they were not compiled in (`cargo test` \
             does that, or the kernel's feature `ktest`), or they were taken for unused. Rust must be 1.89 or newer, and \
             a linker script that lists sections must not discard `steward_ktest`; KEEP(*(steward_ktest)) keeps it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_elf::{Builder, Descriptor};

    const SOURCE: &str = r##"
        //! Text that speaks of #[ktest] is none.
        #[ktest]
        fn plain() {}
        mod tests {
            mod inner {
                #[cfg(x)]
                #[steward_harness_guest::ktest(should_panic, cpus = 4)]
                fn nested() { let text = "#[ktest] fn no() {}"; }
            }
            #[test]
            fn hosted() {}
        }
        fn outer() {
            #[ktest]
            fn local() {}
        }
        #[ktester]
        fn other() {}
    "##;

    fn listed(tests: &[(&str, &str)]) -> Listing {
        let descriptor =
            |&(name, file): &(&str, &str)| Descriptor { name: name.into(), file: file.into(), ..Descriptor::default() };
        Listing::parse(&Builder { descriptors: tests.iter().map(descriptor).collect() }.build()).unwrap()
    }

    #[test]
    fn attributes_are_found_in_nested_modules_and_nowhere_else() {
        let found = tests_in("k/src/a.rs", SOURCE).unwrap();
        let found: Vec<_> = found.iter().map(|test| (test.path.as_str(), test.line)).collect();
        assert_eq!(found, [("plain", 3), ("tests::inner::nested", 8), ("local", 15)]);
    }

    #[test]
    fn a_test_that_a_macro_or_cfg_attr_hides_is_refused_with_its_line() {
        for hidden in [
            "#[cfg_attr(x, ktest)]\nfn f() {}",
            "#[cfg_attr(all(x, y), inline, guest::ktest(cpus = 2))]\nfn f() {}",
            "#[cfg_attr(x, cfg_attr(y, ktest))]\nfn f() {}",
            "macro_rules! m { ($n:ident) => { #[ktest] fn $n() {} } }",
            "m! { mod inner { #[guest::ktest(should_panic)] fn f() {} } }",
            "fn f() { m!(#[cfg_attr(x, ktest)] fn g() {}); }",
        ] {
            let error = tests_in("k/src/a.rs", &format!("//! Text.\n{hidden}")).unwrap_err();
            assert_eq!(error.span().start().line, 2, "{hidden}");
            assert!(error.to_string().contains("write #[ktest] plainly"), "{error}");
        }
    }

    #[test]
    fn what_only_mentions_the_word_is_no_hidden_test() {
        let text = r##"
            #[cfg_attr(feature = "ktest", inline)]
            #[cfg_attr(ktest, expect(unused, reason = "ktest"))]
            fn f() { m!(ktest, [ktest], #[doc = "#[ktest]"] #[ktester] fn g() {}); }
            #[ktest]
            fn plain() { assert!(ktest(), "ktest"); }
        "##;
        let found = tests_in("k/src/a.rs", text).unwrap();
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_tree_is_searched_and_files_are_named_as_the_compiler_names_them() {
        let workspace = tempfile::tempdir().unwrap();
        let directory = workspace.path().join("k/src/deep");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("a.rs"), SOURCE).unwrap();
        fs::write(directory.join("b.txt"), "#[ktest] fn no() {}").unwrap();
        let found = find(workspace.path(), &["k".into(), "k/src".into()]).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].file, "k/src/deep/a.rs");
        fs::write(directory.join("c.rs"), "#[ktest] fn (").unwrap();
        let error = find(workspace.path(), &["k".into()]).unwrap_err().to_string();
        assert!(error.contains("c.rs: line 1"), "{error}");
    }

    #[test]
    fn a_kernel_without_tests_is_told_where_its_sources_have_one() {
        let package = tempfile::tempdir().unwrap();
        fs::create_dir(package.path().join("src")).unwrap();
        assert!(why_none(Some(package.path())).contains("no function marked #[ktest]"));
        fs::write(package.path().join("src/main.rs"), "\n#[ktest]\nfn f() {}").unwrap();
        let why = why_none(Some(package.path()));
        assert!(why.contains("src/main.rs:2") && why.contains("KEEP(*(steward_ktest))"), "{why}");
        assert!(why_none(None).contains("holds no tests"));
    }

    #[test]
    fn agreement_is_silent_and_order_does_not_matter() {
        let sources = tests_in("k/src/a.rs", SOURCE).unwrap();
        let file = "k/src/a.rs";
        let names = [("k::a::local", file), ("k::a::tests::inner::nested", file), ("k::a::plain", file)];
        let differences = compare(&sources, &listed(&names));
        assert!(differences.is_empty(), "{differences}");
    }

    #[test]
    fn a_vanished_and_an_unknown_test_are_named() {
        let sources = tests_in("k/src/a.rs", SOURCE).unwrap();
        let names = [("k::a::plain", "k/src/a.rs"), ("k::b::local", "k/src/b.rs"), ("k::a::not_plain", "k/src/a.rs")];
        let differences = compare(&sources, &listed(&names));
        assert_eq!((differences.vanished.len(), differences.unknown.len()), (2, 2));
        let text = differences.to_string();
        assert!(text.contains("tests::inner::nested at k/src/a.rs:8") && text.contains("k::a::not_plain"), "{text}");
    }
}
