//! The lines of a script: given beforehand, or as they come from standard input.

use std::{
    collections::VecDeque,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{Error, process::Interrupts};

/// Longest line that the prompt is given, in bytes.
const LONGEST: usize = 512;

/// Whether a line can be typed at the prompt: it has at most 512 bytes and no control characters, which the guest's
/// line editor would obey.
///
/// # Errors
/// [`Error::Request`] names the line and says what is wrong with it.
pub fn check_line(line: &str) -> Result<(), Error> {
    let shown: String = line.chars().take(60).collect();
    let shown = if shown.len() < line.len() { format!("{shown:?}…") } else { format!("{line:?}") };
    if line.len() > LONGEST {
        let length = line.len();
        return Err(Error::Request(format!(
            "the line {shown} has {length} bytes, and the prompt takes at most {LONGEST}: shorten it"
        )));
    }
    match line.chars().find(|character| character.is_control()) {
        None => Ok(()),
        Some('\n' | '\r') => Err(Error::Request(format!(
            "the line {shown} holds the end of a line: give one line per command (one per --command)"
        ))),
        Some(control) => Err(Error::Request(format!(
            "the line {shown} holds the control character U+{:04X}, which the prompt would obey: leave it out",
            u32::from(control)
        ))),
    }
}

/// What came from a descriptor that is read without the standard library's buffer, of which poll(2) does not know.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// Its end, or it cannot be read, which is as good.
    End,
}

/// Reads what is there.
pub fn read(descriptor: impl AsFd) -> Input {
    let mut bytes = [0; 4096];
    match rustix::io::read(descriptor, &mut bytes) {
        Ok(0) => Input::End,
        Ok(length) => Input::Bytes(bytes[..length].into()),
        // A descriptor shared with another program may be non-blocking, and that program may have been faster.
        Err(Errno::AGAIN | Errno::INTR) => Input::Nothing,
        Err(_) => Input::End,
    }
}

/// Where the lines come from.
pub enum Lines {
    /// All are there.
    Given(VecDeque<String>),
    /// They come from standard input: what came and is no whole line yet, and whether its end was reached.
    Stdin(Vec<u8>, bool),
}

/// What the next line is.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// This one.
    Line(String),
    /// It has not come yet.
    Later,
    /// There are no more.
    None,
}

impl Lines {
    pub fn of_stdin() -> Self {
        Self::Stdin(Vec::new(), false)
    }

    pub fn next(&mut self) -> Next {
        match self {
            Self::Given(lines) => lines.pop_front().map_or(Next::None, Next::Line),
            Self::Stdin(bytes, ended) => match bytes.iter().position(|&byte| byte == b'\n') {
                Some(end) => Next::Line(text(bytes.drain(..=end))),
                // A line that is too long is refused whole or in part: its end is not waited for.
                None if !*ended && bytes.len() <= LONGEST + 1 => Next::Later,
                None if bytes.is_empty() => Next::None,
                None => Next::Line(text(bytes.drain(..))),
            },
        }
    }

    /// Takes what came from standard input.
    pub fn take(&mut self, came: Input) {
        let Self::Stdin(bytes, ended) = self else { return };
        match came {
            Input::Bytes(came) => bytes.extend(came),
            Input::Nothing => {}
            Input::End => *ended = true,
        }
    }

    /// Takes what else comes from standard input until its end, for at most so long, so that lines which will never be
    /// typed do not go unnoticed.
    pub fn drain(&mut self, stdin: impl AsFd, limit: Duration, interrupts: &Interrupts) {
        let deadline = Instant::now() + limit;
        while matches!(self, Self::Stdin(bytes, false) if bytes.len() <= LONGEST) && interrupts.signal().is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut polled = [
                PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(interrupts.as_fd(), PollFlags::IN),
            ];
            match poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
                Ok(0) => return,
                Ok(_) if polled[0].revents().is_empty() => {}
                Ok(_) => self.take(read(&stdin)),
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
            if left.is_zero() {
                return;
            }
        }
    }

    pub fn unused(&self) -> Vec<String> {
        match self {
            Self::Given(lines) => lines.iter().cloned().collect(),
            Self::Stdin(bytes, _) => String::from_utf8_lossy(bytes).lines().map(String::from).collect(),
        }
    }
}

