//! A lock that is held with interrupts off, so that interrupt handlers may take it.

use core::ops::{Deref, DerefMut};

use spin::{Mutex, MutexGuard};
use x86_64::instructions::interrupts;

use crate::smp;

/// What one CPU at a time may use.
///
/// Whoever waits for it follows changes of the page tables meanwhile, so that its holder may make some.
#[derive(Debug)]
pub(crate) struct Lock<T>(Mutex<T>);

/// The lock is held while this lives.
pub(crate) struct Guard<'l, T> {
    /// `None` only while it is dropped.
    held: Option<MutexGuard<'l, T>>,
    were_enabled: bool,
}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Takes the lock; waits for whoever holds it.
    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.try_lock().unwrap_or_else(|| self.wait())
    }

    #[cold]
    fn wait(&self) -> Guard<'_, T> {
        loop {
            smp::relax();
            if let Some(guard) = self.try_lock() {
                return guard;
            }
        }
    }

    /// Takes the lock, when nobody holds it.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
        let were_enabled = interrupts::are_enabled();
        interrupts::disable();
        let held = self.0.try_lock();
        if held.is_none() && were_enabled {
            interrupts::enable();
        }
        held.map(|held| Guard { held: Some(held), were_enabled })
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.held.as_ref().expect("only `drop` takes it out")
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("only `drop` takes it out")
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.held = None;
        if self.were_enabled {
            interrupts::enable();
        }
    }
}
