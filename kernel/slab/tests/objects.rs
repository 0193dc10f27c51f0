//! What one CPU sees of objects.

mod memory;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use memory::{BASE, Memory, PAGES, caches, kept};
use steward_slab::{
    CLASSES, Caches, FreeError, Leaf, MOST_CACHES, Magazines, PAGE_BYTES, Pages, Usage, Windows, class_of, class_size,
};

#[test]
fn objects_are_apart_and_aligned() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    for class in 0..CLASSES {
        let (cache, size) = (caches.class(class), class_size(class));
        let alignment = 1 << size.trailing_zeros();
        let mut taken: Vec<usize> = (0..300).map(|_| caches.take(&mut own, cache, size).unwrap()).collect();
        taken.sort_unstable();
        assert!(taken.windows(2).all(|pair| pair[1] - pair[0] >= size), "{size}");
        assert!(taken.iter().all(|address| address % alignment == 0 && address / PAGE_BYTES >= BASE / PAGE_BYTES));
        for address in taken {
            assert!(caches.is_live(cache, address));
            caches.put(&mut own, cache, address, size, || ()).unwrap();
            assert!(!caches.is_live(cache, address));
        }
    }
    assert_eq!(kept(&caches, &memory, &mut [own]), 0);
}

#[test]
fn one_empty_slab_is_kept_for_who_comes_next() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let cache = caches.class(class_of(2000, 8).unwrap());
    let pages = caches.shape(cache).pages;
    for round in 0..4 {
        // Objects of two slabs, and of one in the end.
        let objects: Vec<usize> = (0..12 - round * 3).map(|_| caches.take(&mut own, cache, 2000).unwrap()).collect();
        for object in objects {
            caches.put(&mut own, cache, object, 2000, || ()).unwrap();
        }
        caches.flush(&mut own);
        assert_eq!((memory.out(), caches.usage(cache, [&own]).held), (pages, pages * PAGE_BYTES), "{round}");
    }
    caches.shrink();
    assert_eq!(memory.out(), 0);
}

#[test]
fn what_is_asked_for_of_an_object_may_change() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let cache = caches.class(class_of(100, 8).unwrap());
    let object = caches.take(&mut own, cache, 100).unwrap();
    for (old, new) in [(100, 107), (107, 98)] {
        caches.resize(&mut own, cache, old, new);
        assert_eq!(caches.usage(cache, [&own]).asked, new);
    }
    caches.put(&mut own, cache, object, 98, || ()).unwrap();
    assert_eq!(caches.usage(cache, [&own]).asked, 0);
}

#[test]
fn a_second_free_is_an_error_and_changes_nothing() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let cache = caches.class(class_of(100, 8).unwrap());
    let (first, second) = (caches.take(&mut own, cache, 100).unwrap(), caches.take(&mut own, cache, 100).unwrap());
    caches.put(&mut own, cache, first, 100, || ()).unwrap();
    let again = caches.put(&mut own, cache, first, 100, || panic!("it is not cleared, either"));
    assert_eq!(again, Err(FreeError::AlreadyFree));
    assert_eq!(caches.usage(cache, [&own]), Usage { live: 1, asked: 100, handed_out: 112, held: PAGE_BYTES });
    let next: BTreeSet<usize> = (0..80).map(|_| caches.take(&mut own, cache, 1).unwrap()).collect();
    assert!(next.len() == 80 && !next.contains(&second));
}

#[test]
fn a_free_of_what_was_never_handed_out_is_an_error() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let (small, large) = (caches.class(0), caches.class(20));
    let object = caches.take(&mut own, small, 16).unwrap();
    let page = object & !(PAGE_BYTES - 1);
    let mut put = |cache, address| caches.put(&mut own, cache, address, 0, || ());
    assert_eq!(put(small, page + 255 * 16), Err(FreeError::AlreadyFree));
    assert_eq!(put(small, object + 1), Err(FreeError::NotAnObject));
    assert_eq!(put(small, object + 8), Err(FreeError::NotAnObject));
    assert_eq!(put(large, object), Err(FreeError::OtherCache));
    for elsewhere in [0, 1, BASE - 16, page + PAGE_BYTES, BASE + (1 << 40), usize::MAX, usize::MAX - 15] {
        assert_eq!(put(small, elsewhere), Err(FreeError::Unknown), "{elsewhere:#x}");
        assert!(caches.put_run(elsewhere, 5000).is_err());
    }
    assert_eq!(caches.put_run(object, 5000), Err(FreeError::OtherCache));
    // Behind the last object of a slab.
    let cache = caches.class(class_of(96, 8).unwrap());
    let object = caches.take(&mut own, cache, 96).unwrap() & !(PAGE_BYTES - 1);
    assert_eq!(caches.put(&mut own, cache, object + 4096 / 96 * 96, 96, || ()), Err(FreeError::NotAnObject));
}

