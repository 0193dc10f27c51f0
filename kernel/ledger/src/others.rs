//! Keys without entries of their own: they have one for as long as they have an owner.

use crate::{
    Bucket, Entry, Error, Extent, Word,
    bucket::{self, Tag},
    chain::Chain,
    entry::{claim_locked, unclaimed},
    rules,
    spare::Spare,
};

/// Keys that are in no [`Span`](crate::Span): any number from [`Others::first`] on. One that nobody owns takes no room.
///
/// Which bucket a key belongs to depends on a seed. A bucket has room for five keys; those beyond get further buckets, in a
/// chain, of those that [`Others::grow`] added. So there is room for five keys a bucket in all, and less where they come
/// together by chance: with as many buckets as keys nearly every key is in the first bucket of its chain. There are
/// as many chains as there were buckets at first: growing makes them longer.
///
/// An entry is claimed with its chain locked, and is used without that lock: it does not move. Nothing waits while
/// a chain is locked, so no interrupt may come in between, on that CPU, of something that uses the same keys.
#[derive(Debug)]
pub struct Others<'a> {
    buckets: &'a [Bucket],
    first: usize,
    secrets: [u64; 3],
    spare: Spare<'a>,
}

/// What a key is that has no place. Nobody claims it.
static NOBODYS: Entry = Entry::free();

impl<'a> Others<'a> {
    /// All keys from `first` on, in these buckets, whose number is a power of two. Who knows the seed can find keys that all
    /// belong to the same bucket.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another number of buckets.
    pub fn new(buckets: &'a [Bucket], first: usize, seed: u64) -> Result<Self, Error> {
        if !buckets.len().is_power_of_two() {
            return Err(Error::Invalid);
        }
        let mut state = seed;
        let secrets = core::array::from_fn(|_| secret(&mut state) | 1);
        Ok(Self { buckets, first, secrets, spare: Spare::new() })
    }

    /// Adds buckets, which have no keys, for chains that need them.
    ///
    /// # Errors
    /// [`Error::NoMemory`] if something was added 64 times before (more than 65,536 buckets at once count as several
    /// times); nothing was added.
    pub fn grow(&self, more: &'a [Bucket]) -> Result<(), Error> {
        self.spare.grow(more)
    }

    /// Whether [`Others::grow`] would add so many buckets.
    #[must_use]
    pub fn has_room_for(&self, buckets: usize) -> bool {
        self.spare.has_room_for(buckets)
    }

    /// How many buckets are in no chain. So many keys find places in any case, however they come together.
    #[must_use]
    pub fn spare_buckets(&self) -> usize {
        self.spare.left()
    }

    /// The lowest key there may be.
    #[must_use]
    pub const fn first(&self) -> usize {
        self.first
    }

