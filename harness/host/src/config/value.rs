//! Values that stand in the file as words or numbers.

use std::{fmt, marker::PhantomData, path::PathBuf, str::FromStr, time::Duration};

use serde::{
    Deserializer,
    de::{self, Error as _, SeqAccess, Visitor},
};

use crate::{
    Error,
    accel::Request,
    foreign::Expectation,
    image::{self, Way},
    machine::{Kind, Memory, ParseError},
};

/// What a run must come to: the kernel's own tests, or something that can be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// `ktest`: every `#[ktest]` in the kernel passes.
    Ktest,
    /// Anything else.
    Seen(Expectation),
}

impl FromStr for Expect {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "ktest" {
            return Ok(Self::Ktest);
        }
        text.parse::<Expectation>().map(Self::Seen).map_err(|error| {
            let unknown = error.to_string().contains("is no expectation");
            let more = if unknown { ", and ktest for the kernel's own #[ktest]s" } else { "" };
            ParseError::new(format!("{error}{more}"))
        })
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ktest => f.write_str("ktest"),
            Self::Seen(expectation) => expectation.fmt(f),
        }
    }
}

/// Where machines are forked: when the kernel has printed this, a text within a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkPoint(String);

impl ForkPoint {
    /// What the kernel has printed then.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ForkPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text={}", self.0)
    }
}

impl FromStr for ForkPoint {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !text.starts_with("text=") {
            return Err(ParseError::new(format!(
                "`{text}` is no fork point; write text= and what the kernel prints there, such as its prompt: text=/ # "
            )));
        }
        match text.parse()? {
            Expectation::Text(printed) => Ok(Self(printed)),
            other => Err(ParseError::new(format!("`{other}` is no fork point"))),
        }
    }
}

/// A time limit of 1 to 86,400 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(u32);

impl Seconds {
    const MOST: u32 = 24 * 60 * 60;

    /// So many; `None` outside of 1 to 86,400.
    #[must_use]
    pub const fn new(count: u32) -> Option<Self> {
        if count == 0 || count > Self::MOST { None } else { Some(Self(count)) }
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(seconds.0.into())
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seconds {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let count = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        count
            .and_then(Self::new)
            .ok_or_else(|| ParseError::new(format!("`{text}` is no time limit; write whole seconds, from 1 to 86400")))
    }
}

/// A number of CPUs, from 1 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus(pub u32);

impl FromStr for Cpus {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let count = text.parse().ok().filter(|count| (1..=255).contains(count));
        count.map(Self).ok_or_else(|| ParseError::new(format!("`{text}` is no number of CPUs; write 1 to 255")))
    }
}

/// What firmware a machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Firmware {
    /// QEMU's own BIOS.
    #[default]
    Bios,
    /// OVMF.
    Uefi,
}

impl Firmware {
    /// Where it is on this host.
    ///
    /// # Errors
    /// [`Error::Request`] when OVMF is asked for and not there.
    pub fn find(self) -> Result<image::Firmware, Error> {
        match self {
            Self::Bios => Ok(image::Firmware::Bios),
            Self::Uefi => image::Firmware::uefi(),
        }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        })
    }
}

impl FromStr for Firmware {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "bios" => Ok(Self::Bios),
            "uefi" => Ok(Self::Uefi),
            _ => Err(ParseError::new(format!("`{text}` is no firmware; known are bios and uefi"))),
        }
    }
}

/// A value with a form of its own.
pub trait Value: FromStr<Err = ParseError> {
    /// What it is, for whoever wrote something of another type.
    const WHAT: &'static str;
    /// It is written as a number, and not as a string.
    const NUMBER: bool = false;
}

