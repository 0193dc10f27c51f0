//! The ledger against the model.

use std::boxed::Box;

use steward_ledger_model::{Options, Setup, Storage, Tested, compare};

fn options() -> Options {
    Options { waits: false, ..Options::default() }
}

/// Ledgers under test, in memory that is never freed.
fn tested(setup: &Setup) -> Tested<'static, 'static> {
    let storage: &Storage = Box::leak(Box::new(Storage::new(setup)));
    Tested::new(Box::leak(Box::new(storage.ledger())))
}

fn agree(options: &Options, seeds: core::ops::Range<u64>, steps: u32) {
    for seed in seeds {
        let statistics = compare(tested, seed, steps, options).unwrap_or_else(|difference| panic!("{difference}"));
        println!("{statistics}");
    }
}

#[test]
fn a_hundred_thousand_random_operations_agree_with_the_model() {
    agree(&options(), 0..4, 25_000);
}

#[test]
fn operations_agree_where_keys_and_loans_are_scarce() {
    let mut options = options();
    options.setup.loans = 5;
    options.setup.slots = 4;
    agree(&options, 10..12, 25_000);
}

#[test]
fn operations_on_many_extents_agree() {
    // A record holds four extents, and more take further room: of which there is enough here, as the model has no such
    // notion.
    let mut options = options();
    options.setup.loans = 400;
    options.extents = 12;
    agree(&options, 20..22, 25_000);
}

#[test]
fn operations_on_keys_of_both_kinds_agree_with_the_model() {
    agree(&options().with_others(), 30..34, 25_000);
}

#[test]
fn operations_on_keys_without_entries_of_their_own_agree_with_the_model() {
    agree(&options().only_others(), 40..44, 25_000);
}

#[test]
fn operations_on_many_extents_of_both_kinds_agree() {
    let mut options = options().with_others();
    options.setup.loans = 400;
    options.extents = 12;
    agree(&options, 50..52, 25_000);
}

#[test]
#[ignore = "tier verify"]
fn verify_a_million_random_operations_on_keys_of_both_kinds_agree_with_the_model() {
    agree(&options().with_others(), 200..205, 100_000);
    agree(&options().only_others(), 210..215, 100_000);
}

#[test]
#[ignore = "tier verify"]
fn verify_a_million_random_operations_agree_with_the_model() {
    agree(&options(), 100..110, 100_000);
}
