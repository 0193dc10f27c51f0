//! Property tests: found in the sources, because a test program does not tell which of its tests they are.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::check::sources::Source;

/// Names of the functions within `proptest! { … }`, in the order of the sources; each name once.
///
/// A source that does not parse has none: the compiler says what is wrong with it.
#[must_use]
pub fn names<'s>(sources: impl IntoIterator<Item = &'s Source>) -> Vec<String> {
    let mut found = Found::default();
    for source in sources {
        // Parsing every file of the repository would take a second.
        if source.text.contains("proptest!")
            && let Ok(file) = syn::parse_file(&source.text)
        {
            found.visit_file(&file);
        }
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<String>);

impl<'ast> Visit<'ast> for Found {
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.segments.last().is_some_and(|segment| segment.ident == "proptest") {
            self.functions(call.tokens.clone());
        }
        visit::visit_macro(self, call);
    }
}

impl Found {
    /// `fn NAME` at the outermost level: functions within functions are no tests.
    fn functions(&mut self, tokens: TokenStream) {
        let mut after_fn = false;
        for token in tokens {
            let TokenTree::Ident(word) = token else {
                after_fn = false;
                continue;
            };
            if after_fn && !self.0.iter().any(|name| word == name) {
                self.0.push(word.to_string());
            }
            after_fn = word == "fn";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sources::{self, tests::source};
    use crate::workspace::Workspace;

    #[test]
    fn functions_within_the_macro_are_found_and_others_are_not() {
        let text = "
            fn helper() {}
            mod tests {
                proptest! {
                    #![proptest_config(Config::default())]
                    #[test]
                    fn one(text in \".*\") { fn inner() {} }
                    #[test]
                    fn two(n: u8) {}
                }
                #[test]
                fn plain() { other! { fn three() {} } }
            }";
        assert_eq!(names(&[source("a.rs", text), source("b.rs", "proptest! {"), source("c.rs", text)]), ["one", "two"]);
    }

    #[test]
    fn the_property_tests_of_this_workspace_are_found() {
        let sources = sources::all(Workspace::load().unwrap().root()).unwrap();
        let names = names(&sources);
        assert!(names.len() >= 20, "{names:?}");
        assert!(names.iter().any(|name| name == "damaged_kernels_never_escape"), "{names:?}");
    }
}
