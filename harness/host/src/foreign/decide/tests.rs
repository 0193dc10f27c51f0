//! What decides, and what does not, byte by byte.

use proptest::prelude::*;

use super::*;

const NONCE: u64 = 0x0123_4567_89ab_cdef;

fn expect(texts: &[&str]) -> Vec<Expectation> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn typed(line: &str) -> Typed {
    Typed { line: line.into(), prompt: "/ # ".into(), nonce: NONCE }
}

/// A decider that has seen what a run printed.
fn ran(expected: &[&str], stream: &str) -> Decider {
    let mut decider = Decider::new(&expect(expected), None);
    decider.push(stream.as_bytes(), Duration::ZERO);
    decider
}

/// The same of a line that was typed.
fn answered(expected: &[&str], line: &str, stream: &str) -> Decider {
    let mut decider = Decider::new(&expect(expected), Some(&typed(line)));
    decider.push(stream.as_bytes(), Duration::ZERO);
    decider
}

fn first(decider: Decider) -> Met {
    decider.finish().met[0].clone()
}

#[test]
fn a_text_decides_as_soon_as_it_stands_there_also_without_an_end_of_line() {
    assert!(!ran(&["text=all passed"], "all pass").is_decided());
    assert!(ran(&["text=all passed"], "boot\r\n\x1b[32mall\x1b[0m passed").is_decided());
}

#[test]
fn a_regular_expression_decides_at_the_end_of_its_line() {
    let expected = ["regex=^ok [0-9]+$"];
    assert!(!ran(&expected, "ok 12").is_decided());
    assert!(ran(&expected, "ok 12\r\n").is_decided());
    assert!(!ran(&expected, "not ok 12\r\n").is_decided());
    assert_eq!(first(ran(&expected, "ok 12")), Met::Yes, "the last line ends with the run");
}

#[test]
fn several_expectations_must_all_be_decided() {
    let expected = ["text=a", "regex=^b$"];
    assert!(!ran(&expected, "a\n").is_decided());
    assert!(!ran(&expected, "b\n").is_decided());
    assert!(ran(&expected, "b\na").is_decided());
}

#[test]
fn what_a_machine_ends_with_is_never_decided_by_what_it_prints() {
    assert!(!ran(&["exit=33"], "exit=33\n").is_decided());
    assert!(!ran(&["text=a", "verdict=panic"], "a\nKernel panic\n").is_decided());
}

#[test]
fn an_echo_never_satisfies_a_text_and_what_follows_it_does() {
    let line = "echo OK";
    assert!(!answered(&["text=OK"], line, "echo OK\r\n").is_decided());
    assert!(answered(&["text=OK"], line, "echo OK\r\nOK").is_decided());
    assert!(!answered(&["text=OK"], line, "echo OK\r\n/ # echo OK\r\n").is_decided(), "a shell may show it again");
    assert!(!answered(&["regex=O"], line, "echo OK\r\n").is_decided());
    assert!(answered(&["regex=O"], line, "echo OK\r\nOK\r\n").is_decided());
    assert_eq!(first(answered(&["text=OK"], line, "echo OK")), Met::Open);
}

#[test]
fn a_text_that_reaches_beyond_the_echo_counts() {
    let told = "greet bob\r\nunknown command: greet bob\r\n";
    assert!(answered(&["text=unknown command: greet bob"], "greet bob", told).is_decided());
    let silent = "unknown command: greet bob\r\n";
    assert!(answered(&["text=unknown command: greet bob"], "greet bob", silent).is_decided());
}

#[test]
fn a_text_that_looks_like_the_beginning_of_an_echo_counts_once_that_ends() {
    let expected = ["text=echo O"];
    assert!(!answered(&expected, "echo OK", "echo OK\r\necho O").is_decided());
    assert!(answered(&expected, "echo OK", "echo OK\r\necho Otto").is_decided());
    assert_eq!(first(answered(&expected, "echo OK", "echo OK\r\necho O")), Met::Yes, "nothing more came");
}

#[test]
fn the_echo_of_a_panic_is_no_panic() {
    let line = "echo Kernel panic - not syncing: no";
    assert_eq!(answered(&["text=x"], line, &format!("{line}\r\n")).dying(), None);
}