    /// How many buckets there are, in chains or not.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.buckets.len() + self.spare.len()
    }

    /// How many chains there are.
    #[must_use]
    pub const fn chains(&self) -> usize {
        self.buckets.len()
    }

    /// The number of the chain that a key belongs to.
    #[must_use]
    #[inline(always)]
    pub fn chain_of(&self, key: usize) -> usize {
        self.place_of(key).0
    }

    /// The number of the key's chain, and its tag.
    #[inline(always)]
    fn place_of(&self, key: usize) -> (usize, Tag) {
        let [mask, first, second] = self.secrets;
        let hash = folded(folded(key as u64 ^ mask, first), second);
        (hash as usize & (self.buckets.len() - 1), Tag::of(hash))
    }

    /// Makes that slot the owner of a key, for who keeps no account of owners. Calls nothing while it waits for who has
    /// claimed the key.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key below the first, [`Error::AlreadyOwned`], and [`Error::NoMemory`] when there is no
    /// place for it.
    pub fn insert(&self, key: usize, owner: u16) -> Result<(), Error> {
        if key < self.first {
            return Err(Error::Invalid);
        }
        self.change(key, |word| rules::acquire(word, owner), core::hint::spin_loop)
    }

    /// Makes nobody the owner of a key, whose owner that slot is, as [`Others::insert`] did.
    ///
    /// # Errors
    /// [`Error::NotOwner`], and [`Error::Borrowed`] while the key is lent or pinned.
    pub fn remove(&self, key: usize, owner: u16) -> Result<(), Error> {
        self.change(key, |word| rules::pass_on(word, owner, 0), core::hint::spin_loop)
    }

    /// The word of a key that has an owner, as it is now, or was before somebody claimed it.
    #[must_use]
    pub fn get(&self, key: usize) -> Option<Word> {
        let chain = self.lock(key);
        chain.find(key).map(|(bucket, place)| bucket.entry(place).word()).filter(|word| *word != Word::default())
    }

    /// Whether all of these are numbers of keys; some may be in spans.
    pub(crate) fn may_have(&self, keys: Extent) -> bool {
        keys.start >= self.first && keys.end().is_some()
    }

    #[inline(always)]
    fn lock(&self, key: usize) -> Chain<'_, 'a> {
        let (number, tag) = self.place_of(key);
        Chain::lock(&self.buckets[number], &self.spare, tag)
    }

    /// Locks a chain for who looks for no key.
    fn lock_chain(&self, number: usize) -> Chain<'_, 'a> {
        Chain::lock(&self.buckets[number], &self.spare, Tag::of(0))
    }

    /// Claims a key, if its word is right; the word as it was. It has a place then.
    pub(crate) fn claim(
        &self,
        key: usize,
        rule: impl Fn(&Entry, Word) -> Result<Word, Error>,
        mut relax: impl FnMut(),
    ) -> Result<Word, Error> {
        loop {
            let mut chain = self.lock(key);
            let Some((bucket, place)) = chain.find(key) else {
                rule(&NOBODYS, Word::default())?;
                chain.take(key, Word::default().claimed())?;
                return Ok(Word::default());
            };
            let entry = bucket.entry(place);
            if let Some(word) = claim_locked(entry.cell(), |word| rule(entry, word).map(drop))? {
                return Ok(word);
            }
            drop(chain);
            relax();
        }
    }

    /// Gives a claimed key back with the word that `next` makes of the one it has. If nobody owns it then, it has no place
    /// any more.
    pub(crate) fn settle(&self, key: usize, next: impl Fn(&Entry, Word) -> Word) {
        let entry = self.claimed(key);
        let word = next(entry, entry.word());
        if word == Word::default() {
            self.lock(key).leave(key);
        } else {
            entry.settle(word);
        }
    }

    /// The entry of a key that the caller has claimed, so that it stays where it is.
    #[inline(always)]
    pub(crate) fn claimed(&self, key: usize) -> &'a Entry {
        let (number, tag) = self.place_of(key);
        let head = &self.buckets[number];
        // Without the lock: the key has had its place since it was claimed. Another place that is used now was left before
        // it was used for another key, and that this header says so shows that it is another key's.
        match bucket::find(head, head.header(), key, tag) {
            Some(place) => head.entry(place),
            None => self.find(key).expect("who claims a key gives it a place"),
        }
    }

    /// The entry of a key that has a place. It may belong to another key at any time, unless the caller has claimed the
    /// key, or nobody changes anything.
    #[inline(never)]
    pub(crate) fn find(&self, key: usize) -> Option<&'a Entry> {
        self.lock(key).find(key).map(|(bucket, place)| bucket.entry(place))
    }

    /// Changes the word of a key at once, as `rule` says.
    #[inline(always)]
    pub(crate) fn change(
        &self,
        key: usize,
        rule: impl Fn(Word) -> Result<Word, Error>,
        relax: impl FnMut(),
    ) -> Result<(), Error> {
        let (number, tag) = self.place_of(key);
        match bucket::change(&self.buckets[number], (key, tag), &rule) {
            Some(changed) => changed,
            None => self.change_in_chain(key, rule, relax),
        }
    }

    #[cold]
    #[inline(never)]
    fn change_in_chain(
        &self,
        key: usize,
        rule: impl Fn(Word) -> Result<Word, Error>,
        mut relax: impl FnMut(),
    ) -> Result<(), Error> {
        loop {
            let mut chain = self.lock(key);
            let Some((bucket, place)) = chain.find(key) else {
                return match rule(Word::default())? {
                    word if word == Word::default() => Ok(()),
                    word => chain.take(key, word.settled()),
                };
            };
            let entry = bucket.entry(place);
            if let Some(word) = unclaimed(entry.cell()) {
                match rule(word)? {
                    word if word == Word::default() => chain.leave_place(bucket, place, key),
                    word => entry.settle(word),
                }
                return Ok(());
            }
            drop(chain);
            relax();
        }
    }

    /// The next key of a chain that has a place, in ascending order.
    pub(crate) fn next_in(&self, chain: usize, after: Option<usize>) -> Option<usize> {
        let chain = self.lock_chain(chain);
        let keys = chain.places().map(|(bucket, place)| bucket.key(place));
        keys.filter(|&key| after.is_none_or(|after| key > after)).min()
    }

    /// The keys that have a place, chain by chain; each was there at its moment.
    pub(crate) fn keys(&self) -> impl Iterator<Item = usize> + use<'_, 'a> {
        (0..self.buckets.len()).flat_map(move |chain| {
            core::iter::successors(self.next_in(chain, None), move |&key| self.next_in(chain, Some(key)))
        })
    }

    /// How many keys of a chain have a place.
    #[must_use]
    pub fn length(&self, chain: usize) -> usize {
        self.lock_chain(chain).places().count()
    }

    /// Calls `stray` with each key whose place is wrong: it belongs to another chain, it has two, or nobody owns it.
    /// Pairs of how many buckets there should be and how many are found: besides the first of each chain, and of those in no chain.
    /// Nobody may change anything meanwhile.
    pub(crate) fn audit(&self, mut stray: impl FnMut(usize)) -> [(usize, usize); 2] {
        let listed = self.spare.count();
        let mut found = listed;
        for number in 0..self.buckets.len() {
            let chain = self.lock_chain(number);
            found += chain.buckets().count() - 1;
            for (bucket, place) in chain.places() {
                let key = bucket.key(place);
                let is_other = |&(other, at): &(&Bucket, usize)| !core::ptr::eq(other, bucket) || at != place;
                let is_double = chain.places().filter(is_other).any(|(other, at)| other.key(at) == key);
                let is_free = bucket.entry(place).word() == Word::default();
                if is_double || is_free || self.chain_of(key) != number {
                    stray(key);
                }
            }
        }
        [(self.spare.len(), found), (self.spare.left(), listed)]
    }

    /// Claims keys that follow each other, or none.
    pub(crate) fn seize(
        &self,
        keys: Extent,
        rule: impl Fn(&Entry, Word) -> Result<Word, Error> + Copy,
        mut relax: impl FnMut(),
    ) -> Result<(), Error> {
        for key in keys.start..keys.start + keys.count {
            if let Err(error) = self.claim(key, rule, &mut relax) {
                self.settle_all(Extent { start: keys.start, count: key - keys.start }, |_, word| word);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives claimed keys that follow each other back.
    pub(crate) fn settle_all(&self, keys: Extent, next: impl Fn(&Entry, Word) -> Word + Copy) {
        (keys.start..keys.start + keys.count).for_each(|key| self.settle(key, next));
    }
}

/// Both halves of the product, one over the other: each bit of it depends on many of both factors.
#[inline(always)]
const fn folded(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> u64::BITS) as u64
}

/// The next of a sequence of numbers that look random (splitmix64).
const fn secret(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::{Account, Difference, Ledger, LoanSlot, ProcessId, Span, Table};

    /// What an audit finds after something was done to the others of a ledger in which the kernel owns a few keys.
    fn found(damage: impl FnOnce(&Others<'_>)) -> Vec<Difference> {
        let entries = [const { Entry::free() }; 2];
        let spans = [Span { keys: Extent { start: 10, count: 2 }, first: 0 }];
        let accounts = [const { Account::new() }; 2];
        let loans = [const { LoanSlot::new() }; 1];
        let (heads, more) = ([const { Bucket::new() }; 2], [const { Bucket::new() }; 3]);
        let others = Others::new(&heads, 0, 1).expect("a power of two");
        others.grow(&more).expect("once is not too often");
        let ledger = Ledger::new(Table::new(&entries, &spans).unwrap().with_others(others), &accounts).unwrap();
        ledger.grow(&loans).unwrap();
        ledger.acquire(ProcessId::KERNEL, &[Extent { start: 20, count: 16 }], &mut ()).unwrap();
        let mut differences = Vec::new();
        ledger.audit(|difference| differences.push(difference));
        assert_eq!(differences, []);
        damage(ledger.table().others().unwrap());
        ledger.audit(|difference| differences.push(difference));
        // How many keys the kernel owns then is not what is looked at.
        differences.retain(|difference| !matches!(difference, Difference::Owned { .. }));
        differences
    }

    /// The word of a key of the kernel's.
    const KERNELS: u64 = ProcessId::KERNEL.slot() as u64;

    #[test]
    fn secrets_are_those_of_splitmix64_and_products_are_folded() {
        let mut state = 1_234_567;
        let first: [u64; 3] = core::array::from_fn(|_| secret(&mut state));
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        assert_eq!((folded(3, 5), folded(u64::MAX, 2), folded(1 << 63, 6)), (15, u64::MAX, 3));
    }

    #[test]
    fn a_key_changes_as_its_rule_says_wherever_it_lies() {
        let (heads, more) = ([const { Bucket::new() }; 1], [const { Bucket::new() }; 1]);
        let others = Others::new(&heads, 0, 1).expect("a power of two");
        others.grow(&more).expect("once is not too often");
        let change = |key, rule: fn(Word) -> Result<Word, Error>| others.change(key, rule, || unreachable!());
        // Nobody has any key; then the first bucket is full; then there is another one behind it.
        for number in [0, 5, 10] {
            assert_eq!(change(100, Ok), Ok(()));
            assert_eq!(change(100, |_| Err(Error::Borrowed)), Err(Error::Borrowed));
            assert_eq!(others.length(0), number);
            (number..10.min(number + 5)).for_each(|key| others.insert(key, 3).expect("there is room"));
        }
        // To take one more, there is no room.
        assert_eq!(change(100, |word| Ok(word.with_owner(3))), Err(Error::NoMemory));
        for key in [0, 4, 5, 9] {
            assert_eq!(change(key, |word| Ok(word.with_shared(2))), Ok(()));
            assert_eq!(others.get(key).map(|word| (word.owner(), word.shared())), Some((3, 2)), "{key}");
            assert_eq!(change(key, |_| Err(Error::Borrowed)), Err(Error::Borrowed));
            assert_eq!((change(key, |_| Ok(Word::default())), others.get(key)), (Ok(()), None));
        }
        assert_eq!((others.length(0), others.spare_buckets()), (6, 0));
    }

    #[test]
    fn an_audit_finds_each_key_whose_place_is_wrong() {
        let place = |key| Difference::Place { key };
        let twice = found(|others| others.lock(25).take(25, KERNELS).unwrap());
        assert_eq!(twice, [place(25), place(25)]);
        let astray = found(|others| others.lock_chain(1 - others.chain_of(99)).take(99, KERNELS).unwrap());
        assert!(astray.contains(&place(99)), "{astray:?}");
        let free = found(|others| others.lock(99).take(99, 0).unwrap());
        assert_eq!(free, [place(99)]);
        let in_span = found(|others| others.insert(11, 1).unwrap());
        assert!(in_span.contains(&place(11)), "{in_span:?}");
    }

    #[test]
    fn an_audit_finds_buckets_that_are_lost_or_in_two_places() {
        let lost = found(|others| assert!(others.spare.take().is_some()));
        assert_eq!(lost, [Difference::Buckets { counted: 3, found: 2 }]);
        let twice = found(|others| {
            let linked = others.buckets.iter().find_map(|bucket| bucket.header().next());
            others.spare.put(linked.expect("16 keys do not fit two buckets"));
        });
        assert!(twice.iter().any(|difference| matches!(difference, Difference::Buckets { .. })), "{twice:?}");
        let miscounted = found(|others| others.spare.miscount());
        assert_eq!(miscounted, [Difference::Buckets { counted: 0, found: 1 }]);
    }
}
