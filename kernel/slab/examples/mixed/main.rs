//! Measures the caches beside `talc` in one process: `cargo run --release -p steward-slab --example mixed [ROUNDS [MILLIONS]]`.
//!
//! In each round, one after the other, both get as many requests as make up so many millions (10, unless told otherwise) over all
//! rounds: objects of mixed sizes up to a page, each freed when another takes its place. Prints a line for each
//! figure: what was measured, of whom, the median and the least of the rounds, with tabs between. Times are in nanoseconds for an
//! object's whole life, memory that nobody asked for in thousandths of what was taken from the machine.
#![forbid(unsafe_code)]

mod ours;
mod talcs;

use std::{sync::Barrier, thread, time::Instant};

use spin::Mutex;

/// CPUs at work at the same time.
const CPUS: usize = 2;
/// Objects that live, for each CPU.
const LIVING: usize = 2048;

/// Somebody who has memory.
trait Heap: Sync {
    /// An object, which is freed by [`Self::put`] only.
    type Object: Send;

    /// Takes an object and writes to it.
    fn take(&self, cpu: usize, bytes: usize) -> Self::Object;

    /// Frees one.
    fn put(&self, cpu: usize, object: Self::Object);

    /// Objects that live; what was asked for of them; what was taken from the machine for them, in bytes.
    fn usage(&self) -> (usize, usize, usize);
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 >> 24
    }

    /// Sizes up to each power of two are equally likely.
    fn bytes(&mut self) -> usize {
        let bits = self.next();
        1 + (bits >> 8) as usize % (16 << (bits % 9))
    }
}

type Places<O> = Vec<Mutex<Option<O>>>;

/// Who frees what a CPU takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frees {
    /// The CPU itself.
    Own,
    /// Either, as it happens.
    Any,
}

/// Nanoseconds for each object that so many CPUs take, of `objects` in all.
fn time<H: Heap>(heap: &H, places: &Places<H::Object>, cpus: usize, frees: Frees, objects: usize, seed: u64) -> f64 {
    let barrier = Barrier::new(cpus);
    let run = |cpu: usize| {
        let mut random = Random(seed ^ (cpu as u64 + 1) << 40);
        let (first, count) = if frees == Frees::Own { (cpu * LIVING, LIVING) } else { (0, places.len()) };
        barrier.wait();
        let start = Instant::now();
        for _ in 0..objects / cpus {
            let place = &places[first + random.next() as usize % count];
            let new = heap.take(cpu, random.bytes());
            let old = place.lock().replace(new);
            if let Some(old) = old {
                heap.put(cpu, old);
            }
        }
        start.elapsed().as_secs_f64()
    };
    let seconds = thread::scope(|scope| {
        let others: Vec<_> = (1..cpus).map(|cpu| scope.spawn(move || run(cpu))).collect();
        let own = run(0);
        others.into_iter().map(|other| other.join().expect("no thread panics")).fold(own, f64::max)
    });
    seconds * 1e9 / objects as f64
}

/// What is measured, by how many CPUs, and their part of all objects.
const MEASURES: [(&str, usize, Frees); 3] =
    [("own-of-two", CPUS, Frees::Own), ("any-of-two", CPUS, Frees::Any), ("own-of-one", 1, Frees::Own)];

/// The figures of one of them.
struct Figures<H: Heap> {
    name: &'static str,
    heap: H,
    places: Places<H::Object>,
    times: [Vec<f64>; MEASURES.len()],
    unasked: Vec<f64>,
}

impl<H: Heap> Figures<H> {
    fn of(name: &'static str, heap: H) -> Self {
        let places = (0..CPUS * LIVING).map(|_| Mutex::new(None)).collect();
        Self { name, heap, places, times: Default::default(), unasked: Vec::new() }
    }

    fn measure(&mut self, what: usize, objects: usize, seed: u64, counts: bool) {
        let (_, cpus, frees) = MEASURES[what];
        let time = time(&self.heap, &self.places, cpus, frees, objects, seed);
        let (_, asked, held) = self.heap.usage();
        if counts {
            self.times[what].push(time);
            self.unasked.push((held - asked) as f64 * 1000.0 / held as f64);
        }
    }

    fn print(mut self) {
        let name = self.name;
        let line = |what: &str, figures: &mut Vec<f64>| {
            figures.sort_by(f64::total_cmp);
            println!("{what}\t{name}\t{:.3}\t{:.3}", figures[figures.len() / 2], figures[0]);
        };
        for ((what, ..), times) in MEASURES.iter().zip(&mut self.times) {
            line(what, times);
        }
        line("unasked", &mut self.unasked);
        for place in &self.places {
            if let Some(object) = place.lock().take() {
                self.heap.put(0, object);
            }
        }
        let (left, asked, held) = self.heap.usage();
        for (what, figure) in [("left", left), ("left-bytes", asked), ("kept", held)] {
            line(what, &mut vec![figure as f64]);
        }
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse::<usize>().ok());
    let (rounds, millions) = (numbers.next().unwrap_or(15).max(1), numbers.next().unwrap_or(10));
    let objects = millions * 1_000_000 / rounds;
    let (mut ours, mut talcs) = (Figures::of("steward", ours::heap()), Figures::of("talc", talcs::heap()));
    // The first round warms up, and does not count.
    for round in 0..=rounds {
        for what in 0..MEASURES.len() {
            ours.measure(what, objects, round as u64, round > 0);
            talcs.measure(what, objects, round as u64, round > 0);
        }
    }
    ours.print();
    talcs.print();
}
