//! Jobs and their lanes: which test is next, who hears of it, and whether it is tried again.

use std::{
    io,
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

use super::{Policy, Report, Sink, Summary, slots::Queue};
use crate::{listing::Test, process::Interrupts, session::Evidence, verdict::Judgement};

/// A test that is to be run, or run again.
#[derive(Clone, Copy, Debug)]
pub struct Job<'t> {
    pub test: &'t Test,
    /// Which repetition, from 1.
    pub round: u32,
    /// Which attempt in this round, from 1.
    pub attempt: u32,
}

/// What those who run tests tell.
pub enum News<'t> {
    Note(String),
    Output(&'t Test, Vec<u8>),
    Finished(Box<Done<'t>>),
    /// The test was cut short by an interrupt.
    Abandoned {
        lane: u32,
        slots: u32,
    },
}

/// A test that was run.
pub struct Done<'t> {
    pub report: Report<'t>,
    /// What it consists of, when that is told in its place.
    pub parts: Option<Vec<Part>>,
}

/// A test inside a test.
pub struct Part {
    pub test: Test,
    /// `None` for one that was skipped.
    pub judgement: Option<Judgement>,
    pub elapsed: Duration,
    pub evidence: Option<Evidence>,
}

/// Who runs tests.
pub trait Ground: Sync {
    /// A test will be run.
    fn expect(&self, test: &Test);

    /// How many CPUs a test would like.
    fn width(&self, test: &Test) -> u32;

    /// Whether a test may turn out to consist of others, which are then told in its place.
    fn may_have_parts(&self, _test: &Test) -> bool {
        false
    }

    /// Runs one test and sends the news of it, of which [`News::Finished`] or [`News::Abandoned`] is the last.
    fn run<'t>(&self, job: Job<'t>, lane: u32, slots: u32, news: &Sender<News<'t>>);
}

/// Runs tests on so many slots, as the policy says, and tells `sink` of each.
pub fn dispatch<G: Ground>(
    tests: &[&Test],
    ground: &G,
    (slots, policy): (u32, &Policy),
    sink: &mut dyn Sink,
    interrupts: &Interrupts,
    summary: &mut Summary,
) -> io::Result<()> {
    let rounds = 1..=policy.repeat;
    let jobs = rounds.flat_map(|round| tests.iter().map(move |&test| Job { test, round, attempt: 1 }));
    let mut queue = Queue::new(jobs.map(|job| (job, ground.width(job.test))), slots);
    queue.waiting().for_each(|job| ground.expect(job.test));
    thread::scope(|scope| {
        let (news, incoming) = channel();
        let mut lanes = Lanes::default();
        // A sink that fails is not told of anything more, but the machines that run are waited for.
        let mut told = Ok(());
        loop {
            while told.is_ok() && interrupts.signal().is_none() {
                let Some((job, slots)) = queue.take() else { break };
                let lane = lanes.take();
                if !ground.may_have_parts(job.test) {
                    told = sink.started(job.test);
                }
                let news = news.clone();
                scope.spawn(move || ground.run(job, lane, slots, &news));
            }
            if queue.is_idle() {
                return told;
            }
            match incoming.recv().map_err(io::Error::other)? {
                News::Note(text) if told.is_ok() => told = sink.noted(&text),
                News::Output(test, bytes) if told.is_ok() => told = sink.output(test, &bytes),
                News::Note(_) | News::Output(..) => {}
                News::Abandoned { lane, slots } => {
                    queue.give_back(slots);
                    lanes.give_back(lane);
                }
                News::Finished(done) => {
                    let report = &done.report;
                    queue.give_back(queue.slots_for(report.shape.cpus));
                    lanes.give_back(report.lane);
                    let again = !report.passed() && report.attempt <= policy.retries;
                    if again {
                        let job = Job { test: report.test, round: report.round, attempt: report.attempt + 1 };
                        ground.expect(job.test);
                        queue.push(job, ground.width(job.test));
                    } else {
                        if policy.until_fail && !report.passed() {
                            // What was tried before is still tried to its end.
                            queue.retain(|job| job.attempt > 1);
                        }
                        count(&done, summary);
                    }
                    if told.is_ok() {
                        let starts = ground.may_have_parts(report.test);
                        told = if again { sink.retrying(report) } else { tell(&done, starts, sink) };
                    }
                }
            }
        }
    })
}

fn count(done: &Done<'_>, summary: &mut Summary) {
    let Some(parts) = &done.parts else { return summary.count(&done.report) };
    let judged = parts.iter().filter(|part| part.judgement.is_some()).count();
    summary.total = summary.total + judged - 1;
    summary.ignored += parts.len() - judged;
    reports(done, parts).for_each(|report| summary.count(&report));
}

/// Tells of a test, or of its parts in its place; `starts` when nobody was told that it started.
fn tell(done: &Done<'_>, starts: bool, sink: &mut dyn Sink) -> io::Result<()> {
    let mut finish = |report: &Report<'_>| {
        if starts {
            sink.started(report.test)?;
        }
        sink.finished(report)
    };
    let Some(parts) = &done.parts else { return finish(&done.report) };
    reports(done, parts).try_for_each(|report| finish(&report))?;
    parts.iter().filter(|part| part.judgement.is_none()).try_for_each(|part| sink.ignored(&part.test))
}

fn reports<'p>(done: &'p Done<'_>, parts: &'p [Part]) -> impl Iterator<Item = Report<'p>> {
    let report = &done.report;
    let mut started = report.started;
    parts.iter().filter_map(move |part| {
        // They ran one after the other.
        let began = started;
        started += part.elapsed;
        Some(Report {
            test: &part.test,
            shape: report.shape.clone(),
            judgement: part.judgement.clone()?,
            evidence: part.evidence.clone(),
            elapsed: part.elapsed,
            started: began,
            lane: report.lane,
            origin: report.origin,
            round: report.round,
            attempt: report.attempt,
            seed: report.seed,
            artifact: report.artifact.clone(),
        })
    })
}

/// Which lanes are taken.
#[derive(Debug, Default)]
struct Lanes(Vec<bool>);

impl Lanes {
    /// Takes the lowest free one.
    fn take(&mut self) -> u32 {
        let lane = self.0.iter().position(|taken| !taken).unwrap_or(self.0.len());
        if lane == self.0.len() {
            self.0.push(true);
        }
        self.0[lane] = true;
        lane as u32
    }

    fn give_back(&mut self, lane: u32) {
        self.0[lane as usize] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_numbered_from_the_lowest_free_one() {
        let mut lanes = Lanes::default();
        assert_eq!((lanes.take(), lanes.take(), lanes.take()), (0, 1, 2));
        lanes.give_back(1);
        assert_eq!((lanes.take(), lanes.take()), (1, 3));
    }
}
