//! The machines of one run of tests: who gets which, and which are kept.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{NoSnapshot, Prepared, Snapshot};
use crate::{
    Error,
    machine::Shape,
    session::{Ending, Evidence, Exit, Session, Stand},
};

/// How many clones may fail to start, for one test, before machines count as impossible to fork.
const CLONES_TRIED: u32 = 3;

/// What a test gets.
#[derive(Debug)]
pub enum Got {
    /// A machine at its ready point.
    Stand(Box<Stand>),
    /// No machine: it has to be booted, or, with the evidence of one that did not come to its ready point, it cannot be.
    None(NoSnapshot),
}

/// The machines of one run, by shape.
#[derive(Debug)]
pub struct Pool {
    cache: PathBuf,
    /// How many tests run at once, at most.
    lanes: usize,
    kinds: Mutex<HashMap<Shape, Kind>>,
}

/// A snapshot, or why there is none.
type Held = Result<Arc<Snapshot>, NoSnapshot>;

/// The machines of one shape.
#[derive(Debug, Default)]
struct Kind {
    /// Taken by the first test that needs it; the others wait for it meanwhile.
    snapshot: Arc<Mutex<Option<Held>>>,
    /// Machines whose test has parked.
    idle: Vec<Stand>,
    /// Started, and without a machine yet.
    spares: Vec<Prepared>,
    /// Tests that were not dispatched yet.
    left: usize,
    /// Machines of this shape do not come back: they are large, or their tests died.
    consumed: bool,
}

impl Pool {
    /// No machines yet. Snapshots are kept in `cache`; at most `lanes` tests run at once.
    #[must_use]
    pub fn new(cache: PathBuf, lanes: u32) -> Self {
        Self { cache, lanes: lanes as usize, kinds: Mutex::default() }
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Shape, Kind>> {
        // A thread that panicked here has at worst lost a machine.
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, shape: &Shape, act: impl FnOnce(&mut Kind) -> R) -> R {
        act(self.kinds().entry(shape.clone()).or_default())
    }

    /// A test will need a machine of this shape.
    pub fn expect(&self, shape: &Shape) {
        self.with(shape, |kind| kind.left += 1);
    }

    /// A test that was expected is dispatched now. Machines that nobody is expected to need any more are ended.
    pub fn dispatched(&self, shape: &Shape) {
        let ended = self.with(shape, |kind| {
            kind.left = kind.left.saturating_sub(1);
            // The test itself still takes one.
            let needed = kind.left + 1;
            (drain_to(&mut kind.idle, needed), drain_to(&mut kind.spares, needed.saturating_sub(kind.idle.len())))
        });
        // Ending them takes a moment, in which nobody else should wait.
        drop(ended);
    }

    /// A machine at its ready point, for a test in this session.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn fresh(&self, session: &Session<'_>) -> Result<Got, Error> {
        let shape = &session.configuration.shape;
        while let Some(mut stand) = self.with(shape, |kind| kind.idle.pop()) {
            if stand.reset().is_ok() {
                return Ok(Got::Stand(Box::new(stand)));
            }
            interrupted(session)?;
        }
        for attempt in 1.. {
            let snapshot = match self.snapshot(session)? {
                Ok(snapshot) => snapshot,
                Err(none) => return Ok(Got::None(none)),
            };
            match self.clone_of(&snapshot, session)? {
                Ok(stand) => return Ok(Got::Stand(Box::new(stand))),
                // The clone may have been killed, or the snapshot, if it was found, be damaged, so a new one is made; but
                // not again and again.
                Err(why) => {
                    interrupted(session)?;
                    self.give_up(&snapshot, session, attempt >= CLONES_TRIED, why);
                }
            }
        }
        unreachable!("a snapshot that was given up at last is none")
    }

    fn clone_of(&self, snapshot: &Snapshot, session: &Session<'_>) -> Result<Result<Stand, String>, Error> {
        let shape = &session.configuration.shape;
        let spare = self.with(shape, |kind| kind.spares.pop());
        let prepared = match spare {
            Some(prepared) => prepared,
            None => self.prepare(snapshot, session)?,
        };
        let stand = match snapshot.finish(prepared) {
            Ok(stand) => stand,
            Err(why) => return Ok(Err(why)),
        };
        if !stand.is_resettable() {
            self.used_up(shape);
        }
        if session.ready.is_hello() {
            self.prepare_spare(snapshot, session);
        }
        Ok(Ok(stand))
    }