#[test]
fn what_lies_in_the_further_pages_of_a_slab_is_told_apart_too() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let cache = caches.class(class_of(3000, 8).unwrap());
    let size = caches.shape(cache).size;
    assert!(caches.shape(cache).pages > 2);
    let taken: Vec<usize> = (0..8).map(|_| caches.take(&mut own, cache, 3000).unwrap()).collect();
    let slab = *taken.iter().min().unwrap();
    for address in taken {
        assert!((address - slab).is_multiple_of(size));
        caches.put(&mut own, cache, address, 3000, || ()).unwrap();
        let mut again = |address| caches.put(&mut own, cache, address, 3000, || ());
        assert_eq!((again(address), again(address + 16)), (Err(FreeError::AlreadyFree), Err(FreeError::NotAnObject)));
    }
}

#[test]
fn runs_are_taken_back_once_and_whole() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let run = caches.take_run(3 * PAGE_BYTES + 1, 1 << 14).unwrap();
    assert!(run.is_multiple_of(1 << 14) && memory.out() == 4);
    let usage = Usage { live: 1, asked: 3 * PAGE_BYTES + 1, handed_out: 4 * PAGE_BYTES, held: 4 * PAGE_BYTES };
    assert_eq!(caches.runs(), usage);
    assert!(
        caches.resize_run(3 * PAGE_BYTES + 1, 4 * PAGE_BYTES) && !caches.resize_run(4 * PAGE_BYTES, 5 * PAGE_BYTES)
    );
    assert!(caches.resize_run(4 * PAGE_BYTES, 3 * PAGE_BYTES + 1));
    assert_eq!(caches.put_run(run, PAGE_BYTES), Err(FreeError::OtherCache));
    assert_eq!(caches.put_run(run + PAGE_BYTES, 3 * PAGE_BYTES), Err(FreeError::Unknown));
    assert_eq!(caches.put_run(run + 1, 4 * PAGE_BYTES), Err(FreeError::NotAnObject));
    caches.put_run(run, 3 * PAGE_BYTES + 1).unwrap();
    assert_eq!(caches.put_run(run, 4 * PAGE_BYTES), Err(FreeError::Unknown));
    assert_eq!((caches.runs().live, memory.out()), (0, 4), "it is kept for a while");
    assert_eq!(caches.take_run(4 * PAGE_BYTES, 1), Some(run));
    caches.put_run(run, 4 * PAGE_BYTES).unwrap();
    caches.shrink();
    assert_eq!((caches.runs(), memory.out()), (Usage::default(), 0));
    assert_eq!(caches.take_run(usize::MAX, 1), None);
}

#[test]
fn named_caches_know_their_objects_and_are_limited() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let cache = caches.named("gate", 40, 32).unwrap();
    assert_eq!((caches.shape(cache).name, caches.shape(cache).size), ("gate", 64));
    let mut taken: Vec<usize> = (0..5).map(|_| caches.take(&mut own, cache, 40).unwrap()).collect();
    caches.put(&mut own, cache, taken.remove(2), 40, || ()).unwrap();
    let mut seen = Vec::new();
    caches.for_each_live(cache, |address| seen.push(address));
    taken.sort_unstable();
    assert_eq!(seen, taken);
    let usage = caches.usage(cache, [&own]);
    assert_eq!((usage.live, usage.asked, usage.handed_out, usage.fragmentation()), (4, 160, 256, 960));
    for (bytes, alignment) in [(5000, 8), (8, 8192), (8, 3)] {
        assert!(caches.named("wrong", bytes, alignment).is_none());
    }
    let page = caches.named("page", PAGE_BYTES, PAGE_BYTES).unwrap();
    assert!(caches.take(&mut own, page, PAGE_BYTES).unwrap().is_multiple_of(PAGE_BYTES));
    assert!((0..100).filter_map(|_| caches.named("more", 1, 1)).count() < MOST_CACHES);
    assert!(caches.named("one too many", 1, 1).is_none());
}

