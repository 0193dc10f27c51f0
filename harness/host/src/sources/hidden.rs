//! Tests that cannot be found by parsing: those in the tokens of a macro, or behind `cfg_attr`.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{Attribute, Meta};

/// Where `cfg_attr` hides a `ktest` in this attribute.
pub fn in_attribute(attribute: &Attribute) -> Option<Span> {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg_attr") => in_arguments(list.tokens.clone()),
        _ => None,
    }
}

/// The arguments of `cfg_attr`: a condition, then attributes, which may again be `cfg_attr`.
fn in_arguments(tokens: TokenStream) -> Option<Span> {
    let mut parts: Vec<Vec<TokenTree>> = vec![Vec::new()];
    for token in tokens {
        match &token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => parts.push(Vec::new()),
            _ => parts.last_mut()?.push(token),
        }
    }
    parts.iter().skip(1).find_map(|attribute| in_brackets(attribute))
}

/// An attribute as it stands between its brackets: a path, perhaps with arguments.
fn in_brackets(attribute: &[TokenTree]) -> Option<Span> {
    let is_path = |token: &&TokenTree| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    };
    let last = attribute.iter().take_while(is_path).last()?;
    match last.to_string().as_str() {
        "ktest" => Some(last.span()),
        "cfg_attr" => match attribute.last()? {
            TokenTree::Group(arguments) => in_arguments(arguments.stream()),
            _ => None,
        },
        _ => None,
    }
}

/// Where an attribute `ktest` stands in the tokens of a macro, at any depth.
pub fn in_tokens(tokens: TokenStream) -> Option<Span> {
    let mut after_hash = false;
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            let attribute = after_hash && group.delimiter() == Delimiter::Bracket;
            let found = if attribute { in_brackets(&inner) } else { None };
            if let Some(place) = found.or_else(|| in_tokens(group.stream())) {
                return Some(place);
            }
        }
        after_hash = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
    }
    None
}
