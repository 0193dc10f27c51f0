//! Lines typed at the prompt, one at each.

use std::{
    io::{self, Write, stdin},
    os::fd::AsFd,
    time::Duration,
};

use super::{
    Console, Failure, PATIENCE,
    life::{End, Step},
    lines::{Lines, Next, check_line, read},
    marks::{Mark, Piece},
};
use crate::{
    Error,
    process::Interrupts,
    symbols::{Annotator, Symbols},
};

/// What is typed when there are no lines left.
const LAST: &str = "poweroff";

/// How long standard input is waited for once the machine has ended, to see whether more lines come.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// What of the machine's output is printed, and how.
pub struct Printer<'s, W> {
    out: W,
    /// Everything, its backtraces symbolized; else only what commands print, as it is.
    everything: Option<(Annotator, &'s Symbols)>,
    /// Marks and carriage returns are for terminals.
    terminal: bool,
    /// A carriage return that is printed only if no line feed follows.
    held_return: bool,
}

impl<'s, W: Write> Printer<'s, W> {
    pub fn output_only(out: W) -> Self {
        Self { out, everything: None, terminal: false, held_return: false }
    }

    pub fn everything(out: W, terminal: bool, symbols: &'s Symbols) -> Self {
        Self { out, everything: Some((Annotator::default(), symbols)), terminal, held_return: false }
    }

    fn text(&mut self, bytes: &[u8], of_command: bool) -> io::Result<()> {
        let annotated = match &mut self.everything {
            Some((annotator, symbols)) => annotator.push(bytes, symbols),
            None if of_command => bytes.into(),
            None => return Ok(()),
        };
        if self.terminal {
            self.out.write_all(&annotated)?;
        } else {
            let lines = self.without_returns(&annotated);
            self.out.write_all(&lines)?;
        }
        self.out.flush()
    }

    fn without_returns(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if std::mem::take(&mut self.held_return) && byte != b'\n' {
                lines.push(b'\r');
            }
            if byte == b'\r' { self.held_return = true } else { lines.push(byte) }
        }
        lines
    }

    fn mark(&mut self, bytes: &[u8]) -> io::Result<()> {
        if std::mem::take(&mut self.held_return) && self.everything.is_none() {
            self.out.write_all(b"\r")?;
        }
        if self.terminal && self.everything.is_some() { self.out.write_all(bytes) } else { Ok(()) }
    }
}

/// What is typed when, and what becomes of it. Nothing here knows what a machine is.
pub struct Script<'s, W> {
    lines: Lines,
    printer: Printer<'s, W>,
    /// The guest waits for a line.
    at_prompt: bool,
    /// The line whose output comes, or came last.
    current: Option<String>,
    in_output: bool,
    /// [`LAST`] was typed because there are no lines left.
    finishing: bool,
    failed: Option<(String, i32)>,
}

impl<'s, W: Write> Script<'s, W> {
    pub fn new(lines: Lines, printer: Printer<'s, W>) -> Self {
        Self { lines, printer, at_prompt: false, current: None, in_output: false, finishing: false, failed: None }
    }

    fn take(&mut self, piece: &Piece) -> io::Result<()> {
        match piece {
            Piece::Text(bytes) => self.printer.text(bytes, self.in_output && !self.finishing),
            Piece::Mark(mark, bytes) => {
                match mark {
                    Mark::Prompt => {}
                    Mark::Input => self.at_prompt = true,
                    Mark::Output => self.in_output = true,
                    Mark::Done(status) => self.done(*status),
                }
                self.printer.mark(bytes)
            }
        }
    }

    fn done(&mut self, status: i32) {
        self.in_output = false;
        if let Some(line) = self.current.take().filter(|_| status != 0) {
            self.failed.get_or_insert((line, status));
        }
    }

    /// The line to type now, if it is time for one and there is one. An error when it cannot be typed.
    fn line(&mut self) -> Result<Option<String>, Error> {
        if !self.at_prompt {
            return Ok(None);
        }
        let line = match self.lines.next() {
            Next::Line(line) => line,
            Next::Later => return Ok(None),
            Next::None => {
                self.finishing = true;
                LAST.into()
            }
        };
        check_line(&line)?;
        self.at_prompt = false;
        self.current = Some(line.clone());
        Ok(Some(line))
    }

    /// Whether the script stands still because standard input does.
    fn waits_for_stdin(&self) -> bool {
        self.at_prompt
    }

    /// Whether the guest came back to the prompt from its last command.
    fn refused_to_end(&self) -> bool {
        self.finishing && self.at_prompt
    }

    /// Whether a machine that ends so now was asked to end so.
    fn may_end(&self, end: End) -> bool {
        let word = self.current.as_deref().and_then(|line| line.split_whitespace().next());
        matches!((word, end), (Some("poweroff"), End::PoweredOff) | (Some("reboot"), End::Reset))
    }

    fn result(self) -> Result<(), Failure> {
        let unused = self.lines.unused();
        match self.failed {
            Some((line, status)) => Err(Failure::Command { line, status }),
            None if !unused.is_empty() => Err(Failure::Unused(unused)),
            None => Ok(()),
        }
    }
}

