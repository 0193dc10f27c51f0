//! Results as one JSON object, written as they come.

use std::io::{self, Write};

use crate::event::{Event, Summary, Test};

/// Writes a log's tests: `{"tests":[…],"status":…,"passed":…,…}`. A test is
/// `{"name":…,"status":…,"reason":…,"tests":[…]}`, the last two where there are any; the order of its keys is free.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// For each open array, whether it has an element.
    has_some: Vec<bool>,
    error: Option<io::Error>,
}

impl<W: Write> Writer<W> {
    /// Begins the object.
    pub fn new(mut out: W) -> Self {
        let error = out.write_all(b"{\"tests\":[").err();
        Self { out, has_some: vec![false], error }
    }

    /// Takes what the parser tells. A failure to write is kept for [`Self::finish`].
    pub fn take(&mut self, event: &Event<'_>) {
        if self.error.is_none()
            && let Err(error) = self.write(event)
        {
            self.error = Some(error);
        }
    }

    /// Ends the object, and its line.
    ///
    /// # Errors
    /// What could not be written, now or before.
    pub fn finish(mut self, summary: &Summary) -> io::Result<W> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let object = serde_json::to_string(summary)?;
        writeln!(self.out, "],{}", object.strip_prefix('{').unwrap_or(&object))?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Open { .. } => {
                self.begin()?;
                self.has_some.push(false);
                self.out.write_all(b"\"tests\":[")
            }
            Event::Test(test) => {
                if test.has_subtests {
                    self.has_some.pop();
                    self.out.write_all(b"],")?;
                } else {
                    self.begin()?;
                }
                self.rest(test)
            }
            Event::Problem { .. } => Ok(()),
        }
    }

    /// The beginning of a test.
    fn begin(&mut self) -> io::Result<()> {
        match self.has_some.last_mut() {
            Some(has_some) if !*has_some => {
                *has_some = true;
                self.out.write_all(b"{")
            }
            _ => self.out.write_all(b",{"),
        }
    }

    fn rest(&mut self, test: &Test<'_>) -> io::Result<()> {
        self.out.write_all(b"\"name\":")?;
        self.text(&test.name)?;
        self.out.write_all(b",\"status\":\"")?;
        self.out.write_all(test.status.word().as_bytes())?;
        self.out.write_all(b"\"")?;
        if let Some(reason) = &test.reason {
            self.out.write_all(b",\"reason\":")?;
            self.text(reason)?;
        }
        self.out.write_all(b"}")
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        Ok(serde_json::to_writer(&mut self.out, text)?)
    }
}