#[test]
fn the_surest_of_a_kernels_last_words_counts() {
    let said = "BUG: kernel NULL pointer dereference, address: 0\nOops: 0002\nKernel panic - not syncing: Fatal exception\nBUG: x\n";
    let crash = ran(&["text=x"], said).finish().crash.unwrap();
    assert_eq!((crash.dying, crash.words.as_str()), (Dying::Dead, "Kernel panic - not syncing: Fatal exception"));
    assert_eq!(ran(&["text=x"], "panicked at src/main.rs:1:2:\n").dying(), Some(Dying::Panicked));
    assert_eq!(ran(&["text=x"], "BUG: sleeping function\n").dying(), Some(Dying::Unwell));
}

#[test]
fn the_status_is_what_the_answer_says_and_never_what_the_question_looks_like() {
    let question = typed("ls").question();
    let asked = format!("ls\r\nbin\r\n/ # {question}\r\n");
    let decider = answered(&["status=0"], "ls", &asked);
    assert!(!decider.is_decided() && decider.is_prompted());
    for (status, met) in [(0, Met::Yes), (127, Met::No("the status is 127".into()))] {
        let decider = answered(&["status=0"], "ls", &format!("{asked}{NONCE:016x}:{status}:\r\n/ # "));
        assert!(decider.is_decided());
        let findings = decider.finish();
        assert_eq!((findings.met[0].clone(), findings.last.as_str()), (met, "bin"));
    }
}

#[test]
fn what_was_not_printed_when_the_status_comes_does_not_hold() {
    let decider = answered(&["status=0", "text=never"], "true", "true\r\n/ # 0123456789abcdef:0:\r\n");
    assert!(decider.is_decided());
    assert_eq!(decider.finish().met, [Met::Yes, Met::No("it was not printed".into())]);
}

#[test]
fn the_prompt_is_one_that_comes_after_the_line_was_typed() {
    assert!(!answered(&["status=0"], "ls", "ls\r\n").is_prompted());
    assert!(answered(&["status=0"], "ls", "ls\r\nbin\r\n/ # \x1b[6n").is_prompted());
}

#[test]
fn the_last_line_of_the_output_is_kept_for_the_reason() {
    let findings = answered(&["text=x"], "cat /x", "cat /x\r\ncat: no such file\r\n\r\n").finish();
    assert_eq!(findings.last, "cat: no such file");
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut(
        line in "[a-c ]{0,9}[a-c]", stream in "([a-c /#?:]|\r\n){0,60}", text in "[a-c]{1,3}", cuts in proptest::collection::vec(0usize..60, 0..6),
    ) {
        let expected = expect(&[&format!("text={text}"), &format!("regex={text}$"), "status=0"]);
        let stream = format!("{stream}{NONCE:016x}:0:\r\n");
        let mut whole = Decider::new(&expected, Some(&typed(&line)));
        whole.push(stream.as_bytes(), Duration::ZERO);
        let mut pieces = Decider::new(&expected, Some(&typed(&line)));
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.sort_unstable();
        let mut from = 0;
        for cut in cuts.into_iter().chain([stream.len()]) {
            pieces.push(&stream.as_bytes()[from..cut], Duration::ZERO);
            from = cut;
        }
        prop_assert_eq!(whole.is_decided(), pieces.is_decided());
        prop_assert_eq!(whole.finish(), pieces.finish());
    }

    #[test]
    fn any_bytes_are_taken(line in ".{1,20}", bytes: Vec<u8>) {
        let mut decider = Decider::new(&expect(&["text=a", "regex=b", "ktap", "status=1"]), Some(&typed(&line)));
        decider.push(&bytes, Duration::ZERO);
        decider.finish();
    }

    /// Whatever a terminal does with a long line, none of its words is found in its echo.
    #[test]
    fn no_word_of_an_echoed_line_is_found(words in proptest::collection::vec("[a-z]{1,8}", 1..8), width in 20usize..80) {
        let line = format!("run {} END", words.join(" "));
        let mut echo = String::new();
        for (place, character) in line.chars().enumerate() {
            echo.push(character);
            if (place + 5) % width == 0 {
                echo.push_str("\r\n");
            }
        }
        let decider = answered(&["text=END"], &line, &format!("{echo}\r\n/ # "));
        prop_assert!(!decider.is_decided());
        let printed = echo + "\r\nEND";
        prop_assert!(answered(&["text=END"], &line, &printed).is_decided());
    }
}
