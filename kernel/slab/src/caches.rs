//! All caches: taking objects and putting them back.

use spin::{RelaxStrategy, Spin};

use crate::{
    CLASSES, CacheId, FreeError, Leaf, Magazines, PAGE_BYTES, Pages, Shape, Usage, Windows,
    cache::Cache,
    class_size,
    depot::Depot,
    large::Runs,
    magazine::Magazine,
    page::{GRANULE, Identity, Page},
    pages::Map,
};

/// Most caches, those of the classes among them.
pub const MOST_CACHES: usize = 48;
/// Slabs without an object in use that a cache keeps.
const KEPT_EMPTY: usize = 1;

/// Names of the caches of the classes.
const CLASS_NAMES: [&str; CLASSES] = [
    "heap-16",
    "heap-32",
    "heap-48",
    "heap-64",
    "heap-80",
    "heap-96",
    "heap-112",
    "heap-128",
    "heap-160",
    "heap-192",
    "heap-224",
    "heap-256",
    "heap-320",
    "heap-384",
    "heap-448",
    "heap-512",
    "heap-640",
    "heap-768",
    "heap-896",
    "heap-1024",
    "heap-1280",
    "heap-1536",
    "heap-1792",
    "heap-2048",
    "heap-2560",
    "heap-3072",
    "heap-3584",
    "heap-4096",
];

/// The caches of all CPUs: one for each class of sizes, and those that were named.
///
/// Lock order: a cache's own lock, then whatever [`Pages`] needs. A lock that is waited for
/// is waited for by `R`.
#[derive(Debug)]
pub struct Caches<'a, P, R = Spin> {
    pub(crate) pages: P,
    pub(crate) map: Map<'a, R>,
    pub(crate) runs: Runs<R>,
    caches: [Cache<R>; MOST_CACHES],
}

