//! What every run of tests does with one of them: it is attempted, and whatever becomes of it is news.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::Instant,
};

use super::{
    Origin, Report,
    dispatch::{Done, Job, News, Part},
};
use crate::{
    Error,
    filter::fnv_1a,
    fork::{Got, NoSnapshot, Pool},
    machine::Shape,
    process,
    session::{Ending, Evidence, Session, Stand},
    verdict::{Judgement, Verdict},
};

/// What became of one attempt.
pub struct Outcome {
    pub judgement: Judgement,
    /// `None` when QEMU could not be executed.
    pub evidence: Option<Evidence>,
    pub origin: Option<Origin>,
    /// The machine, when it is still there and may be kept, or is to end after the verdict.
    pub stand: Option<Stand>,
    /// The tests inside it, when they are to be told in its place.
    pub parts: Option<Vec<Part>>,
}

/// The lanes of a run.
pub struct Lanes {
    started: Instant,
    /// The host's CPUs, when there is one for every lane.
    cpus: Vec<usize>,
    /// It was told that machines cannot be forked.
    told: AtomicBool,
}

/// A machine at its ready point, or the evidence of one that did not come so far.
pub type Obtained = Result<Stand, Box<Evidence>>;

/// Where and when one attempt is made.
pub struct Place {
    /// When the test was dispatched.
    pub started: Instant,
    pub lane: u32,
    pub slots: u32,
    pub shape: Shape,
    pub seed: u64,
}

impl Lanes {
    /// Lanes of a run with so many slots, which starts now.
    pub fn new(slots: u32) -> Self {
        let cpus = Some(process::cpus()).filter(|cpus| cpus.len() == slots as usize).unwrap_or_default();
        Self { started: Instant::now(), cpus, told: AtomicBool::new(false) }
    }

    /// The host's CPU for the machine in a lane, if it is to keep to one.
    ///
    /// QEMU and its machine take turns rather than run at once, and waking each other across CPUs takes longer than
    /// what they do. A machine that fills the host, or has it to itself, is left alone.
    pub fn cpu(&self, lane: u32, slots: u32) -> Option<usize> {
        self.cpus.get(lane as usize).copied().filter(|_| slots == 1 && self.cpus.len() > 1)
    }

    /// A machine from the pool; `None` when one has to be booted instead. The first time that none can be forked is news:
    /// every `what`, a test or a line, boots its own then.
    pub fn forked<'t>(
        &self,
        pool: &Pool,
        session: &Session<'_>,
        what: &str,
        news: &Sender<News<'t>>,
    ) -> Result<Option<Obtained>, Error> {
        match pool.fresh(session)? {
            Got::Stand(stand) => return Ok(Some(Ok(*stand))),
            // A kernel that does not come up does not do so by itself either; a host that was too busy may not be.
            Got::None(NoSnapshot::Died(evidence)) if !matches!(evidence.ending, Ending::TimedOut(_)) => {
                return Ok(Some(Err(evidence)));
            }
            Got::None(NoSnapshot::Impossible(why)) if !self.told.swap(true, Ordering::Relaxed) => {
                let note = format!("machines cannot be forked here ({why}); every {what} boots its own");
                drop(news.send(News::Note(note)));
            }
            Got::None(_) => {}
        }
        Ok(None)
    }

    /// Makes one attempt and sends the news of it. `keep` is asked under what name to keep a machine that failed.
    ///
    /// The run waits for news of every test, so there must be some even when the harness itself breaks down here. What it
    /// was at work on is dropped then, and its machine with it.
    pub fn run<'t>(
        &self,
        job: Job<'t>,
        place: Place,
        news: &Sender<News<'t>>,
        attempt: impl FnOnce() -> Result<Outcome, Error>,
        keep: impl FnOnce(&Report<'t>, Stand) -> Option<String>,
    ) {
        let Job { test, round, attempt: number } = job;
        let Place { started, lane, slots, shape, seed } = place;
        let broken = |why: String| Outcome {
            judgement: Judgement { verdict: Verdict::EmulatorFailure, why },
            evidence: None,
            origin: None,
            stand: None,
            parts: None,
        };
        let Outcome { judgement, evidence, origin, stand, parts } = match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(Ok(outcome)) => outcome,
            // Nobody listens only when the run has failed otherwise; so below.
            Ok(Err(Error::Interrupted(_))) => return drop(news.send(News::Abandoned { lane, slots })),
            Ok(Err(error)) => broken(error.to_string()),
            Err(_) => broken("the harness itself panicked, as standard error says: report that".into()),
        };
        let mut report = Report {
            test,
            shape,
            judgement,
            evidence,
            elapsed: started.elapsed(),
            started: started.duration_since(self.started),
            lane,
            origin,
            round,
            attempt: number,
            seed,
            artifact: None,
        };
        report.artifact = stand.and_then(|stand| keep(&report, stand));
        drop(news.send(News::Finished(Box::new(Done { report, parts }))));
    }
}

/// A test's own seed: the same for the same seed of the run, whatever else runs beside it.
pub fn seed_of(seed: u64, name: &str, round: u32) -> u64 {
    fnv_1a(&[&seed.to_le_bytes(), name.as_bytes(), &round.to_le_bytes()].concat())
}

/// How many times longer a machine may take whose CPUs share fewer host CPUs.
pub fn crowding(cpus: u32, slots: u32) -> f64 {
    f64::from(cpus) / f64::from(slots.max(1))
}
