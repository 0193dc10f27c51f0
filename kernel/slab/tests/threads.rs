//! Several CPUs at once, each a thread with magazines of its own.

mod memory;

use std::{
    sync::{
        Barrier,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use memory::{Memory, caches, kept};
use steward_slab::{CacheId, Caches, Magazines, class_of, class_size};

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

struct Cpu<'c, 'a> {
    caches: &'c Caches<'a, &'a Memory>,
    own: Magazines,
    held: Vec<(usize, CacheId, usize)>,
    /// Objects that the other CPU took and this one puts back.
    received: Receiver<(usize, CacheId, usize)>,
    other: Sender<(usize, CacheId, usize)>,
}

impl Cpu<'_, '_> {
    fn run(mut self, rounds: u64, seed: u64) -> Magazines {
        let mut random = Random(seed);
        for _ in 0..rounds {
            let power = random.below(13);
            let bytes = 1 + random.below(1 << power) as usize;
            let cache = self.caches.class(class_of(bytes, 1).unwrap());
            let address = self.caches.take(&mut self.own, cache, bytes).unwrap();
            self.held.push((address, cache, bytes));
            let at = random.below(self.held.len() as u64) as usize;
            if self.held.len() > 200 || random.below(3) == 0 {
                let object = self.held.swap_remove(at);
                if random.below(2) == 0 { self.other.send(object).unwrap() } else { self.put(object) }
            }
            while let Ok(object) = self.received.try_recv() {
                self.put(object);
            }
        }
        while let Some(object) = self.held.pop() {
            self.put(object);
        }
        drop(std::mem::replace(&mut self.other, channel().0));
        while let Ok(object) = self.received.recv() {
            self.put(object);
        }
        self.own
    }

    fn put(&mut self, (address, cache, bytes): (usize, CacheId, usize)) {
        self.caches.put(&mut self.own, cache, address, bytes, || ()).unwrap();
    }
}

fn run(rounds: u64) {
    let memory = Memory::new();
    let caches = caches(&memory);
    let ((to_first, of_first), (to_second, of_second)) = (channel(), channel());
    let cpus = [(of_first, to_second), (of_second, to_first)];
    let mut cpus: Vec<Magazines> = thread::scope(|scope| {
        let threads: Vec<_> = cpus
            .into_iter()
            .enumerate()
            .map(|(number, (received, other))| {
                let cpu = Cpu { caches: &caches, own: Magazines::new(), held: Vec::new(), received, other };
                scope.spawn(move || cpu.run(rounds, 0x9e37_79b9 + number as u64))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    });
    for cache in caches.ids() {
        assert_eq!(caches.usage(cache, &cpus).live, 0);
    }
    assert_eq!(kept(&caches, &memory, &mut cpus), 0);
}

#[test]
fn two_cpus_that_free_each_others_objects_lose_none() {
    run(if cfg!(miri) { 100 } else { 100_000 });
}

#[test]
#[ignore = "tier verify"]
fn verify_ten_million_objects_of_mixed_sizes_leave_nothing() {
    run(5_000_000);
}

#[test]
fn of_two_that_free_an_object_at_once_one_succeeds() {
    let memory = Memory::new();
    let caches = caches(&memory);
    let (mut own, cache) = (Magazines::new(), caches.class(3));
    let count = if cfg!(miri) { 100 } else { 2000 };
    let objects: Vec<usize> = (0..count).map(|_| caches.take(&mut own, cache, 64).unwrap()).collect();
    let barrier = Barrier::new(2);
    let free_all = || {
        let mut own = Magazines::new();
        barrier.wait();
        let freed = objects.iter().filter(|object| caches.put(&mut own, cache, **object, 64, || ()).is_ok()).count();
        (freed, own)
    };
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(free_all);
        (free_all(), other.join().expect("no thread panics"))
    });
    assert_eq!(one.0 + other.0, objects.len());
    assert_eq!(caches.usage(cache, [&own, &one.1, &other.1]).live, 0);
    assert_eq!(kept(&caches, &memory, &mut [own, one.1, other.1]), 0);
}

#[test]
fn magazines_that_two_use_in_turn_hand_nothing_out_twice() {
    // As if somebody had copied a CPU's magazines: what they say is not believed.
    let memory = Memory::new();
    let caches = caches(&memory);
    let cache = caches.class(5);
    let mut own = Magazines::new();
    caches.take(&mut own, cache, class_size(5)).unwrap();
    let mut copy = own.clone();
    let mut taken: Vec<usize> = (0..40)
        .map(|turn| {
            let magazines = if turn % 2 == 0 { &mut own } else { &mut copy };
            caches.take(magazines, cache, 1).unwrap()
        })
        .collect();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 40);
}
