//! What each step is about, and what it does to the records, in SMT-LIB. `^` marks the state after the step.

use steward_ledger_model::rules::{Fact, Step, Update};

/// Records that a step leaves as they are.
const LOANS: &str = "(forall ((l Loan)) (and (= (is-mut^ l) (is-mut l)) (= (is-shared^ l) (is-shared l))))
    (= shared-loans^ shared-loans)";
const ENDS: &str = "(forall ((l Loan)) (= (has-ended^ l) (has-ended l)))";
const PINS: &str = "(forall ((x Pin)) (and (= (is-reading^ x) (is-reading x)) (= (is-writing^ x) (is-writing x))))
    (= read-pins^ read-pins)";
const LIVES: &str = "(forall ((p Process)) (= (is-live^ p) (is-live p)))";
const BELONGS: &str = "(= belongs-to^ belongs-to)";
/// What belongs to a dead process, and nobody has a record of any more, belongs to nobody.
const BELONGS_UNLESS_LEFT: &str = "(= belongs-to^ (ite (or (is-live^ belongs-to)
    (exists ((l Loan)) (is-loan^ l)) (exists ((x Pin)) (is-pin^ x))) belongs-to nobody))";

/// A new loan. Nothing was recorded under its name before.
const NEW_LOAN: &str = "(not (= loan none)) (not (is-loan loan)) (is-live other) (not (= actor other))
    (= (lender loan) actor) (= (borrower loan) other) (not (has-ended^ loan))
    (forall ((l Loan)) (=> (not (= l loan)) (= (has-ended^ l) (has-ended l))))";
const SHARED_IS_NEW: &str = "(forall ((l Loan)) (= (is-shared^ l) (or (is-shared l) (= l loan))))
    (forall ((l Loan)) (= (is-mut^ l) (is-mut l)))
    (= shared-loans^ (+ shared-loans 1))";
const MUT_IS_NEW: &str = "(forall ((l Loan)) (= (is-mut^ l) (or (is-mut l) (= l loan))))
    (forall ((l Loan)) (= (is-shared^ l) (is-shared l)))
    (= shared-loans^ shared-loans)";
const OF_OWNER: &str = "(= (parent loan) none) (= (depth loan) 1)";
/// Checked before the keys are: the loan is active, and who acts is its borrower.
const OF_LOAN: &str = "(= (parent loan) through) (= (depth loan) (+ 1 (depth through)))
    (<= (deadline loan) (deadline through))
    (not (has-ended through)) (= (borrower through) actor)";
const PIN_OF_LOAN: &str = "(not (has-ended through)) (= (borrower through) actor) (= (by pin) through)";
const NEW_PIN: &str = "(not (is-pin pin)) (= (pinner pin) actor)";
const READS_ARE_MORE: &str = "(forall ((x Pin)) (= (is-reading^ x) (or (is-reading x) (= x pin))))
    (forall ((x Pin)) (= (is-writing^ x) (is-writing x)))
    (= read-pins^ (+ read-pins 1))";
const WRITES_ARE_MORE: &str = "(forall ((x Pin)) (= (is-writing^ x) (or (is-writing x) (= x pin))))
    (forall ((x Pin)) (= (is-reading^ x) (is-reading x)))
    (= read-pins^ read-pins)";
/// A loan finishes: it has ended, no loan is right below it, no pin is its own.
const FINISHES: &str = "(has-ended loan)
    (forall ((l Loan)) (=> (is-loan l) (not (= (parent l) loan))))
    (forall ((x Pin)) (=> (is-pin x) (not (= (by x) loan))))";
/// More loans have ended, and whatever is below one that has.
const MORE_HAVE_ENDED: &str = "(forall ((l Loan)) (=> (has-ended l) (has-ended^ l)))
    (forall ((l Loan)) (=> (and (is-loan l) (is-loan (parent l)) (has-ended^ (parent l))) (has-ended^ l)))";

