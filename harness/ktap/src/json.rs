//! Results as one JSON object, written as they come.

use std::io::{self, Write};

use crate::event::{Event, Summary, Test};

/// Writes a log's tests: `{"tests":[…],"status":…,"passed":…,…}`. A test is
/// `{"name":…,"status":…,"reason":…,"tests":[…]}`, the last two where there are any; the order of its keys is free.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// What is to be written.
    buffer: Vec<u8>,
    /// For each open array, whether it has an element.
    has_some: Vec<bool>,
    error: Option<io::Error>,
}

/// The buffer is written when it is longer than this.
const BUFFER: usize = 1 << 16;

impl<W: Write> Writer<W> {
    /// Begins the object.
    pub fn new(out: W) -> Self {
        Self { out, buffer: b"{\"tests\":[".to_vec(), has_some: vec![false], error: None }
    }

    /// Takes what the parser tells. A failure to write is kept for [`Self::finish`].
    pub fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Open { .. } => {
                self.begin();
                self.has_some.push(false);
                self.add(b"\"tests\":[");
            }
            Event::Test(test) => {
                if test.has_subtests {
                    self.has_some.pop();
                    self.add(b"],");
                } else {
                    self.begin();
                }
                self.test(test);
            }
            Event::Problem { .. } => {}
        }
        if self.buffer.len() > BUFFER {
            self.write();
        }
    }

    /// Ends the object, and its line.
    ///
    /// # Errors
    /// What could not be written, now or before.
    pub fn finish(mut self, summary: &Summary) -> io::Result<W> {
        let object = serde_json::to_string(summary)?;
        self.add(b"],");
        self.add(object.strip_prefix('{').unwrap_or(&object).as_bytes());
        self.add(b"\n");
        self.write();
        match self.error {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.out),
        }
    }

    fn write(&mut self) {
        if self.error.is_none() {
            self.error = self.out.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    fn add(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The beginning of a test.
    fn begin(&mut self) {
        let is_first = self.has_some.last_mut().is_some_and(|has_some| !std::mem::replace(has_some, true));
        self.add(if is_first { b"{" } else { b",{" });
    }

    fn test(&mut self, test: &Test<'_>) {
        self.add(b"\"name\":");
        self.text(&test.name);
        self.add(b",\"status\":\"");
        self.add(test.status.word().as_bytes());
        self.add(b"\"");
        if let Some(reason) = &test.reason {
            self.add(b",\"reason\":");
            self.text(reason);
        }
        self.add(b"}");
    }

    fn text(&mut self, text: &str) {
        if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.add(b"\"");
            self.add(text.as_bytes());
            self.add(b"\"");
        } else if let Err(error) = serde_json::to_writer(&mut self.buffer, text) {
            self.error.get_or_insert(error.into());
        }
    }
}
