//! Our caches, over memory that is an array.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spin::Mutex;
use steward_slab::{Caches, Leaf, Magazines, PAGE_BYTES, Pages, Windows, class_of};

use super::{CPUS, Heap};

/// Pages of the memory: 64 MiB.
const PAGES: usize = 1 << 14;
/// Addresses are so much more than places in the array.
const BASE: usize = 1 << 40;

/// The memory, and which runs of pages of each length are free.
pub struct Memory {
    words: Vec<AtomicU64>,
    free: Mutex<(usize, [Vec<usize>; 9])>,
}

impl Pages<'static> for &'static Memory {
    fn take(&self, pages: usize, alignment: usize) -> Option<usize> {
        assert!(alignment == 1 && pages <= 8, "only slabs are measured");
        let mut free = self.free.lock();
        let (unused, runs) = &mut *free;
        let first = runs[pages].pop().or_else(|| {
            *unused += pages;
            (*unused <= PAGES).then_some(*unused - pages)
        });
        Some(BASE + first? * PAGE_BYTES)
    }

    fn give(&self, address: usize, pages: usize) -> bool {
        self.free.lock().1[pages].push((address - BASE) / PAGE_BYTES);
        true
    }

    fn table<T: Sync + 'static>(&self, count: usize, make: fn() -> T) -> Option<&'static [T]> {
        Some((0..count).map(|_| make()).collect::<Vec<_>>().leak())
    }
}

/// A CPU's magazines, behind a lock as in the kernel, on cache lines of their own.
#[repr(align(128))]
struct Cpu(Mutex<Magazines>);

/// The caches and all CPUs' parts of them.
pub struct Ours {
    memory: &'static Memory,
    caches: Caches<'static, &'static Memory>,
    cpus: [Cpu; CPUS],
}

/// They, with nothing in them.
pub fn heap() -> Ours {
    let words = (0..PAGES * PAGE_BYTES / 8).map(|_| AtomicU64::new(0)).collect();
    let memory: &Memory = Box::leak(Box::new(Memory { words, free: Mutex::default() }));
    let windows = Windows::of(std::iter::once(BASE..BASE + PAGES * PAGE_BYTES));
    let leaves = (0..windows.leaves()).map(|_| Leaf::new()).collect::<Vec<_>>().leak();
    let cpus = [const { Cpu(Mutex::new(Magazines::new())) }; CPUS];
    Ours { memory, caches: Caches::new(memory, windows, leaves), cpus }
}

impl Heap for Ours {
    type Object = (usize, usize);

    fn take(&self, cpu: usize, bytes: usize) -> (usize, usize) {
        let class = class_of(bytes, 1).expect("it is no larger than a page");
        let mut own = self.cpus[cpu].0.lock();
        let address = self.caches.take(&mut own, self.caches.class(class), bytes).expect("there is memory");
        drop(own);
        self.memory.words[(address - BASE) / 8].store(bytes as u64, Relaxed);
        (address, bytes)
    }

    fn put(&self, cpu: usize, (address, bytes): (usize, usize)) {
        let class = class_of(bytes, 1).expect("it was taken");
        let mut own = self.cpus[cpu].0.lock();
        let put = self.caches.put(&mut own, self.caches.class(class), address, bytes, || ());
        put.expect("it was taken, and not put back");
    }

    fn usage(&self) -> (usize, usize, usize) {
        let [first, second] = [&self.cpus[0].0.lock(), &self.cpus[1].0.lock()];
        let sum = self.caches.ids().map(|id| self.caches.usage(id, [&**first, &**second]));
        sum.fold((0, 0, 0), |sum, usage| (sum.0 + usage.live, sum.1 + usage.asked, sum.2 + usage.held))
    }
}
