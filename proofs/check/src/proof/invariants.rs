//! What holds of a key at all times, in SMT-LIB.
//!
//! `*` stands behind whatever changes. The script replaces it by nothing for the state before a step, and by `'`-like
//! suffixes for the one after it.

/// What there is. Sorts: processes, loans, pins. Functions without `*` never change: they say of a loan or a pin what it
/// was made with.
pub(super) const DECLARATIONS: &str = "
(declare-sort Process 0)
(declare-sort Loan 0)
(declare-sort Pin 0)
(declare-const nobody Process)
(declare-const none Loan)
(declare-const most-shared Int)
(declare-const most-reads Int)
(assert (and (> most-shared 0) (> most-reads 0)))
(declare-fun parent (Loan) Loan)
(declare-fun lender (Loan) Process)
(declare-fun borrower (Loan) Process)
(declare-fun depth (Loan) Int)
(declare-fun deadline (Loan) Int)
(declare-fun by (Pin) Loan)
(declare-fun pinner (Pin) Process)
";

/// A state: the fields of the entry, then the records. `shared-loans` and `read-pins` are the true numbers of the
/// records `is-shared` and `is-reading`. `end` is who stands at the end of the chain of mutable loans by the fields:
/// the holder, or `none` for the owner.
pub(super) const STATE: &str = "
(declare-const owner* Process)
(declare-const lent-mut* Bool)
(declare-const holder* Loan)
(declare-const shared* Int)
(declare-const reads* Int)
(declare-const writes* Bool)
(declare-fun is-live* (Process) Bool)
(declare-const belongs-to* Process)
(declare-fun is-mut* (Loan) Bool)
(declare-fun is-shared* (Loan) Bool)
(declare-fun has-ended* (Loan) Bool)
(declare-fun is-reading* (Pin) Bool)
(declare-fun is-writing* (Pin) Bool)
(declare-const shared-loans* Int)
(declare-const read-pins* Int)
(define-fun is-loan* ((l Loan)) Bool (or (is-mut* l) (is-shared* l)))
(define-fun is-pin* ((x Pin)) Bool (or (is-reading* x) (is-writing* x)))
(define-fun in-use* () Bool (or lent-mut* (> shared* 0) (> reads* 0) writes*))
(define-fun end* () Loan (ite lent-mut* holder* none))
(assert (not (is-live* nobody)))
(assert (>= shared-loans* 0))
(assert (>= read-pins* 0))
(assert (= (= shared-loans* 0) (forall ((l Loan)) (not (is-shared* l)))))
(assert (= (= read-pins* 0) (forall ((x Pin)) (not (is-reading* x)))))
";

/// An invariant: its name, and what it says.
pub type Invariant = (&'static str, &'static str);

