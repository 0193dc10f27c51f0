//! One test in one machine: boot it, ask for the test, and collect what every witness saw.

mod evidence;
mod limits;
pub(crate) mod observer;
pub(crate) mod printed;
mod ready;
mod record_line;
mod stand;
mod watch;

use std::hash::{BuildHasher, RandomState};

use steward_harness_wire::{After, Nonce};

use crate::{Emulator, Error, image::Image, machine::Configuration, process::Interrupts, vm::Vm};

pub use evidence::{Ending, Evidence, Exit, Phase, Usage};
pub use limits::Limits;
pub use ready::Ready;
pub use record_line::{Heard, Outcome, RecordLine, Said};
pub(crate) use stand::Prelude;
pub use stand::{Origin, Stand};
use watch::Watch;

/// Bytes of COM1 that are kept from its start, and as many from its end.
pub(crate) const LOG_BYTES: usize = 128 << 10;
/// A nonce that nobody can have guessed.
#[must_use]
pub fn fresh_nonce() -> Nonce {
    // The standard library seeds each of these from the system's random numbers, and apart from each other.
    Nonce(RandomState::new().hash_one(0))
}

/// A test to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its index in the kernel's ELF file.
    pub index: u32,
    /// What it may choose by.
    pub seed: u64,
    /// What the kernel shall do when it is over.
    pub after: After,
}

/// What is needed to run tests in machines of one kind.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    /// The QEMU to use.
    pub emulator: &'a Emulator,
    /// What to boot.
    pub image: &'a Image,
    /// In what machine. To run tests of its own, its kernel must serve the harness.
    pub configuration: &'a Configuration,
    /// How long it may take.
    pub limits: Limits,
    /// How the machine comes to its ready point.
    pub ready: Ready<'a>,
    /// Who may stop it.
    pub interrupts: &'a Interrupts,
}

impl Session<'_> {
    /// Boots a machine, runs one test in it, and ends it.
    ///
    /// Nothing of the machine is left when this returns. Whatever the machine does is evidence, not an error.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the harness was asked to stop, [`Error::Emulator`] or [`Error::Io`] when QEMU cannot
    /// be executed at all.
    pub fn run(&self, request: Request) -> Result<Evidence, Error> {
        match self.boot(&|_| ())? {
            Ok(mut stand) => self.run_on(&mut stand, request, &|_| ()),
            Err(evidence) => Ok(*evidence),
        }
    }

    /// Boots a machine up to its ready point; the inner error is the evidence of one that did not come so far. `tap`
    /// hears what comes over COM1, as it comes.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn boot(&self, tap: &dyn Fn(&[u8])) -> Result<Result<Stand, Box<Evidence>>, Error> {
        let vm = Vm::start(self.emulator, self.configuration, self.image, self.interrupts)?;
        self.await_ready(vm, tap)
    }

    /// As [`Session::boot`], for a machine that was just let run.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn await_ready(&self, mut vm: Vm, tap: &dyn Fn(&[u8])) -> Result<Result<Stand, Box<Evidence>>, Error> {
        if let Ready::Text(text) = self.ready {
            return ready::until_text(self, text, vm, tap);
        }
        let mut watch = Watch::new(self, tap);
        Ok(match watch.until_hello(&mut vm)? {
            None => Ok(watch.into_stand(vm)),
            Some(ending) => Err(Box::new(watch.into_evidence(&vm, ending))),
        })
    }

    /// Runs one test in a machine at its ready point. What becomes of the machine then is said by
    /// [`Evidence::ending`]; it stands or runs until `stand` is dropped.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_on(&self, stand: &mut Stand, request: Request, tap: &dyn Fn(&[u8])) -> Result<Evidence, Error> {
        let mut watch = Watch::resumed(self, tap, stand);
        watch.ask(&mut stand.vm, request);
        if !std::mem::replace(&mut stand.running, true) {
            stand.vm.resume();
        }
        let ending = watch.until_end(&mut stand.vm)?;
        stand.take_back(&watch);
        Ok(watch.into_evidence(&stand.vm, ending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nonces_are_alike() {
        let nonces: std::collections::HashSet<Nonce> = (0..1000).map(|_| fresh_nonce()).collect();
        assert_eq!(nonces.len(), 1000);
    }
}
