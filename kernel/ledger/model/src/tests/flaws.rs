//! Ways to be wrong.

/// How a flawed model is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// An operation does not know a rule.
    Ignores(&'static str, &'static str),
    KeepsHalfOfARange,
    LendsOnlyTheFirstExtent,
    TransfersNothing,
    LooksAtKeysBeforeQuotas,
    NamesLoansTwice,
    ReusesSlotsEarly,
    ReusesGenerations,
    KeepsLoansOfTheDead,
    FreesWhatTheDeadHadLent,
    TellsNobodyWhatIsFreed,
    ForgetsTheParent,
    ForgetsTheParentsDeadline,
    ForgetsThatTheParentIsRevocable,
    LetsChildrenBeRevokedAsTheirParents,
    ForgetsDepth,
    ReturnsWithoutTheSubtree,
    ReturnsNothingThatIsPinned,
    RevokesUnderPins,
    ExpiresOneLate,
    ExpiresOneEarly,
    NeverExpires,
    ForgetsWhoseAPinIs,
    FinishesNothingAtUnpin,
    GivesKeysBackBeforeTheLastUnpin,
    UnchargesAtTheEnd,
}

/// All that are no missing rules.
pub const WRONG: [Flaw; 25] = [
    Flaw::KeepsHalfOfARange,
    Flaw::LendsOnlyTheFirstExtent,
    Flaw::TransfersNothing,
    Flaw::LooksAtKeysBeforeQuotas,
    Flaw::NamesLoansTwice,
    Flaw::ReusesSlotsEarly,
    Flaw::ReusesGenerations,
    Flaw::KeepsLoansOfTheDead,
    Flaw::FreesWhatTheDeadHadLent,
    Flaw::TellsNobodyWhatIsFreed,
    Flaw::ForgetsTheParent,
    Flaw::ForgetsTheParentsDeadline,
    Flaw::ForgetsThatTheParentIsRevocable,
    Flaw::LetsChildrenBeRevokedAsTheirParents,
    Flaw::ForgetsDepth,
    Flaw::ReturnsWithoutTheSubtree,
    Flaw::ReturnsNothingThatIsPinned,
    Flaw::RevokesUnderPins,
    Flaw::ExpiresOneLate,
    Flaw::ExpiresOneEarly,
    Flaw::NeverExpires,
    Flaw::ForgetsWhoseAPinIs,
    Flaw::FinishesNothingAtUnpin,
    Flaw::GivesKeysBackBeforeTheLastUnpin,
    Flaw::UnchargesAtTheEnd,
];

const ARGUMENTS: &[&str] =
    &["no extent", "empty extent", "extent beyond the last number", "unsorted or overlapping", "key outside the table"];
const EXTENT: &[&str] = &["empty extent", "extent beyond the last number", "key outside the table"];
const ACTOR: &[&str] = &["actor is dying", "actor is not there"];
const RECIPIENT: &[&str] = &["recipient is dying", "recipient is not there", "recipient is the actor"];
const WINDOW: &[&str] = &[
    "kind is not accepted",
    "size is not accepted",
    "revocable is not accepted",
    "deadline has passed",
    "deadlines are not accepted",
    "deadline is too soon",
];
const OWNING: &[&str] = &["quota of owned keys"];
const BORROWING: &[&str] = &["quota of borrowed keys", "quota of loans", "no record left"];
const RESERVATION: &[&str] = &["reservation is refused"];
const ALONE: &[&str] = &["actor is not the owner", "key is lent", "key is pinned"];
const OWNER: &[&str] = &["actor is not the owner", "key is lent mutably"];
const IN_USE: &[&str] = &["device writes", "key is lent shared", "device reads"];
const COUNT: &[&str] = &["count of loans is full"];
const HELD: &[&str] = &["no such loan", "loan has ended", "actor is not the borrower"];
const PARENT: &[&str] = &[
    "key is not of the loan",
    "mutable of a shared loan",
    "too deep",
    "deadline after the parent's",
    "key is lent on mutably",
];
const REVOKE: &[&str] = &["no such loan", "loan has ended", "loan is firm", "actor is not the lender"];
const PIN: &[&str] =
    &["key is not of the loan", "device writes by a shared loan", "key is lent on mutably", "count of pins is full"];

/// By operation, the rules that may refuse it, in groups.
pub const RULES: [(&str, &[&[&str]]); 12] = [
    ("birth", &[&["slot is taken"]]),
    ("die", &[ACTOR, &["the kernel"]]),
    ("set window", &[ACTOR]),
    ("set quota", &[ACTOR]),
    ("acquire", &[ARGUMENTS, ACTOR, OWNING, RESERVATION, &["key has an owner"]]),
    ("release", &[ARGUMENTS, ACTOR, RESERVATION, ALONE]),
    ("transfer", &[ARGUMENTS, ACTOR, RECIPIENT, OWNING, RESERVATION, ALONE]),
    ("lend", &[ARGUMENTS, ACTOR, RECIPIENT, WINDOW, BORROWING, RESERVATION, OWNER, IN_USE, COUNT]),
    ("relend", &[ARGUMENTS, ACTOR, RECIPIENT, HELD, PARENT, WINDOW, BORROWING, RESERVATION, IN_USE, COUNT]),
    ("return", &[ACTOR, HELD]),
    ("revoke", &[ACTOR, REVOKE]),
    ("pin", &[EXTENT, ACTOR, HELD, PIN, OWNER, IN_USE]),
];

/// Operations with each rule that may refuse them.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES
        .iter()
        .flat_map(|(operation, groups)| groups.iter().flat_map(|group| group.iter().map(|rule| (*operation, *rule))))
}
