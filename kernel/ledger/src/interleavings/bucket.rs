//! The same for places in buckets: what takes and leaves them, uses them without the lock, and looks for a dead process's.

use core::{array, sync::atomic::Ordering};

use loom::{
    sync::{Arc, atomic::AtomicU64},
    thread,
};

use super::{Modelled, SLOT, account};
use crate::{
    Word,
    account::{begin_dying, count_owned, standing},
    bucket::{self, PLACES, Room, Tag},
    entry::{claim_locked, settle},
    rules,
};

use super::{RELAXED, TORN, WHOLE};

/// A bucket that lacks something.
struct Places<const LACK: u8> {
    header: Modelled<LACK>,
    keys: [Modelled<LACK>; PLACES],
    words: [Modelled<LACK>; PLACES],
}

impl<const LACK: u8> Places<LACK> {
    fn new() -> Self {
        let cells = || array::from_fn(|_| Modelled(AtomicU64::new(0)));
        Self { header: Modelled(AtomicU64::new(0)), keys: cells(), words: cells() }
    }
}

impl<const LACK: u8> Room for Places<LACK> {
    type Cell = Modelled<LACK>;

    fn header_cell(&self) -> &Self::Cell {
        &self.header
    }

    fn key_cell(&self, place: usize) -> &Self::Cell {
        &self.keys[place]
    }

    fn word_cell(&self, place: usize) -> &Self::Cell {
        &self.words[place]
    }
}

/// Claims a key, as the table does: its place, and its word. `None` if somebody else has; the table would try again.
fn claim(room: &impl Room, key: usize) -> Option<(usize, Word)> {
    let header = bucket::lock(room, thread::yield_now);
    let Some(place) = bucket::find(room, header, key, TAG) else {
        let place = header.unused_place().unwrap();
        bucket::unlock(room, bucket::take(room, header, place, (key, TAG), Word::default().claimed()));
        return Some((place, Word::default()));
    };
    let claimed = claim_locked(room.word_cell(place), |_| Ok::<(), ()>(())).unwrap();
    bucket::unlock(room, header);
    Some((place, claimed?))
}

/// Gives a claimed key back, as the table does. Without an owner it has no place.
fn give_back(room: &impl Room, place: usize, word: Word) {
    if word != Word::default() {
        return settle(room.word_cell(place), word);
    }
    let header = bucket::lock(room, thread::yield_now);
    bucket::unlock(room, bucket::leave(room, header, place));
}

const KEY: usize = 9;
/// Of all keys here, so that they are looked at.
const TAG: Tag = Tag::of(0);

