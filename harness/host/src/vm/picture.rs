//! What a machine's screen shows.

use std::{
    fs::File,
    io::{Read, Seek},
    os::fd::AsRawFd,
};

use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::json;

use super::{ANSWER_LIMIT, Vm};

/// Most that a picture's side may have: more than any screen.
const LONGEST_SIDE: u32 = 1 << 14;

/// A picture of a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue of each pixel, row by row from the top.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Reads a picture in the form that QEMU writes: PPM (`P6`, 8 bits for each of the colours).
    ///
    /// # Errors
    /// Says what is wrong with the bytes.
    pub fn parse(ppm: &[u8]) -> Result<Self, String> {
        let mut header = Header(ppm);
        header.exactly(b"P6")?;
        let (width, height, most) = (header.number()?, header.number()?, header.number()?);
        // One white character ends the header.
        let Some((b' ' | b'\n' | b'\t' | b'\r', rgb)) = header.0.split_first() else {
            return Err("a picture's header has no end".into());
        };
        if most != 255 {
            return Err(format!("a picture's colours go to {most}, and not to 255"));
        }
        if ![width, height].iter().all(|side| (1..=LONGEST_SIDE).contains(side)) {
            return Err(format!("a picture of {width} by {height} pixels is none"));
        }
        let expected = 3 * u64::from(width) * u64::from(height);
        if rgb.len() as u64 != expected {
            return Err(format!("a picture of {width} by {height} pixels has {} bytes, not {expected}", rgb.len()));
        }
        Ok(Self { width, height, rgb: rgb.to_vec() })
    }
}

/// What is left of a picture's header.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn exactly(&mut self, word: &[u8]) -> Result<(), String> {
        self.0 = self.0.strip_prefix(word).ok_or("what QEMU wrote is no picture")?;
        Ok(())
    }

    /// A decimal number behind white space.
    fn number(&mut self) -> Result<u32, String> {
        let text = self.0.trim_ascii_start();
        let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&text[..length]).ok().and_then(|digits| digits.parse().ok());
        let number = number.filter(|_| text.len() < self.0.len());
        self.0 = &text[length..];
        number.ok_or_else(|| String::from("a picture's header lacks a number"))
    }
}

impl Vm {
    /// What the machine's screen shows now.
    ///
    /// # Errors
    /// QEMU's complaint, as that the machine has no screen; or that what it wrote is no picture.
    pub fn screendump(&mut self) -> Result<Picture, String> {
        // A file in memory, which goes with its descriptor. QEMU opens it by this process's.
        let file = memfd_create("steward-screen", MemfdFlags::CLOEXEC).map_err(|error| error.to_string())?;
        let mut file = File::from(file);
        let name = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        self.ask("screendump", Some(&json!({ "filename": name })), ANSWER_LIMIT)?;
        let mut ppm = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut ppm)).map_err(|error| error.to_string())?;
        Picture::parse(&ppm)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_picture_is_read_with_its_size_and_colours() {
        let picture = Picture::parse(b"P6\n2 1\n255\nabcdef").unwrap();
        assert_eq!(picture, Picture { width: 2, height: 1, rgb: b"abcdef".to_vec() });
    }

    #[test]
    fn what_is_no_picture_is_refused_in_words() {
        for (bytes, why) in [
            (&b""[..], "no picture"),
            (b"P5\n2 1\n255\nab", "no picture"),
            (b"P6\n2 1\n", "lacks a number"),
            (b"P62 1 255\nabcdef", "lacks a number"),
            (b"P6\n2 99999999999\n255\n", "lacks a number"),
            (b"P6\n2 1\n255", "no end"),
            (b"P6\n2 1\n65535\nabcdef", "65535"),
            (b"P6\n0 1\n255\n", "0 by 1"),
            (b"P6\n2 99999\n255\n", "2 by 99999"),
            (b"P6\n2 1\n255\nabcde", "5 bytes, not 6"),
            (b"P6\n2 1\n255\nabcdefg", "7 bytes, not 6"),
        ] {
            let error = Picture::parse(bytes).unwrap_err();
            assert!(error.contains(why), "{bytes:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail_otherwise(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            drop(Picture::parse(&[b"P6 ", &bytes[..]].concat()));
        }
    }
}
