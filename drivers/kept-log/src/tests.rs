use proptest::prelude::*;
use std::string::ToString as _;
use std::vec;
use std::vec::Vec;

use super::*;

const ID: u64 = 0x1234_5678_9abc_def0;

fn created(bytes: usize) -> Vec<u8> {
    let mut memory = vec![0xa5; bytes];
    create(&mut memory, ID);
    memory
}

fn append(memory: &mut [u8], text: &[u8]) -> [Range<usize>; 2] {
    KeptLog::open(memory).unwrap().append(text)
}

fn text(memory: &[u8]) -> &[u8] {
    find(memory, ID).unwrap().text
}

#[test]
fn what_was_appended_is_found_in_order() {
    let mut memory = created(BYTES);
    assert_eq!(find(&memory, ID), Ok(Found { text: b"", finished: false, truncated: false }));
    let mut log = KeptLog::open(&mut memory).unwrap();
    log.append(b"one\n");
    log.append(b"");
    log.append(b"two\n");
    assert_eq!(text(&memory), b"one\ntwo\n");
    append(&mut memory, b"three\n");
    assert_eq!(find(&memory, ID), Ok(Found { text: b"one\ntwo\nthree\n", finished: false, truncated: false }));
}

#[test]
fn a_finished_log_says_so_even_if_something_still_follows() {
    let mut memory = created(1024);
    let mut log = KeptLog::open(&mut memory).unwrap();
    log.append(b"end\n");
    assert!(!log.finish().is_empty());
    assert!(log.finish().is_empty());
    log.append(b"more\n");
    assert_eq!(find(&memory, ID), Ok(Found { text: b"end\nmore\n", finished: true, truncated: false }));
}

#[test]
fn what_does_not_fit_is_cut_and_the_log_says_so() {
    let mut memory = created(TEXT_AT + 10);
    assert_eq!(append(&mut memory, b"12345678"), [TEXT_AT..TEXT_AT + 8, SLOTS[1].clone()]);
    append(&mut memory, b"9a");
    assert!(!find(&memory, ID).unwrap().truncated);
    append(&mut memory, b"bc");
    let [text, header] = append(&mut memory, b"d");
    assert!(text.is_empty() && header.is_empty());
    assert_eq!(find(&memory, ID), Ok(Found { text: b"123456789a", finished: false, truncated: true }));
}

#[test]
fn a_log_that_is_begun_again_has_nothing_of_the_earlier_one() {
    let mut memory = created(1024);
    append(&mut memory, b"old");
    create(&mut memory, 7);
    assert_eq!(find(&memory, ID), Err(Lost::OtherRun { id: 7 }));
    assert_eq!(find(&memory, 7), Ok(Found { text: b"", finished: false, truncated: false }));
}

#[test]
fn memory_without_a_log_has_none() {
    for bytes in [0, 1, 100, TEXT_AT, BYTES] {
        assert_eq!(find(&vec![0; bytes], ID), Err(Lost::NoLog));
        assert_eq!(find(&vec![0xff; bytes], ID), Err(Lost::NoLog));
        assert!(KeptLog::open(&mut vec![0; bytes]).is_none());
    }
    let mut small = vec![0; TEXT_AT - 1];
    create(&mut small, ID);
    assert_eq!(find(&small, ID), Err(Lost::NoLog));
    let mut least = created(TEXT_AT);
    append(&mut least, b"x");
    assert_eq!(find(&least, ID), Ok(Found { text: b"", finished: false, truncated: true }));
}

#[test]
fn a_damaged_text_is_not_passed_off_as_the_log() {
    let mut memory = created(1024);
    append(&mut memory, b"first\n");
    append(&mut memory, b"second\n");
    // The end of the text: what stood there before it is still whole.
    memory[TEXT_AT + 7] ^= 1;
    assert_eq!(text(&memory), b"first\n");
    // Whoever goes on does so from there.
    append(&mut memory, b"third\n");
    assert_eq!(text(&memory), b"first\nthird\n");
    memory[TEXT_AT] ^= 1;
    assert_eq!(find(&memory, ID), Err(Lost::Damaged));
    assert!(KeptLog::open(&mut memory).is_none());
}

