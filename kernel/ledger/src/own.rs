//! Becoming and ceasing to be an owner.

use crate::{Account, Change, Effects, Error, Extent, Ledger, Operation, ProcessId, range::Claimable, rules};

impl Ledger<'_> {
    /// A process becomes the owner of keys that have none.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NoMemory`] beyond its quota, [`Error::AlreadyOwned`].
    pub fn acquire(
        &self,
        process: ProcessId,
        keys: &[Extent],
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<(), Error> {
        let (range, count) = self.table.range(keys)?;
        let account = self.accounts.get(usize::from(process.slot())).ok_or(Error::Invalid)?;
        account.count_owned(process, count)?;
        let change = Change::of_keys(Operation::Acquire, range.keys(), None, Some(process));
        let rule = move |word| rules::acquire(word, process.slot());
        let done = effects.reserve(&change).and_then(|()| {
            let seized = range.seize(move |_, word| rule(word), effects);
            self.confirm(seized, range, &change, &[(account, process)], effects)
        });
        if let Err(error) = done {
            self.uncount_owned(process.slot(), count);
            return Err(error);
        }
        range.settle((), move |_, word| rule(word).unwrap_or(word));
        Ok(())
    }

    /// The owner gives keys up.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotOwner`], [`Error::Borrowed`] while a key is lent or pinned; what
    /// [`Effects::reserve`] says.
    pub fn release(
        &self,
        process: ProcessId,
        keys: &[Extent],
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<(), Error> {
        let (range, count) = self.table.range(keys)?;
        let account = self.live(process)?;
        let change = Change::of_keys(Operation::Release, range.keys(), Some(process), None);
        let rule = move |word| rules::pass_on(word, process.slot(), 0);
        effects.reserve(&change)?;
        let seized = range.seize(move |_, word| rule(word), effects);
        self.confirm(seized, range, &change, &[(account, process)], effects)?;
        range.settle((), move |_, word| rule(word).unwrap_or(word));
        // Only now: what is told of may take the keys for somebody else.
        keys.iter().for_each(|&keys| effects.freed(keys));
        self.uncount_owned(process.slot(), count);
        Ok(())
    }

    /// The owner makes somebody else the owner of its keys.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NoMemory`] beyond the recipient's quota, [`Error::NotOwner`], [`Error::Borrowed`].
    pub fn transfer(
        &self,
        from: ProcessId,
        to: ProcessId,
        keys: &[Extent],
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<(), Error> {
        let (range, count) = self.table.range(keys)?;
        let account = self.live(from)?;
        let recipient = self.other(from, to)?;
        recipient.count_owned(to, count)?;
        let change = Change::of_keys(Operation::Transfer, range.keys(), Some(from), Some(to));
        let rule = move |word| rules::pass_on(word, from.slot(), to.slot());
        let done = effects.reserve(&change).and_then(|()| {
            let seized = range.seize(move |_, word| rule(word), effects);
            self.confirm(seized, range, &change, &[(account, from), (recipient, to)], effects)
        });
        if let Err(error) = done {
            self.uncount_owned(to.slot(), count);
            return Err(error);
        }
        range.settle((), move |_, word| rule(word).unwrap_or(word));
        self.uncount_owned(from.slot(), count);
        Ok(())
    }

    /// Counts keys that a process is about to own: for who claims the keys' entries itself, as an allocator does. If it
    /// does not come to that, they are discounted again.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the process does not live, [`Error::NoMemory`] beyond its quota.
    pub fn count(&self, process: ProcessId, keys: u32) -> Result<(), Error> {
        self.accounts.get(usize::from(process.slot())).ok_or(Error::Invalid)?.count_owned(process, keys)
    }

    /// Counts keys no longer that were counted as the process's, and whose entries do not name it any more.
    pub fn discount(&self, process: ProcessId, keys: u32) {
        self.uncount_owned(process.slot(), keys);
    }

    /// What stands between claim and commit. A process may have died since it was looked at: its death waits for keys
    /// that are claimed, so who is found alive now was in time. A slot is not used again while it owns a key, so the
    /// generation is also the one of the keys that were claimed.
    #[inline(always)]
    pub(crate) fn confirm<'k, R: Claimable<'k>>(
        &self,
        seized: Result<R::Held, Error>,
        range: R,
        change: &Change<'_>,
        live: &[(&Account, ProcessId)],
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<R::Held, Error> {
        let error = match seized {
            Ok(held) if live.iter().all(|(account, process)| account.is_live(*process)) => {
                effects.apply(change);
                return Ok(held);
            }
            Ok(held) => {
                range.unseize(held);
                Error::Invalid
            }
            Err(error) => error,
        };
        effects.cancel(change);
        Err(error)
    }
}
