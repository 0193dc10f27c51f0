//! Why an operation was refused.

use core::fmt;

/// Why an operation was refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// The key has an owner.
    AlreadyOwned,
    /// Who asks does not own the key.
    NotOwner,
    /// The key is lent, or a device uses it.
    Borrowed,
    /// The key is lent mutably, or a device writes to it.
    MutBorrowed,
    /// The key is lent shared, or a device reads it.
    SharedBorrowed,
    /// Who asks has not borrowed the key, or no longer.
    NotBorrowed,
    /// The request makes no sense, or the other process does not accept it.
    Invalid,
    /// There is no room: a quota, a counter or the ledger's own memory is used up.
    NoMemory,
}

impl Error {
    /// All of them, in order of their codes.
    pub const ALL: [Self; 8] = [
        Self::AlreadyOwned,
        Self::NotOwner,
        Self::Borrowed,
        Self::MutBorrowed,
        Self::SharedBorrowed,
        Self::NotBorrowed,
        Self::Invalid,
        Self::NoMemory,
    ];

    /// The number that C programs know it by; 0 is `BORROW_OK`.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32 + 1
    }

    /// The name that C programs know it by.
    #[must_use]
    pub const fn c_name(self) -> &'static str {
        match self {
            Self::AlreadyOwned => "BORROW_EALREADY",
            Self::NotOwner => "BORROW_ENOTOWNER",
            Self::Borrowed => "BORROW_EBORROWED",
            Self::MutBorrowed => "BORROW_EMUTBORROW",
            Self::SharedBorrowed => "BORROW_ESHAREDBORROW",
            Self::NotBorrowed => "BORROW_ENOTBORROWED",
            Self::Invalid => "BORROW_EINVAL",
            Self::NoMemory => "BORROW_ENOMEM",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyOwned => "already owned",
            Self::NotOwner => "not the owner",
            Self::Borrowed => "lent, or in use by a device",
            Self::MutBorrowed => "lent mutably, or written by a device",
            Self::SharedBorrowed => "lent shared, or read by a device",
            Self::NotBorrowed => "not borrowed",
            Self::Invalid => "makes no sense, or is not accepted",
            Self::NoMemory => "no room",
        })
    }
}
