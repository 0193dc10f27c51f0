//! The comparison of a ledger with the model.

mod generate;
mod names;
mod pair;
mod shrink;
mod statistics;
mod subject;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use steward_ledger::Extent;

use crate::model::{Model, Setup};
use crate::operation::Step;
use crate::random::Random;

pub use statistics::Statistics;
pub use subject::Subject;

use generate::Generator;
use pair::Pair;

/// How to compare.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the ledger under test is made of.
    pub setup: Setup,
    /// After so many steps everything is given back, and must be gone.
    pub episode: u32,
    /// Every so many steps both ledgers audit themselves, and their loans are compared one by one.
    pub audit: u32,
    /// Every so many steps all that can be seen of both is compared; what they answer, after each.
    pub look: u32,
    /// Whether time passes also without [`Subject::expire`].
    pub waits: bool,
    /// Whether effects find no room now and then ([`Subject::refuse_reservations`]).
    pub refusals: bool,
    /// Most extents of a range.
    pub extents: usize,
}

impl Options {
    /// The same, with keys of both kinds: some others lie between two spans, some far behind.
    #[must_use]
    pub fn with_others(mut self) -> Self {
        self.setup.others = Some(40);
        self.setup.known_others = vec![
            Extent { start: 50, count: 5 },
            Extent { start: 62, count: 2 },
            Extent { start: 1 << 20, count: 4 },
            Extent { start: 0xffff_8000_0000_1000, count: 5 },
            Extent { start: usize::MAX - 3, count: 3 },
        ];
        self
    }

    /// The same, in which no key has an entry of its own.
    #[must_use]
    pub fn only_others(mut self) -> Self {
        self.setup.others = Some(0);
        self.setup.known_others = core::mem::take(&mut self.setup.spans);
        self
    }
}

impl Default for Options {
    /// A few dozen keys with holes between them, and a handful of processes: small, so that they meet often.
    fn default() -> Self {
        let spans =
            vec![Extent { start: 3, count: 14 }, Extent { start: 20, count: 10 }, Extent { start: 64, count: 4 }];
        let setup = Setup::new(spans, 8, 20);
        Self { setup, episode: 1000, audit: 50, look: 1, waits: true, refusals: true, extents: 3 }
    }
}

/// Where a ledger and the model differ.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// From which the choices were made.
    pub seed: u64,
    /// The step at which they differed first.
    pub step: u32,
    /// How.
    pub what: String,
    /// The steps that lead there from a new ledger, as few as were found.
    pub steps: Vec<Step>,
    /// Whether these steps alone make them differ. Otherwise what came before matters, back to the first step.
    pub repeats: bool,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {:#x}, step {}: {}", self.seed, self.step, self.what)?;
        let whole = if self.repeats { "these steps repeat it" } else { "the last steps, which alone do not repeat it" };
        writeln!(f, "{whole}:")?;
        for Step { tag, operation, refuse } in &self.steps {
            writeln!(f, "  {tag}: {operation:?}{}", if *refuse { ", without room for effects" } else { "" })?;
        }
        Ok(())
    }
}

/// Runs random operations against a ledger and the model.
///
/// # Errors
/// The first difference, with all steps since the ledger was last empty.
pub fn run<S: Subject>(subject: &mut S, seed: u64, steps: u32, options: &Options) -> Result<Statistics, Divergence> {
    let mut random = Random::new(seed);
    let mut statistics = Statistics::default();
    let mut pair = Pair::new(Model::new(options.setup.clone()), subject);
    pair.look = options.look;
    let mut taken: Vec<Step> = Vec::new();
    let mut number = 0;
    let mut take = |pair: &mut Pair<'_, S>, operation, refuse, audits: bool| {
        let step = Step { tag: number, operation, refuse };
        number += 1;
        let result = pair.step(&step, &mut statistics).and_then(|()| if audits { pair.audit() } else { Ok(()) });
        taken.push(step);
        result.map_err(|what| (number - 1, what, core::mem::take(&mut taken)))?;
        if pair.is_empty() {
            taken.clear();
        }
        Ok::<u32, (u32, String, Vec<Step>)>(number)
    };
    let mut whole = || {
        let mut done = 0;
        while done < steps {
            let mut generator = Generator { random: &mut random, options, model: &pair.model, names: &pair.names };
            let operation = generator.operation();
            let refuse = options.refusals && generator.random.once_in(50);
            done = take(&mut pair, operation, refuse, done.is_multiple_of(options.audit))?;
            if done.is_multiple_of(options.episode) || done >= steps {
                while let Some(operation) = pair.drain() {
                    done = take(&mut pair, operation, false, false)?;
                }
                pair.ended().map_err(|what| (done, what, Vec::new()))?;
            }
        }
        Ok(())
    };
    let outcome = whole();
    outcome.map_err(|(step, what, steps)| Divergence { seed, step, what, steps, repeats: false })?;
    Ok(statistics)
}

/// [`run`] against a new ledger. When they differ, it looks for a short way there, with further new ledgers.
///
/// # Errors
/// The first difference.
pub fn compare<S: Subject>(
    mut make: impl FnMut(&Setup) -> S,
    seed: u64,
    steps: u32,
    options: &Options,
) -> Result<Statistics, Divergence> {
    run(&mut make(&options.setup), seed, steps, options)
        .map_err(|divergence| shrink::shrink(divergence, &options.setup, make))
}
