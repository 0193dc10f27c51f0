//! Whether the ledger agrees with itself.

use core::sync::atomic::Ordering::Relaxed;

use crate::{
    Entry, Extent, Kind, Ledger, Life, LoanId, LoanSlot, ProcessId, Word,
    key::Keys,
    loan::{NONE, Phase, Slots},
};

/// Where one part of the ledger contradicts another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say where it is, what is counted there, and what was found")]
pub enum Difference {
    /// A key's count of shared loans, and how many there are.
    Shared { key: usize, counted: u32, found: u32 },
    /// A key does not lead to the mutable loan that has it.
    Holder { key: usize, loan: LoanId },
    /// A key is lent mutably, and there is no such loan of it.
    NoHolder { key: usize },
    /// A key is lent by somebody who does not own it.
    Lender { key: usize, loan: LoanId },
    /// A key has a writer, and is shared or read.
    Excluded { key: usize },
    /// A key is in use without an owner, or its owner does not exist.
    Owner { key: usize, slot: u16 },
    /// A dead process's key is in no use, and was not freed.
    Unfreed { key: usize },
    /// Keys' pins, and those that loans and owners have, each counted once for each key.
    Pins { counted: u64, found: u64 },
    /// How many keys a process owns.
    Owned { process: ProcessId, counted: u32, found: u32 },
    /// How many keys a process has borrowed.
    Borrowed { process: ProcessId, counted: u32, found: u32 },
    /// How many loans a process has borrowed by.
    Loans { process: ProcessId, counted: u32, found: u32 },
    /// The list of what a process has borrowed, and what there is.
    List { process: ProcessId, counted: u32, found: u32 },
    /// A loan's place below another is wrong: depth, root, keys, kind, deadline or lender.
    Tree { loan: LoanId },
    /// A loan is active below one that has ended, or has ended and nothing keeps it.
    Phase { loan: LoanId },
    /// How many loans wait for their deadlines.
    Deadlines { counted: u32, found: u32 },
    /// Slots in all, and those that are free or in use.
    Slots { counted: u32, found: u32 },
    /// A key that is in no span has a place that it should not have: a second one, one in another chain, or one though nobody
    /// owns it.
    Place { key: usize },
    /// Buckets that were added for such keys, and those that are in chains or wait for that; or how many are said to wait, and
    /// those that do.
    Buckets { counted: usize, found: usize },
}

const OWNED: usize = 0;
const BORROWED: usize = 1;
const LOANS: usize = 2;