impl Value for Kind {
    const WHAT: &'static str = "a machine, such as \"q35\"";
}
impl Value for Memory {
    const WHAT: &'static str = "an amount of memory, such as \"128M\"";
}
impl Value for Request {
    const WHAT: &'static str = "an accelerator, such as \"tcg\"";
}
impl Value for Way {
    const WHAT: &'static str = "a way to boot, such as \"auto\"";
}
impl Value for Firmware {
    const WHAT: &'static str = "a firmware, such as \"bios\"";
}
impl Value for ForkPoint {
    const WHAT: &'static str = "a fork point, such as \"text=/ # \"";
}
impl Value for Expect {
    const WHAT: &'static str = "an expectation, such as \"ktap\", or a list of them";
}
impl Value for Seconds {
    const WHAT: &'static str = "whole seconds, from 1 to 86400";
    const NUMBER: bool = true;
}
impl Value for Cpus {
    const WHAT: &'static str = "a number of CPUs, from 1 to 255";
    const NUMBER: bool = true;
}

struct One<T>(PhantomData<T>);

impl<T: Value> Visitor<'_> for One<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.read(text, false, de::Unexpected::Str(text))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.read(&number.to_string(), true, de::Unexpected::Signed(number))
    }

    /// Only what 64 bits do not hold.
    fn visit_i128<E: de::Error>(self, number: i128) -> Result<T, E> {
        self.read(&number.to_string(), true, de::Unexpected::Other("integer"))
    }
}

impl<T: Value> One<T> {
    /// Reads what was written as a number, or as a string.
    fn read<E: de::Error>(self, text: &str, number: bool, seen: de::Unexpected<'_>) -> Result<T, E> {
        if number != T::NUMBER {
            return Err(E::invalid_type(seen, &self));
        }
        text.parse().map_err(E::custom)
    }
}

/// Reads a value of its own form.
pub fn one<'de, T: Value, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(One(PhantomData)).map(Some)
}

struct Several;

impl<'de> Visitor<'de> for Several {
    type Value = Vec<Expect>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Expect::WHAT)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<Expect>, E> {
        One(PhantomData).visit_str(text).map(|only| vec![only])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Expect>, A::Error> {
        struct Element;
        impl<'de> de::DeserializeSeed<'de> for Element {
            type Value = Expect;
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Expect, D::Error> {
                deserializer.deserialize_any(One(PhantomData))
            }
        }
        let mut all = Vec::new();
        while let Some(element) = elements.next_element_seed(Element)? {
            all.push(element);
        }
        if all.is_empty() {
            return Err(A::Error::custom("an empty list expects nothing; write \"ktap\", \"exit=33\" or \"text=…\""));
        }
        Ok(all)
    }
}

/// Reads one expectation or a list of them.
pub fn several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Expect>>, D::Error> {
    deserializer.deserialize_any(Several).map(Some)
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list with a program and its arguments, such as [\"make\", \"{image}\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<String>, A::Error> {
        let mut all: Vec<String> = Vec::new();
        while let Some(element) = elements.next_element()? {
            all.push(element);
        }
        let named = |name: &str| all.iter().any(|word| word.contains(name));
        match all.first() {
            None => Err(A::Error::custom("an empty list names no program")),
            Some(program) if program.is_empty() => Err(A::Error::custom("the program's name is empty")),
            Some(_) if named("\0") => {
                Err(A::Error::custom("a program and its arguments cannot hold the character U+0000"))
            }
            Some(_) if !named("{image}") => Err(A::Error::custom(
                "no word of it has {image}, which stands for the file that the command must write",
            )),
            Some(_) => Ok(all),
        }
    }
}

/// Reads a command that makes an image.
pub fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    deserializer.deserialize_any(Words).map(Some)
}

struct File;

impl Visitor<'_> for File {
    type Value = PathBuf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, such as \"target/kernel\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PathBuf, E> {
        match text {
            "" => Err(E::custom("an empty path names no file")),
            text if text.contains('\0') => Err(E::custom("a path cannot hold the character U+0000")),
            text => Ok(text.into()),
        }
    }
}

/// Reads a path.
pub fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    deserializer.deserialize_any(File).map(Some)
}
