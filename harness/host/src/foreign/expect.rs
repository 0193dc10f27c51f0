//! What a run must come to.

use std::{fmt, str::FromStr};

use regex::bytes::Regex;

use crate::{machine::ParseError, verdict::Verdict};

/// One thing that a run must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expectation {
    /// `ktap`: it prints results of tests, and all of them passed.
    Ktap,
    /// `text=…`: it prints this, within a line.
    Text(String),
    /// `regex=…`: it prints a line that this regular expression finds something in.
    Regex(String),
    /// `exit=N`: QEMU ends with this status.
    Exit(i32),
    /// `status=N`: the line, typed into a POSIX shell, ends with this status.
    Status(i32),
    /// `verdict=ID`: it ends with this verdict ([`Verdict::id`]), which is not `pass`.
    Verdict(&'static str),
}

/// The verdicts that a kernel can come to which knows nothing of the harness, and that say something about it.
const VERDICTS: [Verdict; 9] = [
    Verdict::Fail,
    Verdict::Panic,
    Verdict::TripleFault,
    Verdict::Reset,
    Verdict::Hang { interrupts: true },
    Verdict::Hang { interrupts: false },
    Verdict::Truncated,
    Verdict::BootFailure,
    Verdict::FirmwareFailure,
];

/// Largest exit status of a process, and of a command in a shell.
const MOST_STATUS: i32 = 255;

impl FromStr for Expectation {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (kind, value) = text.split_once('=').map_or((text, None), |(kind, value)| (kind, Some(value)));
        let status = |value: &str| {
            let status = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten();
            let wrong = || ParseError::new(format!("`{text}`: a status is a number from 0 to {MOST_STATUS}"));
            status.filter(|status| *status <= MOST_STATUS).ok_or_else(wrong)
        };
        match (kind, value) {
            ("ktap", None) => Ok(Self::Ktap),
            ("text", Some(value)) => check_text(value).map(|()| Self::Text(value.into())),
            ("regex", Some(value)) => match Regex::new(value) {
                Ok(_) if value.is_empty() => Err(ParseError::new("`regex=` finds something in every line".into())),
                Ok(_) => Ok(Self::Regex(value.into())),
                Err(error) => Err(ParseError::new(format!("`{text}`: {error}"))),
            },
            ("exit", Some(value)) => status(value).map(Self::Exit),
            ("status", Some(value)) => status(value).map(Self::Status),
            ("verdict", Some(value)) => match VERDICTS.iter().find(|verdict| verdict.id() == value) {
                Some(verdict) => Ok(Self::Verdict(verdict.id())),
                None => {
                    let known: Vec<_> = VERDICTS.iter().map(|verdict| verdict.id()).collect();
                    Err(ParseError::new(format!("`{text}` cannot be expected; known are {}", known.join(", "))))
                }
            },
            _ => Err(ParseError::new(format!(
                "`{text}` is no expectation; known are ktap, text=TEXT, regex=EXPRESSION, exit=N, status=N and verdict=ID"
            ))),
        }
    }
}

/// Whether something can be waited for in what a kernel prints: it is not empty, and has no control characters, which
/// are not looked at there.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_text(text: &str) -> Result<(), ParseError> {
    match text.chars().find(|character| character.is_control()) {
        _ if text.is_empty() => Err(ParseError::new("an empty text is no sign of anything".into())),
        Some(control) => Err(ParseError::new(format!(
            "the text {text:?} holds the control character U+{:04X}: only text within a line can be waited for",
            u32::from(control)
        ))),
        None => Ok(()),
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ktap => f.write_str("ktap"),
            Self::Text(text) => write!(f, "text={text}"),
            Self::Regex(regex) => write!(f, "regex={regex}"),
            Self::Exit(status) => write!(f, "exit={status}"),
            Self::Status(status) => write!(f, "status={status}"),
            Self::Verdict(id) => write!(f, "verdict={id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Expectation>().unwrap_err().to_string()
    }

    #[test]
    fn every_expectation_is_read_back_from_what_it_shows() {
        let texts =
            ["ktap", "text=/ # ", "text=a=b", r"regex=^ok \d+$", "exit=33", "status=0", "verdict=hang-interrupts-on"];
        for text in texts {
            assert_eq!(text.parse::<Expectation>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_expectation_is_refused_with_what_is() {
        for text in ["", "text", "ktap=", "ktap=1", "passes", "Status=0"] {
            let why = refused(text);
            assert!(why.contains("regex=EXPRESSION") && why.contains(&format!("`{text}`")), "{why}");
        }
    }

    #[test]
    fn statuses_are_those_that_a_process_can_have() {
        for text in ["exit=", "exit=256", "exit=-1", "exit=+1", "status=x", "status=0x10", "exit=99999999999"] {
            assert!(refused(text).contains("from 0 to 255"), "{text}");
        }
    }

    #[test]
    fn texts_and_expressions_that_cannot_be_waited_for_are_refused() {
        assert!(refused("text=").contains("empty"));
        assert!(refused("text=a\nb").contains("U+000A"));
        assert!(refused("regex=").contains("every line"));
        assert!(refused("regex=(").contains("unclosed group"));
    }

    #[test]
    fn a_verdict_that_no_such_kernel_gets_is_refused_with_those_that_it_can_get() {
        for text in ["verdict=pass", "verdict=hang", "verdict=leak", "verdict=emulator-failure", "verdict="] {
            let why = refused(text);
            assert!(why.contains("triple-fault") && why.contains("hang-interrupts-off"), "{why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_shows_as_it_was_written(text in "(ktap|text=|regex=|exit=|status=|verdict=)?.{0,12}") {
            if let Ok(expectation) = text.parse::<Expectation>() {
                let shown = expectation.to_string();
                prop_assert_eq!(shown.parse::<Expectation>().unwrap(), expectation);
            }
        }
    }
}