fn text(bytes: impl Iterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.collect();
    String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).into()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Write, pipe},
        thread,
    };

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    use super::*;

    fn bytes(text: &[u8]) -> Input {
        Input::Bytes(text.into())
    }

    #[test]
    fn lines_of_standard_input_wait_for_their_end() {
        let mut lines = Lines::of_stdin();
        assert_eq!(lines.next(), Next::Later);
        lines.take(bytes(b"me"));
        assert_eq!(lines.next(), Next::Later);
        lines.take(bytes(b"m\r\n\nlast"));
        assert_eq!(lines.next(), Next::Line("mem".into()));
        assert_eq!(lines.next(), Next::Line(String::new()));
        lines.take(Input::Nothing);
        assert_eq!(lines.next(), Next::Later);
        lines.take(Input::End);
        assert_eq!(lines.next(), Next::Line("last".into()));
        assert_eq!(lines.next(), Next::None);
    }

    #[test]
    fn lines_that_the_prompt_would_not_take_as_they_are_are_refused_by_name() {
        for line in ["", "mem", "log größer", &"x".repeat(LONGEST)] {
            check_line(line).unwrap();
        }
        let why = |line: &str| check_line(line).unwrap_err().to_string();
        assert!(why("help\nmem").contains("\"help\\nmem\"") && why("a\rb").contains("one per --command"));
        assert!(why("mem\u{3}").contains("U+0003") && why("a\tb").contains("U+0009"));
        assert!(why("mem\u{1b}[A").contains("\"mem\\u{1b}[A\""));
        let long = why(&"y".repeat(LONGEST + 1));
        assert!(long.contains("513 bytes") && long.len() < 200, "{long}");
    }

    #[test]
    fn a_line_of_standard_input_that_is_too_long_is_not_waited_for() {
        let mut lines = Lines::of_stdin();
        lines.take(bytes(&[b'x'; LONGEST]));
        assert_eq!(lines.next(), Next::Later);
        lines.take(bytes(b"xx"));
        let Next::Line(line) = lines.next() else { panic!("it is waited for") };
        assert!(check_line(&line).is_err());
    }

    #[test]
    fn only_the_end_is_the_end() {
        let (reader, mut writer) = pipe().unwrap();
        fcntl_setfl(&reader, fcntl_getfl(&reader).unwrap() | OFlags::NONBLOCK).unwrap();
        assert_eq!(read(&reader), Input::Nothing);
        writer.write_all(b"mem\n").unwrap();
        assert_eq!(read(&reader), bytes(b"mem\n"));
        drop(writer);
        // A child that another test is just starting holds the other end a moment longer.
        let patience = Instant::now() + Duration::from_secs(20);
        while read(&reader) == Input::Nothing && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(read(&reader), Input::End);
    }

    #[test]
    fn lines_that_come_after_the_machine_has_ended_are_noticed_and_silence_is_not_waited_out() {
        let interrupts = Interrupts::none().unwrap();
        let (reader, mut writer) = pipe().unwrap();
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            writer.write_all(b"mem\nhelp\n").unwrap();
        });
        let mut lines = Lines::of_stdin();
        lines.drain(&reader, Duration::from_secs(20), &interrupts);
        late.join().unwrap();
        assert_eq!(lines.unused(), ["mem", "help"]);
        let (reader, _writer) = pipe().unwrap();
        let mut lines = Lines::of_stdin();
        let started = Instant::now();
        lines.drain(&reader, Duration::from_millis(100), &interrupts);
        interrupts.trigger(15);
        lines.drain(&reader, Duration::from_secs(20), &interrupts);
        assert!(lines.unused().is_empty() && started.elapsed() < Duration::from_secs(10));
    }
}
