//! Errors as C knows them.

use core::ffi::{CStr, c_char, c_int};

use steward_ledger::Error;

/// What calls answer, as an `int`. Unless it is BORROW_OK, nothing was changed.
#[expect(non_camel_case_types, reason = "these are the names that C knows")]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BorrowError {
    /// It is done.
    BORROW_OK = 0,
    /// The page or key has an owner already.
    BORROW_EALREADY = 1,
    /// Who asks does not own it. A borrower does not.
    BORROW_ENOTOWNER = 2,
    /// It is lent, in whatever kind, or a device uses it: the owner cannot give it up or away.
    BORROW_EBORROWED = 3,
    /// It is lent mutably, or a device writes to it: it cannot be lent.
    BORROW_EMUTBORROW = 4,
    /// It is lent shared, or a device reads it: it cannot be lent mutably.
    BORROW_ESHAREDBORROW = 5,
    /// Who asks has not borrowed it in this kind, or no longer.
    BORROW_ENOTBORROWED = 6,
    /// No such process, page, key or address; the process has ended; both are the same; or the ledger is not open.
    BORROW_EINVAL = 7,
    /// A quota of who gets something, or the ledger's own room, is used up.
    BORROW_ENOMEM = 8,
}

/// The code of an outcome.
#[must_use]
pub fn code(outcome: Result<(), Error>) -> c_int {
    outcome.map_or_else(Error::code, |()| BorrowError::BORROW_OK as c_int)
}

/// What a code means, in a few words. The text is there for ever, whatever the code is.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_strerror(code: c_int) -> *const c_char {
    text(code).as_ptr()
}

const fn text(code: c_int) -> &'static CStr {
    match code {
        0 => c"done",
        1 => c"already owned",
        2 => c"not the owner",
        3 => c"lent, or in use by a device",
        4 => c"lent mutably, or written by a device",
        5 => c"lent shared, or read by a device",
        6 => c"not borrowed",
        7 => c"makes no sense",
        8 => c"no room",
        _ => c"no such code",
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn codes_and_names_are_those_of_the_ledger() {
        use BorrowError::*;
        let all = [
            BORROW_EALREADY,
            BORROW_ENOTOWNER,
            BORROW_EBORROWED,
            BORROW_EMUTBORROW,
            BORROW_ESHAREDBORROW,
            BORROW_ENOTBORROWED,
            BORROW_EINVAL,
            BORROW_ENOMEM,
        ];
        for (ours, error) in all.into_iter().zip(Error::ALL) {
            assert_eq!((ours as c_int, &*format!("{ours:?}")), (error.code(), error.c_name()));
            assert_ne!(text(ours as c_int), text(-1));
        }
        assert_eq!((code(Ok(())), text(c_int::MIN), text(9)), (BORROW_OK as c_int, text(-1), text(-1)));
        assert_ne!(text(BORROW_OK as c_int), text(-1));
    }
}
