use std::{cell::RefCell, rc::Rc};

use super::*;
use crate::{FrameRange, Request, Run};

/// Says what it was asked to do.
#[derive(Clone, Default)]
struct Recorder(Rc<RefCell<Vec<(&'static str, u64)>>>);

impl Recorder {
    fn told(&self) -> Vec<&'static str> {
        self.0.borrow_mut().drain(..).map(|(what, _)| what).collect()
    }

    fn note(&self, what: &'static str, frames: FrameRange) {
        self.0.borrow_mut().push((what, frames.count()));
    }
}

/// A recorder where freed frames are left as they are.
struct Plain(Recorder);

impl Contents for Plain {
    const POISONS: bool = false;

    fn zero(&self, frames: FrameRange) {
        self.0.note("zero", frames);
    }

    fn poison(&self, _: FrameRange) {
        unreachable!("it does not poison");
    }

    fn check(&self, _: FrameRange) {
        unreachable!("it does not poison");
    }
}

#[test]
fn a_frame_that_was_zeroed_ahead_is_not_zeroed_again_until_somebody_had_it() {
    let map = map(&[entry(MIB, MIB + page(3), USABLE)]);
    let recorder = Recorder::default();
    let frames = allocator_after(&mut FrameSource::new(&map), &map, 1, Plain(recorder.clone()));
    let mut cpu = frames.reservation(0).unwrap();
    assert_eq!(frames.zero_ahead(&mut cpu, 9), 0, "nothing is reserved yet");
    let first = frames.take(&mut cpu, process(3), Use::User).unwrap();
    assert_eq!(recorder.told(), ["zero"]);
    assert_eq!((frames.zero_ahead(&mut cpu, 9), frames.zero_ahead(&mut cpu, 9)), (2, 0));
    assert_eq!(recorder.told(), ["zero", "zero"]);
    let second = frames.take(&mut cpu, process(4), Use::User).unwrap();
    let third = frames.take(&mut cpu, KERNEL_ITSELF, Use::Heap).unwrap();
    assert!(recorder.told().is_empty());
    frames.put(&mut cpu, process(3), first).unwrap();
    frames.put(&mut cpu, process(4), second).unwrap();
    frames.put(&mut cpu, KERNEL_ITSELF, third).unwrap();
    let run = frames.take_run(&mut cpu, process(5), Request::run(3, Use::User)).unwrap();
    assert_eq!(recorder.told(), ["zero"], "the run as one");
    drop(run);
}

impl Contents for Recorder {
    const POISONS: bool = true;

    fn zero(&self, frames: FrameRange) {
        self.note("zero", frames);
    }

    fn poison(&self, frames: FrameRange) {
        self.note("poison", frames);
    }

    fn check(&self, frames: FrameRange) {
        self.note("check", frames);
    }
}

#[test]
fn a_frame_is_zeroed_for_a_process_and_poisoned_when_it_is_freed() {
    let map = map(&[entry(MIB, MIB + page(1), USABLE)]);
    let recorder = Recorder::default();
    let frames = allocator_after(&mut FrameSource::new(&map), &map, 1, recorder.clone());
    let mut cpu = frames.reservation(0).unwrap();
    let frame = frames.take(&mut cpu, KERNEL_ITSELF, Use::Heap).unwrap();
    assert!(recorder.told().is_empty());
    frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap();
    assert_eq!(recorder.told(), ["poison"]);
    let frame = frames.take(&mut cpu, process(3), Use::User).unwrap();
    assert_eq!(recorder.told(), ["check", "zero"]);
    frames.put(&mut cpu, process(3), frame).unwrap();
    let run = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::one(Use::Heap).zeroed()).unwrap();
    assert_eq!(recorder.told(), ["poison", "check", "zero"]);
    frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
    let run = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::one(Use::Heap)).unwrap();
    assert_eq!(recorder.told(), ["poison", "check"]);
    let twin = Run::new(run.range(), Use::Heap);
    frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
    recorder.told();
    assert!(frames.put_run(&mut cpu, KERNEL_ITSELF, twin).is_err());
    assert!(recorder.told().is_empty(), "a frame that is refused stays as it is");
}
