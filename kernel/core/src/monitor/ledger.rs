//! Commands that show the ledger: `ledger`, `loans`, `owners`.

use alloc::{format, string::String, vec::Vec};
use core::fmt::{self, Write};

use steward_ledger::{
    AccountView, Extent, Instant, Kind, Ledger, Life, LoanView, MOST_OWNED, ProcessId, Quota, State, View,
};

use super::no_arguments;
use crate::command::{CommandError, Context};

/// Sums up all keys, or tells all about one.
pub(super) fn ledger(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    match arguments {
        [] => Ok(summary(context)?),
        [key] => {
            let key = number(key).or_else(|| context.platform.key_of(key)).ok_or(CommandError::Usage)?;
            let Ok(view) = ask(context, |ledger| ledger.view(key)) else {
                writeln!(context.out, "{key:#x} is no frame of this machine's memory")?;
                return Err(CommandError::Failed);
            };
            match others_name(context, key) {
                None => writeln!(context.out, "frame     {key:#x}")?,
                Some(name) => writeln!(context.out, "key       {name}")?,
            }
            Ok(all_about(&view, context.out)?)
        }
        _ => Err(CommandError::Usage),
    }
}

/// What the ledger answers.
fn ask<R>(context: &Context<'_>, question: impl Fn(&Ledger<'_>) -> R) -> R {
    let mut answer = None;
    context.platform.with_ledger(&mut |ledger| answer = Some(question(ledger)));
    answer.expect("the ledger is shown")
}

/// What people call a key that is no frame: its number, if it has no name.
fn others_name(context: &Context<'_>, key: usize) -> Option<String> {
    let is_other = |ledger: &Ledger<'_>| ledger.table().entry(key).is_none();
    ask(context, is_other).then(|| context.platform.key_name(key).unwrap_or_else(|| format!("{key:#x}")))
}

/// The keys that are no frames and have owners, in stretches of the same owner, ascending.
fn others(context: &Context<'_>) -> Vec<(Extent, ProcessId)> {
    let mut keys = Vec::new();
    context.platform.with_ledger(&mut |ledger| {
        ledger.for_each_other(|key, view| keys.extend(view.owner.map(|owner| (key, owner))));
    });
    keys.sort_unstable();
    let mut stretches: Vec<(Extent, ProcessId)> = Vec::new();
    for (key, owner) in keys {
        match stretches.last_mut() {
            Some((last, of)) if *of == owner && last.end() == Some(key) => last.count += 1,
            _ => stretches.push((Extent::one(key), owner)),
        }
    }
    stretches
}

/// A number as people write it: decimal, or hexadecimal behind `0x`.
fn number(word: &str) -> Option<usize> {
    match word.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

/// How many keys are in each state.
#[derive(Default)]
struct Tally {
    states: [usize; STATES.len()],
    estate: usize,
    pinned: usize,
}

const STATES: [State; 4] = [State::Free, State::Exclusive, State::SharedOwned, State::MutLent];

const fn name(state: State) -> &'static str {
    match state {
        State::Free => "free",
        State::Exclusive => "exclusive",
        State::SharedOwned => "shared",
        State::MutLent => "lent-mut",
    }
}

fn summary(context: &mut Context<'_>) -> fmt::Result {
    let mut tally = Tally::default();
    for extent in ask(context, |ledger| ledger.spans().collect::<Vec<Extent>>()) {
        // Not all at once: nothing else happens on this CPU meanwhile.
        for key in extent.start..extent.start + extent.count {
            let Ok(view) = ask(context, |ledger| ledger.view(key)) else { continue };
            tally.states[view.state as usize] += 1;
            tally.estate += usize::from(view.estate);
            tally.pinned += usize::from(view.reads > 0 || view.writes);
        }
    }
    let processes = accounts(context).iter().filter(|account| account.life == Life::Live).count();
    let loans = all_loans(context).len();
    let others: usize = others(context).iter().map(|(keys, _)| keys.count).sum();
    let out = &mut *context.out;
    writeln!(out, "{:<16} {:>16}", "frames", "count")?;
    for (state, count) in STATES.into_iter().zip(tally.states) {
        writeln!(out, "{:<16} {count:>16}", name(state))?;
    }
    writeln!(out, "{:<16} {:>16}", "total", tally.states.iter().sum::<usize>())?;
    let Tally { pinned, estate, .. } = tally;
    writeln!(out, "of these {pinned} pinned and {estate} of the dead; {processes} processes, {loans} loans")?;
    if others > 0 { writeln!(out, "besides frames, {others} keys have owners") } else { Ok(()) }
}