#[test]
fn every_shortage_of_memory_is_survived() {
    for met in 0..40 {
        let memory = Memory::new();
        let caches = caches(&memory);
        let mut own = Magazines::new();
        memory.left.store(met, Relaxed);
        let mut objects = Vec::new();
        for class in [0, 27, 13, 0, 27] {
            let cache = caches.class(class);
            objects.extend((0..20).filter_map(|_| Some((cache, caches.take(&mut own, cache, 1)?))));
        }
        let run = caches.take_run(5000, 1);
        memory.left.store(usize::MAX, Relaxed);
        for (cache, address) in objects {
            caches.put(&mut own, cache, address, 1, || ()).unwrap();
        }
        run.into_iter().for_each(|run| caches.put_run(run, 5000).unwrap());
        assert_eq!(kept(&caches, &memory, &mut [own]), 0, "after {met}");
    }
}

#[test]
fn memory_in_single_pages_makes_small_slabs() {
    let memory = Memory::new();
    memory.longest.store(1, Relaxed);
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let cache = caches.class(CLASSES - 1);
    let taken: BTreeSet<usize> = (0..10).map(|_| caches.take(&mut own, cache, 4096).unwrap()).collect();
    assert_eq!(taken.len(), 10);
    assert_eq!(caches.take_run(5000, 1), None);
    for address in taken {
        caches.put(&mut own, cache, address, 4096, || ()).unwrap();
    }
    assert_eq!(kept(&caches, &memory, &mut [own]), 0);
}

#[test]
fn all_memory_can_be_used() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let cache = caches.class(CLASSES - 1);
    let taken: Vec<usize> = std::iter::from_fn(|| caches.take(&mut own, cache, 4096)).collect();
    assert_eq!((taken.len(), memory.out()), (PAGES, PAGES));
    for address in taken {
        caches.put(&mut own, cache, address, 4096, || ()).unwrap();
    }
    assert_eq!(kept(&caches, &memory, &mut [own]), 0);
}

#[test]
fn pages_that_are_not_taken_back_stay_held() {
    let memory = Memory::new();
    memory.keeps.store(true, Relaxed);
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let run = caches.take_run(5000, 1).unwrap();
    caches.put_run(run, 5000).unwrap();
    assert_eq!(caches.runs(), Usage { held: 2 * PAGE_BYTES, ..Usage::default() });
    let cache = caches.class(0);
    let object = caches.take(&mut own, cache, 16).unwrap();
    caches.put(&mut own, cache, object, 16, || ()).unwrap();
    caches.flush(&mut own);
    caches.shrink();
    assert_eq!(caches.usage(cache, [&own]).held, PAGE_BYTES);
    assert_eq!(caches.put(&mut own, cache, object, 16, || ()), Err(FreeError::AlreadyFree));
    caches.take(&mut own, cache, 16).unwrap();
}

#[test]
fn one_slab_that_is_not_taken_back_keeps_no_other() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let mut own = Magazines::new();
    let cache = caches.class(0);
    // Three slabs of a page. Wherever the lent one is among them, the two others go.
    for nth in 0..3 {
        let taken: Vec<usize> = (0..3 * 256).map(|_| caches.take(&mut own, cache, 16).unwrap()).collect();
        let pages: Vec<usize> =
            taken.iter().map(|address| address & !(PAGE_BYTES - 1)).collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(pages.len(), 3);
        memory.lent.store(pages[nth], Relaxed);
        for address in taken {
            caches.put(&mut own, cache, address, 16, || ()).unwrap();
        }
        assert_eq!(
            (kept(&caches, &memory, std::slice::from_mut(&mut own)), caches.usage(cache, [&own]).held),
            (1, PAGE_BYTES)
        );
        let again = caches.take(&mut own, cache, 16).unwrap();
        assert_eq!(again & !(PAGE_BYTES - 1), pages[nth], "it is of use still");
        caches.put(&mut own, cache, again, 16, || ()).unwrap();
        memory.lent.store(0, Relaxed);
        assert_eq!(kept(&caches, &memory, std::slice::from_mut(&mut own)), 0);
    }
}

#[test]
fn runs_of_up_to_32_pages_are_kept_and_none_gives_way_while_there_is_room() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let long = caches.take_run(33 * PAGE_BYTES, 1).unwrap();
    caches.put_run(long, 33 * PAGE_BYTES).unwrap();
    assert_eq!((memory.out(), caches.runs().held), (0, 0));
    let sizes = [2, 3, 4, 5, 6, 7, 8, 32].map(|pages| pages * PAGE_BYTES);
    let runs = sizes.map(|bytes| caches.take_run(bytes, 1).unwrap());
    let put = |place: usize| caches.put_run(runs[place], sizes[place]).unwrap();
    (0..8).for_each(put);
    let out = memory.out();
    memory.left.store(0, Relaxed);
    // Whichever is taken, and in whatever order, the others stay.
    for (first, second) in [(0, 7), (7, 0), (3, 4), (6, 1)] {
        let taken = [first, second].map(|place| caches.take_run(sizes[place], 1));
        assert_eq!(taken, [first, second].map(|place| Some(runs[place])));
        put(first);
        put(second);
        assert_eq!(memory.out(), out);
    }
    assert_eq!(sizes.map(|bytes| caches.take_run(bytes, 1)), runs.map(Some));
    (0..8).for_each(put);
    assert_eq!(kept(&caches, &memory, &mut []), 0);
}

