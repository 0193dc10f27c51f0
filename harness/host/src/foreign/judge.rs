//! From what a kernel printed, and how its machine ended, to a verdict. Everything here is a pure function.

use super::{
    Expectation,
    crash::{Crash, Dying},
    decide::{Findings, Met},
};
use crate::{
    session::{Ending, Evidence, Exit, Phase},
    verdict::{Judgement, Verdict, emulator, end, ending, hung, judgement, lost_before_kernel, seconds},
};

/// Judges a run, or a line that was `typed`.
pub fn judge(expect: &[Expectation], typed: bool, findings: &Findings, evidence: &Evidence) -> Judgement {
    if let Some(failure) = emulator_failure(expect, evidence) {
        return failure;
    }
    let met = |(expectation, met): (&Expectation, &Met)| match (expectation, met) {
        (Expectation::Exit(status), _) => exited(*status, evidence),
        (Expectation::Verdict(_), _) => Met::Yes,
        // A kernel that ended in good order has told all its results.
        (Expectation::Ktap, Met::Open) if in_good_order(evidence) => {
            match findings.tests.as_ref().and_then(|tests| tests.why_not()) {
                None => Met::Yes,
                Some(why) => Met::No(why),
            }
        }
        (_, met) => met.clone(),
    };
    let met: Vec<Met> = expect.iter().zip(&findings.met).map(met).collect();
    let unmet = expect.iter().zip(&met).find(|(_, met)| **met != Met::Yes);
    let verdicts = expect.iter().filter_map(|expectation| match expectation {
        Expectation::Verdict(id) => Some(*id),
        _ => None,
    });
    let verdicts: Vec<&str> = verdicts.collect();
    let all: Vec<String> = expect.iter().map(|expectation| format!("`{expectation}`")).collect();
    if verdicts.is_empty() && unmet.is_none() {
        return judgement(Verdict::Pass, format!("{} came to hold", all.join(" and ")));
    }
    let natural = natural(unmet, typed, findings, evidence);
    let Some(other) = verdicts.iter().find(|id| **id != natural.verdict.id()) else {
        // To fail, and to end before anything was known, means that something did not hold.
        return match unmet {
            Some((expectation, _))
                if !verdicts.is_empty() && !matches!(natural.verdict, Verdict::Fail | Verdict::Truncated) =>
            {
                let why = format!("{}, as expected, but `{expectation}` does not hold", natural.why);
                judgement(Verdict::Fail, why)
            }
            _ if verdicts.is_empty() => natural,
            _ => judgement(Verdict::Pass, format!("{}, as expected: {}", natural.verdict, natural.why)),
        };
    };
    match natural.verdict {
        Verdict::Pass => judgement(Verdict::Fail, format!("`verdict={other}` does not hold: {}", natural.why)),
        _ => natural,
    }
}

/// Whether the emulator failed. What status a kernel gives to QEMU is its own business, if it came to run.
fn emulator_failure(expect: &[Expectation], evidence: &Evidence) -> Option<Judgement> {
    let failure = emulator(evidence)?;
    let own = match evidence.ending {
        Ending::Exited(Exit::Status(status)) => {
            let expected = expect.contains(&Expectation::Exit(status));
            !evidence.log.is_empty() && (expected || evidence.messages.is_empty())
        }
        _ => false,
    };
    (!own).then_some(failure)
}

fn exited(status: i32, evidence: &Evidence) -> Met {
    match evidence.ending {
        Ending::Exited(Exit::Status(seen)) if seen == status => Met::Yes,
        Ending::Exited(_) => Met::No(ending(evidence)),
        _ => Met::Open,
    }
}

/// The machine ended by itself, and not violently.
fn in_good_order(evidence: &Evidence) -> bool {
    matches!(evidence.ending, Ending::Exited(Exit::Status(_)))
        && matches!(evidence.shutdown_reason(), None | Some("guest-shutdown"))
}

/// What became of the run, apart from the verdict that it may be expected to get.
fn natural(unmet: Option<(&Expectation, &Met)>, typed: bool, findings: &Findings, evidence: &Evidence) -> Judgement {
    // A kernel that lived on until all was decided has survived what it complained of.
    let survived = evidence.ending == Ending::Decided && unmet.is_some_and(|(_, met)| matches!(met, Met::No(_)));
    let complaint = match &findings.crash {
        Some(Crash { dying, words }) if *dying == Dying::Dead || !survived => {
            return judgement(Verdict::Panic, words.clone());
        }
        Some(Crash { words, .. }) => format!("; it said `{words}`"),
        None => String::new(),
    };
    if let Some((verdict, why)) = end(evidence) {
        return judgement(verdict, why);
    }
    let seen =
        || if findings.last.is_empty() { String::new() } else { format!("; its last line was `{}`", findings.last) };
    if matches!(evidence.ending, Ending::TimedOut(_)) {
        let Judgement { verdict, why } = lost_before_kernel(evidence).unwrap_or_else(|| hung(evidence, Phase::Run));
        return match unmet {
            Some((expectation, _)) if matches!(verdict, Verdict::Hang { .. }) => {
                judgement(verdict, format!("`{expectation}` did not come to hold: {why}{}", seen()))
            }
            _ => judgement(verdict, why),
        };
    }
    match unmet {
        None => judgement(Verdict::Pass, ending(evidence)),
        Some((expectation, Met::No(why))) => {
            judgement(Verdict::Fail, format!("`{expectation}` does not hold: {why}{}{complaint}", seen()))
        }
        Some((expectation, _)) if typed || *expectation == Expectation::Ktap => {
            let why = format!("the machine ended before `{expectation}` came to hold: {}{}", ending(evidence), seen());
            judgement(Verdict::Truncated, why)
        }
        Some((expectation, _)) => {
            judgement(Verdict::Fail, format!("`{expectation}` does not hold: {}{}", ending(evidence), seen()))
        }
    }
}

/// Judges a machine that did not come to its fork point.
pub fn no_fork_point(text: &str, evidence: &Evidence) -> Judgement {
    if let Some(failure) = emulator(evidence).or_else(|| lost_before_kernel(evidence)) {
        return failure;
    }
    let log = evidence.log.text();
    let crash = log.lines().find_map(|line| steward_ktap::crash(line.as_bytes()));
    let why = match (crash, evidence.ending, end(evidence)) {
        (Some(crash), ..) => crash.into(),
        (None, Ending::TimedOut(_), _) => format!("nothing of it within {}", seconds(evidence.limit)),
        (None, _, Some((_, why))) => why,
        (None, ..) => format!("the machine ended before: {}", ending(evidence)),
    };
    judgement(Verdict::BootFailure, format!("the fork point `{text}` was not printed: {why}"))
}

#[cfg(test)]
mod tests;