impl<'a, P: Pages<'a>, R: RelaxStrategy> Caches<'a, P, R> {
    /// Caches over pages in these windows, with as many leaves as it takes to know of them.
    ///
    /// # Panics
    /// If there are fewer leaves.
    pub fn new(pages: P, windows: Windows, leaves: &'a [Leaf<'a, R>]) -> Self {
        let caches = Self {
            pages,
            map: Map::new(windows, leaves),
            runs: Runs::new(),
            caches: [const { Cache::new() }; MOST_CACHES],
        };
        for (class, cache) in caches.caches[..CLASSES].iter().enumerate() {
            cache.shape.call_once(|| Shape::new(CLASS_NAMES[class], class_size(class)));
        }
        caches
    }

    /// The cache of that class, see [`class_of`](crate::class_of).
    ///
    /// # Panics
    /// If there is no such class.
    #[inline]
    #[must_use]
    pub fn class(&self, class: usize) -> CacheId {
        assert!(class < CLASSES, "there is no such class");
        CacheId(class as u8)
    }

    /// A new cache of objects of `bytes`, at most a page, at multiples of `alignment`, a power of two and at most a page. `None`
    /// when there are as many as there can be, or no slab has such objects.
    pub fn named(&self, name: &'static str, bytes: usize, alignment: usize) -> Option<CacheId> {
        if bytes > PAGE_BYTES || alignment > PAGE_BYTES || !alignment.is_power_of_two() {
            return None;
        }
        let shape = Shape::new(name, bytes.max(1).next_multiple_of(alignment.max(GRANULE)));
        (CLASSES..MOST_CACHES).find_map(|number| {
            let mut is_ours = false;
            self.caches[number].shape.call_once(|| {
                is_ours = true;
                shape
            });
            is_ours.then_some(CacheId(number as u8))
        })
    }

    /// All caches that there are.
    pub fn ids(&self) -> impl Iterator<Item = CacheId> + '_ {
        (0..MOST_CACHES).filter(|&number| self.caches[number].shape.is_completed()).map(|number| CacheId(number as u8))
    }

    /// What a cache's objects and slabs are like.
    ///
    /// # Panics
    /// If the cache is not one of these.
    #[inline]
    #[must_use]
    pub fn shape(&self, cache: CacheId) -> &Shape {
        self.caches[cache.as_usize()].shape.get().expect("the number of a cache comes from these caches")
    }

    /// Takes an object, of which `asked` bytes are asked for: its address. It holds whatever it held. `None` when there is no
    /// memory for it.
    #[inline]
    pub fn take(&self, own: &mut Magazines, cache: CacheId, asked: usize) -> Option<usize> {
        let magazine = own.of(cache);
        loop {
            let Some(address) = magazine.pop() else {
                self.refill(magazine, cache)?;
                continue;
            };
            // What is handed out already is in no magazine, unless these were another's.
            if self.map.find(address)?.hand_out(address) {
                magazine.live = magazine.live.wrapping_add(1);
                magazine.asked = magazine.asked.wrapping_add(asked as u64);
                return Some(address);
            }
        }
    }

    /// Puts an object back of which `asked` bytes were asked for. `clear` is called when it is nobody's any more, and before it
    /// can be somebody's again.
    ///
    /// # Errors
    /// [`FreeError`] when there is no such object, or it is free.
    #[inline]
    pub fn put(
        &self,
        own: &mut Magazines,
        cache: CacheId,
        address: usize,
        asked: usize,
        clear: impl FnOnce(),
    ) -> Result<(), FreeError> {
        match self.map.find(address) {
            // Where no object begins, none is handed out.
            Some(page) if page.is_of(cache) && address.is_multiple_of(GRANULE) && page.take_back(address) => {}
            page => return Err(self.why_not(cache, page, address)),
        }
        clear();
        let magazine = own.of(cache);
        magazine.live = magazine.live.wrapping_sub(1);
        magazine.asked = magazine.asked.wrapping_sub(asked as u64);
        if magazine.is_full() {
            self.drain(magazine, cache, self.shape(cache).batch());
        }
        magazine.push(address);
        Ok(())
    }

    /// Why what lies there is not taken back.
    #[cold]
    fn why_not(&self, cache: CacheId, page: Option<&Page>, address: usize) -> FreeError {
        match page.and_then(Page::identity) {
            None => FreeError::Unknown,
            Some(Identity::Slab { cache: its, place, pages }) if its == cache.0 => {
                let shape = self.shape(cache);
                let offset = usize::from(place) * PAGE_BYTES + address % PAGE_BYTES;
                let is_object = offset.is_multiple_of(shape.size) && offset / shape.size < shape.objects(pages.into());
                if is_object { FreeError::AlreadyFree } else { FreeError::NotAnObject }
            }
            Some(_) => FreeError::OtherCache,
        }
    }

    /// Notes that of an object of which `old` bytes were asked for, `new` are used.
    pub fn resize(&self, own: &mut Magazines, cache: CacheId, old: usize, new: usize) {
        let magazine = own.of(cache);
        magazine.asked = magazine.asked.wrapping_sub(old as u64).wrapping_add(new as u64);
    }

    /// Whether an object of the cache begins there that is handed out.
    #[must_use]
    pub fn is_live(&self, cache: CacheId, address: usize) -> bool {
        self.map
            .find(address)
            .is_some_and(|page| page.is_of(cache) && address.is_multiple_of(GRANULE) && page.is_live(address))
    }

    /// Gets a batch of free objects.
    #[cold]
    fn refill(&self, magazine: &mut Magazine, cache: CacheId) -> Option<()> {
        let shape = self.shape(cache);
        magazine.capacity = shape.capacity as u32;
        let mut depot = self.caches[cache.as_usize()].depot.lock();
        depot.draw(&self.map, shape, magazine);
        if magazine.len() == 0 {
            self.add_slab(&mut depot, cache, shape)?;
            depot.draw(&self.map, shape, magazine);
        }
        Some(())
    }

    /// Lays the oldest objects of a magazine back into their slabs, and gives slabs up that are not needed.
    #[cold]
    fn drain(&self, magazine: &mut Magazine, cache: CacheId, count: usize) {
        let shape = self.shape(cache);
        magazine.capacity = shape.capacity as u32;
        let mut depot = self.caches[cache.as_usize()].depot.lock();
        magazine.take_oldest(count, |address| depot.lay_back(&self.map, shape, address));
        depot.give_up(&self.map, &self.pages, shape, cache.0, KEPT_EMPTY);
    }

    fn add_slab(&self, depot: &mut Depot, cache: CacheId, shape: &Shape) -> Option<()> {
        // Of memory in small pieces, a smaller slab will do.
        let (address, pages) = [shape.pages, 1].into_iter().find_map(|pages| {
            let address = self.pages.take(pages, 1)?;
            if self.map.reach(address, pages, &self.pages) {
                return Some((address, pages));
            }
            self.strand(address, pages);
            None
        })?;
        depot.add(&self.map, shape, cache.0, address, pages);
        Some(())
    }

    /// Empties a CPU's magazines.
    pub fn flush(&self, own: &mut Magazines) {
        for cache in self.ids() {
            let magazine = own.of(cache);
            if magazine.len() > 0 {
                self.drain(magazine, cache, usize::MAX);
            }
        }
    }

    /// Gives all slabs back that have no object in use and none in a magazine, and the runs that are kept for the next who asks.
    pub fn shrink(&self) {
        self.give_up_runs();
        for cache in self.ids() {
            let mut depot = self.caches[cache.as_usize()].depot.lock();
            depot.give_up(&self.map, &self.pages, self.shape(cache), cache.0, 0);
        }
    }

    /// What is used of a cache. `cpus` are the magazines of all CPUs; while others take and put back, about so much.
    #[must_use]
    pub fn usage<'m>(&self, cache: CacheId, cpus: impl IntoIterator<Item = &'m Magazines>) -> Usage {
        let add = |sum: (u64, u64), part: (u64, u64)| (sum.0.wrapping_add(part.0), sum.1.wrapping_add(part.1));
        self.usage_of(cache, cpus.into_iter().map(|own| self.part(cache, own)).fold((0, 0), add))
    }

    /// A CPU's part of what is used: objects and bytes asked for. Sums of all CPUs' parts wrap, and [`Self::usage_of`] takes them.
    #[must_use]
    pub fn part(&self, cache: CacheId, own: &Magazines) -> (u64, u64) {
        let magazine = own.see(cache);
        (magazine.live, magazine.asked)
    }

    /// What is used of a cache of which all CPUs' parts have this sum. Parts of moments that do not belong together can come
    /// to less than nothing, which counts as nothing.
    #[must_use]
    pub fn usage_of(&self, cache: CacheId, (live, asked): (u64, u64)) -> Usage {
        let [live, asked] = [live, asked].map(|sum| sum.cast_signed().max(0) as usize);
        Usage {
            live,
            asked,
            handed_out: live * self.shape(cache).size,
            held: self.caches[cache.as_usize()].depot.lock().held(),
        }
    }

    /// Calls `see` with the address of each object of the cache that is handed out.
    pub fn for_each_live(&self, cache: CacheId, mut see: impl FnMut(usize)) {
        for (number, identity) in self.map.all() {
            if matches!(identity, Identity::Slab { cache: its, .. } if its == cache.0) {
                let start = self.map.address(number);
                self.map.known(number).live().for_each(|offset| see(start + offset));
            }
        }
    }
}
