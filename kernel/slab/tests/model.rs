//! Random operations of two CPUs, compared with a list of what is handed out.

mod memory;

use std::collections::BTreeMap;

use memory::{Memory, caches, kept};
use proptest::{collection::vec, prelude::*};
use steward_slab::{CacheId, Caches, FreeError, Magazines, PAGE_BYTES, class_of, class_size};

#[derive(Clone, Debug)]
enum Operation {
    Take { bytes: usize, alignment: usize, count: usize },
    TakeRun { bytes: usize, alignment: usize },
    Put { which: usize, count: usize },
    PutAgain { which: usize },
    PutWithin { which: usize, by: usize },
    Flush,
    Shrink,
}

fn operation() -> impl Strategy<Value = (usize, Operation)> {
    use Operation::*;
    let bytes = prop_oneof![1..200_usize, 1..4097_usize];
    let operation = prop_oneof![
        4 => (bytes, 0..13_u32, 1..40_usize)
            .prop_map(|(bytes, power, count)| Take { bytes, alignment: 1 << (power / 2), count }),
        1 => (1..5_usize, 0..14_u32).prop_map(|(pages, power)| TakeRun { bytes: pages * 4000, alignment: 1 << power }),
        6 => (any::<usize>(), 1..60_usize).prop_map(|(which, count)| Put { which, count }),
        1 => any::<usize>().prop_map(|which| PutAgain { which }),
        1 => (any::<usize>(), 1..100_usize).prop_map(|(which, by)| PutWithin { which, by }),
        1 => Just(Flush),
        1 => Just(Shrink),
    ];
    (0..2_usize, operation)
}

/// Something that is handed out: its cache, or none for a run; its room, and what was asked for.
type Entry = (Option<CacheId>, usize, usize);
/// What is handed out, by address.
type Live = BTreeMap<usize, Entry>;

struct Pair<'a> {
    caches: Caches<'a, &'a Memory>,
    cpus: [Magazines; 2],
    live: Live,
    freed: Vec<(usize, CacheId)>,
}

impl Pair<'_> {
    fn note(&mut self, address: usize, room: usize, entry: (Option<CacheId>, usize)) {
        let before = self.live.range(..=address).next_back();
        assert!(before.is_none_or(|(start, (_, room, _))| start + room <= address), "{address:#x} overlaps");
        let after = self.live.range(address..).next();
        assert!(after.is_none_or(|(start, _)| address + room <= *start), "{address:#x} overlaps");
        self.live.insert(address, (entry.0, room, entry.1));
        self.freed.retain(|(freed, _)| !(address..address + room).contains(freed));
    }

    fn nth(&self, which: usize) -> Option<(usize, Entry)> {
        let index = which % self.live.len().max(1);
        self.live.iter().nth(index).map(|(address, entry)| (*address, *entry))
    }

    fn run(&mut self, cpu: usize, operation: &Operation) {
        match *operation {
            Operation::Take { bytes, alignment, count } => {
                let class = class_of(bytes, alignment).unwrap();
                let cache = self.caches.class(class);
                for _ in 0..count {
                    let address = self.caches.take(&mut self.cpus[cpu], cache, bytes).unwrap();
                    assert!(address.is_multiple_of(alignment));
                    self.note(address, class_size(class), (Some(cache), bytes));
                }
            }
            Operation::TakeRun { bytes, alignment } => {
                let address = self.caches.take_run(bytes, alignment).unwrap();
                assert!(address.is_multiple_of(alignment.max(PAGE_BYTES)));
                self.note(address, bytes.next_multiple_of(PAGE_BYTES), (None, bytes));
            }
            Operation::Put { which, count } => {
                for _ in 0..count {
                    let Some((address, (cache, _, bytes))) = self.nth(which) else { break };
                    self.live.remove(&address);
                    match cache {
                        None => self.caches.put_run(address, bytes).unwrap(),
                        Some(cache) => {
                            self.caches.put(&mut self.cpus[cpu], cache, address, bytes, || ()).unwrap();
                            self.freed.push((address, cache));
                        }
                    }
                }
            }
            Operation::PutAgain { which } => {
                let Some(&(address, cache)) = self.freed.get(which % self.freed.len().max(1)) else { return };
                let again = self.caches.put(&mut self.cpus[cpu], cache, address, 1, || unreachable!());
                // Its slab may be another cache's by now.
                assert!(again.is_err(), "{address:#x}");
            }
            Operation::PutWithin { which, by } => {
                let Some((address, (Some(cache), room, bytes))) = self.nth(which) else { return };
                let within = self.caches.put(&mut self.cpus[cpu], cache, address + 1 + by % (room - 1), bytes, || ());
                assert_eq!(within, Err(FreeError::NotAnObject));
            }
            Operation::Flush => self.caches.flush(&mut self.cpus[cpu]),
            Operation::Shrink => self.caches.shrink(),
        }
    }

    fn check(&self, memory: &Memory) {
        let mut held = self.caches.runs().held;
        for cache in self.caches.ids() {
            let usage = self.caches.usage(cache, &self.cpus);
            let live = self.live.values().filter(|(its, ..)| *its == Some(cache));
            let (count, asked) = live.fold((0, 0), |(count, sum), (_, _, bytes)| (count + 1, sum + bytes));
            assert_eq!((usage.live, usage.asked), (count, asked), "{}", self.caches.shape(cache).name);
            assert!(usage.asked <= usage.handed_out && usage.handed_out <= usage.held, "{usage:?}");
            held += usage.held;
        }
        assert_eq!(held, memory.out() * PAGE_BYTES);
    }
}

proptest! {
    #[test]
    fn what_is_handed_out_is_apart_counted_and_comes_back(operations in vec(operation(), 1..60)) {
        let memory = Memory::new();
        let mut pair =
            Pair { caches: caches(&memory), cpus: [Magazines::new(), Magazines::new()], live: Live::new(), freed: Vec::new() };
        for (cpu, operation) in &operations {
            pair.run(*cpu, operation);
            pair.check(&memory);
        }
        pair.run(0, &Operation::Put { which: 0, count: usize::MAX });
        pair.check(&memory);
        prop_assert_eq!(kept(&pair.caches, &memory, &mut pair.cpus), 0);
    }
}
