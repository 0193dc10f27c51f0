//! Whether the records are those of one sound run of one test.

use steward_harness_wire::{DecodeError, Nonce};

use crate::{
    listing::Test,
    session::{Evidence, Heard, Said},
};

/// The first thing about the records that is not as it must be, in words.
///
/// Frames before the hello are not looked at: firmware may have left anything on the line.
pub fn violation(test: &Test, nonce: Nonce, evidence: &Evidence) -> Option<String> {
    let hello = evidence.heard.iter().position(is_hello)?;
    let mut reader =
        Reader { test, nonce, next: evidence.resumes.wrapping_add(1), started: false, last: None, damaged: None };
    let found = evidence.heard[hello + 1..].iter().find_map(|heard| reader.take(heard).err());
    found.or_else(|| reader.damaged.map(|error| format!("the record line held {error}")))
}

fn is_hello(heard: &Heard) -> bool {
    matches!(heard, Heard::Record { said: Said::Hello { .. }, .. })
}

struct Reader<'t> {
    test: &'t Test,
    nonce: Nonce,
    next: u32,
    started: bool,
    /// The last record a run can have, once it came.
    last: Option<&'static str>,
    damaged: Option<DecodeError>,
}

impl Reader<'_> {
    fn take(&mut self, heard: &Heard) -> Result<(), String> {
        match heard {
            Heard::Record { sequence, said } => {
                let crash = matches!(said, Said::Panicked { .. } | Said::Faulted { .. });
                self.check_sequence(*sequence, crash)?;
                self.check_order(said)?;
                self.check_run(said)
            }
            Heard::Damaged(error) => match self.damaged.replace(*error) {
                Some(before) => Err(format!("the record line held {before}, and then {error}")),
                None => Ok(()),
            },
        }
    }

    /// A crash may cut the record under way: then one damaged frame precedes its own, and one number is used up.
    /// A test that passes by its panic does not get that benefit.
    fn check_sequence(&mut self, sequence: u32, crash: bool) -> Result<(), String> {
        let cut_by_crash = crash && !self.test.should_panic && self.damaged.take().is_some();
        if let Some(error) = self.damaged {
            return Err(format!("the record line held {error}"));
        }
        let expected = self.next;
        self.next = sequence.wrapping_add(1);
        match sequence.checked_sub(expected) {
            Some(0) => Ok(()),
            Some(1) if cut_by_crash => Ok(()),
            Some(_) => Err(format!("records with sequence numbers {expected} to {} are lost", sequence - 1)),
            None => Err(format!("the sequence repeats: record {sequence} came where {expected} was due")),
        }
    }

    fn check_order(&mut self, said: &Said) -> Result<(), String> {
        if let Some(last) = self.last {
            return Err(format!("a record follows the one that says that the test {last}"));
        }
        match said {
            Said::Hello { .. } => return Err(String::from("the kernel said hello twice: it booted again")),
            Said::Checked { .. } => return Err(String::from("the kernel answered a question that nobody asked")),
            Said::Started { .. } if self.started => return Err(String::from("the test started twice")),
            Said::Started { .. } => self.started = true,
            Said::Finished { .. } if !self.started => return Err(String::from("the test ended and never started")),
            Said::Finished { .. } => self.last = Some("ended"),
            Said::Panicked { .. } => self.last = Some("panicked"),
            Said::Faulted { .. } => self.last = Some("faulted"),
        }
        Ok(())
    }

    fn check_run(&self, said: &Said) -> Result<(), String> {
        let (nonce, index, name) = match said {
            Said::Started { nonce, index, name } => (Some(*nonce), Some(*index), Some(name)),
            Said::Finished { nonce, index, .. } => (Some(*nonce), Some(*index), None),
            Said::Panicked { nonce, .. } | Said::Faulted { nonce, .. } => (*nonce, None, None),
            Said::Hello { .. } | Said::Checked { .. } => return Ok(()),
        };
        if let Some(nonce) = nonce.filter(|&nonce| nonce != self.nonce) {
            return Err(format!(
                "a record bears nonce {nonce}, and this run's is {}: it is of another run",
                self.nonce
            ));
        }
        // A crash outside the test itself bears no nonce. It cannot make a test pass that should panic.
        if nonce.is_none() && self.test.should_panic {
            return Err(String::from("the kernel panicked, but not inside the test that should"));
        }
        if let Some(index) = index.filter(|&index| index != self.test.index) {
            return Err(format!("a record speaks of test {index}, and test {} was asked for", self.test.index));
        }
        if let Some(name) = name.filter(|&name| *name != self.test.name) {
            return Err(format!("the kernel started `{name}`, and `{}` was asked for", self.test.name));
        }
        Ok(())
    }
}
