//! Which test is next, and whether there is room for it. Nothing here knows what a test is.

use std::collections::VecDeque;

/// Jobs that each keep some CPUs busy, widest first.
pub struct Queue<T> {
    waiting: VecDeque<(T, u32)>,
    capacity: u32,
    free: u32,
}

impl<T> Queue<T> {
    /// Jobs with the number of CPUs that each would like. Those that like the same keep their order.
    pub fn new(jobs: impl Iterator<Item = (T, u32)>, capacity: u32) -> Self {
        let capacity = capacity.max(1);
        let mut waiting: Vec<(T, u32)> = jobs.map(|(job, cpus)| (job, cpus.clamp(1, capacity))).collect();
        waiting.sort_by_key(|(_, slots)| std::cmp::Reverse(*slots));
        Self { waiting: waiting.into(), capacity, free: capacity }
    }

    /// Those that have not had their turn.
    pub fn waiting(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().map(|(job, _)| job)
    }

    /// Adds a job before those that would like as many CPUs.
    pub fn push(&mut self, job: T, cpus: u32) {
        let slots = self.slots_for(cpus);
        let place = self.waiting.partition_point(|(_, others)| *others > slots);
        self.waiting.insert(place, (job, slots));
    }

    /// Drops the jobs that have not had their turn and are not to have it.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.waiting.retain(|(job, _)| keep(job));
    }

    /// The next job, when there is room for it, and how many slots it holds from now on.
    pub fn take(&mut self) -> Option<(T, u32)> {
        let (job, slots) = self.waiting.pop_front_if(|(_, slots)| *slots <= self.free)?;
        self.free -= slots;
        Some((job, slots))
    }

    /// How many slots a job holds that would like so many CPUs.
    pub fn slots_for(&self, cpus: u32) -> u32 {
        cpus.clamp(1, self.capacity)
    }

    /// A job is done.
    pub fn give_back(&mut self, slots: u32) {
        self.free = (self.free + slots).min(self.capacity);
    }

    /// Whether no job holds a slot.
    pub fn is_idle(&self) -> bool {
        self.free == self.capacity
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_jobs_go_first_and_alone_when_they_need_everything() {
        let mut queue = Queue::new([("a", 1), ("b", 4), ("c", 2), ("d", 1)].into_iter(), 2);
        assert_eq!(queue.take(), Some(("b", 2)));
        assert_eq!(queue.take(), None);
        queue.give_back(2);
        assert_eq!(queue.take(), Some(("c", 2)));
        queue.give_back(2);
        assert_eq!((queue.take(), queue.take()), (Some(("a", 1)), Some(("d", 1))));
        assert!(queue.take().is_none() && !queue.is_idle());
    }

    proptest! {
        #[test]
        fn every_job_gets_its_turn_and_no_slot_is_held_twice(
            jobs in proptest::collection::vec(0u32..9, 0..40), capacity in 0u32..6,
        ) {
            let mut queue = Queue::new(jobs.iter().copied().enumerate(), capacity);
            let (mut held, mut seen) = (Vec::new(), Vec::new());
            loop {
                while let Some((job, slots)) = queue.take() {
                    seen.push(job);
                    held.push(slots);
                    prop_assert!(held.iter().sum::<u32>() <= capacity.max(1));
                }
                match held.pop() {
                    Some(slots) => queue.give_back(slots),
                    None => break,
                }
            }
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..jobs.len()));
        }
    }
}
