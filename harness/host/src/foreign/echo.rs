//! What a terminal echoes of a line that was typed, found in what comes back.

use std::collections::VecDeque;

use crate::session::printed::Finder;

/// So many characters of the line, from its start on, are its echo wherever they stand: a terminal cuts long lines, and
/// draws them again.
const UNMISTAKABLE: usize = 16;

/// Looks for the echo of a line. Bytes have places: their numbers, from 0.
///
/// The first place at which the whole line stands is its echo, and so is each that follows the prompt. A terminal may
/// break the line, and leave out or replace what is not ASCII.
#[derive(Clone, Debug)]
pub struct Echo {
    finder: Finder,
    /// Where the last bytes lie that may be the line's beginning.
    places: VecDeque<u64>,
    /// The line was broken here, if what follows goes on with it.
    broken: bool,
    found: bool,
}

/// What became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing, or only what may be an echo became shorter.
    None,
    /// These places, up to the one before the last byte, are an echo.
    Before(u64, u64),
    /// These places, up to that of the last byte, are an echo.
    Upto(u64, u64),
    /// What might have been an echo, up to the last byte, is none.
    NotUpto,
}

/// Whether a terminal shows this byte as it is.
fn is_shown(byte: u8) -> bool {
    byte.is_ascii() && byte != b'?'
}

impl Echo {
    /// `None` for a line of which nothing could be recognized.
    pub fn of(line: &str) -> Option<Self> {
        let shown: Vec<u8> = line.trim().bytes().filter(|&byte| is_shown(byte)).collect();
        let finder = (!shown.is_empty()).then(|| Finder::new(&shown))?;
        Some(Self { finder, places: VecDeque::new(), broken: false, found: false })
    }

    /// Where that begins which may be an echo, and has not ended.
    pub fn start(&self) -> Option<u64> {
        self.places.front().copied()
    }

    /// Takes the byte at a place; `prompted` is the place up to which the prompt was printed, if it was.
    pub fn push(&mut self, byte: u8, place: u64, prompted: Option<u64>) -> Change {
        let (start, matched) = (self.start(), self.finder.matched());
        if byte == b'\n' {
            if matched >= UNMISTAKABLE && !self.broken {
                self.broken = true;
                return Change::None;
            }
            return self.give_up(start, matched);
        }
        if !is_shown(byte) {
            return Change::None;
        }
        let end = self.places.back().map_or(place, |last| last + 1);
        let complete = self.finder.push(byte);
        self.places.push_back(place);
        let grown = self.finder.matched() > matched;
        self.broken &= !grown;
        while self.places.len() > self.finder.matched() {
            self.places.pop_front();
        }
        if complete {
            let start = self.start().unwrap_or(place);
            let is_echo =
                !std::mem::replace(&mut self.found, true) || matched + 1 >= UNMISTAKABLE || prompted == Some(start);
            self.forget();
            return if is_echo { Change::Upto(start, place + 1) } else { Change::NotUpto };
        }
        match start {
            Some(start) if !grown && matched >= UNMISTAKABLE => {
                self.broken = false;
                Change::Before(start, end)
            }
            _ => Change::None,
        }
    }

    /// The line does not go on.
    fn give_up(&mut self, start: Option<u64>, matched: usize) -> Change {
        let end = self.places.back().map(|last| last + 1);
        self.forget();
        match (start, end) {
            (Some(start), Some(end)) if matched >= UNMISTAKABLE => Change::Before(start, end),
            _ => Change::None,
        }
    }

    fn forget(&mut self) {
        self.finder.restart();
        self.places.clear();
        self.broken = false;
    }

    /// Whether the line was broken at the last byte, if what follows goes on with it.
    pub fn is_broken(&self) -> bool {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The places that are found to be echoes.
    fn echoes(line: &str, stream: &str, prompt: &str) -> Vec<String> {
        let mut echo = Echo::of(line).unwrap();
        let mut found = Vec::new();
        for (place, byte) in stream.bytes().enumerate() {
            let before = String::from_utf8_lossy(&stream.as_bytes()[..place]);
            let prompted = before.rfind(prompt).map(|at| (at + prompt.len()) as u64);
            if let Change::Before(start, end) | Change::Upto(start, end) = echo.push(byte, place as u64, prompted) {
                found.push(String::from_utf8_lossy(&stream.as_bytes()[start as usize..end as usize]).into_owned());
            }
        }
        found
    }

    #[test]
    fn the_first_place_of_a_line_is_its_echo_and_so_is_each_behind_a_prompt() {
        assert_eq!(echoes("ls", "ls\nls\n$ ls\nls\n", "$ "), ["ls", "ls"]);
        assert_eq!(echoes("ls", "$ x\n$ lsx\nls\n$ ls", "$ "), ["ls", "ls"]);
    }

    #[test]
    fn a_long_line_is_recognized_broken_cut_and_repeated() {
        let line = "echo one two three four five";
        assert_eq!(echoes(line, "# echo one two three\n four five\nx", "# "), ["echo one two three\n four five"]);
        assert_eq!(echoes(line, "# echo one two three\none two\n", "# "), ["echo one two three"]);
        assert_eq!(echoes(line, "# echo one two three\n\nx", "# "), ["echo one two three"]);
        assert_eq!(echoes(line, &format!("{line}\n# {line}\nx"), "% "), [line, line]);
    }

    #[test]
    fn characters_that_a_terminal_may_replace_do_not_hide_an_echo() {
        assert_eq!(echoes("cat ä? x", "# cat ?? x\n", "# "), ["cat ?? x"]);
        assert_eq!(echoes("cat ä? x", "# cat ä? x\n", "# "), ["cat ä? x"]);
        assert!(Echo::of("äöü").is_none());
    }

    proptest! {
        #[test]
        fn an_echo_is_found_wherever_it_is_broken(line in "[a-d][a-d ]{18,58}[a-d]", at in 16usize..20, before in "[a-d\n]{0,20}") {
            let broken = format!("{}\n{}", &line[..at], &line[at..]);
            for echoed in [line.clone(), broken] {
                let found = echoes(&line, &format!("{before}\n{echoed}\n"), "no prompt");
                prop_assert!(found.contains(&echoed), "{found:?}");
            }
        }

        #[test]
        fn any_line_and_any_stream_are_taken(line in ".{1,30}", stream in "(.|\n){0,200}") {
            if let Some(mut echo) = Echo::of(&line) {
                for (place, byte) in (0..).zip(stream.bytes()) {
                    if let Change::Before(start, end) | Change::Upto(start, end) = echo.push(byte, place, None) {
                        prop_assert!(start < end && end <= place + 1);
                    }
                    prop_assert!(echo.start().is_none_or(|start| start <= place));
                }
            }
        }
    }
}