impl Ledger<'_> {
    /// Counts everything again from the records, and reports each difference. Nobody may change anything meanwhile.
    pub fn audit(&self, mut report: impl FnMut(Difference)) {
        let report = &mut report;
        for account in self.accounts {
            account.tally.iter().for_each(|tally| tally.store(0, Relaxed));
        }
        let mut records = Records::default();
        for index in self.pool.indices() {
            let slot = self.pool.slot(index);
            match slot.meta().phase() {
                Phase::Free => {}
                Phase::Extension => records.extensions += 1,
                Phase::Active | Phase::Ending | Phase::Waiting => self.audit_loan(index, slot, &mut records, report),
            }
        }
        let mut pins = 0;
        for span in self.table.spans() {
            for key in span.keys.start..span.keys.start + span.keys.count {
                let entry = self.table.entry(key).expect("spans have entries");
                pins += u64::from(entry.word().reads()) + u64::from(entry.word().writes());
                self.audit_key(key, entry, report);
            }
        }
        if let Some(others) = self.table.others() {
            for key in others.keys() {
                let Some(entry) = others.find(key) else {
                    report(Difference::Place { key });
                    continue;
                };
                pins += u64::from(entry.word().reads()) + u64::from(entry.word().writes());
                self.audit_key(key, entry, report);
            }
            let is_other = |key| self.table.others_of(Extent::one(key)).is_some();
            others.keys().filter(|&key| !is_other(key)).for_each(|key| report(Difference::Place { key }));
            for (counted, found) in others.audit(|key| report(Difference::Place { key })) {
                if counted != found {
                    report(Difference::Buckets { counted, found });
                }
            }
        }
        self.audit_sums(pins, &records, report);
        for slot in 0..self.accounts.len() {
            self.audit_account(slot as u16, report);
        }
    }

    fn audit_loan(&self, index: u32, slot: &LoanSlot, records: &mut Records, report: &mut impl FnMut(Difference)) {
        let loan = self.loan_at(index);
        records.loans += 1;
        records.pinned += slot.pinned.load(Relaxed);
        records.due += u32::from(slot.bucket.load(Relaxed) != NONE);
        records.extents += slot.extent_count().div_ceil(LoanSlot::EXTENTS as u32) - 1;
        let tally = &self.account(slot.borrower().slot()).tally;
        tally[BORROWED].fetch_add(slot.keys(), Relaxed);
        tally[LOANS].fetch_add(1, Relaxed);
        if !self.tree_is_right(loan, slot) {
            report(Difference::Tree { loan });
        }
        let is_kept = slot.pins.load(Relaxed) > 0 || slot.first_child.load(Relaxed) != NONE;
        let parent = self.pool.get(slot.parent.load(Relaxed));
        let is_right = match slot.meta().phase() {
            Phase::Active => parent.is_none_or(|parent| parent.meta().phase() == Phase::Active),
            phase => phase == Phase::Waiting && is_kept,
        };
        if !is_right {
            report(Difference::Phase { loan });
        }
        let owner = self.pool.slot(slot.root().index()).lender().slot();
        for key in keys_of(Keys::record(&self.pool, slot)) {
            let Some(entry) = self.table.find(key) else {
                report(Difference::Lender { key, loan });
                continue;
            };
            if entry.word().owner() != owner {
                report(Difference::Lender { key, loan });
            }
            match slot.kind() {
                Kind::Shared => entry.set_tally(entry.tally() + 1),
                Kind::Mut if self.leads_to(entry, index) => {}
                Kind::Mut => report(Difference::Holder { key, loan }),
            }
        }
    }

    /// Whether a loan's place below another, and in its list of those below, is right.
    fn tree_is_right(&self, loan: LoanId, slot: &LoanSlot) -> bool {
        let parent_index = slot.parent.load(Relaxed);
        let Some(parent) = self.pool.get(parent_index) else {
            return slot.depth() == 1 && slot.root() == loan && slot.may_end() == slot.is_revocable();
        };
        let mut child = parent.first_child.load(Relaxed);
        while child != NONE && child != loan.index() {
            child = self.pool.slot(child).next_sibling.load(Relaxed);
        }
        let mine = Keys::record(&self.pool, slot);
        child == loan.index()
            && parent.meta().is_loan()
            && parent.root() == slot.root()
            && u32::from(slot.depth()) == u32::from(parent.depth()) + 1
            && slot.lender() == parent.borrower()
            && (parent.kind(), slot.kind()) != (Kind::Shared, Kind::Mut)
            && (slot.may_end() || !(parent.may_end() || slot.is_revocable()))
            && parent.deadline().is_none_or(|latest| slot.deadline().is_some_and(|deadline| deadline <= latest))
            && mine.iter().all(|extent| Keys::record(&self.pool, parent).contain(&[extent]))
    }

    /// Whether the key's innermost mutable loan is that one, or one below it.
    fn leads_to(&self, entry: &Entry, loan: u32) -> bool {
        let mut index = entry.holder();
        let mut steps = 0;
        while entry.word().is_lent_mut() && index != loan && steps <= u32::from(u8::MAX) {
            let Some(slot) = self.pool.get(index).filter(|slot| slot.meta().is_loan()) else { return false };
            index = slot.parent.load(Relaxed);
            steps += 1;
        }
        entry.word().is_lent_mut() && index == loan
    }

    fn audit_key(&self, key: usize, entry: &Entry, report: &mut impl FnMut(Difference)) {
        let word = entry.word();
        let (counted, found) = (word.shared(), entry.tally());
        if found > 0 {
            entry.set_tally(0);
        }
        if counted != found {
            report(Difference::Shared { key, counted, found });
        }
        if word.is_lent_mut() {
            let holder = self.pool.get(entry.holder()).filter(|slot| slot.meta().is_loan());
            let is_right = |slot: &&LoanSlot| {
                slot.kind() == Kind::Mut && Keys::record(&self.pool, slot).contain(&[Extent::one(key)])
            };
            if holder.filter(is_right).is_none() {
                report(Difference::NoHolder { key });
            }
        }
        if word.writes() && (word.shared() > 0 || word.reads() > 0) {
            report(Difference::Excluded { key });
        }
        self.audit_owner(key, word, report);
    }

    fn audit_owner(&self, key: usize, word: Word, report: &mut impl FnMut(Difference)) {
        let slot = word.owner();
        if slot == 0 {
            if word.is_in_use() {
                report(Difference::Owner { key, slot });
            }
            return;
        }
        let Some(account) = self.accounts.get(usize::from(slot)) else {
            return report(Difference::Owner { key, slot });
        };
        account.tally[OWNED].fetch_add(1, Relaxed);
        match account.standing().life() {
            Life::Live => {}
            Life::Dying | Life::Estate if word.is_in_use() => {}
            Life::Dying | Life::Estate => report(Difference::Unfreed { key }),
            Life::Vacant => report(Difference::Owner { key, slot }),
        }
    }

    fn audit_sums(&self, pins: u64, records: &Records, report: &mut impl FnMut(Difference)) {
        let by_owners: u64 = self.accounts.iter().map(|account| account.pinned.load(Relaxed)).sum();
        if pins != records.pinned + by_owners {
            report(Difference::Pins { counted: pins, found: records.pinned + by_owners });
        }
        let due = self.deadlines.lock().count();
        if due != records.due {
            report(Difference::Deadlines { counted: due, found: records.due });
        }
        let spares = self.accounts.iter().filter(|account| account.lock().spare != NONE).count() as u32;
        let (counted, found) = (self.pool.len(), self.pool.count_free() + spares + records.loans + records.extents);
        if counted != found || records.extents != records.extensions {
            report(Difference::Slots { counted, found });
        }
    }

    fn audit_account(&self, slot: u16, report: &mut impl FnMut(Difference)) {
        let account = self.account(slot);
        let process = account.process(slot);
        let inner = account.lock();
        let tally = |what: usize| account.tally[what].load(Relaxed);
        let (counted, found) = (account.standing().owned(), tally(OWNED));
        if counted != found {
            report(Difference::Owned { process, counted, found });
        }
        let (counted, found) = (inner.borrowed, tally(BORROWED));
        if counted != found {
            report(Difference::Borrowed { process, counted, found });
        }
        let (counted, found) = (inner.loans, tally(LOANS));
        if counted != found {
            report(Difference::Loans { process, counted, found });
        }
        let records = || self.pool.indices().map(|index| self.pool.slot(index));
        let is_listed = |slot: &&LoanSlot| slot.meta().phase() == Phase::Active && slot.borrower() == process;
        // Most processes have borrowed nothing, and a pass over all records is long.
        let found = if found == 0 { 0 } else { records().filter(is_listed).count() as u32 };
        let mut counted = 0;
        let mut index = inner.first_held;
        while index != NONE && counted <= found {
            counted += u32::from(is_listed(&self.pool.slot(index)));
            index = self.pool.slot(index).next_held.load(Relaxed);
        }
        if counted != found || index != NONE {
            report(Difference::List { process, counted, found });
        }
    }
}