/// Boots the machine and types the script's lines.
pub fn run<W: Write>(console: &Console<'_>, mut script: Script<'_, W>, interrupts: &Interrupts) -> Result<(), Failure> {
    let mut life = console.start(interrupts)?;
    let stdin = stdin();
    loop {
        if script.refused_to_end() {
            return script.result().and(Err(Failure::Command { line: LAST.into(), status: 1 }));
        }
        if let Some(line) = script.line()? {
            life.type_bytes(line.as_bytes());
            life.type_bytes(b"\r");
        }
        let (limit, other) =
            if script.waits_for_stdin() { (PATIENCE, Some(stdin.as_fd())) } else { (console.patience(), None) };
        match life.next(limit, other)? {
            Step::Piece(piece) => script.take(&piece).map_err(Error::io("writing to standard output"))?,
            Step::Other => script.lines.take(read(&stdin)),
            Step::Silence if script.waits_for_stdin() => {}
            Step::Silence => return Err(life.silent(limit)),
            Step::Ended(end) if !script.may_end(end) => return Err(life.unasked(end)),
            Step::Ended(_) => {
                script.lines.drain(&stdin, DRAIN_LIMIT, interrupts);
                return script.result();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::console::Marks;

    /// Runs a script against a machine's output; gives what was typed and what was printed.
    fn play(lines: &[&str], output: &str) -> (Vec<String>, String, Result<(), Failure>) {
        let lines = Lines::Given(lines.iter().map(|&line| line.into()).collect());
        let mut printed = Vec::new();
        let mut script = Script::new(lines, Printer::output_only(&mut printed));
        let mut typed = Vec::new();
        for piece in Marks::default().push(output.as_bytes()) {
            script.take(&piece).unwrap();
            typed.extend(script.line().unwrap());
        }
        let result = script.result();
        (typed, String::from_utf8(printed).unwrap(), result)
    }

    const PROMPT: &str = "\x1b]133;A\x1b\\steward> \x1b]133;B\x1b\\";

    fn exchange(line: &str, output: &str, status: i32) -> String {
        format!("{line}\r\n\x1b]133;C\x1b\\{output}\x1b]133;D;{status}\x1b\\{PROMPT}")
    }

    #[test]
    fn only_what_commands_print_is_printed_and_the_last_word_is_poweroff() {
        let output = format!(
            "banner\r\n{PROMPT}{}{}poweroff\r\n\x1b]133;C\x1b\\powering off\r\n",
            exchange("a", "one\r\ntwo\r\n", 0),
            exchange("b", "", 0)
        );
        let (typed, printed, result) = play(&["a", "b"], &output);
        assert_eq!(typed, ["a", "b", "poweroff"]);
        assert_eq!(printed, "one\ntwo\n");
        assert!(result.is_ok());
    }

    #[test]
    fn output_is_passed_byte_for_byte_but_for_line_ends() {
        let output = format!("{PROMPT}{}", exchange("a", "50 %\r100 %\r\n\x1b[1mbold\x1b[0m\r", 0));
        assert_eq!(play(&["a"], &output).1, "50 %\r100 %\n\x1b[1mbold\x1b[0m\r");
    }

    #[test]
    fn the_first_failing_command_is_remembered_and_the_rest_still_typed() {
        let output = format!("{PROMPT}{}{}{}", exchange("a", "", 0), exchange("b", "no\r\n", 3), exchange("c", "", 4));
        let (typed, printed, result) = play(&["a", "b", "c"], &output);
        assert_eq!(typed.len(), 4);
        assert_eq!(printed, "no\n");
        assert!(matches!(result, Err(Failure::Command { line, status: 3 }) if line == "b"));
    }

    #[test]
    fn lines_that_were_never_typed_are_a_failure() {
        let (typed, _, result) = play(&["poweroff", "mem"], &format!("{PROMPT}poweroff\r\n\x1b]133;C\x1b\\"));
        assert_eq!(typed, ["poweroff"]);
        assert!(matches!(result, Err(Failure::Unused(lines)) if lines == ["mem"]));
    }

    #[test]
    fn a_machine_may_end_only_by_a_command_that_ends_it_and_as_that_does() {
        let mut script =
            Script::new(Lines::Given(["mem".into(), " reboot now".into()].into()), Printer::output_only(Vec::new()));
        let may_end = |script: &Script<'_, Vec<u8>>| [End::PoweredOff, End::Reset].map(|end| script.may_end(end));
        assert_eq!(may_end(&script), [false, false]);
        for (line, may) in [("mem", [false; 2]), (" reboot now", [false, true]), ("poweroff", [true, false])] {
            script.at_prompt = true;
            assert_eq!(script.line().unwrap().as_deref(), Some(line));
            assert_eq!(may_end(&script), may, "{line}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_typed_is_an_error_when_its_turn_comes() {
        let mut lines = Lines::of_stdin();
        lines.take(crate::console::lines::Input::Bytes(b"mem\nhelp\x1b\n".into()));
        let mut script = Script::new(lines, Printer::output_only(Vec::new()));
        script.at_prompt = true;
        assert_eq!(script.line().unwrap().as_deref(), Some("mem"));
        script.at_prompt = true;
        assert!(script.line().unwrap_err().to_string().contains("help"));
    }

    #[test]
    fn everything_is_shown_without_marks_unless_a_terminal_wants_them() {
        let symbols = Symbols::of(Path::new("/dev/null"));
        let output = format!("banner\r\n{PROMPT}{}", exchange("a", "one\r\n", 0));
        for (terminal, expected) in [(false, "banner\nsteward> a\none\nsteward> "), (true, output.as_str())] {
            let mut printed = Vec::new();
            let mut script = Script::new(Lines::of_stdin(), Printer::everything(&mut printed, terminal, &symbols));
            for piece in Marks::default().push(output.as_bytes()) {
                script.take(&piece).unwrap();
            }
            assert_eq!(String::from_utf8(printed).unwrap(), expected);
        }
    }
}