/// What is so before the step, and what it does to the records.
pub(super) fn records(step: Step) -> Vec<&'static str> {
    let own = |what: &[&'static str], same: &[&'static str]| [what, same].concat();
    let lend = |what: &[&'static str]| own(&[&[NEW_LOAN], what].concat(), &[PINS, LIVES, BELONGS]);
    let pin = |what: &[&'static str]| own(&[&[NEW_PIN], what].concat(), &[LOANS, ENDS, LIVES, BELONGS]);
    match step {
        Step::Acquire => own(&["(is-live actor) (= belongs-to^ actor)"], &[LOANS, ENDS, PINS, LIVES]),
        Step::Release => own(&["(is-live actor) (= belongs-to^ nobody)"], &[LOANS, ENDS, PINS, LIVES]),
        Step::Transfer => own(
            &["(is-live actor) (is-live other) (not (= actor other)) (= belongs-to^ other)"],
            &[LOANS, ENDS, PINS, LIVES],
        ),
        Step::LendShared => lend(&["(is-live actor)", OF_OWNER, SHARED_IS_NEW]),
        Step::LendMut => lend(&["(is-live actor)", OF_OWNER, MUT_IS_NEW]),
        Step::RelendSharedOfMut => lend(&["(is-mut through)", OF_LOAN, SHARED_IS_NEW]),
        Step::RelendMutOfMut => lend(&["(is-mut through)", OF_LOAN, MUT_IS_NEW]),
        Step::RelendSharedOfShared => lend(&["(is-shared through)", OF_LOAN, SHARED_IS_NEW]),
        Step::End => own(&[MORE_HAVE_ENDED], &[LOANS, PINS, LIVES, BELONGS]),
        Step::FinishShared => own(
            &[
                FINISHES,
                "(is-shared loan) (forall ((l Loan)) (= (is-shared^ l) (and (is-shared l) (not (= l loan)))))
                 (forall ((l Loan)) (= (is-mut^ l) (is-mut l))) (= shared-loans^ (- shared-loans 1))",
            ],
            &[ENDS, PINS, LIVES, BELONGS_UNLESS_LEFT],
        ),
        Step::FinishMut => own(
            &[
                FINISHES,
                "(is-mut loan) (forall ((l Loan)) (= (is-mut^ l) (and (is-mut l) (not (= l loan)))))
                 (forall ((l Loan)) (= (is-shared^ l) (is-shared l))) (= shared-loans^ shared-loans)",
            ],
            &[ENDS, PINS, LIVES, BELONGS_UNLESS_LEFT],
        ),
        Step::PinReadsOwned => pin(&["(is-live actor) (= (by pin) none)", READS_ARE_MORE]),
        Step::PinWritesOwned => pin(&["(is-live actor) (= (by pin) none)", WRITES_ARE_MORE]),
        Step::PinReadsOfMut => pin(&["(is-mut through)", PIN_OF_LOAN, READS_ARE_MORE]),
        Step::PinWritesOfMut => pin(&["(is-mut through)", PIN_OF_LOAN, WRITES_ARE_MORE]),
        Step::PinReadsOfShared => pin(&["(is-shared through)", PIN_OF_LOAN, READS_ARE_MORE]),
        Step::UnpinReads => own(
            &["(is-reading pin) (forall ((x Pin)) (= (is-reading^ x) (and (is-reading x) (not (= x pin)))))
               (forall ((x Pin)) (= (is-writing^ x) (is-writing x))) (= read-pins^ (- read-pins 1))"],
            &[LOANS, ENDS, LIVES, BELONGS_UNLESS_LEFT],
        ),
        Step::UnpinWrites => own(
            &["(is-writing pin) (forall ((x Pin)) (= (is-writing^ x) (and (is-writing x) (not (= x pin)))))
               (forall ((x Pin)) (= (is-reading^ x) (is-reading x))) (= read-pins^ read-pins)"],
            &[LOANS, ENDS, LIVES, BELONGS_UNLESS_LEFT],
        ),
        Step::Die => own(
            &[
                MORE_HAVE_ENDED,
                "(is-live actor) (forall ((p Process)) (= (is-live^ p) (and (is-live p) (not (= p actor)))))
                 (forall ((l Loan)) (=> (and (is-loan l) (= (borrower l) actor)) (has-ended^ l)))",
            ],
            &[LOANS, PINS, BELONGS_UNLESS_LEFT],
        ),
    }
}

/// The names that steps use: who acts, the other process, the loan that is made or finishes, the one by which somebody
/// acts, the pin. Then two instances of a fact about sets of numbers: one that is not empty has a least. They are about
/// the depths of the shared loans, and of the mutable ones deeper than `loan`.
pub(super) const PARTIES: &str = "
(declare-const actor Process)
(declare-const other Process)
(declare-const loan Loan)
(declare-const through Loan)
(declare-const pin Pin)
(declare-const topmost-shared Loan)
(declare-const next-mut Loan)
(assert (=> (exists ((l Loan)) (is-shared l))
    (and (is-shared topmost-shared)
         (forall ((l Loan)) (=> (is-shared l) (<= (depth topmost-shared) (depth l)))))))
(assert (=> (exists ((l Loan)) (and (is-mut l) (> (depth l) (depth loan))))
    (and (is-mut next-mut) (> (depth next-mut) (depth loan))
         (forall ((l Loan)) (=> (and (is-mut l) (> (depth l) (depth loan))) (<= (depth next-mut) (depth l)))))))
";

/// What a guard asks of the fields.
pub(super) const fn fact(fact: Fact) -> &'static str {
    match fact {
        Fact::OwnerIsNobody => "(= owner nobody)",
        Fact::OwnerIsActor => "(= owner actor)",
        Fact::NotLentMut => "(not lent-mut)",
        Fact::HolderIsLoan => "(and lent-mut (= holder through))",
        Fact::NoShared => "(= shared 0)",
        Fact::RoomForShared => "(< shared most-shared)",
        Fact::NoReads => "(= reads 0)",
        Fact::RoomForReads => "(< reads most-reads)",
        Fact::NoWrites => "(not writes)",
    }
}

/// The fields after the step.
pub(super) fn fields(updates: &[Update]) -> String {
    let [mut owner, mut lent, mut holder, mut shared, mut reads, mut writes] =
        ["owner", "lent-mut", "holder", "shared", "reads", "writes"];
    for update in updates {
        match update {
            Update::OwnerIsActor => owner = "actor",
            Update::OwnerIsOther => owner = "other",
            Update::OwnerIsNobody => owner = "nobody",
            Update::OneShared => shared = "(+ shared 1)",
            Update::OneSharedLess => shared = "(- shared 1)",
            Update::LentMut => lent = "true",
            Update::HolderIsNew => holder = "loan",
            Update::HolderIsParent => (lent, holder) = ("(not (= (parent loan) none))", "(parent loan)"),
            Update::OneRead => reads = "(+ reads 1)",
            Update::OneReadLess => reads = "(- reads 1)",
            Update::Writes => writes = "true",
            Update::WritesNot => writes = "false",
            Update::FreeIfLeft => owner = "(ite (or in-use^ (is-live^ owner)) owner nobody)",
        }
    }
    format!(
        "(= owner^ {owner}) (= lent-mut^ {lent}) (= holder^ {holder}) (= shared^ {shared}) (= reads^ {reads}) \
         (= writes^ {writes})"
    )
}
