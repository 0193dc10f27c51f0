use steward_ledger::{Error, Word};

use super::*;
use crate::{FIRST_FRAME, FRAME_SIZE, FrameNumber, FrameRange, Request, Run};

/// A machine whose entries are at hand, as the ledger has them.
struct Ours {
    map: MemoryMap,
    entries: Vec<Entry>,
    words: Vec<AtomicU64>,
    slots: [CpuSlot; 2],
}

impl Ours {
    fn new(map: MemoryMap) -> Self {
        let needs = Needs::of(&Spans::of(&map), 2);
        let entries = (0..needs.entries).map(|_| Entry::free()).collect();
        let words = (0..needs.words).map(|_| AtomicU64::new(0)).collect();
        Self { map, entries, words, slots: Default::default() }
    }

    fn allocator(&self) -> FrameAllocator<'_> {
        let storage = Storage { entries: &self.entries, words: &self.words, slots: &self.slots };
        FrameAllocator::take_over(&mut FrameSource::new(&self.map), &self.map, storage, Untouched).unwrap()
    }

    /// Makes an entry a process's without the allocator, as the ledger can.
    fn own(&self, index: usize, slot: u16) {
        change(&self.entries[index], |word| word.with_owner(slot));
    }

    /// Frees an entry as the ledger does when its owner dies.
    fn free(&self, index: usize) {
        self.own(index, 0);
    }
}

fn lend(entries: &[Entry], index: usize, shared: u32) {
    change(&entries[index], |word| word.with_shared(shared));
}

/// Changes the word of an entry, as the ledger does.
fn change(entry: &Entry, next: impl Fn(Word) -> Word) {
    let claim = entry.claim(|_| Ok::<(), ()>(()), || {}).unwrap();
    let word = next(claim.word());
    claim.commit(word);
}

