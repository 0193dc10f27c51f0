//! Files and functions keep to a size that a reader can hold.

use std::collections::BTreeMap;

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::Faults;
use super::allow;
use super::sources::Source;

/// Most lines of a source file.
pub const FILE_LINES: usize = 500;
/// Most lines of a function, from `fn` to its closing brace.
pub const FUNCTION_LINES: usize = 70;

const LIST: &str = "xtask/allow/sizes.txt";

/// Compares the sources with the limits and the list of exceptions: lines of the form `name lines reason`, where
/// the name is a path, or a path, `::` and the function (`kernel/src/main.rs::Console::draw`). The number is the
/// current one: what grows fails, and so does an entry whose subject has shrunk.
#[must_use]
pub fn check(sources: &[Source], list: &str) -> Faults {
    let mut faults = Vec::new();
    let mut excepted = BTreeMap::new();
    for entry in allow::read(list, LIST, 2, &mut faults) {
        match entry.words[1].parse::<usize>() {
            Ok(lines) => drop(excepted.insert(entry.words[0].to_owned(), (lines, entry.line))),
            Err(_) => faults.push(format!("{LIST}:{}: `{}` is no number of lines", entry.line, entry.words[1])),
        }
    }
    for subject in sources.iter().flat_map(|source| measure(source, &mut faults)).collect::<Vec<_>>() {
        let Subject { name, line, lines, limit } = &subject;
        match (excepted.remove(name), lines > limit) {
            (None, false) => {}
            (None, true) => faults.push(format!("{name} (line {line}): {lines} lines, the limit is {limit}")),
            (Some((_, entry)), false) => {
                faults.push(format!("{LIST}:{entry}: {name} has {lines} lines, within the limit; take the entry out"));
            }
            (Some((allowed, entry)), true) if allowed > *lines => {
                faults.push(format!("{LIST}:{entry}: {name} has {lines} lines; lower the entry from {allowed}"));
            }
            (Some((allowed, _)), true) if allowed < *lines => {
                faults.push(format!("{name} (line {line}): {lines} lines, and the list allows {allowed}"));
            }
            (Some(_), true) => {}
        }
    }
    faults.extend(
        excepted.into_iter().map(|(name, (_, line))| format!("{LIST}:{line}: there is no {name}; take the entry out")),
    );
    faults
}

/// Something with a size.
struct Subject {
    name: String,
    line: usize,
    lines: usize,
    limit: usize,
}

fn measure(source: &Source, faults: &mut Faults) -> Vec<Subject> {
    let mut found =
        vec![Subject { name: source.path.clone(), line: 1, lines: source.text.lines().count(), limit: FILE_LINES }];
    match syn::parse_file(&source.text) {
        Ok(file) => {
            let mut functions = Functions { prefix: source.path.clone(), found: Vec::new() };
            functions.visit_file(&file);
            found.append(&mut functions.found);
        }
        Err(error) => faults.push(format!("{}:{}: cannot be parsed: {error}", source.path, error.span().start().line)),
    }
    found
}

struct Functions {
    prefix: String,
    found: Vec<Subject>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (first, last) = (signature.span().start().line, body.span().end().line);
        let name = format!("{}::{}", self.prefix, signature.ident);
        self.found.push(Subject { name, line: first, lines: last + 1 - first, limit: FUNCTION_LINES });
    }

    fn within(&mut self, name: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.prefix.len();
        self.prefix.push_str("::");
        self.prefix.push_str(name);
        visit(self);
        self.prefix.truncate(length);
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.add(&node.sig, &node.block);
        self.within(&node.sig.ident.to_string(), |this| syn::visit::visit_item_fn(this, node));
    }
    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.add(&node.sig, &node.block);
        self.within(&node.sig.ident.to_string(), |this| syn::visit::visit_impl_item_fn(this, node));
    }
    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(body) = &node.default {
            self.add(&node.sig, body);
        }
        self.within(&node.sig.ident.to_string(), |this| syn::visit::visit_trait_item_fn(this, node));
    }
    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        let subject = match &*node.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
            _ => None,
        };
        self.within(subject.as_deref().unwrap_or("impl"), |this| syn::visit::visit_item_impl(this, node));
    }
    fn visit_item_trait(&mut self, node: &'ast syn::ItemTrait) {
        self.within(&node.ident.to_string(), |this| syn::visit::visit_item_trait(this, node));
    }
    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        self.within(&node.ident.to_string(), |this| syn::visit::visit_item_mod(this, node));
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources::{self, tests::source, tests::tree};
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_of_600_lines_fails_and_one_of_500_does_not() {
        let root = tree(&[("a.rs", &"// x\n".repeat(600)), ("b.rs", &"// x\n".repeat(500))]);
        let faults = check(&sources::all(root.path()).unwrap(), "");
        assert_eq!(faults, ["a.rs (line 1): 600 lines, the limit is 500"]);
    }

    #[test]
    fn a_function_of_71_lines_fails_and_one_of_70_does_not() {
        let text = format!("// x\n{}{}", function("long", 71), function("short", 70));
        assert_eq!(check(&[source("a.rs", &text)], ""), ["a.rs::long (line 2): 71 lines, the limit is 70"]);
    }

    #[test]
    fn docs_and_attributes_above_a_function_are_not_its_lines() {
        let text = format!("{}#[inline]\n{}", "/// x\n".repeat(20), function("f", 70));
        assert_eq!(check(&[source("a.rs", &text)], ""), [""; 0]);
    }

    #[test]
    fn methods_are_named_by_type_and_module() {
        let text = format!("mod m {{\nimpl<T> Thing<T> {{\n{}}}\n}}\n", function("f", 80));
        assert_eq!(check(&[source("a.rs", &text)], ""), ["a.rs::m::Thing::f (line 3): 80 lines, the limit is 70"]);
    }

    #[test]
    fn an_exception_holds_at_exactly_its_number() {
        let sources = [source("a.rs", &"// x\n".repeat(600))];
        assert_eq!(check(&sources, "a.rs 600 it is one table\n"), [""; 0]);
        assert!(check(&sources, "a.rs 599 it is one table\n")[0].contains("the list allows 599"));
        assert!(check(&sources, "a.rs 601 it is one table\n")[0].contains("lower the entry from 601"));
    }

    #[test]
    fn an_exception_that_nothing_needs_fails() {
        let sources = [source("a.rs", "// x\n")];
        assert!(check(&sources, "a.rs 600 it was a table\n")[0].contains("within the limit"));
        assert!(check(&sources, "b.rs 600 gone\n")[0].contains("there is no b.rs"));
    }
}