#[test]
fn one_damaged_header_costs_the_last_text_and_two_cost_the_log() {
    let mut memory = created(1024);
    append(&mut memory, b"one");
    let [_, header] = append(&mut memory, b"two");
    memory[header.start + 20] ^= 0x80;
    assert_eq!(text(&memory), b"one");
    for slot in SLOTS {
        memory[slot.start] ^= 0x80;
    }
    memory[SLOTS[1].start + 3] = 0;
    assert_eq!(find(&memory, ID), Err(Lost::NoLog));
}

#[test]
fn a_log_cut_off_by_a_smaller_region_is_damaged() {
    let mut memory = created(1024);
    append(&mut memory, &[b'x'; 500]);
    append(&mut memory, &[b'y'; 100]);
    assert_eq!(find(&memory[..TEXT_AT + 599], ID).unwrap().text, [b'x'; 500]);
    assert_eq!(find(&memory[..TEXT_AT + 499], ID), Err(Lost::Damaged));
}

#[test]
fn every_loss_is_explained() {
    for lost in [Lost::NoLog, Lost::OtherRun { id: 0xab }, Lost::Damaged] {
        assert!(!lost.to_string().is_empty());
    }
    assert!(Lost::OtherRun { id: 0xab }.to_string().contains("0xab"));
}

/// What an operation did to the memory, byte by byte in the order of the writes.
fn writes(before: &[u8], after: &[u8], ranges: &[Range<usize>]) -> Vec<(usize, u8)> {
    let writes: Vec<_> = ranges.iter().flat_map(|range| range.clone().map(|at| (at, after[at]))).collect();
    let mut replayed = before.to_vec();
    for (at, byte) in &writes {
        replayed[*at] = *byte;
    }
    assert_eq!(replayed, after, "a byte changed outside of the ranges");
    writes
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_part_of_the_writes_of_an_append_the_log_is_that_before_or_after(
        earlier in pieces(), last in proptest::collection::vec(any::<u8>(), 0..60), finish: bool,
        written in proptest::collection::vec(any::<bool>(), 120),
    ) {
        let mut memory = created(TEXT_AT + 200);
        for piece in &earlier {
            append(&mut memory, piece);
        }
        let before = memory.clone();
        let ranges = if finish {
            [0..0, KeptLog::open(&mut memory).unwrap().finish()]
        } else {
            append(&mut memory, &last)
        };
        let writes = writes(&before, &memory, &ranges);
        let (was, is) = (find(&before, ID).unwrap(), find(&memory, ID).unwrap());
        // In order, as with flushed caches: every prefix.
        let mut state = before.clone();
        for (at, byte) in &writes {
            let found = find(&state, ID).unwrap();
            prop_assert!(found == was || found == is);
            state[*at] = *byte;
        }
        prop_assert_eq!(find(&state, ID).unwrap(), is);
        // In any order, as caches write back by themselves: some of them.
        let mut state = before.clone();
        for ((at, byte), _) in writes.iter().zip(&written).filter(|(_, written)| **written) {
            state[*at] = *byte;
        }
        let found = find(&state, ID).unwrap();
        prop_assert!(found == was || found == is);
    }

    #[test]
    fn the_log_is_all_that_was_appended_as_far_as_it_fits(pieces in pieces(), room in 0_usize..250) {
        let mut memory = created(TEXT_AT + room);
        for piece in &pieces {
            append(&mut memory, piece);
        }
        let all = pieces.concat();
        let fits = all.len().min(room);
        let expected = Found { text: &all[..fits], finished: false, truncated: fits < all.len() };
        prop_assert_eq!(find(&memory, ID), Ok(expected));
    }

    #[test]
    fn any_memory_is_answered_and_damage_never_shows_other_text(
        pieces in pieces(), damage in proptest::collection::vec((0_usize..TEXT_AT + 200, any::<u8>()), 1..40),
    ) {
        let mut memory = created(TEXT_AT + 200);
        for piece in &pieces {
            append(&mut memory, piece);
        }
        for (at, byte) in damage {
            memory[at] = byte;
        }
        if let Ok(found) = find(&memory, ID) {
            prop_assert!(pieces.concat().starts_with(found.text));
        }
        if let Some(mut log) = KeptLog::open(&mut memory) {
            log.append(b"on");
        }
    }
}
