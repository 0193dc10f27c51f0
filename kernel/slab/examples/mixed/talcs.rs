//! `talc` behind a spin lock, as kernels use it.

use std::alloc::System;

use allocator_api2::vec::Vec;
use talc::{TalcLock, source::GlobalAllocSource};

use super::Heap;

type Lock = TalcLock<spin::Mutex<()>, GlobalAllocSource<System>>;

/// It, with memory of the system's.
pub struct Talcs(&'static Lock);

/// It, with nothing in it.
pub fn heap() -> Talcs {
    Talcs(Box::leak(Box::new(TalcLock::new(GlobalAllocSource::new(System)))))
}

impl Heap for Talcs {
    type Object = Vec<u8, &'static Lock>;

    fn take(&self, _: usize, bytes: usize) -> Self::Object {
        let mut object = Vec::with_capacity_in(bytes, self.0);
        object.push(bytes as u8);
        object
    }

    fn put(&self, _: usize, object: Self::Object) {
        drop(object);
    }

    fn usage(&self) -> (usize, usize, usize) {
        let counters = *self.0.lock().counters();
        (counters.allocation_count, counters.allocated_bytes, counters.claimed_bytes)
    }
}
