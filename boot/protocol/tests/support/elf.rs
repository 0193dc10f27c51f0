//! Small kernels, byte by byte.

pub const READ: u32 = 4;
pub const WRITE: u32 = 2;
pub const EXECUTE: u32 = 1;

pub const BASE: u64 = 0xffff_ffff_8000_0000;
/// Where [`kernel`] has its data segment, which begins with the requests.
pub const DATA: u64 = BASE + 0x3000;
/// Bytes of zeros behind the data.
pub const ZEROS: u64 = 0x2345;

pub const LOAD: u32 = 1;
pub const DYNAMIC: u32 = 2;
pub const INTERPRETER: u32 = 3;

#[derive(Clone)]
pub struct Segment {
    pub kind: u32,
    pub flags: u32,
    pub address: u64,
    pub data: Vec<u8>,
    pub memory_size: u64,
    pub align: u64,
}

pub fn segment(flags: u32, address: u64, data: &[u8]) -> Segment {
    Segment { kind: LOAD, flags, address, data: data.to_vec(), memory_size: data.len() as u64, align: 4096 }
}

#[derive(Clone)]
pub struct Elf {
    pub kind: u16,
    pub entry: u64,
    pub segments: Vec<Segment>,
}

impl Elf {
    /// The file. Program headers stand at 64, segments' data follow in order.
    pub fn bytes(&self) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let mut put = |bytes: &[u8]| file.extend_from_slice(bytes);
        put(&self.kind.to_le_bytes());
        put(&62u16.to_le_bytes());
        put(&1u32.to_le_bytes());
        [self.entry, 64, 0].iter().for_each(|word| put(&word.to_le_bytes()));
        put(&0u32.to_le_bytes());
        [64, 56, self.segments.len() as u16, 64, 0, 0].iter().for_each(|half| put(&half.to_le_bytes()));
        let mut offset = 64 + 56 * self.segments.len() as u64;
        for segment in &self.segments {
            put(&segment.kind.to_le_bytes());
            put(&segment.flags.to_le_bytes());
            let size = segment.data.len() as u64;
            let words = [offset, segment.address, segment.address, size, segment.memory_size, segment.align];
            words.iter().for_each(|word| put(&word.to_le_bytes()));
            offset += size;
        }
        self.segments.iter().for_each(|segment| put(&segment.data));
        file
    }
}

/// Words as bytes.
pub fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A kernel with code, constants and data; its data begin with `requests`.
pub fn kernel(requests: &[u64]) -> Elf {
    let mut data = segment(READ | WRITE, DATA, &words(requests));
    data.data.extend_from_slice(b"data");
    data.memory_size = data.data.len() as u64 + ZEROS;
    Elf {
        kind: 2,
        entry: BASE + 0x10,
        segments: vec![
            segment(READ | EXECUTE, BASE, &[0x90; 0x1234]),
            segment(READ, BASE + 0x2000, b"constants of an odd length"),
            data,
        ],
    }
}

/// A base revision tag.
pub fn tag(revision: u64) -> Vec<u64> {
    vec![0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc, revision]
}

/// A request without body: identifier, revision, no response.
pub fn request(id: &[u64; 4]) -> Vec<u64> {
    [id.as_slice(), &[0, 0]].concat()
}
