//! What can be wrong with a `limine.conf`.

use core::fmt::{self, Write as _};

use super::MAX_MODULES;

/// Why a `limine.conf` was refused. Its text begins with the line, as in `line 7: …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError<'a> {
    /// The line at fault, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault<'a>,
}

/// What is wrong with a line. Texts are the file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<'a> {
    /// The line is not UTF-8.
    NotUtf8,
    /// The line is neither `key: value`, nor an entry, a comment or empty.
    NotUnderstood(&'a str),
    /// The file ends without an entry.
    NoEntry,
    /// An entry after the first.
    SecondEntry(&'a str),
    /// The entry of this name, on the line given, has no path of a kernel.
    NoKernel(&'a str),
    /// A second path of a kernel, and it is another one.
    TwoKernels(&'a str, &'a str),
    /// A second command line, and it is another one.
    TwoCommandLines(&'a str, &'a str),
    /// The path does not begin with `boot():`.
    NotOnThisVolume(&'a str),
    /// Nothing follows `boot():`.
    EmptyPath,
    /// The path ends in `#` and a hash.
    Hash(&'a str),
    /// The value uses a macro.
    Macro(&'a str),
    /// The entry is not for the Limine protocol.
    Protocol(&'a str),
    /// The timeout is neither a number of seconds nor `no`.
    Timeout(&'a str),
    /// One module more than [`MAX_MODULES`].
    TooManyModules,
    /// A module's string stands before any module.
    StringWithoutModule,
    /// The name for kept logs cannot be a part of a file's name.
    LogName(&'a str),
}

impl fmt::Display for ConfigError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl core::error::Error for ConfigError<'_> {}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotUtf8 => f.write_str("this is not UTF-8 text; save the file as UTF-8"),
            Self::NotUnderstood(line) => {
                write!(f, "{} is neither `key: value` nor an entry (`/name`) nor a comment (`#`)", Quoted(line))
            }
            Self::NoEntry => f.write_str("no entry up to here; add a line `/name` and below it `path: boot():/kernel`"),
            Self::SecondEntry(name) => {
                write!(f, "{} is a second entry; this loader has no menu, keep one", Quoted(name))
            }
            Self::NoKernel(name) => {
                write!(f, "the entry {} names no kernel; add `path: boot():/kernel` below it", Quoted(name))
            }
            Self::TwoKernels(one, other) => {
                write!(f, "a second kernel: {} and {}; keep one", Quoted(one), Quoted(other))
            }
            Self::TwoCommandLines(one, other) => {
                write!(f, "a second command line: {} and {}; keep one", Quoted(one), Quoted(other))
            }
            Self::NotOnThisVolume(path) => write!(
                f,
                "{} does not begin with `boot():`; this loader reads only the volume that limine.conf is on",
                Quoted(path)
            ),
            Self::EmptyPath => f.write_str("no file is named after `boot():`"),
            Self::Hash(path) => write!(f, "{} asks for a hash check, which this loader cannot do", Quoted(path)),
            Self::Macro(value) => write!(f, "{} uses a macro, which this loader does not have", Quoted(value)),
            Self::Protocol(name) => {
                write!(f, "the protocol {} is not known; this loader speaks `limine`", Quoted(name))
            }
            Self::Timeout(value) => write!(f, "the timeout {} is neither a number of seconds nor `no`", Quoted(value)),
            Self::TooManyModules => write!(f, "more than {MAX_MODULES} modules"),
            Self::StringWithoutModule => f.write_str("a module's string without a `module_path` above it"),
            Self::LogName(name) => write!(
                f,
                "keep_log {} cannot be part of a file's name; use up to 32 letters, digits, `-` and `_`",
                Quoted(name)
            ),
        }
    }
}

/// Text of the file in quotation marks, without control characters and not too long for a line of a screen.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        f.write_char('"')?;
        for character in self.0.chars().take(SHOWN) {
            write!(f, "{}", character.escape_debug())?;
        }
        if self.0.chars().nth(SHOWN).is_some() {
            f.write_char('…')?;
        }
        f.write_char('"')
    }
}