    /// Starts a QEMU, for a machine that can be reset if enough tests are left to make that worth while.
    fn prepare(&self, snapshot: &Snapshot, session: &Session<'_>) -> Result<Prepared, Error> {
        let keep = self.with(&session.configuration.shape, |kind| kind.left >= self.lanes);
        snapshot.prepare(session, keep)
    }

    /// Starts a QEMU for the next clone, when one will be needed, while this test runs.
    fn prepare_spare(&self, snapshot: &Snapshot, session: &Session<'_>) {
        let shape = &session.configuration.shape;
        let spares: usize = self.kinds().values().map(|kind| kind.spares.len()).sum();
        let needed = self.with(shape, |kind| kind.consumed && kind.left > kind.spares.len() + kind.idle.len());
        // A spare that cannot be had is started when it is needed, and its failure told then.
        if needed
            && spares < self.lanes
            && let Ok(prepared) = self.prepare(snapshot, session)
        {
            self.with(shape, |kind| kind.spares.push(prepared));
        }
    }

    /// Starts a QEMU for the next clone, as soon as a machine that was forked at a text runs: it has more to do than one
    /// that serves the harness, and gets a head start.
    pub fn restock(&self, session: &Session<'_>) {
        let cell = self.with(&session.configuration.shape, |kind| Arc::clone(&kind.snapshot));
        let snapshot = match cell.try_lock().as_deref() {
            Ok(Some(Ok(snapshot))) => Arc::clone(snapshot),
            // Another test makes one just now, or nobody can.
            _ => return,
        };
        self.prepare_spare(&snapshot, session);
    }

    fn snapshot(&self, session: &Session<'_>) -> Result<Held, Error> {
        let cell = self.with(&session.configuration.shape, |kind| Arc::clone(&kind.snapshot));
        let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
        if cell.is_none() {
            let held = Snapshot::obtain(session, &self.cache)?.map(Arc::new);
            // Who killed this QEMU need not kill the next one: only this test pays for it.
            let killed = |evidence: &Evidence| {
                matches!(evidence.ending, Ending::Exited(Exit::Signal(_)))
                    || evidence.shutdown_reason() == Some("host-signal")
            };
            if matches!(&held, Err(NoSnapshot::Died(evidence)) if killed(evidence)) {
                return Ok(held);
            }
            *cell = Some(held);
        }
        Ok(cell.clone().unwrap_or_else(|| Err(NoSnapshot::Impossible(String::from("there is no snapshot")))))
    }

    /// No machine can be had of this snapshot: it is made anew, or, at last, never again in this run.
    fn give_up(&self, snapshot: &Arc<Snapshot>, session: &Session<'_>, at_last: bool, why: String) {
        let cell = self.with(&session.configuration.shape, |kind| {
            kind.spares.clear();
            Arc::clone(&kind.snapshot)
        });
        let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
        // Another test may have replaced it already.
        if cell.as_ref().is_some_and(|held| held.as_ref().is_ok_and(|held| Arc::ptr_eq(held, snapshot))) {
            snapshot.discard();
            *cell = at_last.then(|| Err(NoSnapshot::Impossible(format!("a clone does not start: {why}"))));
        }
    }

    /// A machine whose kernel waits for its next test, as the one before left it, if there is one.
    pub fn shared(&self, shape: &Shape) -> Option<Stand> {
        self.with(shape, |kind| kind.idle.pop())
    }

    /// Takes a machine back that another test can use: it has parked and can be reset, or it is to be shared.
    pub fn give_back(&self, shape: &Shape, stand: Stand) {
        let unneeded = self.with(shape, |kind| {
            if kind.left > kind.idle.len() {
                kind.idle.push(stand);
                return None;
            }
            Some(stand)
        });
        drop(unneeded);
    }

    /// A machine was used up by its test.
    pub fn used_up(&self, shape: &Shape) {
        self.with(shape, |kind| kind.consumed = true);
    }
}

fn interrupted(session: &Session<'_>) -> Result<(), Error> {
    session.interrupts.signal().map_or(Ok(()), |signal| Err(Error::Interrupted(signal)))
}

fn drain_to<T>(items: &mut Vec<T>, most: usize) -> Vec<T> {
    items.split_off(most.min(items.len()))
}
