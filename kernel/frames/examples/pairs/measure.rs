//! What is measured, of whom, and in which order.

use std::{
    hint::{black_box, spin_loop},
    sync::{
        Barrier,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// Frames of the machine that is measured: 128 MiB. What is known of them fits into a CPU's second cache.
pub const FRAMES: usize = 1 << 15;
/// Frames of a larger one: 1 GiB.
pub const MANY_FRAMES: usize = 1 << 18;
/// CPUs that take and give back at the same time.
pub const CPUS: usize = 2;

/// Pairs that are timed together: short enough that few are interrupted by what else the computer does.
const PAIRS: usize = 5_000;
/// Pairs that two threads do at the same time.
const SHORT: usize = 2_000;
/// How often that is done for a measurement, which is the median of them.
const BATCHES: usize = 41;

/// An allocator of page frames.
pub trait Pool: Sync {
    /// What a CPU has for itself.
    type Local;
    /// A frame that is taken.
    type Page: Send;

    /// What that CPU has for itself, from 0 to [`CPUS`].
    fn local(&self, cpu: usize) -> Self::Local;

    /// Gives back what a CPU had for itself.
    fn end(&self, _: Self::Local) {}

    /// Takes a frame; there is one.
    fn take(&self, local: &mut Self::Local) -> Self::Page;

    /// Gives a frame back.
    fn put(&self, local: &mut Self::Local, page: Self::Page);

    /// Takes many.
    fn take_many(&self, local: &mut Self::Local, count: usize, pages: &mut Vec<Self::Page>) {
        for _ in 0..count {
            pages.push(self.take(local));
        }
    }

    /// Gives many back.
    fn put_many(&self, local: &mut Self::Local, pages: Vec<Self::Page>) {
        for page in pages {
            self.put(local, page);
        }
    }
}

/// What is measured; each in nanoseconds for a frame, or for taking it and giving it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Taking a frame and giving it back, with somewhat more than half of the memory taken.
    Pair,
    /// The same with exactly half of it taken.
    PairAtPower,
    /// As `Pair`, by two CPUs at the same time; each for itself.
    PairOfTwo,
    /// Taking half of the memory.
    Get,
    /// Giving that back in the order in which it came.
    Put,
    /// Giving it back in that order, frame by frame.
    PutOneByOne,
    /// Giving it back in random order.
    PutRandom,
    /// Giving it back in random order, frame by frame.
    PutRandomOneByOne,
}

impl Measure {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Pair, "pair"),
        (Self::PairAtPower, "pair-at-power"),
        (Self::PairOfTwo, "pair-of-two"),
        (Self::Get, "get"),
        (Self::Put, "put"),
        (Self::PutOneByOne, "put-one"),
        (Self::PutRandom, "put-random"),
        (Self::PutRandomOneByOne, "put-random-one"),
    ];
}

/// Somebody who is measured.
pub trait Subject {
    /// One word.
    fn name(&self) -> &'static str;

    /// Nanoseconds; `None` when it cannot be measured of it.
    fn measure(&mut self, what: Measure) -> Option<f64>;
}

/// An allocator as a subject.
pub struct Named<P> {
    /// One word.
    pub name: &'static str,
    /// The allocator.
    pub pool: P,
    /// How many frames it has.
    pub frames: usize,
}

impl<P: Pool> Subject for Named<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn measure(&mut self, what: Measure) -> Option<f64> {
        let (pool, frames) = (&self.pool, self.frames);
        Some(match what {
            Measure::Pair => pairs(pool, frames / 2 + 77),
            Measure::PairAtPower => pairs(pool, frames / 2),
            Measure::PairOfTwo => return pairs_of_two(pool, frames),
            Measure::Get => bulk(pool, frames / 2, Order::AsTaken, true).0,
            Measure::Put => bulk(pool, frames / 2, Order::AsTaken, true).1,
            Measure::PutOneByOne => bulk(pool, frames / 2, Order::AsTaken, false).1,
            Measure::PutRandom => bulk(pool, frames / 2, Order::Random, true).1,
            Measure::PutRandomOneByOne => bulk(pool, frames / 2, Order::Random, false).1,
        })
    }
}

fn nanoseconds(start: Instant, count: usize) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / count as f64
}

fn pairs<P: Pool>(pool: &P, taken: usize) -> f64 {
    let mut local = pool.local(0);
    let mut held = Vec::with_capacity(taken);
    pool.take_many(&mut local, taken, &mut held);
    let time = time_pairs(pool, &mut local);
    pool.put_many(&mut local, held);
    pool.end(local);
    time
}

fn time_pairs<P: Pool>(pool: &P, local: &mut P::Local) -> f64 {
    median_of_batches(|| {
        let page = black_box(pool.take(local));
        pool.put(local, page);
    })
}

fn median_of_batches(mut pair: impl FnMut()) -> f64 {
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..PAIRS {
                pair();
            }
            nanoseconds(start, PAIRS)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[BATCHES / 2]
}

