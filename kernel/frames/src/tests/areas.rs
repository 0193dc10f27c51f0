//! Which areas CPUs take their frames from, and what they do with bits that are out of date.

use super::*;
use crate::{FrameNumber, Request};

const AREA: u64 = 512;
const WORD: u64 = 64;

/// 31 areas, each of frames that are all there.
fn whole_areas() -> MemoryMap {
    map(&[entry(2 * MIB, 64 * MIB, USABLE)])
}

fn take(frames: &Frames, cpu: &mut Reservation) -> u64 {
    let frame = frames.take(cpu, KERNEL_ITSELF, Use::Tests).unwrap();
    frame.number().as_u64()
}

fn put(frames: &Frames, cpu: &mut Reservation, number: u64) {
    frames.put(cpu, KERNEL_ITSELF, Frame::new(FrameNumber::known(number), Use::Tests)).unwrap();
}

#[test]
fn a_cpu_goes_through_its_area_word_by_word_and_round() {
    let frames = allocator(&whole_areas(), 2);
    let (mut cpu, mut other) = (frames.reservation(1).unwrap(), frames.reservation(0).unwrap());
    let first = take(&frames, &mut cpu);
    assert_eq!(first % AREA, 0);
    for number in first + 1..first + 3 * WORD {
        assert_eq!(take(&frames, &mut cpu), number);
    }
    // Behind it, by another: it comes when the rest of the area is used up.
    put(&frames, &mut other, first + 5);
    for number in first + 3 * WORD..first + AREA {
        assert_eq!(take(&frames, &mut cpu), number);
    }
    assert_eq!(take(&frames, &mut cpu), first + 5);
    assert_eq!(take(&frames, &mut cpu) % AREA, 0, "another area");
}

#[test]
fn an_area_that_a_cpu_has_left_is_used_before_a_whole_one() {
    let frames = allocator(&whole_areas(), 2);
    let (mut cpu, mut other) = (frames.reservation(1).unwrap(), frames.reservation(0).unwrap());
    let first: Vec<_> = (0..AREA).map(|_| take(&frames, &mut cpu)).collect();
    let second = take(&frames, &mut cpu);
    assert_ne!(second / AREA, first[0] / AREA);
    put(&frames, &mut other, first[70]);
    for _ in 1..AREA {
        assert_eq!(take(&frames, &mut cpu) / AREA, second / AREA);
    }
    assert_eq!(take(&frames, &mut cpu), first[70]);
}

#[test]
fn cpus_keep_out_of_each_others_areas_while_there_are_others() {
    let frames = allocator(&whole_areas(), 4);
    let mut cpus: Vec<_> = (0..4).map(|cpu| frames.reservation(cpu).unwrap()).collect();
    let mut owners = std::collections::BTreeMap::new();
    for _ in 0..3 * AREA {
        for cpu in &mut cpus {
            let area = take(&frames, cpu) / AREA;
            assert_eq!(*owners.entry(area).or_insert(cpu.cpu), cpu.cpu, "area {area}");
        }
    }
}

#[test]
fn frames_that_come_back_to_a_reservation_that_still_names_them_are_free() {
    for way in 0..3 {
        let frames = allocator(&plain(2), 2);
        let (mut cpu, mut other) = (frames.reservation(0).unwrap(), frames.reservation(1).unwrap());
        let number = take(&frames, &mut cpu);
        put(&frames, &mut cpu, number);
        // All of them, also those that the first has reserved and does not ask for meanwhile.
        let all = take_all(&frames, &mut other);
        assert_eq!((all.len(), frames.check().stale), (256, WORD));
        match way {
            0 => all.into_iter().for_each(|frame| frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap()),
            1 => frames.put_bulk(&mut cpu, KERNEL_ITSELF, all, |refused| panic!("{refused}")),
            _ => all.into_iter().for_each(|frame| frames.put_run(&mut cpu, KERNEL_ITSELF, frame).unwrap()),
        }
        assert_eq!(frames.free_frames(), 256);
        assert_sound(&frames);
        let run = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::run(256, Use::Tests)).unwrap();
        frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
        assert_sound(&frames);
    }
}
