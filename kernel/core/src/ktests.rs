//! Kernel tests: the decisions of this crate once more, on the bare machine, with the kernel's allocator and code
//! generation.

use alloc::{
    collections::VecDeque,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::{self, Write};

use ::log::{Level, LevelFilter, Log, Record};
use steward_harness_guest::ktest;

use crate::{
    boot::{CommandLine, Port},
    command::{SplitError, split},
    fault::{EXCEPTIONS, PageFaultCode, PanicReport, SelectorCode},
    line::{Completion, Editor, Event, MAX_LINE as MAX_INPUT},
    log::{Logger, MAX_LINE, RING_BYTES},
    platform::FaultKind,
    text::CrLf,
};

struct NoWords;

impl Completion for NoWords {
    fn candidates(&self, _: &str, _: &mut dyn FnMut(&str)) {}
}

/// Types into a new editor; gives the lines that were entered.
fn entered(typed: &[u8]) -> Result<Vec<String>, fmt::Error> {
    let (mut editor, mut terminal) = (Editor::new("> "), String::new());
    let mut lines = Vec::new();
    for &byte in typed {
        let event = editor.feed(byte, &NoWords, &mut terminal)?;
        if event == Event::Pending {
            continue;
        }
        if let Event::Line(line) = event {
            lines.push(line);
        }
        editor.start(&mut terminal)?;
    }
    Ok(lines)
}

#[ktest]
fn keys_edit_in_the_middle_of_a_line() -> Result<(), fmt::Error> {
    assert_eq!(entered(b"hlp\x1b[D\x1b[De\r")?, ["help"]);
    assert_eq!(entered(b"one two\x1bb\x15\r")?, ["two"]);
    assert_eq!(entered("caffé\x02\x02\x7f\r".as_bytes())?, ["café"]);
    Ok(())
}

#[ktest]
fn the_history_gives_lines_back() -> Result<(), fmt::Error> {
    assert_eq!(entered(b"one\rtwo\r\x1b[A\x1b[A\r")?, ["one", "two", "one"]);
    Ok(())
}

#[ktest]
fn garbage_and_long_input_leave_the_editor_usable() -> Result<(), fmt::Error> {
    let mut typed: Vec<u8> = (0..4 * MAX_INPUT).map(|n| (n * 31 % 256) as u8).filter(|&byte| byte != b'\r').collect();
    typed.extend(b"\x03mem\r");
    let lines = entered(&typed)?;
    assert_eq!(lines.last().map(String::as_str), Some("mem"));
    assert!(lines.iter().all(|line| line.len() <= MAX_INPUT));
    Ok(())
}

#[ktest(should_panic)]
fn a_prompt_as_wide_as_the_terminal_is_refused() {
    let _ = Editor::new("a prompt that takes more than half of the columns of a terminal");
}

#[ktest]
fn words_keep_their_quotes_apart() {
    assert_eq!(split("echo 'a  b' \"c\"d").as_deref(), Ok(&["echo", "a  b", "cd"].map(String::from)[..]));
    assert_eq!(split("echo 'a"), Err(SplitError::OpenQuote('\'')));
}

#[ktest]
fn the_kernel_command_line_is_read() {
    let mut unknown = Vec::new();
    let line = CommandLine::parse("serve=com2 quiet debug-exit=0xf4", |word| unknown.push(word));
    assert_eq!(line.map(|line| (line.serve, line.debug_exit)), Ok((Some(Port::Com2), Some(0xf4))));
    assert_eq!(unknown, ["quiet"]);
    assert!(CommandLine::parse("log=loud", |_| ()).is_err_and(|bad| bad.word == "log=loud"));
}

/// A log of the tests' own: it is not the kernel's, and has no sinks.
static LOG: Logger = Logger::new();

fn write_log(text: &str) {
    // Errors are logged at every level that the command line may have set.
    LOG.log(&Record::builder().level(Level::Error).target("ktest").args(format_args!("{text}")).build());
}

fn read_log() -> VecDeque<String> {
    let mut lines = VecDeque::new();
    let _ = LOG.read(LevelFilter::Trace, |line| {
        lines.push_back(line.to_string());
        Ok::<(), fmt::Error>(())
    });
    lines
}

#[ktest]
fn the_log_keeps_its_newest_lines_and_drops_the_oldest() {
    let count = 2 * RING_BYTES / 64;
    for number in 0..count {
        write_log(&format!("line {number} of a log that is longer than the ring is large"));
    }
    let lines = read_log();
    assert!(lines.len() < count && lines.len() > RING_BYTES / 128, "{} lines", lines.len());
    assert!(lines.back().is_some_and(|line| line.contains(&format!("line {} of", count - 1))));
    assert!(lines.iter().all(|line| line.starts_with("[    0.000000] ERROR ktest: line ") && line.ends_with('\n')));
}

#[ktest]
fn a_log_line_is_cut_at_a_character_and_has_no_control_characters() {
    write_log(&"é".repeat(MAX_LINE));
    write_log("a\r\n\x1b[31mb");
    let mut lines = read_log();
    assert_eq!(lines.pop_back().as_deref(), Some("[    0.000000] ERROR ktest: a\\r\\n\\u{1b}[31mb\n"));
    assert!(lines.pop_back().is_some_and(|line| line.len() <= MAX_LINE && line.ends_with("é\n")));
}

#[ktest]
fn error_codes_are_told_in_words() {
    assert_eq!(PageFaultCode(0x13).to_string(), "present, instruction fetch, supervisor");
    assert_eq!(PageFaultCode(0x2).to_string(), "not present, write, supervisor");
    assert_eq!(SelectorCode(0x6b).to_string(), "IDT entry 13, external event");
    assert_eq!(EXCEPTIONS[8].mnemonic, "#DF");
}

#[ktest]
fn a_panic_is_told_in_the_form_that_the_host_looks_for() {
    let report =
        PanicReport { cpu: None, message: &"no page", file: "a.rs", line: 7, backtrace: &[0xffff_ffff_8001_2345] };
    assert_eq!(report.to_string(), "PANIC: no page at a.rs:7\n  #0 0xffffffff80012345\n");
}

#[ktest]
fn lines_end_with_cr_lf_on_the_console() -> Result<(), fmt::Error> {
    let mut seen = String::new();
    let mut out = CrLf::new(&mut seen);
    out.write_str("a\nb\r")?;
    out.write_str("\nc\n")?;
    assert_eq!(seen, "a\r\nb\r\nc\r\n");
    Ok(())
}

#[ktest]
fn every_fault_is_found_by_its_name() {
    for &kind in FaultKind::ALL {
        assert_eq!(FaultKind::from_name(kind.name()), Some(kind));
    }
    assert_eq!(FaultKind::from_name("tolerance"), None);
}

/// What the kernel runs, the host can run: a wrong expectation shows without booting.
#[cfg(test)]
mod on_the_host {
    use super::*;

    #[test]
    fn the_kernels_tests_pass_on_the_host() -> Result<(), fmt::Error> {
        ::log::set_max_level(LevelFilter::Trace);
        keys_edit_in_the_middle_of_a_line()?;
        the_history_gives_lines_back()?;
        garbage_and_long_input_leave_the_editor_usable()?;
        words_keep_their_quotes_apart();
        the_kernel_command_line_is_read();
        the_log_keeps_its_newest_lines_and_drops_the_oldest();
        a_log_line_is_cut_at_a_character_and_has_no_control_characters();
        error_codes_are_told_in_words();
        a_panic_is_told_in_the_form_that_the_host_looks_for();
        lines_end_with_cr_lf_on_the_console()?;
        every_fault_is_found_by_its_name();
        Ok(())
    }

    #[test]
    #[should_panic(expected = "no room for a line")]
    fn the_test_that_should_panic_does() {
        a_prompt_as_wide_as_the_terminal_is_refused();
    }
}
