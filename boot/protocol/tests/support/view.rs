//! What the kernel sees: memory through the page tables, walked as the processor walks them.

use super::Loaded;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 2;
const HUGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;

/// Where a virtual address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub physical: u64,
    pub size: u64,
    pub writable: bool,
    pub executable: bool,
    /// Index into the page attribute table.
    pub attribute: u64,
}

impl Loaded {
    /// Walks the tables (Intel SDM volume 3A, section 4.5.4).
    pub fn walk(&self, address: u64) -> Option<Leaf> {
        assert!(matches!(address >> 47, 0 | 0x1_ffff), "{address:#x} is not canonical");
        let mut table = self.handover.page_table;
        let (mut writable, mut executable) = (true, true);
        for shift in [39, 30, 21, 12] {
            let entry = self.machine.word(table + (address >> shift & 511) * 8);
            if entry & PRESENT == 0 {
                return None;
            }
            writable &= entry & WRITABLE != 0;
            executable &= entry & NO_EXECUTE == 0;
            let is_leaf = shift == 12 || entry & HUGE != 0;
            assert!(!(shift == 39 && entry & HUGE != 0), "the root holds no pages");
            let size = 1u64 << shift;
            if is_leaf {
                let pat = if shift == 12 { entry >> 7 & 1 } else { entry >> 12 & 1 };
                let frame = entry & 0x000f_ffff_ffff_f000 & !(if shift == 12 { 0 } else { 1 << 12 });
                assert!(frame.is_multiple_of(size), "a page of {size:#x} bytes at {frame:#x}");
                let attribute = pat << 2 | (entry >> 4 & 1) << 1 | entry >> 3 & 1;
                return Some(Leaf { physical: frame + address % size, size, writable, executable, attribute });
            }
            table = entry & 0x000f_ffff_ffff_f000;
        }
        unreachable!("the last level is a leaf")
    }

    /// The byte that the kernel reads at a virtual address.
    pub fn byte(&self, address: u64) -> u8 {
        let leaf = self.walk(address).unwrap_or_else(|| panic!("{address:#x} is not mapped"));
        self.machine.byte(leaf.physical)
    }

    /// The word that it reads there.
    pub fn word(&self, address: u64) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|index| self.byte(address + index as u64)))
    }

    /// `count` words from an address on.
    pub fn words(&self, address: u64, count: u64) -> Vec<u64> {
        (0..count).map(|index| self.word(address + index * 8)).collect()
    }

    /// The bytes up to the first zero.
    pub fn text(&self, address: u64) -> String {
        let bytes = (0..).map(|index| self.byte(address + index)).take_while(|byte| *byte != 0).collect();
        String::from_utf8(bytes).expect("texts in these tests are ASCII")
    }

    /// The response of a request at a virtual address, or `None` when it was not answered.
    pub fn response(&self, request: u64) -> Option<u64> {
        Some(self.word(request + 40)).filter(|response| *response != 0)
    }
}
