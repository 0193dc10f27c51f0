//! How keys that are in no span spread over their buckets.

use steward_ledger::{Bucket, Others};

const BUCKETS: usize = 1 << 12;
/// As many keys as buckets.
const KEYS: usize = BUCKETS;
const SEEDS: u64 = 64;

/// A family of keys: the one of each number.
type Family = (&'static str, fn(usize) -> usize);

/// A number that looks random (splitmix64).
fn random(number: usize) -> usize {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ mixed >> 31) as usize
}

const FAMILIES: [Family; 10] = [
    ("page-aligned", |number| number << 12),
    ("page-aligned, high", |number| 0xffff_8880_0000_0000 + (number << 12)),
    ("of large pages", |number| number << 21),
    ("sequential", |number| number),
    ("sequential, behind a kind", |number| (4 << 56) + number),
    ("of kinds", |number| ((number % 64) << 56) + number / 64),
    ("like pointers", |number| 0xffff_8880_0000_0000 + (random(number) >> 44) * 64),
    ("as many apart as there are buckets", |number| number * BUCKETS),
    ("odd, and far apart", |number| number.wrapping_mul(0x1_0000_0001)),
    ("mirrored", |number| number.reverse_bits()),
];

/// Keys in each chain.
fn counts(seed: u64, keys: impl Iterator<Item = usize>) -> Vec<u32> {
    let buckets: Vec<_> = (0..BUCKETS).map(|_| Bucket::new()).collect();
    let others = Others::new(&buckets, 0, seed).unwrap();
    let mut counts = vec![0; BUCKETS];
    keys.for_each(|key| counts[others.chain_of(key)] += 1);
    counts
}

/// Pearson's statistic: how far the counts are from equal. Of random keys it is about the number of buckets, with a
/// standard deviation of 90.
fn chi_square(counts: &[u32]) -> f64 {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum()
}

fn longest(counts: &[u32]) -> u32 {
    counts.iter().copied().max().unwrap_or(0)
}

#[test]
fn page_aligned_keys_do_not_all_fall_into_one_bucket() {
    for seed in 0..SEEDS {
        let counts = counts(seed, (0..KEYS).map(|number| number << 12));
        // As many random keys: nine at most in nearly all cases, and a third of the buckets empty.
        assert!(longest(&counts) <= 12, "seed {seed}: {} in one bucket", longest(&counts));
        let empty = counts.iter().filter(|&&count| count == 0).count();
        assert!(empty < BUCKETS / 2, "seed {seed}: {empty} of {BUCKETS} buckets are empty");
    }
}

#[test]
fn keys_of_every_kind_spread_like_random_ones() {
    let of_random = (0..SEEDS).map(|seed| counts(seed, (0..KEYS).map(random))).collect::<Vec<_>>();
    let worst = |all: &[Vec<u32>]| {
        let longest = all.iter().map(|counts| longest(counts)).max().unwrap();
        (longest, all.iter().map(|counts| chi_square(counts)).fold(0.0, f64::max))
    };
    let (random_longest, random_chi) = worst(&of_random);
    println!("random: at most {random_longest} in a bucket, chi-square at most {random_chi:.0}");
    for (name, family) in FAMILIES {
        let all: Vec<_> = (0..SEEDS).map(|seed| counts(seed, (0..KEYS).map(family))).collect();
        let (longest, chi) = worst(&all);
        println!("{name}: at most {longest} in a bucket, chi-square at most {chi:.0}");
        assert!(longest <= random_longest + 3, "{name}: {longest} in one bucket; of random keys {random_longest}");
        // Six standard deviations: of 64 seeds none comes near by chance.
        let most = BUCKETS as f64 + 6.0 * (2.0 * BUCKETS as f64).sqrt();
        assert!(chi < most, "{name}: {chi}");
    }
}

#[test]
fn keys_that_all_fall_into_one_bucket_under_one_seed_do_not_under_another() {
    let buckets: Vec<_> = (0..BUCKETS).map(|_| Bucket::new()).collect();
    let known = Others::new(&buckets, 0, 1).unwrap();
    let aimed: Vec<_> = (0..).map(|number| number << 12).filter(|&key| known.chain_of(key) == 0).take(KEYS).collect();
    assert_eq!(longest(&counts(1, aimed.iter().copied())), KEYS as u32);
    for seed in 2..SEEDS {
        let counts = counts(seed, aimed.iter().copied());
        assert!(longest(&counts) <= 14, "seed {seed}: {} in one bucket", longest(&counts));
    }
}

#[test]
fn a_seed_changes_where_keys_go() {
    let of = |seed| counts(seed, (0..64).map(|number| number << 12));
    assert_ne!(of(0), of(1));
}
