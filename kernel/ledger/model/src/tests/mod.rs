//! The model itself, and what a comparison with it finds.

mod comparison;
mod flaws;
mod rules;
mod subject;

use core::cell::Cell;

std::thread_local! {
    /// The rule that a flawed model does not know, while one is at work.
    static IGNORED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

pub(crate) fn is_ignored(rule: &str) -> bool {
    IGNORED.get() == Some(rule)
}

/// Does something without a rule.
fn ignoring<T>(rule: Option<&'static str>, action: impl FnOnce() -> T) -> T {
    IGNORED.set(rule);
    let result = action();
    IGNORED.set(None);
    result
}