/// All of them. Together they are inductive; the first ones are what we want, the others are what that takes.
pub const INVARIANTS: [Invariant; 19] = [
    (
        "one writer: mutable loans form one chain, one a depth, and the holder is its end",
        "(and (= lent-mut* (exists ((l Loan)) (is-mut* l)))
              (=> lent-mut* (is-mut* holder*))
              (forall ((l Loan)) (=> (is-mut* l) (<= 1 (depth l) (depth holder*))))
              (forall ((l Loan) (m Loan)) (=> (and (is-mut* l) (is-mut* m) (= (depth l) (depth m))) (= l m))))",
    ),
    (
        "readers stand below the end of the chain only",
        "(forall ((l Loan)) (=> (is-shared* l) (or (is-shared* (parent l)) (= (parent l) end*))))",
    ),
    ("a device writes for who stands at the end", "(forall ((x Pin)) (=> (is-writing* x) (= (by x) end*)))"),
    (
        "a device that writes is alone",
        "(and (forall ((x Pin) (y Pin)) (=> (and (is-writing* x) (is-pin* y)) (= x y)))
              (forall ((x Pin) (l Loan)) (=> (is-writing* x) (not (is-shared* l)))))",
    ),
    (
        "a device reads for who stands at the end, or for a reader",
        "(forall ((x Pin)) (=> (is-reading* x) (or (= (by x) end*) (is-shared* (by x)))))",
    ),
    (
        "no key is free while it is lent or pinned",
        "(=> (= owner* nobody)
             (and (forall ((l Loan)) (not (is-loan* l))) (forall ((x Pin)) (not (is-pin* x)))))",
    ),
    (
        "estates drain: what nobody uses is not a dead process's",
        "(=> (not (is-live* owner*)) (or in-use* (= owner* nobody)))",
    ),
    (
        "a child never outlives its parent",
        "(forall ((l Loan)) (=> (is-loan* l) (or (= (parent l) none) (is-loan* (parent l)))))",
    ),
    (
        "a child has ended when its parent has",
        "(forall ((l Loan)) (=> (and (is-loan* l) (is-loan* (parent l)) (has-ended* (parent l))) (has-ended* l)))",
    ),
    (
        "a child's deadline is not after its parent's",
        "(forall ((l Loan)) (=> (and (is-loan* l) (is-loan* (parent l))) (<= (deadline l) (deadline (parent l)))))",
    ),
    (
        "the dead hold nothing",
        "(forall ((l Loan)) (=> (and (is-loan* l) (not (has-ended* l))) (is-live* (borrower l))))",
    ),
    (
        "who lends has the key: the owner, or the borrower by the parent",
        "(forall ((l Loan)) (=> (is-loan* l)
             (= (lender l) (ite (= (parent l) none) owner* (borrower (parent l))))))",
    ),
    (
        "who pins has the key",
        "(forall ((x Pin)) (=> (is-pin* x) (= (pinner x) (ite (= (by x) none) owner* (borrower (by x))))))",
    ),
    ("the owner is noted", "(= owner* belongs-to*)"),
    ("shared loans are counted", "(= shared* shared-loans*)"),
    ("pins that read are counted", "(= reads* read-pins*)"),
    ("a pin that writes is noted", "(= writes* (exists ((x Pin)) (is-writing* x)))"),
    ("no count overflows", "(and (<= shared* most-shared) (<= reads* most-reads))"),
    (
        "records are of one kind, and depth counts the loans above",
        "(and (not (is-loan* none))
              (forall ((l Loan)) (not (and (is-mut* l) (is-shared* l))))
              (forall ((l Loan)) (=> (is-mut* l) (or (= (parent l) none) (is-mut* (parent l)))))
              (forall ((l Loan)) (=> (is-loan* l)
                   (= (depth l) (ite (= (parent l) none) 1 (+ 1 (depth (parent l))))))))",
    ),
];

/// The deepest of the loans that have ended, if there are any: a set of depths that is finite and not empty has a greatest.
/// And access to the key: by a loan, or as the owner (`none`), as the fields would let it be used.
pub(super) const ACCESS: &str = "
(declare-const deepest Loan)
(define-fun is-waiting ((l Loan)) Bool (and (is-loan l) (has-ended l)))
(assert (=> (exists ((l Loan)) (is-waiting l))
    (and (is-waiting deepest) (forall ((l Loan)) (=> (is-waiting l) (<= (depth l) (depth deepest)))))))
(define-fun may-write ((l Loan)) Bool (and (= l end) (= shared 0) (= reads 0) (not writes)))
(define-fun may-read ((l Loan)) Bool (or (is-shared l) (and (= l end) (not writes))))
";

/// What follows from the invariants, in every state.
pub const CONSEQUENCES: [Invariant; 4] = [
    (
        "who may write is the only one who may use the key",
        "(forall ((l Loan) (m Loan)) (=> (and (may-write l) (or (may-read m) (may-write m))) (= l m)))",
    ),
    (
        "while a device writes, nobody may use the key",
        "(=> (exists ((x Pin)) (is-writing x)) (forall ((l Loan)) (not (or (may-read l) (may-write l)))))",
    ),
    (
        "while somebody has lent mutably, only who holds the key may write",
        "(forall ((l Loan)) (=> (and (may-write l) (exists ((m Loan)) (is-mut m))) (is-mut l)))",
    ),
    (
        "every loan ends: when some have, and no device uses the key, there is one that can finish",
        "(=> (and (exists ((l Loan)) (is-waiting l)) (forall ((x Pin)) (not (is-pin x))))
             (exists ((l Loan)) (and (is-waiting l) (forall ((m Loan)) (=> (is-loan m) (not (= (parent m) l)))))))",
    ),
];

/// Of one step: nobody loses a key but by an act of its own, or by death.
pub(super) const NO_THEFT: Invariant = (
    "nobody loses a key but by its own act, or by death",
    "(or (= owner^ owner) (= owner nobody) (= owner actor) (not (is-live^ owner)))",
);
