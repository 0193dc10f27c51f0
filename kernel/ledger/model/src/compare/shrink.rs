//! Fewer steps that still make the two differ.

use alloc::string::String;
use alloc::vec::Vec;

use super::Divergence;
use super::pair::Pair;
use super::statistics::Statistics;
use super::subject::Subject;
use crate::model::{Model, Setup};
use crate::operation::Step;

/// Most attempts.
const ATTEMPTS: u32 = 2000;

/// Takes these steps with new ledgers, with an audit after each. Answers how many were taken until they differed, and
/// how they did.
fn replay<S: Subject>(subject: &mut S, setup: &Setup, steps: &[Step]) -> Option<(usize, String)> {
    let mut pair = Pair::new(Model::new(setup.clone()), subject);
    let mut statistics = Statistics::default();
    steps.iter().enumerate().find_map(|(index, step)| {
        let result = pair.step(step, &mut statistics).and_then(|()| pair.audit());
        result.err().map(|what| (index + 1, what))
    })
}

/// Leaves out steps, many at a time and then fewer, as long as the two still differ.
pub(crate) fn shrink<S: Subject>(
    divergence: Divergence,
    setup: &Setup,
    mut make: impl FnMut(&Setup) -> S,
) -> Divergence {
    let mut left = ATTEMPTS;
    let mut differs = |steps: &[Step]| {
        left = left.checked_sub(1)?;
        replay(&mut make(setup), setup, steps)
    };
    let Some((taken, what)) = differs(&divergence.steps) else { return divergence };
    let mut best = Divergence { what, repeats: true, ..divergence };
    best.steps.truncate(taken);
    let mut size = best.steps.len();
    loop {
        let before = best.steps.len();
        leave_out(&mut best, size, &mut differs);
        if best.steps.len() == before && size == 1 {
            return best;
        }
        size = size.div_ceil(2);
    }
}

/// Leaves out so many steps in a row wherever that is possible, from the end on.
fn leave_out(best: &mut Divergence, size: usize, mut differs: impl FnMut(&[Step]) -> Option<(usize, String)>) {
    let mut end = best.steps.len();
    while end > 0 {
        let start = end.saturating_sub(size);
        let mut steps: Vec<Step> = [&best.steps[..start], &best.steps[end..]].concat();
        if let Some((taken, what)) = differs(&steps) {
            steps.truncate(taken);
            (best.steps, best.what) = (steps, what);
        }
        end = start.min(best.steps.len());
    }
}
