//! Every unsafe block, impl and extern block is argued by a `// SAFETY:` comment, and no two comments
//! are the same: an argument that fits two places argues neither. Unsafe attributes and declarations may have one.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::Visit;

use super::Faults;
use super::sources::Source;
use super::unsafety::{self, Kind, Use};

/// Checks presence, sharing and copies over all sources.
#[must_use]
pub fn check(sources: &[Source]) -> Faults {
    let mut faults = Vec::new();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for source in sources {
        match File::read(&source.text) {
            Ok(file) => {
                faults.extend(file.unargued().map(|fault| format!("{}:{fault}", source.path)));
                for comment in &file.comments {
                    let place = format!("{}:{}", source.path, comment.first);
                    match texts.get(&comment.text) {
                        Some(other) => faults.push(format!("{place}: the SAFETY comment is the same as at {other}")),
                        None => drop(texts.insert(comment.text.clone(), place)),
                    }
                }
            }
            Err(error) => faults.push(format!("{}: {error}", source.path)),
        }
    }
    faults
}

/// A block of comment lines from `SAFETY:` to its end.
struct Comment {
    /// Line of `SAFETY:`.
    first: usize,
    /// Last line of the block.
    last: usize,
    /// Its text with one space between words.
    text: String,
}

struct File {
    comments: Vec<Comment>,
    uses: Vec<Use>,
    statements: Statements,
}

impl File {
    fn read(text: &str) -> Result<Self, String> {
        let tokens = unsafety::tokens(text)?;
        let parsed = syn::parse2(tokens.clone())
            .map_err(|error| format!("line {}: cannot be parsed: {error}", error.span().start().line))?;
        let mut statements = Statements::default();
        statements.visit_file(&parsed);
        Ok(Self { comments: comments(text, tokens.clone()), uses: unsafety::uses(tokens), statements })
    }

    /// The comment that ends directly above the line.
    fn comment_above(&self, line: usize) -> Option<usize> {
        self.comments.iter().position(|comment| comment.last + 1 == line)
    }

    /// Faults of this file, each starting with its line.
    fn unargued(&self) -> impl Iterator<Item = String> {
        let mut users: BTreeMap<usize, usize> = BTreeMap::new();
        let mut faults = Vec::new();
        for found in &self.uses {
            let name = match found.kind {
                Kind::Block => "unsafe block",
                Kind::Impl => "unsafe impl",
                Kind::ExternBlock => "extern block",
                Kind::Attribute | Kind::Declaration | Kind::Assembly => continue,
            };
            let statement = self.statements.innermost(found);
            let comment = self.comment_above(found.line).or_else(|| self.comment_above(statement?));
            match comment {
                None => faults.push(format!("{}: {name} without a SAFETY comment directly above", found.line)),
                Some(index) => {
                    if let Some(other) = users.insert(index, found.line) {
                        let line = self.comments[index].first;
                        let text = format!("{name} shares the SAFETY comment of line {line} with line {other}");
                        faults.push(format!("{}: {text}; give it its own", found.line));
                    }
                }
            }
        }
        faults.into_iter()
    }
}

/// Extents of statements, items, match arms and fields: what a comment can stand directly above.
#[derive(Default)]
struct Statements(Vec<((usize, usize), (usize, usize))>);

impl Statements {
    fn add(&mut self, node: &impl syn::spanned::Spanned) {
        let span = node.span();
        let (start, end) = (span.start(), span.end());
        self.0.push(((start.line, start.column), (end.line, end.column)));
    }

    /// First line of the smallest one around an occurrence.
    fn innermost(&self, found: &Use) -> Option<usize> {
        let place = (found.line, found.column);
        let around = self.0.iter().filter(|(start, end)| *start <= place && place < *end);
        around.max_by_key(|(start, end)| (*start, std::cmp::Reverse(*end))).map(|(start, _)| start.0)
    }
}

impl<'ast> Visit<'ast> for Statements {
    fn visit_stmt(&mut self, node: &'ast syn::Stmt) {
        self.add(node);
        syn::visit::visit_stmt(self, node);
    }
    fn visit_item(&mut self, node: &'ast syn::Item) {
        self.add(node);
        syn::visit::visit_item(self, node);
    }
    fn visit_impl_item(&mut self, node: &'ast syn::ImplItem) {
        self.add(node);
        syn::visit::visit_impl_item(self, node);
    }
    fn visit_trait_item(&mut self, node: &'ast syn::TraitItem) {
        self.add(node);
        syn::visit::visit_trait_item(self, node);
    }
    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        self.add(node);
        syn::visit::visit_arm(self, node);
    }
    fn visit_field_value(&mut self, node: &'ast syn::FieldValue) {
        self.add(node);
        syn::visit::visit_field_value(self, node);
    }
}

/// All SAFETY comments of a file; lines inside of literals are no comments.
fn comments(text: &str, tokens: TokenStream) -> Vec<Comment> {
    let mut literals = Vec::new();
    long_literals(tokens, &mut literals);
    let inside_literal = |line: usize| literals.iter().any(|span| span.start().line < line && line <= span.end().line);
    let mut comments: Vec<Comment> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let body = line.trim().strip_prefix("//").filter(|body| !body.starts_with(['/', '!']));
        let Some(body) = body.map(str::trim).filter(|_| !inside_literal(number)) else { continue };
        if let Some(body) = body.strip_prefix("SAFETY:") {
            comments.push(Comment { first: number, last: number, text: words(body) });
        } else if let Some(open) = comments.last_mut().filter(|comment| comment.last + 1 == number) {
            open.last = number;
            open.text = words(&format!("{} {body}", open.text));
        }
    }
    comments
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn long_literals(tokens: TokenStream, found: &mut Vec<Span>) {
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => long_literals(group.stream(), found),
            TokenTree::Literal(literal) if literal.span().start().line < literal.span().end().line => {
                found.push(literal.span());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