fn all_about(view: &View, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "state     {}", name(view.state))?;
    match view.owner {
        Some(owner) => writeln!(out, "owner     {}{}", Name(owner), if view.estate { ", dead" } else { "" })?,
        None => writeln!(out, "owner     nobody")?,
    }
    writeln!(out, "shared    {} loans", view.shared)?;
    let writer = if view.writes { "a device writes" } else { "no device writes" };
    writeln!(out, "pins      {} devices read, {writer}", view.reads)?;
    match view.holder {
        Some(loan) => writeln!(out, "lent-mut  by loan {loan}, the innermost"),
        None => Ok(()),
    }
}

/// Prints a line for each loan that has not come to its end.
pub(super) fn loans(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    let loans = all_loans(context);
    writeln!(context.out, "loan       kind    lender    borrower  depth  frames  first       pins  ends")?;
    Ok(loans.iter().try_for_each(|loan| loan_line(loan, context.out))?)
}

fn all_loans(context: &Context<'_>) -> Vec<LoanView> {
    let mut loans = Vec::new();
    context.platform.with_ledger(&mut |ledger| ledger.for_each_loan(|loan| loans.push(loan)));
    loans
}

fn loan_line(loan: &LoanView, out: &mut dyn Write) -> fmt::Result {
    let kind = if loan.kind == Kind::Shared { "shared" } else { "mut" };
    write!(out, "{:<10} {kind:<7} {:<9} {:<9} ", Padded(loan.loan), Name(loan.lender), Name(loan.borrower))?;
    write!(out, "{:>5}  {:>6}  {:<#11x} {:>4}  ", loan.depth, loan.keys, loan.first.start, loan.pins)?;
    match (loan.active, loan.may_end, loan.deadline) {
        (false, ..) => writeln!(out, "has ended; waits for devices or loans below it"),
        (true, _, Some(deadline)) => writeln!(out, "at {}", Seconds(deadline)),
        (true, true, None) => writeln!(out, "when revoked"),
        (true, false, None) => writeln!(out, "when returned"),
    }
}

/// Prints a line for each process that lives or left something, and one for each stretch of keys that are no frames and have
/// an owner.
pub(super) fn owners(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    no_arguments(arguments)?;
    let accounts = accounts(context);
    writeln!(context.out, "process   life        owned of          borrowed of          loans of")?;
    accounts.iter().try_for_each(|account| account_line(account, context.out))?;
    let others = others(context);
    if others.is_empty() {
        return Ok(());
    }
    writeln!(context.out, "\nbesides frames                  count  owner")?;
    for (keys, owner) in others {
        let name = others_name(context, keys.start).unwrap_or_default();
        writeln!(context.out, "{name:<30} {:>6}  {}", keys.count, Name(owner))?;
    }
    Ok(())
}

fn accounts(context: &Context<'_>) -> Vec<AccountView> {
    let mut accounts = Vec::new();
    context.platform.with_ledger(&mut |ledger| ledger.for_each_account(|account| accounts.push(account)));
    accounts
}

fn account_line(account: &AccountView, out: &mut dyn Write) -> fmt::Result {
    let life = match account.life {
        Life::Vacant => "vacant",
        Life::Live => "live",
        Life::Dying => "dying",
        Life::Estate => "estate",
    };
    let Quota { owned, borrowed, loans } = account.quota;
    write!(out, "{:<9} {life:<6} ", Name(account.process))?;
    write!(out, "{:>10} {:<10} ", account.owned, Limit(owned))?;
    write!(out, "{:>10} {:<10} ", account.borrowed, Limit(borrowed))?;
    writeln!(out, "{:>7} {}", account.loans, Limit(loans))
}

/// A process's name: "kernel", or its number.
struct Name(ProcessId);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == ProcessId::KERNEL { f.pad("kernel") } else { Padded(self.0).fmt(f) }
    }
}

/// A short text as wide as a column.
struct Padded<T>(T);

impl<T: fmt::Display> fmt::Display for Padded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = heapless::String::<24>::new();
        write!(text, "{}", self.0)?;
        f.pad(&text)
    }
}

/// The most that a process may have.
struct Limit(u32);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= MOST_OWNED { f.pad("no limit") } else { fmt::Display::fmt(&self.0, f) }
    }
}

/// A moment, in seconds since the ledger's clock was made.
struct Seconds(Instant);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.nanoseconds();
        write!(f, "{}.{:06} s", nanoseconds / 1_000_000_000, nanoseconds / 1000 % 1_000_000)
    }
}
