//! A cache's slabs.

use core::sync::atomic::Ordering::Relaxed;

use spin::RelaxStrategy;

use crate::{
    PAGE_BYTES, Pages, Shape,
    magazine::Magazine,
    page::{Identity, NONE, Page},
    pages::Map,
};

/// Slabs of a cache, as its lock guards them, by the numbers of their first pages. Those without free objects are in no list.
///
/// # Invariants
/// A slab is in `partial` exactly if it has a free object and one that is not, in `empty` exactly if all are free.
#[derive(Debug)]
pub(crate) struct Depot {
    partial: List,
    empty: List,
    /// Pages of all slabs.
    pub(crate) pages: usize,
}

/// Slabs that are linked.
#[derive(Debug)]
struct List {
    first: u32,
    length: usize,
}

impl List {
    const fn new() -> Self {
        Self { first: NONE, length: 0 }
    }

    /// The slab in front.
    fn first(&self) -> Option<usize> {
        (self.first != NONE).then_some(self.first as usize)
    }

    fn push<R: RelaxStrategy>(&mut self, map: &Map<'_, R>, number: usize, slab: &Page) {
        slab.previous.store(NONE, Relaxed);
        slab.next.store(self.first, Relaxed);
        if let Some(next) = self.first() {
            map.known(next).previous.store(number as u32, Relaxed);
        }
        self.first = number as u32;
        self.length += 1;
    }

    fn remove<R: RelaxStrategy>(&mut self, map: &Map<'_, R>, slab: &Page) {
        let (previous, next) = (slab.previous.load(Relaxed), slab.next.load(Relaxed));
        match previous {
            NONE => self.first = next,
            _ => map.known(previous as usize).next.store(next, Relaxed),
        }
        if next != NONE {
            map.known(next as usize).previous.store(previous, Relaxed);
        }
        self.length -= 1;
    }
}

/// Number of a slab, from one of its pages; and how many pages it has.
fn slab_of(number: usize, page: &Page) -> (usize, usize) {
    match page.identity() {
        Some(Identity::Slab { place, pages, .. }) => (number - usize::from(place), usize::from(pages)),
        _ => unreachable!("magazines and lists hold what is in slabs"),
    }
}

impl Depot {
    pub(crate) const fn new() -> Self {
        Self { partial: List::new(), empty: List::new(), pages: 0 }
    }

    /// Takes a batch of free objects out, or as many as there are, for the magazine.
    pub(crate) fn draw<R: RelaxStrategy>(&mut self, map: &Map<'_, R>, shape: &Shape, magazine: &mut Magazine) {
        let mut missing = shape.batch();
        while let Some(number) = self.partial.first().or_else(|| self.empty.first()).filter(|_| missing > 0) {
            let slab = map.known(number);
            let (_, pages) = slab_of(number, slab);
            let before = slab.free_count.load(Relaxed) as usize;
            let mut left = before;
            for page in number..number + pages {
                let start = map.address(page);
                let drawn = map.known(page).draw(missing, |offset| magazine.push(start + offset));
                missing -= drawn;
                left -= drawn;
            }
            slab.free_count.store(left as u32, Relaxed);
            if before == shape.objects(pages) {
                self.empty.remove(map, slab);
                if left > 0 {
                    self.partial.push(map, number, slab);
                }
            } else if left == 0 {
                self.partial.remove(map, slab);
            }
        }
    }

    /// Lays an object back into its slab.
    pub(crate) fn lay_back<R: RelaxStrategy>(&mut self, map: &Map<'_, R>, shape: &Shape, address: usize) {
        let number = map.number(address);
        let page = map.known(number);
        page.lay(address);
        let (number, pages) = slab_of(number, page);
        let slab = map.known(number);
        let before = slab.free_count.load(Relaxed) as usize;
        slab.free_count.store(before as u32 + 1, Relaxed);
        if before + 1 == shape.objects(pages) {
            if before > 0 {
                self.partial.remove(map, slab);
            }
            self.empty.push(map, number, slab);
        } else if before == 0 {
            self.partial.push(map, number, slab);
        }
    }

    /// Makes a slab of pages that the map reaches.
    pub(crate) fn add<R: RelaxStrategy>(
        &mut self,
        map: &Map<'_, R>,
        shape: &Shape,
        cache: u8,
        address: usize,
        pages: usize,
    ) {
        let (number, objects) = (map.number(address), shape.objects(pages));
        for object in 0..objects {
            let begin = address + object * shape.size;
            map.known(map.number(begin)).lay(begin);
        }
        for place in 0..pages {
            let identity = Identity::Slab { cache, place: place as u8, pages: pages as u8 };
            map.known(number + place).set_identity(Some(identity));
        }
        let slab = map.known(number);
        slab.free_count.store(objects as u32, Relaxed);
        self.empty.push(map, number, slab);
        self.pages += pages;
    }

    /// Gives empty slabs back, all but so many. Those that are not taken back stay.
    pub(crate) fn give_up<'a, R: RelaxStrategy>(
        &mut self,
        map: &Map<'a, R>,
        source: &impl Pages<'a>,
        shape: &Shape,
        cache: u8,
        kept: usize,
    ) {
        let mut next = self.empty.first;
        while next != NONE && self.empty.length > kept {
            let number = next as usize;
            let slab = map.known(number);
            let (_, pages) = slab_of(number, slab);
            next = slab.next.load(Relaxed);
            self.empty.remove(map, slab);
            self.pages -= pages;
            for page in number..number + pages {
                // Before others can have it. Nothing in it is in use, so nobody asks for it.
                map.known(page).set_identity(None);
                map.known(page).clear();
            }
            if !source.give(map.address(number), pages) {
                // In front, where this has been already, and who needs a slab looks first.
                self.add(map, shape, cache, map.address(number), pages);
            }
        }
    }

    /// Memory of all slabs, in bytes.
    pub(crate) const fn held(&self) -> usize {
        self.pages * PAGE_BYTES
    }
}
