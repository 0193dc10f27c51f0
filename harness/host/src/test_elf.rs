//! ELF files for the harness's own tests: one loaded segment, and a section of test descriptors in it.

use steward_harness_wire::layout::{self, flags};

/// Where the segment is loaded.
pub const BASE: u64 = 0xffff_ffff_8000_0000;
/// Where the segment stands in the file.
const CONTENT: usize = 0x200;

/// One test's descriptor, as the guest's macro would emit it.
#[derive(Clone, Default)]
pub struct Descriptor {
    pub name: String,
    pub file: String,
    pub machine: String,
    pub cpu: String,
    pub ignore_reason: String,
    pub line: u32,
    pub flags: u32,
    pub timeout_ms: u32,
    pub cpus: u32,
    pub memory_mib: u32,
    pub tier: layout::Tier,
}

/// Builds an ELF file.
#[derive(Clone, Default)]
pub struct Builder {
    pub descriptors: Vec<Descriptor>,
}

impl Builder {
    /// Adds `count` plain tests named `demo::tests::t0`, `…t1`, …
    pub fn tests(mut self, count: u32) -> Self {
        self.descriptors.extend((0..count).map(|number| Descriptor {
            name: format!("demo::tests::t{number}"),
            file: "demo/src/lib.rs".into(),
            line: number + 1,
            ..Descriptor::default()
        }));
        self
    }

    pub fn test(mut self, descriptor: Descriptor) -> Self {
        self.descriptors.push(descriptor);
        self
    }

    pub fn ignored(name: &str, reason: &str) -> Descriptor {
        Descriptor { name: name.into(), ignore_reason: reason.into(), flags: flags::IGNORE, ..Descriptor::default() }
    }

    /// The file's tests, listed.
    pub fn listing(&self) -> crate::listing::Listing {
        crate::listing::Listing::parse(&self.build()).unwrap()
    }

    /// The file's bytes: header, one program header, the segment (descriptors, then texts), section names, sections.
    pub fn build(&self) -> Vec<u8> {
        let section = self.descriptors.len() * layout::SIZE;
        let mut content = vec![0; section];
        for (number, descriptor) in self.descriptors.iter().enumerate() {
            write_descriptor(&mut content, number * layout::SIZE, descriptor);
        }
        content.resize(content.len().max(16), 0x90);
        let names = b"\0steward_ktest\0.shstrtab\0";
        let names_at = CONTENT + content.len();
        let sections_at = (names_at + names.len()).next_multiple_of(8);
        let mut file = vec![0; sections_at];
        file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        put(&mut file, 16, &[0x02, 0, 0x3e, 0, 1, 0, 0, 0]);
        put(&mut file, 24, &BASE.to_le_bytes());
        put(&mut file, 32, &64u64.to_le_bytes());
        put(&mut file, 40, &(sections_at as u64).to_le_bytes());
        for (at, value) in [(52, 64u16), (54, 56), (56, 1), (58, 64), (60, 3), (62, 2)] {
            put(&mut file, at, &value.to_le_bytes());
        }
        let length = content.len() as u64;
        let program: Vec<u8> = [1u32, 5]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .chain([CONTENT as u64, BASE, BASE, length, length, 0x1000].iter().flat_map(|word| word.to_le_bytes()))
            .collect();
        put(&mut file, 64, &program);
        put(&mut file, CONTENT, &content);
        put(&mut file, names_at, names);
        file.extend([0; 64]);
        file.extend(section_header(1, 1, 2, BASE, CONTENT as u64, section as u64));
        file.extend(section_header(15, 3, 0, 0, names_at as u64, names.len() as u64));
        file
    }
}

fn write_descriptor(content: &mut Vec<u8>, at: usize, descriptor: &Descriptor) {
    put(content, at + layout::MAGIC_AT, &layout::MAGIC.to_le_bytes());
    let texts = [
        (layout::NAME, &descriptor.name),
        (layout::FILE, &descriptor.file),
        (layout::MACHINE, &descriptor.machine),
        (layout::CPU, &descriptor.cpu),
        (layout::IGNORE_REASON, &descriptor.ignore_reason),
    ];
    for (field, text) in texts {
        let address = BASE + content.len() as u64;
        put(content, at + field, &address.to_le_bytes());
        put(content, at + field + 8, &(text.len() as u64).to_le_bytes());
        content.extend_from_slice(text.as_bytes());
    }
    let numbers = [
        (layout::LINE, descriptor.line),
        (layout::FLAGS, descriptor.flags),
        (layout::TIMEOUT_MS, descriptor.timeout_ms),
        (layout::CPUS, descriptor.cpus),
        (layout::MEMORY_MIB, descriptor.memory_mib),
        (layout::TIER, descriptor.tier as u32),
    ];
    for (field, number) in numbers {
        put(content, at + field, &number.to_le_bytes());
    }
}

fn section_header(name: u32, kind: u32, flags: u64, address: u64, offset: u64, size: u64) -> Vec<u8> {
    let mut header = Vec::from(name.to_le_bytes());
    header.extend(kind.to_le_bytes());
    for word in [flags, address, offset, size, 0, 8, 0] {
        header.extend(word.to_le_bytes());
    }
    header
}

pub fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}