/// Two claim a key that has no place, and each adds one to its note.
fn two_take_a_place<const LACK: u8>() {
    loom::model(|| {
        let parts = Arc::new((Places::<LACK>::new(), AtomicU64::new(0)));
        let once = |(room, note): &(Places<LACK>, AtomicU64)| {
            let Some((place, word)) = claim(room, KEY) else { return 0 };
            note.store(note.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            give_back(room, place, word);
            1
        };
        let other = Arc::clone(&parts);
        let thread = thread::spawn(move || once(&other));
        let changes = once(&parts) + thread.join().unwrap();
        assert_eq!(parts.1.load(Ordering::Relaxed), changes, "a change was lost");
        let header = bucket::lock(&parts.0, thread::yield_now);
        assert!(header.is_empty(), "a key that nobody owns has a place");
        bucket::unlock(&parts.0, header);
    });
}

#[test]
fn a_key_has_one_place_however_many_want_it() {
    two_take_a_place::<WHOLE>();
}

#[test]
#[should_panic]
fn a_lock_of_a_bucket_that_orders_nothing_is_found_out() {
    two_take_a_place::<RELAXED>();
}

#[test]
#[should_panic]
fn a_lock_of_a_bucket_that_is_torn_is_found_out() {
    two_take_a_place::<TORN>();
}

/// One locks a bucket, and another one does if it is free; each adds one to a note.
fn one_locks_and_another_tries<const LACK: u8>() {
    loom::model(|| {
        let parts = Arc::new((Places::<LACK>::new(), AtomicU64::new(0)));
        let add = |note: &AtomicU64| note.store(note.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let other = Arc::clone(&parts);
        let thread = thread::spawn(move || {
            let Some(header) = bucket::try_lock(&other.0) else { return 0 };
            add(&other.1);
            bucket::unlock(&other.0, header);
            1
        });
        let header = bucket::lock(&parts.0, thread::yield_now);
        add(&parts.1);
        bucket::unlock(&parts.0, header);
        let changes = 1 + thread.join().unwrap();
        assert_eq!(parts.1.load(Ordering::Relaxed), changes, "a change was lost");
    });
}

#[test]
fn a_bucket_that_is_locked_if_it_is_free_is_locked_alone() {
    one_locks_and_another_tries::<WHOLE>();
}

#[test]
#[should_panic]
fn a_try_to_lock_that_orders_nothing_is_found_out() {
    one_locks_and_another_tries::<RELAXED>();
}

#[test]
#[should_panic]
fn a_try_to_lock_that_is_torn_is_found_out() {
    one_locks_and_another_tries::<TORN>();
}

/// One finds the place of the key it has claimed without the lock, while another key takes one where the key was before.
fn one_looks_while_another_comes<const LACK: u8>() {
    loom::model(|| {
        let room = Arc::new(Places::<LACK>::new());
        // The key was in the first place, where it still stands, and is in the second now.
        let header = bucket::lock(&*room, thread::yield_now);
        let header = bucket::take(&*room, header, 0, (KEY, TAG), Word::default().claimed());
        let header = bucket::leave(&*room, header, 0);
        bucket::unlock(&*room, bucket::take(&*room, header, 1, (KEY, TAG), Word::default().claimed()));
        let other = Arc::clone(&room);
        let thread = thread::spawn(move || bucket::find(&*other, bucket::header(&*other), KEY, TAG));
        claim(&*room, KEY + 1).unwrap();
        assert_eq!(thread.join().unwrap(), Some(1), "it is another key's");
    });
}

#[test]
fn who_has_claimed_a_key_finds_it_without_the_lock() {
    one_looks_while_another_comes::<WHOLE>();
}

#[test]
#[should_panic(expected = "it is another key's")]
fn a_header_that_says_nothing_of_its_places_is_found_out() {
    one_looks_while_another_comes::<RELAXED>();
}

/// A key is settled without the lock, and claimed again with it.
fn one_settles_while_another_claims<const LACK: u8>() {
    loom::model(|| {
        let parts = Arc::new((Places::<LACK>::new(), AtomicU64::new(0)));
        let owned = Word::default().with_owner(SLOT);
        let (place, _) = claim(&parts.0, KEY).unwrap();
        give_back(&parts.0, place, owned);
        let once = move |(room, note): &(Places<LACK>, AtomicU64)| {
            let Some((place, word)) = claim(room, KEY) else { return 0 };
            assert_eq!(word, owned);
            note.store(note.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            give_back(room, place, word);
            1
        };
        let other = Arc::clone(&parts);
        let thread = thread::spawn(move || once(&other));
        let changes = once(&parts) + thread.join().unwrap();
        assert_eq!(parts.1.load(Ordering::Relaxed), changes, "a change was lost");
    });
}

#[test]
fn a_key_that_was_settled_without_the_lock_is_claimed_with_its_note() {
    one_settles_while_another_claims::<WHOLE>();
}

#[test]
#[should_panic]
fn settling_without_an_order_is_found_out() {
    one_settles_while_another_claims::<RELAXED>();
}

/// A process takes a key while it dies.
fn a_dying_process_acquires<const LACK: u8>() {
    loom::model(|| {
        let parts = Arc::new((account::<LACK>(), Places::<LACK>::new()));
        let other = Arc::clone(&parts);
        let thread = thread::spawn(move || {
            let (account, room) = &*other;
            if count_owned(account, 3, 1, 9).is_err() {
                return;
            }
            let (place, word) = claim(room, KEY).unwrap();
            let lives = standing(account).is_live(3);
            give_back(room, place, if lives { rules::acquire(word, SLOT).unwrap() } else { word });
        });
        let (account, room) = &*parts;
        begin_dying(account, 3).unwrap();
        let header = bucket::lock(room, thread::yield_now);
        let place = bucket::find(room, header, KEY, TAG);
        bucket::unlock(room, header);
        // A key that is seen is waited for.
        thread.join().unwrap();
        if place.is_some() {
            let (place, word) = claim(room, KEY).unwrap();
            give_back(room, place, rules::pass_on(word, SLOT, 0).unwrap_or(word));
        }
        let header = bucket::lock(room, thread::yield_now);
        assert!(header.is_empty(), "the dead process owns a key");
        bucket::unlock(room, header);
    });
}

#[test]
fn a_process_that_dies_while_it_takes_a_place_is_left_with_nothing() {
    a_dying_process_acquires::<WHOLE>();
}

#[test]
#[should_panic]
fn a_walk_over_buckets_that_orders_nothing_is_found_out() {
    a_dying_process_acquires::<RELAXED>();
}
