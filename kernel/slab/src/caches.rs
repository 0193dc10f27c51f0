//! All caches: taking objects and putting them back.

use spin::{RelaxStrategy, Spin};

use crate::{
    CLASSES, CacheId, FreeError, Leaf, Magazines, PAGE_BYTES, Pages, Shape, Usage,
    cache::Cache,
    class_size,
    depot::Depot,
    large::Runs,
    magazine::{Handle, Magazine},
    pages::{Map, Tag},
    slab::{Identity, REACH, Slab},
    store::Store,
};

/// Most caches, those of the classes among them.
pub const MOST_CACHES: usize = 64;
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
/// Lock order: a cache's own lock, then that of the slabs' numbers, then whatever [`Pages`] needs. A lock that is waited for
/// is waited for by `R`.
#[derive(Debug)]
pub struct Caches<'a, P, R = Spin> {
    pub(crate) pages: P,
    pub(crate) map: Map<'a>,
    pub(crate) runs: Runs,
    store: Store<'a, R>,
    caches: [Cache<R>; MOST_CACHES],
}

impl<'a, P: Pages<'a>, R: RelaxStrategy> Caches<'a, P, R> {
    /// Caches over pages from `base` on, a multiple of a page: 512 for each leaf, and at most 2^39.
    ///
    /// # Panics
    /// If the base is none, or there are more leaves.
    pub fn new(pages: P, base: usize, leaves: &'a [Leaf<'a>]) -> Self {
        assert!(base.is_multiple_of(PAGE_BYTES) && leaves.len() <= REACH / 512, "a map begins at a page and ends");
        let caches = Self {
            pages,
            map: Map::new(base, leaves),
            runs: Runs::new(),
            store: Store::new(),
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
        let shape = Shape::new(name, bytes.max(16).next_multiple_of(alignment));
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
        let shape = self.shape(cache);
        let magazine = own.of(cache.0);
        loop {
            let Some(handle) = magazine.pop() else {
                self.refill(magazine, cache, shape)?;
                continue;
            };
            let slab = self.store.known(handle.slab());
            // What is handed out already is in no magazine, unless these were another's.
            if slab.hand_out(handle.object()) {
                magazine.live = magazine.live.wrapping_add(1);
                magazine.asked = magazine.asked.wrapping_add(asked as u64);
                let page = slab.identity().page;
                return Some(self.map.base() + page * PAGE_BYTES + usize::from(handle.object()) * shape.size);
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
        let shape = self.shape(cache);
        let (handle, slab) = self.find(cache, shape, address)?;
        if !slab.take_back(handle.object()) {
            return Err(FreeError::AlreadyFree);
        }
        clear();
        let magazine = own.of(cache.0);
        magazine.live = magazine.live.wrapping_sub(1);
        magazine.asked = magazine.asked.wrapping_sub(asked as u64);
        if magazine.len() >= shape.capacity {
            self.drain(magazine, cache, shape.batch());
        }
        magazine.push(handle);
        Ok(())
    }

    /// Notes that of an object of which `old` bytes were asked for, `new` are used.
    pub fn resize(&self, own: &mut Magazines, cache: CacheId, old: usize, new: usize) {
        let magazine = own.of(cache.0);
        magazine.asked = magazine.asked.wrapping_sub(old as u64).wrapping_add(new as u64);
    }

    /// Finds the cache's object that begins at the address.
    #[inline]
    fn find(&self, cache: CacheId, shape: &Shape, address: usize) -> Result<(Handle, &'a Slab), FreeError> {
        let number = match self.map.tag(address) {
            Tag::Slab(number) => number,
            Tag::Run(_) => return Err(FreeError::OtherCache),
            Tag::None => return Err(FreeError::Unknown),
        };
        let slab = self.store.get(number).ok_or(FreeError::Unknown)?;
        let identity = slab.identity();
        if identity.cache != cache.0 {
            return Err(FreeError::OtherCache);
        }
        let start = self.map.base() + identity.page * PAGE_BYTES;
        let offset = address.checked_sub(start).filter(|&offset| offset < identity.pages * PAGE_BYTES);
        // The tag was read before the slab's word: in between, it may have become another slab.
        let object = shape.object_at(offset.ok_or(FreeError::Unknown)?).ok_or(FreeError::NotAnObject)?;
        if object >= identity.objects {
            return Err(FreeError::NotAnObject);
        }
        Ok((Handle::new(number, object as u8), slab))
    }

    /// Whether the cache's object that begins at the address is handed out.
    #[must_use]
    pub fn is_live(&self, cache: CacheId, address: usize) -> bool {
        self.find(cache, self.shape(cache), address).is_ok_and(|(handle, slab)| slab.is_live(handle.object()))
    }

    /// Gets a batch of free objects.
    #[cold]
    fn refill(&self, magazine: &mut Magazine, cache: CacheId, shape: &Shape) -> Option<()> {
        let mut depot = self.caches[cache.as_usize()].depot.lock();
        let number = match depot.partial.first().or_else(|| depot.empty.first()) {
            Some(number) => number,
            None => self.new_slab(&mut depot, cache, shape)?,
        };
        let mut number = Some(number);
        let mut missing = shape.batch();
        while let Some(some) = number.filter(|_| missing > 0) {
            let slab = self.store.known(some);
            let was_empty = slab.free_count() == slab.identity().objects;
            let drawn = slab.draw(missing, |object| magazine.push(Handle::new(some, object)));
            depot.free -= drawn;
            missing -= drawn;
            match (was_empty, slab.free_count() > 0) {
                (true, true) => {
                    depot.empty.remove(&self.store, slab);
                    depot.partial.push(&self.store, some);
                }
                (true, false) => depot.empty.remove(&self.store, slab),
                (false, true) => {}
                (false, false) => depot.partial.remove(&self.store, slab),
            }
            number = depot.partial.first().or_else(|| depot.empty.first());
        }
        Some(())
    }

    /// Lays the oldest objects of a magazine back into their slabs, and gives slabs up that are not needed.
    #[cold]
    fn drain(&self, magazine: &mut Magazine, cache: CacheId, count: usize) {
        let mut depot = self.caches[cache.as_usize()].depot.lock();
        magazine.take_oldest(count, |handle| {
            let slab = self.store.known(handle.slab());
            let objects = slab.identity().objects;
            let before = slab.free_count();
            slab.lay_back(handle.object());
            depot.free += 1;
            if before + 1 == objects {
                if before > 0 {
                    depot.partial.remove(&self.store, slab);
                }
                depot.empty.push(&self.store, handle.slab());
            } else if before == 0 {
                depot.partial.push(&self.store, handle.slab());
            }
        });
        self.give_up(&mut depot, KEPT_EMPTY);
    }

    /// Makes a slab, among the empty ones.
    fn new_slab(&self, depot: &mut Depot, cache: CacheId, shape: &Shape) -> Option<u32> {
        let (number, slab) = self.store.take(&self.pages)?;
        // Of memory in small pieces, a smaller slab will do.
        let taken = [shape.pages, 1].into_iter().find_map(|pages| {
            let address = self.pages.take(pages, 1)?;
            if self.map.reach(address, pages, &self.pages) {
                return Some((address, pages));
            }
            self.strand(address, pages);
            None
        });
        let Some((address, pages)) = taken else {
            self.store.put(number);
            return None;
        };
        let page = (address - self.map.base()) / PAGE_BYTES;
        let objects = shape.objects(pages);
        slab.open(Identity { page, objects, pages, cache: cache.0 });
        self.map.set(address, pages, Tag::Slab(number));
        depot.empty.push(&self.store, number);
        depot.slabs += 1;
        depot.pages += pages;
        depot.free += objects;
        Some(number)
    }

    /// Gives empty slabs back, but so many.
    fn give_up(&self, depot: &mut Depot, kept: usize) {
        while depot.empty.len() > kept {
            let Some(number) = depot.empty.first() else { break };
            let slab = self.store.known(number);
            let Identity { page, pages, objects, .. } = slab.identity();
            let address = self.map.base() + page * PAGE_BYTES;
            // Before others can have the pages.
            self.map.set(address, pages, Tag::None);
            if !self.pages.give(address, pages) {
                self.map.set(address, pages, Tag::Slab(number));
                break;
            }
            depot.empty.remove(&self.store, slab);
            slab.close();
            self.store.put(number);
            depot.slabs -= 1;
            depot.pages -= pages;
            depot.free -= objects;
        }
    }

    /// Empties a CPU's magazines.
    pub fn flush(&self, own: &mut Magazines) {
        for cache in self.ids() {
            let magazine = own.of(cache.0);
            if magazine.len() > 0 {
                self.drain(magazine, cache, usize::MAX);
            }
        }
    }

    /// Gives all slabs back that have no object in use and none in a magazine.
    pub fn shrink(&self) {
        for cache in self.ids() {
            self.give_up(&mut self.caches[cache.as_usize()].depot.lock(), 0);
        }
    }

    /// What is used of a cache. `cpus` are the magazines of all CPUs; while others take and put back, about so much.
    #[must_use]
    pub fn usage<'m>(&self, cache: CacheId, cpus: impl IntoIterator<Item = &'m Magazines>) -> Usage {
        let mut sum = (0_u64, 0_u64);
        for own in cpus {
            let magazine = own.see(cache.0);
            sum = (sum.0.wrapping_add(magazine.live), sum.1.wrapping_add(magazine.asked));
        }
        self.usage_of(cache, sum)
    }

    /// A CPU's part of what is used: objects and bytes asked for. Sums of all CPUs' parts wrap, and [`Self::usage_of`] takes them.
    #[must_use]
    pub fn part(&self, cache: CacheId, own: &Magazines) -> (u64, u64) {
        let magazine = own.see(cache.0);
        (magazine.live, magazine.asked)
    }

    /// What is used of a cache of which all CPUs' parts have this sum.
    #[must_use]
    pub fn usage_of(&self, cache: CacheId, (live, asked): (u64, u64)) -> Usage {
        let held = self.caches[cache.as_usize()].depot.lock().pages * PAGE_BYTES;
        Usage {
            live: live as usize,
            asked: asked as usize,
            handed_out: (live as usize).wrapping_mul(self.shape(cache).size),
            held,
        }
    }

    /// Calls `see` with the address of each object of the cache that is handed out.
    pub fn for_each_live(&self, cache: CacheId, mut see: impl FnMut(usize)) {
        let size = self.shape(cache).size;
        for (_, slab) in self.store.all() {
            let Identity { page, cache: its, objects, .. } = slab.identity();
            if objects > 0 && its == cache.0 {
                let start = self.map.base() + page * PAGE_BYTES;
                slab.live().for_each(|object| see(start + usize::from(object) * size));
            }
        }
    }
}
