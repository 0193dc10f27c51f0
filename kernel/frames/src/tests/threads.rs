use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
};

use super::*;
use crate::{FrameRange, Owned, Request, Run, Use, Zone};

/// What each thread does so often, how many there are, and how much memory if it is plenty. Miri is slow, and looks closer.
const ROUNDS: u32 = if cfg!(miri) { 60 } else { 40_000 };
const THREADS: u32 = if cfg!(miri) { 2 } else { 4 };
const PLENTY: u64 = if cfg!(miri) { 3 } else { 32 };
/// Frames that one thread sends to another.
const SENT: u32 = if cfg!(miri) { 600 } else { 100_000 };

/// Who holds each frame, by what threads were told: the witness that no frame is held twice.
struct Holders(Vec<AtomicU32>);

impl Holders {
    fn take(&self, range: FrameRange, thread: u32) {
        for frame in range.iter() {
            let before = self.0[frame.as_u64() as usize].swap(thread, SeqCst);
            assert_eq!(before, 0, "{} is held twice", frame.start());
        }
    }

    fn put(&self, range: FrameRange, thread: u32) {
        for frame in range.iter() {
            let before = self.0[frame.as_u64() as usize].swap(0, SeqCst);
            assert_eq!(before, thread, "{} was somebody else's", frame.start());
        }
    }
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Threads that take and give back single frames, runs and many at once, until memory is gone and again until it is back.
fn hammer(mib: u64, threads: u32, rounds: u32) {
    let map = map(&[entry(MIB, mib * MIB, USABLE)]);
    let frames = allocator(&map, threads as usize);
    let (all, total) = (frames.free_frames(), frames.memory_use().total());
    let holders = Holders((0..mib * 256).map(|_| AtomicU32::new(0)).collect());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (1..=threads)
            .map(|thread| {
                let (frames, holders) = (&frames, &holders);
                scope.spawn(move || work(frames, holders, thread, rounds))
            })
            .collect();
        let watcher = scope.spawn(|| {
            while !is_over.load(SeqCst) {
                assert_eq!(frames.memory_use().total(), total);
                thread::yield_now();
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        is_over.store(true, SeqCst);
        watcher.join().unwrap();
    });
    let found = frames.check();
    assert_eq!((found.free, found.lost, frames.free_frames()), (all, 0, all), "{found:?}");
}

fn work(frames: &Frames, holders: &Holders, thread: u32, rounds: u32) {
    let owner = process(thread as u16 + 1);
    let mut cpu = frames.reservation(thread as usize - 1).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ u64::from(thread);
    let mut held: Vec<Run<Owned>> = Vec::new();
    for _ in 0..rounds {
        let choice = random(&mut state);
        let size = choice >> 8;
        let taken = match choice % 16 {
            0..8 => frames.take(&mut cpu, owner, Use::User).map(Run::from),
            8 => {
                let frames_wanted = 1 << (size % 10);
                let request = Request::run(frames_wanted, Use::User).aligned_to(frames_wanted);
                frames.take_run(&mut cpu, owner, request)
            }
            9 => frames.take_run(&mut cpu, owner, Request::run(1 + size % 30, Use::Tests).within(Zone::Below4GiB)),
            10 => {
                let _ = frames.take_bulk(&mut cpu, owner, Use::Heap, size % 100, |frame| {
                    let run = Run::from(frame);
                    holders.take(run.range(), thread);
                    held.push(run);
                });
                continue;
            }
            11 if choice >> 60 == 0 => {
                for run in held.drain(..) {
                    holders.put(run.range(), thread);
                    frames.put_bulk(&mut cpu, owner, run.into_frames(), |refused| panic!("{refused}"));
                }
                continue;
            }
            _ if held.is_empty() => continue,
            _ => {
                let run = held.swap_remove(size as usize % held.len());
                holders.put(run.range(), thread);
                frames.put_run(&mut cpu, owner, run).unwrap();
                continue;
            }
        };
        if let Ok(run) = taken {
            holders.take(run.range(), thread);
            held.push(run);
        }
    }
    for run in held {
        holders.put(run.range(), thread);
        frames.put_run(&mut cpu, owner, run).unwrap();
    }
    frames.end_reservation(cpu);
}

#[test]
fn no_frame_is_held_by_two_threads() {
    hammer(PLENTY, THREADS, ROUNDS);
}

#[test]
fn threads_that_fight_for_the_last_frames_lose_none() {
    hammer(2, THREADS, ROUNDS);
}

#[test]
fn frames_given_back_by_another_thread_than_took_them_are_found_again() {
    let map = map(&[entry(MIB, 3 * MIB, USABLE)]);
    let frames = allocator(&map, 2);
    let (sender, receiver) = std::sync::mpsc::sync_channel(64);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut cpu = frames.reservation(0).unwrap();
            let mut sent = 0;
            while sent < SENT {
                match frames.take(&mut cpu, KERNEL_ITSELF, Use::Tests) {
                    Ok(frame) => {
                        sender.send(frame).unwrap();
                        sent += 1;
                    }
                    Err(_) => thread::yield_now(),
                }
            }
            drop(sender);
        });
        scope.spawn(|| {
            let mut cpu = frames.reservation(1).unwrap();
            for frame in receiver {
                frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap();
            }
        });
    });
    assert_eq!((frames.free_frames(), frames.check().lost), (512, 0));
}