#[test]
fn runs_of_sizes_that_nobody_wants_any_more_give_way_to_others() {
    let memory = Memory::new();
    let caches = caches(&memory);
    // More than are kept, each of another size.
    let runs: Vec<(usize, usize)> =
        (2..14).map(|pages| pages * PAGE_BYTES).map(|bytes| (caches.take_run(bytes, 1).unwrap(), bytes)).collect();
    for &(address, bytes) in &runs {
        caches.put_run(address, bytes).unwrap();
    }
    let before = (caches.runs().held, memory.out());
    assert_eq!(before, ((6..14).sum::<usize>() * PAGE_BYTES, (6..14).sum()), "the last eight are kept");
    // Who takes and frees one size gets the same run, and asks nobody for memory.
    let bytes = 20 * PAGE_BYTES;
    let first = caches.take_run(bytes, 1).unwrap();
    caches.put_run(first, bytes).unwrap();
    memory.left.store(0, Relaxed);
    for _ in 0..10 {
        assert_eq!(caches.take_run(bytes, 1), Some(first));
        caches.put_run(first, bytes).unwrap();
    }
    assert_eq!(
        caches.take_run(13 * PAGE_BYTES, 1).map(|run| run == runs[11].0),
        Some(true),
        "nor were others given up for it"
    );
    caches.put_run(runs[11].0, 13 * PAGE_BYTES).unwrap();
    assert_eq!(kept(&caches, &memory, &mut []), 0);
}

/// Memory of which every other run lies 4 TiB above the rest.
struct Split(Memory, AtomicUsize);

const FAR: usize = 1 << 42;

impl<'a> Pages<'a> for &'a Split {
    fn take(&self, pages: usize, alignment: usize) -> Option<usize> {
        let address = (&self.0).take(pages, alignment)?;
        Some(if self.1.fetch_add(1, Relaxed).is_multiple_of(2) { address } else { address + FAR })
    }

    fn give(&self, address: usize, pages: usize) -> bool {
        (&self.0).give(if address >= BASE + FAR { address - FAR } else { address }, pages)
    }

    fn table<T: Sync + 'a>(&self, count: usize, make: fn() -> T) -> Option<&'a [T]> {
        (&self.0).table(count, make)
    }
}

#[test]
fn memory_far_apart_is_used_as_other_memory_is() {
    let memory = Split(Memory::new(), AtomicUsize::new(0));
    let windows = Windows::of([BASE, BASE + FAR].map(|start| start..start + (1 << 26)).into_iter());
    assert_eq!(windows.leaves(), 2 << 9);
    let leaves = Vec::leak((0..windows.leaves()).map(|_| Leaf::new()).collect());
    let caches: Caches<'_, &Split> = Caches::new(&memory, windows, leaves);
    let mut own = Magazines::new();
    let cache = caches.class(0);
    let taken: BTreeSet<usize> = (0..5000).map(|_| caches.take(&mut own, cache, 16).unwrap()).collect();
    let runs: Vec<usize> = (0..2).map(|_| caches.take_run(5000, 1).unwrap()).collect();
    assert!(taken.len() == 5000 && taken.first() < Some(&(BASE + FAR)) && taken.last() >= Some(&(BASE + FAR)));
    let mut seen = BTreeSet::new();
    caches.for_each_live(cache, |address| assert!(seen.insert(address)));
    assert_eq!(seen, taken);
    for address in taken {
        caches.put(&mut own, cache, address, 16, || ()).unwrap();
        assert_eq!(caches.put(&mut own, cache, address, 16, || ()), Err(FreeError::AlreadyFree));
        assert_eq!(caches.put(&mut own, cache, address + FAR / 2, 16, || ()), Err(FreeError::Unknown));
    }
    runs.into_iter().for_each(|run| caches.put_run(run, 5000).unwrap());
    caches.flush(&mut own);
    caches.shrink();
    assert_eq!(memory.0.out(), 0);
}