/// What the records come to.
#[derive(Default)]
struct Records {
    loans: u32,
    extensions: u32,
    /// How many extensions the loans need.
    extents: u32,
    pinned: u64,
    due: u32,
}

fn keys_of(keys: Keys<'_>) -> impl Iterator<Item = usize> {
    keys.iter().flat_map(|extent| extent.start..extent.start + extent.count)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::{Account, Instant, Quota, Span, Table, Terms, Window, loan::Draft};

    const KEYS: Extent = Extent { start: 10, count: 2 };
    const ANYTHING: Window =
        Window { shared: true, mutable: true, most_keys: usize::MAX, revocable: true, shortest: Some(0) };

    /// A loan of an owner's and one below it, with everything that the rules say of them.
    struct Tree<'t, 'l> {
        ledger: &'t Ledger<'l>,
        owner: ProcessId,
        loans: [LoanId; 2],
    }

    impl Tree<'_, '_> {
        /// The record as it is, which is written again after `change`.
        fn rewrite(&self, loan: LoanId, change: impl FnOnce(&mut Draft<'_>, &mut LoanId)) {
            let slot = self.ledger.pool.slot(loan.index());
            let keys = [KEYS];
            let mut draft = Draft {
                lender: slot.lender(),
                borrower: slot.borrower(),
                keys: &keys,
                count: slot.keys(),
                kind: slot.kind(),
                revocable: slot.is_revocable(),
                may_end: slot.may_end(),
                deadline: slot.deadline(),
                parent: slot.parent.load(Relaxed),
                depth: slot.depth(),
            };
            let mut root = slot.root();
            change(&mut draft, &mut root);
            slot.write(root, &draft);
        }

        fn slot(&self, loan: LoanId) -> &LoanSlot {
            self.ledger.pool.slot(loan.index())
        }
    }

    /// What an audit finds after something was done to such a tree. The upper loan is of that kind, the lower one shared.
    fn found(kind: Kind, damage: impl FnOnce(&Tree<'_, '_>)) -> (Vec<Difference>, [LoanId; 2]) {
        let entries = [const { Entry::free() }; 4];
        let spans = [Span { keys: Extent { start: 10, count: 4 }, first: 0 }];
        let accounts = [const { Account::new() }; 6];
        let slots = [const { LoanSlot::new() }; 4];
        let ledger = Ledger::new(Table::new(&entries, &spans).unwrap(), &accounts).unwrap();
        ledger.grow(&slots).unwrap();
        let [owner, first, second] = [(); 3].map(|()| ledger.admit(Quota::NONE, ANYTHING).unwrap());
        ledger.acquire(owner, &[KEYS], &mut ()).unwrap();
        let until = |nanoseconds| Some(Instant::from_nanoseconds(nanoseconds));
        let upper = Terms { revocable: true, deadline: until(100), ..Terms::firm(kind) };
        let upper = ledger.lend(owner, first, &[KEYS], upper, &mut ()).unwrap();
        let lower = Terms { deadline: until(50), ..Terms::firm(Kind::Shared) };
        let lower = ledger.relend(first, upper, second, &[KEYS], lower, &mut ()).unwrap();
        let tree = Tree { ledger: &ledger, owner, loans: [upper, lower] };
        tree.rewrite(lower, |_, _| ());
        let mut differences = Vec::new();
        ledger.audit(|difference| differences.push(difference));
        assert_eq!(differences, [], "what is written again is as it was");
        damage(&tree);
        ledger.audit(|difference| differences.push(difference));
        (differences, tree.loans)
    }

    #[test]
    fn each_part_of_a_loans_place_in_its_tree_that_is_wrong_is_found() {
        type Damage = fn(&Tree<'_, '_>, LoanId);
        let wrong: [(&str, Kind, usize, Damage); 12] = [
            ("the depth of a root", Kind::Mut, 0, |tree, loan| tree.rewrite(loan, |draft, _| draft.depth = 2)),
            ("the root of a root", Kind::Mut, 0, |tree, loan| tree.rewrite(loan, |_, root| *root = tree.loans[1])),
            ("a root that may not end", Kind::Mut, 0, |tree, loan| {
                tree.rewrite(loan, |draft, _| draft.may_end = false)
            }),
            ("not below its parent", Kind::Mut, 1, |tree, _| {
                tree.slot(tree.loans[0]).first_child.store(NONE, Relaxed);
            }),
            ("below what is no loan", Kind::Mut, 1, |tree, _| {
                tree.slot(tree.loans[0]).set_phase(Phase::Extension);
            }),
            ("the root", Kind::Mut, 1, |tree, loan| tree.rewrite(loan, |_, root| *root = loan)),
            ("the depth", Kind::Mut, 1, |tree, loan| tree.rewrite(loan, |draft, _| draft.depth = 3)),
            ("the lender", Kind::Mut, 1, |tree, loan| tree.rewrite(loan, |draft, _| draft.lender = tree.owner)),
            ("a kind that is stronger", Kind::Shared, 1, |tree, loan| {
                tree.rewrite(loan, |draft, _| draft.kind = Kind::Mut);
            }),
            ("may not end", Kind::Mut, 1, |tree, loan| tree.rewrite(loan, |draft, _| draft.may_end = false)),
            ("a later deadline", Kind::Mut, 1, |tree, loan| {
                tree.rewrite(loan, |draft, _| draft.deadline = Some(Instant::from_nanoseconds(101)));
            }),
            ("other keys", Kind::Mut, 1, |tree, loan| tree.slot(loan).set_extent(0, Extent { start: 11, count: 2 })),
        ];
        for (what, kind, which, damage) in wrong {
            let (differences, loans) = found(kind, |tree| damage(tree, tree.loans[which]));
            assert!(differences.contains(&Difference::Tree { loan: loans[which] }), "{what}: {differences:?}");
        }
    }

    #[test]
    fn a_loan_that_has_ended_and_is_kept_by_nothing_is_found_and_one_that_outlives_its_parent() {
        let (differences, [_, lower]) = found(Kind::Mut, |tree| tree.slot(tree.loans[1]).set_phase(Phase::Waiting));
        assert!(differences.contains(&Difference::Phase { loan: lower }), "{differences:?}");
        let (differences, [upper, lower]) = found(Kind::Mut, |tree| tree.slot(tree.loans[0]).set_phase(Phase::Waiting));
        assert!(differences.contains(&Difference::Phase { loan: lower }), "{differences:?}");
        assert!(!differences.contains(&Difference::Phase { loan: upper }), "what is below it keeps it");
    }

    #[test]
    fn a_slot_too_many_and_a_loan_that_is_in_no_list_are_found() {
        let (differences, _) = found(Kind::Mut, |tree| {
            let loans = tree.loans.map(LoanId::index);
            let free = tree.ledger.pool.indices().find(|index| !loans.contains(index)).expect("two of four are in use");
            tree.ledger.pool.slot(free).set_phase(Phase::Extension);
        });
        assert_eq!(differences, [Difference::Slots { counted: 4, found: 4 }]);
        let mut borrower = None;
        let (differences, _) = found(Kind::Mut, |tree| {
            let process = tree.slot(tree.loans[1]).borrower();
            tree.ledger.account(process.slot()).lock().first_held = NONE;
            borrower = Some(process);
        });
        let process = borrower.expect("it was looked up");
        assert_eq!(differences, [Difference::List { process, counted: 0, found: 1 }]);
    }
}
