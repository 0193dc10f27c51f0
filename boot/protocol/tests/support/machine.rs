//! Physical memory as a map of pages that refuses what a real machine would have to suffer.

use std::collections::BTreeMap;

use steward_boot_protocol::PhysicalMemory;
use steward_boot_protocol::map::{Kind, MemoryMap};

const PAGE: u64 = 4096;

/// What a byte of memory holds that nothing has written: the loader must not rely on zero.
const GARBAGE: u8 = 0xa5;

#[derive(Debug)]
pub struct Machine {
    pages: BTreeMap<u64, Vec<u8>>,
    writable: Vec<(u64, u64)>,
}

impl Machine {
    pub fn new(map: &MemoryMap) -> Self {
        let usable = map.entries().iter().filter(|entry| entry.kind == Kind::Usable);
        Self { pages: BTreeMap::new(), writable: usable.map(|entry| (entry.start.max(1 << 20), entry.end)).collect() }
    }

    pub fn is_untouched(&self) -> bool {
        self.pages.is_empty()
    }

    /// Physical addresses of the pages that the loader has written to.
    pub fn written(&self) -> impl Iterator<Item = u64> {
        self.pages.keys().map(|page| page * PAGE)
    }

    /// The byte at a physical address; panics when the loader has not written it.
    pub fn byte(&self, address: u64) -> u8 {
        let page = self.pages.get(&(address / PAGE)).unwrap_or_else(|| panic!("{address:#x} was never written"));
        page[(address % PAGE) as usize]
    }

    pub fn word(&self, address: u64) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|index| self.byte(address + index as u64)))
    }

    fn byte_mut(&mut self, address: u64) -> &mut u8 {
        let page = self.pages.entry(address / PAGE).or_insert_with(|| vec![GARBAGE; PAGE as usize]);
        &mut page[(address % PAGE) as usize]
    }

    fn check(&self, address: u64, length: u64) {
        let end = address.checked_add(length).expect("a range of memory ends");
        let inside = self.writable.iter().any(|(from, to)| *from <= address && end <= *to);
        assert!(inside || length == 0, "{address:#x}..{end:#x} is not usable memory");
    }
}

impl PhysicalMemory for Machine {
    fn read_u64(&self, address: u64) -> u64 {
        assert!(address.is_multiple_of(8));
        self.word(address)
    }

    fn write_u64(&mut self, address: u64, value: u64) {
        assert!(address.is_multiple_of(8));
        self.write(address, &value.to_le_bytes());
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        self.check(address, bytes.len() as u64);
        for (index, byte) in bytes.iter().enumerate() {
            *self.byte_mut(address + index as u64) = *byte;
        }
    }

    fn zero(&mut self, address: u64, length: u64) {
        self.check(address, length);
        for index in 0..length {
            *self.byte_mut(address + index) = 0;
        }
    }
}
