use super::super::sources::{self, tests::source, tests::tree};
use super::*;

fn faults(text: &str) -> Faults {
    check(&[source("a.rs", text)])
}

const NONE: [&str; 0] = [];

#[test]
fn an_unsafe_block_without_a_comment_fails() {
    let faults = faults("fn f() {\n    let x = unsafe { g() };\n}\n");
    assert_eq!(faults, ["a.rs:2: unsafe block without a SAFETY comment directly above"]);
}

#[test]
fn a_comment_above_the_block_or_its_statement_is_enough() {
    let text = "
fn f() {
    // SAFETY: g has no
    // requirement.
    let x = unsafe { g() };
    // SAFETY: a is alive.
    let y = h(
        1,
        unsafe { *a },
    );
    let z = h(
        1,
        // SAFETY: b is alive.
        unsafe { *b },
    );
    match x {
        // SAFETY: c is alive.
        Some(_) => unsafe { *c },
        None => 0,
    }
}
";
    assert_eq!(faults(text), NONE);
}

#[test]
fn blank_lines_or_code_between_comment_and_block_break_the_bond() {
    for between in ["", "let y = 1;"] {
        let text = format!("fn f() {{\n    // SAFETY: fine.\n    {between}\n    unsafe {{ g() }}\n}}\n");
        assert_eq!(faults(&text).len(), 1, "{text}");
    }
}

#[test]
fn a_comment_without_the_word_or_a_doc_comment_does_not_count() {
    assert_eq!(faults("fn f() {\n    // it is fine\n    unsafe { g() }\n}\n").len(), 1);
    assert_eq!(faults("/// SAFETY: fine\nunsafe impl Send for X {}\n").len(), 1);
}

#[test]
fn impls_and_extern_blocks_need_one_and_declarations_and_attributes_do_not() {
    assert_eq!(faults("unsafe impl Send for X {}\n").len(), 1);
    assert_eq!(faults("unsafe extern \"C\" {\n    fn f();\n}\n").len(), 1);
    assert_eq!(faults("/// # Safety\n/// None.\nunsafe fn f() {}\n"), NONE);
    assert_eq!(faults("/// Docs.\n#[unsafe(no_mangle)]\nfn f() {}\n"), NONE);
    let argued = "
// SAFETY: X has no thread of its own.
#[rustfmt::skip]
unsafe impl Send for X {}

// SAFETY: the linker script defines it.
unsafe extern \"C\" {
    static START: u8;
}
";
    assert_eq!(faults(argued), NONE);
}

#[test]
fn unsafe_code_inside_a_macro_needs_one_too() {
    assert_eq!(faults("fn f() {\n    assert!(unsafe { g() });\n}\n").len(), 1);
    assert_eq!(faults("fn f() {\n    // SAFETY: g is pure.\n    assert!(unsafe { g() });\n}\n"), NONE);
}

#[test]
fn one_comment_does_not_argue_two_blocks() {
    let faults = faults("fn f() {\n    // SAFETY: both are alive.\n    h(unsafe { *a }, unsafe { *b });\n}\n");
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("shares the SAFETY comment of line 2"), "{faults:?}");
}

#[test]
fn a_copied_comment_fails_and_names_both_places() {
    let body = "fn f() {\n    // SAFETY: the port\n    // exists.\n    unsafe { g() }\n}\n";
    let rewrapped = "fn f() {\n    // SAFETY:   the port exists.\n    unsafe { g() }\n}\n";
    let root = tree(&[("a/src/lib.rs", body), ("b/src/lib.rs", rewrapped)]);
    let faults = check(&sources::all(root.path()).unwrap());
    assert_eq!(faults, ["b/src/lib.rs:2: the SAFETY comment is the same as at a/src/lib.rs:2"]);
}

#[test]
fn text_of_literals_is_no_comment() {
    let text = "const A: &str = \"\n// SAFETY: x\n\";\nconst B: &str = \"\n// SAFETY: x\n\";\n";
    assert_eq!(faults(text), NONE);
}
