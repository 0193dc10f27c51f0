//! Kernel objects of one type, each in a cache of its own: what is left of them is told by the type's name.
//!
//! Objects of a *tracked* cache are keys of the [`ledger`], the kernel's from when they are made until they are freed. One part of
//! the kernel may lend them to another as any key is lent, and what is lent or pinned is not freed. Rust's own rules say who may
//! read and write meanwhile: the ledger has no part in that.

use core::{
    fmt,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use spin::Once;
use steward_ledger::{Error, Extent, LoanId, ProcessId, Terms};
use steward_slab::CacheId;
use x86_64::instructions::interrupts::without_interrupts;

use crate::{
    heap::{cpus, poison},
    layout::PAGE_BYTES,
    ledger::{self, Kernel},
    resources::{self, Kind, Resource},
    shortage,
};

/// A cache of objects of that type, for a `static`. It takes its place among the heap's caches with the first object.
pub struct Cache<T> {
    name: &'static str,
    is_tracked: bool,
    id: Once<CacheId>,
    objects: PhantomData<fn() -> T>,
}

impl<T> Cache<T> {
    const FITS: () = assert!(
        size_of::<T>() <= PAGE_BYTES as usize && align_of::<T>() <= PAGE_BYTES as usize,
        "objects of caches are no larger than a page"
    );

    /// A cache without objects. The name is for people: one word, of the type.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        const { Self::FITS }
        Self { name, is_tracked: false, id: Once::new(), objects: PhantomData }
    }

    /// The same of objects that are keys of the ledger.
    #[must_use]
    pub const fn tracked(name: &'static str) -> Self {
        const { Self::FITS }
        Self { name, is_tracked: true, id: Once::new(), objects: PhantomData }
    }

    /// Puts a value into an object of the cache.
    ///
    /// # Errors
    /// The value, when there is no memory for it, or for its key, or as many caches as there can be.
    pub fn make(&'static self, value: T) -> Result<Object<T>, T> {
        let Some(place) = self.place() else { return Err(value) };
        if self.is_tracked && resources::acquire(key_of(place.as_ptr() as usize)).is_err() {
            self.put(place);
            return Err(value);
        }
        // SAFETY: the caches have just handed the object out, as large and as aligned as a `T`.
        unsafe { place.write(value) };
        // INVARIANT: `place` was just handed out, nobody else knows it, and it holds a value.
        Ok(Object { place, cache: self })
    }

    fn place(&self) -> Option<NonNull<T>> {
        if shortage::strikes() {
            return None;
        }
        let caches = cpus::caches()?;
        let named = || caches.named(self.name, size_of::<T>(), align_of::<T>()).ok_or(());
        let id = match self.id.get() {
            Some(id) => *id,
            // A call from another CPU that came in between, and needs the same cache, would wait for ever.
            None => *without_interrupts(|| self.id.try_call_once(named)).ok()?,
        };
        let place =
            NonNull::new(cpus::take(size_of::<T>(), |caches, own| caches.take(own, id, size_of::<T>()))? as *mut T)?;
        // SAFETY: the object was just handed out, with room for a `T`.
        unsafe { poison::check(place.as_ptr().cast(), size_of::<T>()) };
        Some(place)
    }

    /// Puts a place back that was handed out and holds no value.
    fn put(&self, place: NonNull<T>) {
        let (address, id) = (place.as_ptr() as usize, *self.id.get().expect("the cache has handed it out"));
        let put = cpus::with(|caches, own| {
            caches.put(own, id, address, size_of::<T>(), || {
                // SAFETY: the caches have found it to be theirs, and it holds no value.
                unsafe { poison::fill_freed(address as *mut u8, caches.shape(id).size) }
            })
        });
        assert!(put == Some(Ok(())), "an object of {} is not taken back: {put:?}", self.name);
    }
}

const fn key_of(address: usize) -> Extent {
    Extent::one(Resource { kind: Kind::Objects, number: address as u64 }.key())
}

impl<T> fmt::Debug for Cache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({})", self.name)
    }
}

/// An object of a cache, and the only way to it: what `Box` is to the heap.
///
/// # Invariants
/// `place` is an object of `cache` that was handed out and not put back since, it holds a `T`, and no other `Object` has it.
pub struct Object<T: 'static> {
    place: NonNull<T>,
    cache: &'static Cache<T>,
}

// SAFETY: by its invariant it is the only way to the value, which goes with it.
unsafe impl<T: Send> Send for Object<T> {}
// SAFETY: a shared one gives shared references to the value, and nothing else.
unsafe impl<T: Sync> Sync for Object<T> {}

impl<T> Object<T> {
    /// Where it lies: no two objects that live have the same.
    #[must_use]
    pub fn address(&self) -> usize {
        self.place.as_ptr() as usize
    }

    /// Its key, if it is tracked.
    #[must_use]
    pub fn key(&self) -> Option<Extent> {
        self.cache.is_tracked.then(|| key_of(self.address()))
    }

    /// Lends it, if it is tracked: until the loan has ended, it is not freed.
    ///
    /// # Errors
    /// As [`steward_ledger::Ledger::lend`]; [`Error::Invalid`] if it is not tracked.
    pub fn lend(&self, borrower: ProcessId, terms: Terms) -> Result<LoanId, Error> {
        let key = self.key().ok_or(Error::Invalid)?;
        ledger::with(|ledger| ledger.lend(ProcessId::KERNEL, borrower, &[key], terms, &mut Kernel))
    }

    /// Frees it.
    ///
    /// # Errors
    /// The object itself, with [`Error::Borrowed`] when it is lent or pinned.
    pub fn free(self) -> Result<(), (Self, Error)> {
        let object = ManuallyDrop::new(self);
        match object.end() {
            Ok(()) => Ok(()),
            Err(error) => Err((ManuallyDrop::into_inner(object), error)),
        }
    }

    /// Drops the value and puts the place back; not used again, unless that was refused.
    fn end(&self) -> Result<(), Error> {
        if let Some(key) = self.key() {
            ledger::give_up(key)?;
        }
        // SAFETY: by the invariant it holds a value, which nobody uses after this: the callers give the object up.
        unsafe { self.place.drop_in_place() };
        self.cache.put(self.place);
        Ok(())
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by the invariant there is a value, and who borrows it borrows this.
        unsafe { self.place.as_ref() }
    }
}

impl<T> DerefMut for Object<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant there is no other way to the value, and this one is borrowed mutably.
        unsafe { self.place.as_mut() }
    }
}

impl<T> Drop for Object<T> {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            // Whoever has borrowed it has been promised that it stays.
            log::error!("an object of {} stays for good: {error:?}", self.cache.name);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
