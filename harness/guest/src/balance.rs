//! What a kernel has in use, before and after a test.

use core::fmt::{self, Write as _};

use crate::FailureText;

/// Most rows that are kept apart; those past it are one row, [`OTHERS`].
const ROWS: usize = 32;
/// Name of the row that sums up what found no row of its own.
const OTHERS: &str = "others";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    name: &'static str,
    in_use: u64,
}

/// What a kernel has in use at one moment: rows of a name and a number, such as "heap allocations" and 12.
///
/// A kernel that gives back all that it took has the same balance as before. 32 rows are kept apart; if there are
/// more, the sum of the others is one row, in which one that rises can hide another that falls by as much.
#[derive(Clone, Debug, Default)]
pub struct Balance {
    rows: heapless::Vec<Row, ROWS>,
    others: Option<u64>,
}

impl Balance {
    /// A balance without rows.
    #[must_use]
    pub const fn new() -> Self {
        Self { rows: heapless::Vec::new(), others: None }
    }

    /// Notes that `in_use` units of `name` are in use. A name that has a row already gets the sum.
    pub fn record(&mut self, name: &'static str, in_use: u64) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == name) {
            row.in_use = row.in_use.wrapping_add(in_use);
        } else if self.rows.push(Row { name, in_use }).is_err() {
            self.others = Some(self.others.unwrap_or(0).wrapping_add(in_use));
        }
    }

    /// How this balance differs from an earlier one, in words, such as "heap allocations: 12 before, 14 after";
    /// `None` when it does not. A row that only one of them has counts as 0 in the other.
    #[must_use]
    pub fn difference_from(&self, before: &Self) -> Option<FailureText> {
        let mut text = FailureText::new();
        // A text that is full drops the rest: what it holds is enough to fail by.
        let _ = self.write_difference(before, &mut text);
        (!text.as_str().is_empty()).then_some(text)
    }

    fn write_difference(&self, before: &Self, text: &mut FailureText) -> fmt::Result {
        let mut separator = "";
        for name in self.names().chain(before.names().filter(|name| self.get(name).is_none())) {
            let (earlier, now) = (before.get(name).unwrap_or(0), self.get(name).unwrap_or(0));
            if earlier != now {
                write!(text, "{separator}{name}: {earlier} before, {now} after")?;
                separator = "; ";
            }
        }
        Ok(())
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.rows.iter().map(|row| row.name).chain(self.others.map(|_| OTHERS))
    }

    fn get(&self, name: &str) -> Option<u64> {
        match self.rows.iter().find(|row| row.name == name) {
            Some(row) => Some(row.in_use),
            None if name == OTHERS => self.others,
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{boxed::Box, format, string::String};

    use super::*;

    fn balance(rows: &[(&'static str, u64)]) -> Balance {
        let mut balance = Balance::new();
        rows.iter().for_each(|&(name, in_use)| balance.record(name, in_use));
        balance
    }

    fn difference(before: &Balance, after: &Balance) -> Option<String> {
        after.difference_from(before).map(|text| text.as_str().into())
    }

    #[test]
    fn equal_balances_do_not_differ_in_whatever_order_their_rows_stand() {
        let (one, other) = (balance(&[("frames", 1), ("bytes", 2)]), balance(&[("bytes", 2), ("frames", 1)]));
        assert_eq!(difference(&one, &other), None);
        assert_eq!(difference(&Balance::new(), &Balance::new()), None);
    }

    #[test]
    fn each_row_that_differs_is_told_with_both_numbers_whether_it_rose_or_fell() {
        let before = balance(&[("heap allocations", 12), ("heap bytes", 9), ("frames free", 100)]);
        let after = balance(&[("heap allocations", 14), ("heap bytes", 9), ("frames free", 98)]);
        let told = difference(&before, &after);
        assert_eq!(told.as_deref(), Some("heap allocations: 12 before, 14 after; frames free: 100 before, 98 after"));
    }

    #[test]
    fn a_row_that_one_of_them_does_not_have_counts_as_zero_in_it() {
        let (none, one) = (Balance::new(), balance(&[("sockets", 1)]));
        assert_eq!(difference(&none, &one).as_deref(), Some("sockets: 0 before, 1 after"));
        assert_eq!(difference(&one, &none).as_deref(), Some("sockets: 1 before, 0 after"));
        assert_eq!(difference(&none, &balance(&[("sockets", 0)])), None);
    }

    #[test]
    fn rows_of_one_name_are_summed() {
        let (parts, sum) = (balance(&[("frames", 1), ("frames", 2)]), balance(&[("frames", 3)]));
        assert_eq!(difference(&parts, &sum), None);
    }

    #[test]
    fn rows_past_the_last_place_are_not_lost() {
        let names = (0..ROWS + 3).map(|number| &*Box::leak(format!("row {number}").into_boxed_str()));
        let rows: std::vec::Vec<_> = names.map(|name| (name, 1)).collect();
        let (before, mut after) = (balance(&rows), balance(&rows));
        assert_eq!(difference(&before, &after), None);
        after.record("one more", 4);
        assert_eq!(difference(&before, &after).as_deref(), Some("others: 3 before, 7 after"));
    }

    #[test]
    fn so_many_differences_that_they_are_cut_are_still_a_difference() {
        let long: &'static str = Box::leak("x".repeat(3000).into_boxed_str());
        assert!(difference(&Balance::new(), &balance(&[(long, 1)])).is_some_and(|told| told.len() > 100));
    }
}
