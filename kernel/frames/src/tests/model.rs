use std::collections::BTreeMap;

use proptest::prelude::*;
use steward_ledger::Error;

use super::*;
use crate::{FIRST_FRAME, FrameRange, Owned, Refused, RegionKind, Request, Run, TakeError, Use, Zone};

#[derive(Clone, Debug)]
enum Step {
    Take,
    Run {
        frames: u64,
        alignment: u32,
        low: bool,
    },
    Bulk(u64),
    Put(usize),
    /// By another than the owner.
    PutForeign(usize),
    /// A second time.
    PutTwice(usize),
    PutBulk(usize, usize),
    End,
}

fn steps() -> impl Strategy<Value = Vec<(Step, usize, u16, usize)>> {
    let run = (prop_oneof![6 => 1..12_u64, 1 => 60..140_u64], 0..7_u32, any::<bool>())
        .prop_map(|(frames, alignment, low)| Step::Run { frames, alignment, low });
    let any = any::<usize>();
    let step = prop_oneof![
        6 => Just(Step::Take),
        3 => run,
        1 => (1..150_u64).prop_map(Step::Bulk),
        6 => any.prop_map(Step::Put),
        1 => any.prop_map(Step::PutForeign),
        1 => any.prop_map(Step::PutTwice),
        1 => (any, 1..40_usize).prop_map(|(at, count)| Step::PutBulk(at, count)),
        1 => Just(Step::End),
    ];
    proptest::collection::vec((step, 0..3_usize, 1..4_u16, 0..Use::ALL.len()), 200..400)
}

/// A plain model: who owns each frame, and what for.
struct Model {
    /// All usable frames.
    frames: BTreeMap<u64, Option<(u16, Use)>>,
}

impl Model {
    fn is_free(&self, frame: u64) -> bool {
        self.frames.get(&frame) == Some(&None)
    }

    fn free(&self, zone: Zone) -> u64 {
        self.frames.iter().filter(|(frame, owner)| owner.is_none() && **frame < zone.end()).count() as u64
    }

    fn has_run(&self, frames: u64, alignment: u64, zone: Zone) -> bool {
        self.frames.keys().any(|&start| {
            start % alignment == 0
                && start + frames <= zone.end()
                && (start..start + frames).all(|frame| self.is_free(frame))
        })
    }

    fn take(&mut self, range: FrameRange, owner: u16, usage: Use) -> Result<(), TestCaseError> {
        for frame in range.iter() {
            let frame = frame.as_u64();
            prop_assert!(self.is_free(frame), "{:#x} was not free", frame);
            self.frames.insert(frame, Some((owner, usage)));
        }
        Ok(())
    }

    fn put(&mut self, range: FrameRange) {
        for frame in range.iter() {
            self.frames.insert(frame.as_u64(), None);
        }
    }
}

proptest! {
    #[test]
    fn the_allocator_agrees_with_a_map_of_owners(steps in steps()) {
        let map = small();
        let frames = allocator(&map, 3);
        let total = frames.memory_use().total();
        let mut cpus: Vec<_> = (0..3).map(|cpu| frames.reservation(cpu)).collect();
        let usable = map.regions().iter().filter(|region| region.kind == RegionKind::Usable);
        let numbers = usable.flat_map(|region| region.range.iter()).map(|frame| frame.as_u64());
        let mut model = Model { frames: numbers.filter(|&n| n >= FIRST_FRAME).map(|n| (n, None)).collect() };
        let mut held: Vec<(Run<Owned>, u16)> = Vec::new();
        for (step, cpu_number, slot, usage) in steps {
            let usage = Use::ALL[usage];
            let owner = process(slot);
            let cpu = cpus[cpu_number].as_mut().expect("there is always one");
            match step {
                Step::Take => match frames.take(cpu, owner, usage) {
                    Ok(frame) => {
                        let run = Run::from(frame);
                        model.take(run.range(), slot, usage)?;
                        held.push((run, slot));
                    }
                    Err(error) => prop_assert_eq!((error, model.free(Zone::Any)), (TakeError::OutOfFrames, 0)),
                },
                Step::Run { frames: count, alignment, low } => {
                    let alignment = 1 << alignment;
                    let zone = if low { Zone::Below4GiB } else { Zone::Any };
                    let request = Request::run(count, usage).aligned_to(alignment).within(zone);
                    match frames.take_run(cpu, owner, request) {
                        Ok(run) => {
                            prop_assert_eq!((run.range().count(), run.range().start() % alignment), (count, 0));
                            prop_assert!(run.range().end() <= zone.end());
                            model.take(run.range(), slot, usage)?;
                            held.push((run, slot));
                        }
                        Err(error) => {
                            prop_assert!(!model.has_run(count, alignment, zone));
                            let expected = match model.free(zone) >= count {
                                true => TakeError::TooFragmented,
                                false => TakeError::OutOfFrames,
                            };
                            prop_assert_eq!(error, expected);
                        }
                    }
                }
                Step::Bulk(count) => {
                    let mut runs = Vec::new();
                    let done = frames.take_bulk(cpu, owner, usage, count, |frame| runs.push(Run::from(frame)));
                    prop_assert_eq!(runs.len() as u64, done.map_or_else(|shortage| shortage.taken, |()| count));
                    for run in runs {
                        model.take(run.range(), slot, usage)?;
                        held.push((run, slot));
                    }
                    prop_assert!(done.is_ok() || model.free(Zone::Any) == 0);
                }
                Step::Put(at) if !held.is_empty() => {
                    let (run, owner) = held.swap_remove(at % held.len());
                    model.put(run.range());
                    frames.put_run(cpu, process(owner), run).unwrap();
                }
                Step::PutForeign(at) if !held.is_empty() => {
                    let (run, owner) = held.swap_remove(at % held.len());
                    let Refused { run, frame, error } = frames.put_run(cpu, process(owner + 1), run).unwrap_err();
                    prop_assert_eq!((frame.as_u64(), error), (run.range().start(), Error::NotOwner));
                    held.push((run, owner));
                }
                Step::PutTwice(at) if !held.is_empty() => {
                    let (run, owner) = held.swap_remove(at % held.len());
                    let range = run.range();
                    model.put(range);
                    frames.put_bulk(cpu, process(owner), run.into_frames(), |_| unreachable!());
                    prop_assert!(frames.put_run(cpu, process(owner), Run::new(range, Use::Tests)).is_err());
                }
                Step::PutBulk(at, count) => {
                    for _ in 0..count.min(held.len()) {
                        let (run, owner) = held.swap_remove(at % held.len());
                        model.put(run.range());
                        frames.put_bulk(cpu, process(owner), run.into_frames(), |_| unreachable!());
                    }
                }
                Step::End => {
                    frames.end_reservation(cpus[cpu_number].take().expect("there is always one"));
                    cpus[cpu_number] = frames.reservation(cpu_number);
                }
                Step::Put(_) | Step::PutForeign(_) | Step::PutTwice(_) => {}
            }
            prop_assert_eq!(frames.free_frames(), model.free(Zone::Any));
        }
        let found = frames.check();
        prop_assert_eq!((found.free, found.lost), (model.free(Zone::Any), 0));
        let account = frames.memory_use();
        prop_assert_eq!(account.total(), total);
        for usage in Use::ALL {
            let owned = model.frames.values().filter(|owner| owner.is_some_and(|(_, of)| of == usage)).count() as u64;
            prop_assert_eq!(account.bytes(usage.name()), Some(owned * crate::FRAME_SIZE));
        }
    }
}
