use alloc::{collections::VecDeque, string::String};

use super::*;
use crate::monitor::{COMMANDS, tests::Fake};

struct Line {
    typed: VecDeque<u8>,
    seen: String,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.seen.push_str(text);
        Ok(())
    }
}

impl Terminal for Line {
    fn read(&mut self) -> Option<u8> {
        self.typed.pop_front()
    }
}

/// What the terminal gets when that is typed, with the marks' escape bytes left out.
fn seen(typed: &str) -> String {
    let mut line = Line { typed: typed.bytes().collect(), seen: String::new() };
    run(&mut line, COMMANDS, &Fake::default()).expect("a String takes everything");
    line.seen.replace("\x1b]133;", "<").replace("\x1b\\", ">")
}

#[test]
fn the_first_prompt_has_no_status_before_it() {
    assert_eq!(seen(""), "<A>steward> <B>");
}

#[test]
fn exactly_the_output_stands_between_c_and_d() {
    assert_eq!(seen("echo hi\r"), "<A>steward> <B>echo hi\r\n<C>hi\r\n<D;0><A>steward> <B>");
}

#[test]
fn statuses_are_told() {
    assert!(seen("nonsense\r").contains("<C>unknown command 'nonsense'; try help\r\n<D;127>"));
    assert!(seen("mem x\r").contains("<C>usage: mem\r\n<D;2>"));
    assert!(seen("reboot\r").contains("<D;1>"));
    assert!(seen("\r").contains("<B>\r\n<C><D;0><A>"));
}

#[test]
fn an_abandoned_line_has_a_status_and_no_output() {
    assert_eq!(seen("ec\x03"), "<A>steward> <B>ec^C\r\n<C><D;130><A>steward> <B>");
}

#[test]
fn the_prompt_survives_the_end_of_input_key() {
    assert!(seen("\x04echo on\r").contains("<C>on\r\n<D;0>"));
}

#[test]
fn lines_end_with_cr_lf_however_they_were_written() {
    let text = seen("help\racpi\rcpu\ruptime\rmem\r");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert!(!text.contains("\r\r"));
}

#[test]
fn lines_that_arrive_at_once_run_in_order() {
    let text = seen("echo 1\recho 2\r\necho 3\n");
    let at = |output: &str| text.find(output).unwrap_or_else(|| panic!("{output} is not in {text}"));
    assert!(at("<C>1\r\n<D;0>") < at("<C>2\r\n<D;0>"));
    assert!(at("<C>2\r\n<D;0>") < at("<C>3\r\n<D;0>"));
    assert_eq!(text.matches("<D;").count(), 3);
}
