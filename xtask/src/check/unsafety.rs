//! Finds unsafe code by walking tokens, so that it is found inside macro invocations and definitions too, and
//! never in comments or literals.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// What an occurrence of unsafe code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `unsafe { … }`
    Block,
    /// `unsafe impl`
    Impl,
    /// `#[unsafe(…)]`
    Attribute,
    /// `unsafe extern { … }`, or one without the keyword
    ExternBlock,
    /// `unsafe fn`, `unsafe trait`, an unsafe function type: a promise asked for, not one given
    Declaration,
    /// `global_asm!` and `naked_asm!`, which need no keyword of their own
    Assembly,
}

/// An occurrence of unsafe code.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    /// What it is.
    pub kind: Kind,
    /// Line of its first token, from 1.
    pub line: usize,
    /// Column of its first token, from 0.
    pub column: usize,
}

/// Tokens of a source file.
///
/// # Errors
/// When the text is no Rust, with the place of the first fault.
pub fn tokens(text: &str) -> Result<TokenStream, String> {
    text.parse().map_err(|error: proc_macro2::LexError| {
        let place = error.span().start();
        format!("line {}: not Rust: {error}", place.line)
    })
}

/// Every occurrence of unsafe code, in source order.
#[must_use]
pub fn uses(tokens: TokenStream) -> Vec<Use> {
    let mut found = Vec::new();
    walk(tokens, &mut found);
    found
}

fn walk(tokens: TokenStream, found: &mut Vec<Use>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => walk(group.stream(), found),
            TokenTree::Ident(ident) => {
                let kind = match ident.to_string().as_str() {
                    "unsafe" => Some(keyword(&trees[index + 1..])),
                    "extern" if !follows_unsafe(&trees[..index]) && is_extern_block(&trees[index + 1..]) => {
                        Some(Kind::ExternBlock)
                    }
                    "global_asm" | "naked_asm" => Some(Kind::Assembly),
                    _ => None,
                };
                found.extend(kind.map(|kind| at(kind, ident.span())));
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn at(kind: Kind, span: Span) -> Use {
    let start = span.start();
    Use { kind, line: start.line, column: start.column }
}

/// Classifies the keyword by what follows it.
fn keyword(after: &[TokenTree]) -> Kind {
    match after.first() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Kind::Block,
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => Kind::Attribute,
        Some(TokenTree::Ident(ident)) if ident == "impl" => Kind::Impl,
        Some(TokenTree::Ident(ident)) if ident == "extern" && is_extern_block(&after[1..]) => Kind::ExternBlock,
        _ => Kind::Declaration,
    }
}

fn follows_unsafe(before: &[TokenTree]) -> bool {
    matches!(before.last(), Some(TokenTree::Ident(ident)) if ident == "unsafe")
}

/// Whether `extern` is followed by an optional ABI and a brace.
fn is_extern_block(after: &[TokenTree]) -> bool {
    let after = if let Some(TokenTree::Literal(_)) = after.first() { &after[1..] } else { after };
    matches!(after.first(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        uses(tokens(text).unwrap()).into_iter().map(|found| found.kind).collect()
    }

    #[test]
    fn each_form_of_unsafe_code_is_told_from_the_others() {
        for (text, kind) in [
            ("fn f() { unsafe { g() } }", Kind::Block),
            ("unsafe impl Send for X {}", Kind::Impl),
            ("#[unsafe(no_mangle)] fn f() {}", Kind::Attribute),
            ("unsafe extern \"C\" { fn f(); }", Kind::ExternBlock),
            ("extern { fn f(); }", Kind::ExternBlock),
            ("unsafe fn f() {}", Kind::Declaration),
            ("unsafe trait T {}", Kind::Declaration),
            ("type F = unsafe extern \"C\" fn();", Kind::Declaration),
            ("core::arch::global_asm!(\"nop\");", Kind::Assembly),
        ] {
            assert_eq!(kinds(text), [kind], "{text}");
        }
    }

    #[test]
    fn unsafe_code_is_found_inside_macros() {
        assert_eq!(kinds("fn f() { assert_eq!(unsafe { g() }, 1); }"), [Kind::Block]);
        assert_eq!(kinds("macro_rules! m { ($e:expr) => { unsafe { $e } } }"), [Kind::Block]);
    }

    #[test]
    fn comments_literals_and_other_names_are_no_unsafe_code() {
        let text = r##"
            //! unsafe { } in docs
            #![forbid(unsafe_code)]
            // unsafe impl
            /* unsafe { */
            const A: &str = "unsafe {}";
            const B: &str = r#"unsafe { "x" }"#;
            extern crate alloc;
            extern "C" fn unsafety(r#unsafe: u8) {}
        "##;
        assert_eq!(kinds(text), []);
    }

    #[test]
    fn places_are_those_of_the_keyword() {
        let found = uses(tokens("fn f() {\n    let x = unsafe { g() };\n}").unwrap());
        assert_eq!(found, [Use { kind: Kind::Block, line: 2, column: 12 }]);
    }

    #[test]
    fn text_that_is_no_rust_is_an_error_with_its_line() {
        let error = tokens("fn f() {\n  \"\n").unwrap_err();
        assert!(error.starts_with("line "), "{error}");
    }
}