/// How long this thread has run.
fn on_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Two threads begin each batch together, and the slower one's time counts. Batches in which one of them was interrupted,
/// or which they did not run at the same time after all, do not; on a busy computer, those are many.
fn pairs_of_two<P: Pool>(pool: &P, frames: usize) -> Option<f64> {
    let arrived = AtomicUsize::new(0);
    thread::scope(|scope| {
        let threads = [0, 1].map(|cpu| {
            let arrived = &arrived;
            scope.spawn(move || {
                let mut local = pool.local(cpu);
                let mut held = Vec::new();
                pool.take_many(&mut local, frames / 4 + 77, &mut held);
                let times: Vec<_> = (1..=2 * BATCHES)
                    .map(|batch| {
                        meet(arrived, batch);
                        time_uninterrupted(pool, &mut local)
                    })
                    .collect();
                meet(arrived, 2 * BATCHES + 1);
                pool.put_many(&mut local, held);
                pool.end(local);
                times
            })
        });
        let [first, second] = threads.map(|thread| thread.join().expect("no thread panics"));
        let both = first.into_iter().zip(second).filter_map(|(first, second)| slower_of(first?, second?));
        let mut times: Vec<f64> = both.collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    })
}

/// Waits, running, for the other thread.
fn meet(arrived: &AtomicUsize, times: usize) {
    arrived.fetch_add(1, Ordering::Relaxed);
    while arrived.load(Ordering::Relaxed) < CPUS * times {
        spin_loop();
    }
}

/// Nanoseconds of the slower batch, if most of the shorter one was within it.
fn slower_of(first: (Instant, Instant), second: (Instant, Instant)) -> Option<f64> {
    let both = first.1.min(second.1).saturating_duration_since(first.0.max(second.0));
    let (shorter, longer) = {
        let times = (first.1 - first.0, second.1 - second.0);
        (times.0.min(times.1), times.0.max(times.1))
    };
    (both > shorter.mul_f64(0.8)).then(|| longer.as_secs_f64() * 1e9 / SHORT as f64)
}

/// From when to when it took; `None` when it was interrupted.
fn time_uninterrupted<P: Pool>(pool: &P, local: &mut P::Local) -> Option<(Instant, Instant)> {
    let (start, before) = (Instant::now(), on_cpu());
    for _ in 0..SHORT {
        let page = black_box(pool.take(local));
        pool.put(local, page);
    }
    let (end, on_cpu) = (Instant::now(), on_cpu() - before);
    let was_interrupted = end - start > on_cpu.mul_f64(1.05) + Duration::from_micros(1);
    (!was_interrupted).then_some((start, end))
}

enum Order {
    AsTaken,
    Random,
}

/// Taking half of the memory, and giving it back.
fn bulk<P: Pool>(pool: &P, count: usize, order: Order, many: bool) -> (f64, f64) {
    let mut local = pool.local(0);
    let mut pages = Vec::with_capacity(count);
    let start = Instant::now();
    pool.take_many(&mut local, count, &mut pages);
    let get = nanoseconds(start, count);
    if let Order::Random = order {
        shuffle(&mut pages);
    }
    let start = Instant::now();
    if many {
        pool.put_many(&mut local, pages);
    } else {
        for page in pages {
            pool.put(&mut local, page);
        }
    }
    let put = nanoseconds(start, count);
    pool.end(local);
    (get, put)
}

fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for index in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(index, (state % (index as u64 + 1)) as usize);
    }
}

/// What the machine itself does: a pair of compare-exchanges on a word of one's own, or a word that goes to and fro
/// between two CPUs.
pub struct Canary;

impl Subject for Canary {
    fn name(&self) -> &'static str {
        "canary"
    }

    fn measure(&mut self, what: Measure) -> Option<f64> {
        match what {
            Measure::Pair => Some(exchange_pairs()),
            Measure::PairOfTwo => Some(ping_pong()),
            _ => None,
        }
    }
}

fn exchange_pairs() -> f64 {
    let word = AtomicU64::new(0);
    median_of_batches(|| {
        for (from, to) in [(0, 1), (1, 0)] {
            // Acquire: as a claim has it; nobody is at the other end.
            let _ = black_box(&word).compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed);
        }
    })
}

fn ping_pong() -> f64 {
    const TURNS: u64 = 4_000;
    let word = AtomicU64::new(0);
    let barrier = Barrier::new(2);
    let play = |own: u64| {
        barrier.wait();
        let start = Instant::now();
        for turn in (own..TURNS).step_by(2) {
            // Acquire: pairs with the other CPU's Release below.
            while word.load(Ordering::Acquire) != turn {
                spin_loop();
            }
            word.store(turn + 1, Ordering::Release);
        }
        nanoseconds(start, TURNS as usize / 2)
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| play(1));
        play(0).max(other.join().expect("no thread panics"))
    })
}

/// Measures everything of everybody in turns, and prints it.
pub fn run(rounds: usize, mut subjects: Vec<Box<dyn Subject>>) {
    let mut figures = vec![vec![Vec::with_capacity(rounds); subjects.len()]; Measure::ALL.len()];
    // The first round warms up, and does not count.
    for round in 0..=rounds {
        for ((what, _), row) in Measure::ALL.into_iter().zip(&mut figures) {
            for (subject, figures) in subjects.iter_mut().zip(row) {
                let figure = subject.measure(what);
                figures.extend(figure.filter(|_| round > 0));
            }
        }
    }
    for ((_, what), row) in Measure::ALL.into_iter().zip(figures) {
        for (subject, mut figures) in subjects.iter().zip(row).filter(|(_, figures)| !figures.is_empty()) {
            figures.sort_by(f64::total_cmp);
            println!("{what}\t{}\t{:.3}\t{:.3}", subject.name(), figures[figures.len() / 2], figures[0]);
        }
    }
}
