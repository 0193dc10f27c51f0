//! What it costs to have a key that has no entry of its own, and to give it up, beside a spin lock and a hash map a bucket:
//! for `cargo xtask bench P8`. Prints lines of what was measured, whose it is, and the median and least of its times in
//! nanoseconds, with tabs between.
//!
//! All tables have as many buckets, and twice as many keys. Each time another key comes and goes.

use std::{
    hash::BuildHasher,
    hint::black_box,
    time::{Duration, Instant},
};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable, hash_table::Entry as Place};
use steward_ledger::{Account, Bucket, Entry, Extent, Ledger, Others, ProcessId, Quota, Table, Window};

const ROUNDS: usize = 501;
const BUCKETS: usize = 1024;
const KEYS: usize = 2 * BUCKETS;
/// Keys that come and go in a measurement.
const GUESTS: usize = 2048;

/// Keys as objects in memory have them: multiples of 64, apart from each other, in no order.
fn pointer(number: usize) -> usize {
    0xffff_8880_0000_0000 + (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) * 64
}

type Value = [u64; 2];

/// A table of keys, each with two words.
trait Keys {
    fn insert(&self, key: usize);
    fn remove(&self, key: usize);
}

impl Keys for Others<'_> {
    fn insert(&self, key: usize) {
        Others::insert(self, key, 7).expect("there is room");
    }

    fn remove(&self, key: usize) {
        Others::remove(self, key, 7).expect("it was inserted");
    }
}

/// The same as an operation of the ledger, with the process's account.
struct Owned<'l, 's>(&'l Ledger<'s>, ProcessId);

impl Keys for Owned<'_, '_> {
    fn insert(&self, key: usize) {
        self.0.acquire(self.1, &[Extent::one(key)], &mut ()).expect("there is room");
    }

    fn remove(&self, key: usize) {
        self.0.release(self.1, &[Extent::one(key)], &mut ()).expect("it was acquired");
    }
}

/// A spin lock and a map a bucket.
struct Maps {
    hasher: DefaultHashBuilder,
    buckets: Vec<spin::Mutex<HashMap<usize, Value>>>,
}

impl Maps {
    fn bucket(&self, key: usize) -> &spin::Mutex<HashMap<usize, Value>> {
        &self.buckets[self.hasher.hash_one(key) as usize & (BUCKETS - 1)]
    }
}

impl Keys for Maps {
    fn insert(&self, key: usize) {
        let before = self.bucket(key).lock().insert(key, [7, 0]);
        assert!(before.is_none());
    }

    fn remove(&self, key: usize) {
        let before = self.bucket(key).lock().remove(&key);
        assert!(before.is_some());
    }
}

/// The same with the lower interface of the same package, so that a key is hashed once only.
struct Tables {
    hasher: DefaultHashBuilder,
    buckets: Vec<spin::Mutex<HashTable<(usize, Value)>>>,
}

impl Tables {
    fn with(&self, key: usize, act: impl FnOnce(&mut HashTable<(usize, Value)>, u64)) {
        let hash = self.hasher.hash_one(key);
        // The table takes the lowest and the highest bits.
        act(&mut self.buckets[(hash >> 32) as usize & (BUCKETS - 1)].lock(), hash);
    }
}

impl Keys for Tables {
    fn insert(&self, key: usize) {
        self.with(key, |table, hash| match table.entry(hash, |at| at.0 == key, |at| self.hasher.hash_one(at.0)) {
            Place::Vacant(place) => drop(place.insert((key, [7, 0]))),
            Place::Occupied(_) => panic!("it was removed"),
        });
    }

    fn remove(&self, key: usize) {
        self.with(key, |table, hash| {
            table.find_entry(hash, |at| at.0 == key).expect("it was inserted").remove();
        });
    }
}

/// Nanoseconds for a key that comes and goes, the second time: by then caches have the table.
fn time(keys: &impl Keys) -> f64 {
    let once = || {
        let start = Instant::now();
        for number in KEYS..KEYS + GUESTS {
            let key = black_box(pointer(number));
            keys.insert(key);
            keys.remove(key);
        }
        start.elapsed().as_secs_f64() * 1e9 / GUESTS as f64
    };
    once();
    once()
}

/// The same of two threads that begin at the same time, for the slower, with keys of their own.
fn time_both(keys: &(impl Keys + Sync)) -> f64 {
    let begin = std::sync::Barrier::new(2);
    let run = |first: usize| {
        begin.wait();
        let start = Instant::now();
        for number in first..first + GUESTS {
            let key = black_box(pointer(number));
            keys.insert(key);
            keys.remove(key);
        }
        start.elapsed()
    };
    let slower: Duration = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(KEYS));
        run(KEYS + GUESTS).max(other.join().expect("the other thread measures"))
    });
    slower.as_secs_f64() * 1e9 / GUESTS as f64
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let [heads, more, of_ledger, more_of_ledger] =
        [BUCKETS, 256, BUCKETS, 256].map(|count| (0..count).map(|_| Bucket::new()).collect::<Vec<_>>());
    let others = Others::new(&heads, 0, 1).expect("a power of two");
    others.grow(&more).expect("once is not too often");
    let entries: [Entry; 0] = [];
    let accounts: Vec<_> = (0..3).map(|_| Account::new()).collect();
    let table = Table::new(&entries, &[]).expect("no spans are in order");
    let in_ledger = Others::new(&of_ledger, 0, 1).expect("a power of two");
    in_ledger.grow(&more_of_ledger).expect("once is not too often");
    let ledger = Ledger::new(table.with_others(in_ledger), &accounts).expect("all is new");
    let owned = Owned(&ledger, ledger.admit(Quota::NONE, Window::default()).expect("there is a slot"));
    let maps = Maps {
        hasher: DefaultHashBuilder::default(),
        buckets: (0..BUCKETS).map(|_| spin::Mutex::new(HashMap::new())).collect(),
    };
    let tables = Tables {
        hasher: DefaultHashBuilder::default(),
        buckets: (0..BUCKETS).map(|_| spin::Mutex::new(HashTable::new())).collect(),
    };
    for key in (0..KEYS).map(pointer) {
        Keys::insert(&others, key);
        owned.insert(key);
        maps.insert(key);
        tables.insert(key);
    }
    let mut figures: [Vec<f64>; 6] = Default::default();
    // The first round does not count: maps and chains grow in it.
    for round in 0..=rounds {
        let measured = [time(&others), time(&maps), time(&tables), time(&owned), time_both(&others), time_both(&maps)];
        if round > 0 {
            figures.iter_mut().zip(measured).for_each(|(figures, measured)| figures.push(measured));
        }
    }
    let names = [
        "key\tsteward",
        "key\thashbrown-map",
        "key\thashbrown-table",
        "key-owned\tsteward",
        "key-2\tsteward",
        "key-2\thashbrown-map",
    ];
    for (name, mut figures) in names.into_iter().zip(figures) {
        figures.sort_by(f64::total_cmp);
        println!("{name}\t{}\t{}", figures[figures.len() / 2], figures[0]);
    }
}