#[test]
fn a_double_free_is_an_error_and_frees_nothing_twice() {
    let frames = allocator(&plain(4), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let frame = frames.take(&mut cpu, KERNEL_ITSELF, Use::Tests).unwrap();
    let twin = Frame::new(frame.number(), Use::Tests);
    let number = frame.number();
    frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap();
    let refused = frames.put(&mut cpu, KERNEL_ITSELF, twin).unwrap_err();
    assert_eq!((refused.error, refused.frame), (Error::NotOwner, number));
    let twin = Frame::new(number, Use::Tests);
    assert_eq!(frames.put(&mut cpu, process(0), twin).unwrap_err().error, Error::Invalid);
    assert_eq!((frames.free_frames(), frames.memory_use().bytes("tests")), (3 * 256, Some(0)));
    assert_sound(&frames);
}

#[test]
fn frames_of_others_and_frames_that_do_not_exist_are_refused() {
    let frames = allocator(&small(), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let frame = frames.take(&mut cpu, process(7), Use::User).unwrap();
    let refused = frames.put(&mut cpu, process(8), frame).unwrap_err();
    assert_eq!(refused.error, Error::NotOwner);
    frames.put_run(&mut cpu, process(7), refused.run).unwrap();
    // A hole, the first MiB, behind everything, and the kernel's image, which nobody can give away.
    for (number, error) in [
        (0x500, Error::Invalid),
        (1, Error::Invalid),
        (FrameNumber::COUNT - 1, Error::Invalid),
        (2 * MIB / FRAME_SIZE, Error::NotOwner),
    ] {
        let frame = Frame::new(FrameNumber::known(number), Use::Tests);
        assert_eq!(frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap_err().error, error, "{number:#x}");
        let run = Run::new(FrameRange::new(number, number + 1).unwrap(), Use::Tests);
        assert_eq!(frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap_err().error, error, "{number:#x}");
    }
    assert_sound(&frames);
}

#[test]
fn a_frame_behind_the_last_of_a_reserved_word_is_not_taken_for_one_of_it() {
    let frames = allocator(&map(&[entry(MIB, MIB + page(20), USABLE), entry(3 * MIB, 4 * MIB, USABLE)]), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let held: Vec<_> = (0..20).map(|_| frames.take(&mut cpu, KERNEL_ITSELF, Use::Tests).unwrap()).collect();
    assert!(held.iter().all(|frame| frame.number().as_u64() < FIRST_FRAME + 20), "the first word is reserved");
    let taken = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::run(30, Use::Tests)).unwrap();
    let behind = Frame::new(FrameNumber::known(FIRST_FRAME + 20), Use::Tests);
    assert_eq!(frames.put(&mut cpu, KERNEL_ITSELF, behind).unwrap_err().error, Error::Invalid);
    frames.put_run(&mut cpu, KERNEL_ITSELF, taken).unwrap();
    assert_sound(&frames);
}

#[test]
fn a_lent_page_that_looks_unlent_is_not_freed() {
    let ours = Ours::new(plain(4));
    let (entries, frames) = (&ours.entries, ours.allocator());
    let mut cpu = frames.reservation(0).unwrap();
    let run = frames.take_run(&mut cpu, process(5), Request::run(8, Use::User).aligned_to(8)).unwrap();
    let third = run.range().start() + 2;
    let index = (third - FIRST_FRAME) as usize;
    lend(entries, index, 1);
    let refused = frames.put_run(&mut cpu, process(5), run).unwrap_err();
    assert_eq!((refused.error, refused.frame.as_u64()), (Error::Borrowed, third));
    // Half of it was not given back either.
    assert!(
        refused
            .run
            .range()
            .iter()
            .all(|frame| { entries[(frame.as_u64() - FIRST_FRAME) as usize].word().owner() == 5 })
    );
    assert_eq!(frames.memory_use().bytes("user"), Some(8 * FRAME_SIZE));
    assert_eq!(frames.order_of(FrameNumber::known(third)), Some(3), "they are as they were");
    let mut refusals = Vec::new();
    frames.put_bulk(&mut cpu, process(5), refused.run.into_frames(), |refused| refusals.push(refused));
    assert_eq!(refusals.iter().map(|refused| refused.frame.as_u64()).collect::<Vec<_>>(), [third]);
    lend(entries, index, 0);
    frames.put_run(&mut cpu, process(5), refusals.pop().unwrap().run).unwrap();
    assert_eq!(frames.free_frames(), 3 * 256);
}

#[test]
fn frames_that_the_ledger_freed_come_back_once() {
    let ours = Ours::new(plain(4));
    let frames = ours.allocator();
    let mut cpu = frames.reservation(0).unwrap();
    let run = frames.take_run(&mut cpu, process(5), Request::run(100, Use::User)).unwrap();
    let kept = FrameNumber::known(run.range().start() + 99);
    for frame in run.range().iter().filter(|frame| *frame != kept) {
        ours.free((frame.as_u64() - FIRST_FRAME) as usize);
    }
    for _ in 0..2 {
        frames.put_freed(&mut cpu, run.range());
        assert_eq!(frames.memory_use().bytes("user"), Some(FRAME_SIZE));
        assert_eq!(frames.check().lost, 0);
    }
    frames.put(&mut cpu, process(5), Frame::new(kept, Use::User)).unwrap();
    assert_eq!(frames.free_frames(), 3 * 256);
}

#[test]
fn a_frame_of_the_kernels_image_is_never_handed_out_even_if_the_ledger_freed_it() {
    let ours = Ours::new(map(&[entry(2 * MIB, 3 * MIB, KERNEL), entry(3 * MIB, 4 * MIB, USABLE)]));
    let frames = ours.allocator();
    let mut cpu = frames.reservation(0).unwrap();
    ours.free(7);
    frames.put_freed(&mut cpu, FrameRange::new(512, 512 + 256).unwrap());
    assert_eq!(frames.free_frames(), 256);
    assert_eq!((take_all(&frames, &mut cpu).len(), frames.free_frames()), (256, 0));
}

#[test]
fn a_frame_that_was_acquired_without_the_allocator_and_given_up_is_found_again() {
    let ours = Ours::new(map(&[entry(2 * MIB, 4 * MIB, USABLE)]));
    let frames = ours.allocator();
    let mut cpu = frames.reservation(0).unwrap();
    ours.own(3, 5);
    // All others, so that whatever led to the frame has been found to be wrong.
    let taken = take_all(&frames, &mut cpu);
    assert_eq!(taken.len(), 511);
    ours.free(3);
    frames.put_freed(&mut cpu, FrameRange::new(512 + 3, 512 + 4).unwrap());
    assert_eq!((frames.free_frames(), frames.check().lost), (1, 0));
    assert_eq!(frames.take(&mut cpu, KERNEL_ITSELF, Use::Tests).unwrap().number().as_u64(), 512 + 3);
}

#[test]
fn a_run_that_is_being_given_back_is_nobodys_to_lend() {
    let ours = Ours::new(plain(4));
    let frames = ours.allocator();
    let mut cpu = frames.reservation(0).unwrap();
    let run = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::run(8, Use::Heap).aligned_to(8)).unwrap();
    let first = (run.range().start() - FIRST_FRAME) as usize;
    // Somebody is at the last frame, so that the giver waits there, with all others on their way.
    let last = ours.entries[first + 7].claim(|_| Ok::<(), ()>(()), || {}).unwrap();
    std::thread::scope(|scope| {
        let giver = scope.spawn(|| frames.put_run(&mut cpu, KERNEL_ITSELF, run));
        let owner = || ours.entries[first + 6].word().owner();
        while owner() == KERNEL_ITSELF.slot() {
            std::thread::yield_now();
        }
        let owners = (first..first + 7).map(|index| ours.entries[index].word().owner());
        assert!(owners.into_iter().all(|owner| owner == steward_ledger::IN_TRANSIT));
        let word = last.word().with_shared(1);
        last.commit(word);
        let refused = giver.join().unwrap().unwrap_err();
        assert_eq!(refused.error, Error::Borrowed);
    });
    assert!((first..first + 8).all(|index| ours.entries[index].word().owner() == KERNEL_ITSELF.slot()));
}

#[test]
fn a_frame_that_the_ledger_freed_and_an_old_hint_found_is_counted_once() {
    let ours = Ours::new(map(&[entry(2 * MIB, 4 * MIB, USABLE)]));
    let frames = ours.allocator();
    let (mut cpu, mut other) = (frames.reservation(0).unwrap(), frames.reservation(1).unwrap());
    let frame = frames.take(&mut other, KERNEL_ITSELF, Use::Tests).unwrap();
    frames.put(&mut other, KERNEL_ITSELF, frame).unwrap();
    let run = frames.take_run(&mut cpu, process(5), Request::run(512, Use::User)).unwrap();
    (0..512).for_each(|index| ours.free(index));
    let early = frames.take(&mut other, KERNEL_ITSELF, Use::Heap).unwrap();
    frames.put_freed(&mut cpu, run.range());
    let account = frames.memory_use();
    assert_eq!((account.bytes("user"), account.bytes("heap")), (Some(0), Some(FRAME_SIZE)));
    frames.put(&mut other, KERNEL_ITSELF, early).unwrap();
    assert_eq!((frames.free_frames(), frames.check().lost), (512, 0));
}

#[test]
fn counters_that_do_not_belong_together_never_make_memory_more_or_less() {
    let ours = Ours::new(plain(4));
    let frames = ours.allocator();
    let (total, managed) = (frames.memory_use().total(), frames.free_frames());
    ours.slots[1].count_put(Use::Heap, 3);
    assert_eq!((frames.memory_use().bytes("heap"), frames.free_frames()), (Some(0), managed));
    for usage in [Use::User, Use::Tests] {
        ours.slots[0].count_taken(usage, managed + 5);
        let account = frames.memory_use();
        assert_eq!((account.total(), frames.free_frames()), (total, 0));
        let bytes = account.bytes("user").unwrap() + account.bytes("tests").unwrap();
        assert_eq!(bytes, managed * FRAME_SIZE, "no frame counts twice");
    }
}

#[test]
fn a_refusal_says_which_frame_and_why() {
    let frames = allocator(&plain(4), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let frame = frames.take(&mut cpu, process(7), Use::User).unwrap();
    let start = frame.number().start();
    let refused = frames.put(&mut cpu, process(8), frame).unwrap_err();
    assert_eq!(std::format!("{refused}"), std::format!("frame {start} is not taken back: {}", Error::NotOwner));
}

#[test]
fn two_threads_that_give_back_the_same_run_do_so_once() {
    let frames = allocator(&plain(4), 2);
    let (mut first, mut second) = (frames.reservation(0).unwrap(), frames.reservation(1).unwrap());
    for _ in 0..500 {
        let run = frames.take_run(&mut first, KERNEL_ITSELF, Request::run(50, Use::Heap)).unwrap();
        let twin = Run::new(run.range(), Use::Heap);
        let results = std::thread::scope(|scope| {
            let other = scope.spawn(|| frames.put_run(&mut second, KERNEL_ITSELF, twin).is_ok());
            (frames.put_run(&mut first, KERNEL_ITSELF, run), other.join().unwrap())
        });
        match results {
            (Ok(()), is_ok) => assert!(!is_ok, "both were taken back"),
            // Each stood in the other's way: the frames are all there.
            (Err(refused), false) => frames.put_run(&mut first, KERNEL_ITSELF, refused.run).unwrap(),
            (Err(_), true) => {}
        }
        assert_eq!(frames.free_frames(), 3 * 256);
    }
    assert_sound(&frames);
}

#[test]
fn a_bit_that_a_run_stumbles_over_is_cleared() {
    let ours = Ours::new(map(&[entry(2 * MIB, 4 * MIB, USABLE)]));
    let frames = ours.allocator();
    let mut cpu = frames.reservation(0).unwrap();
    ours.own(3, 5);
    assert_eq!(frames.check().stale, 1);
    let run = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::run(8, Use::Tests)).unwrap();
    assert_eq!((run.range().start(), frames.check().stale), (512 + 4, 0));
}
