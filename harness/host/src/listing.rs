//! The tests of a kernel, read from its ELF file without booting it.

mod relocated;
mod subject;
mod tier;

use std::{collections::HashSet, io::Read, path::Path, time::Duration};

use object::{Object, ObjectSection, ObjectSegment};
use steward_harness_wire::layout::{self, flags};

use crate::{
    Error, given,
    machine::{Kind, Memory, Shape},
};

pub use subject::Subject;
pub use tier::Tier;

/// Longest text of a descriptor that is believed.
const LONGEST_TEXT: u64 = 4096;

/// What a test asks of its machine; `None` takes whatever the run offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Machine type.
    pub kind: Option<Kind>,
    /// Number of CPUs.
    pub cpus: Option<u32>,
    /// Memory.
    pub memory: Option<Memory>,
    /// CPU model.
    pub cpu: Option<String>,
}

impl Needs {
    /// The run's shape, with what the test names in place of what the run offers.
    #[must_use]
    pub fn over(&self, offered: &Shape) -> Shape {
        Shape {
            kind: self.kind.unwrap_or(offered.kind),
            cpus: self.cpus.unwrap_or(offered.cpus),
            memory: self.memory.unwrap_or(offered.memory),
            cpu: self.cpu.clone().unwrap_or_else(|| offered.cpu.clone()),
        }
    }
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Its place in the ELF file and in the kernel's own list.
    pub index: u32,
    /// Full path, such as `steward_machine::paging::tests::text_is_not_writable`.
    pub name: String,
    /// Source file, as the compiler was told it.
    pub file: String,
    /// Line of the test's attribute.
    pub line: u32,
    /// It passes exactly when it panics.
    pub should_panic: bool,
    /// It runs only when asked for, by `--ignored` or by its tier; the text says why and may be empty.
    pub ignored: Option<String>,
    /// How much it costs.
    pub tier: Tier,
    /// How long it may run, on a machine of ordinary speed; `None` for the run's own limit.
    pub timeout: Option<Duration>,
    /// The machine it needs.
    pub needs: Needs,
    /// What it is.
    pub subject: Subject,
}

impl Test {
    /// The crate that it is in: the first part of its name. Empty for a name of one part.
    #[must_use]
    pub fn crate_name(&self) -> &str {
        self.name.split_once("::").map_or("", |(first, _)| first)
    }

    /// Its path within its crate, by which Rust's own test programs name their tests.
    #[must_use]
    pub fn path_in_crate(&self) -> &str {
        self.name.split_once("::").map_or(&self.name, |(_, rest)| rest)
    }

    /// Whether it runs only when asked for in a run of this tier, and not just because of its own tier.
    #[must_use]
    pub(crate) fn is_ignored_in(&self, tier: Tier) -> bool {
        self.tier > tier || (self.ignored.is_some() && self.ignored != self.tier.reason())
    }
}

/// All tests of a kernel, in the order of the ELF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The tests; a test's place is its index, and no two have the same name.
    pub tests: Vec<Test>,
}

impl Listing {
    /// Lists the tests of the kernel in this file. A kernel without any gives an empty listing.
    ///
    /// # Errors
    /// [`Error::Io`] when it is no regular file or cannot be read, [`Error::Kernel`] when it or a descriptor in it is malformed, or
    /// when two tests have one name.
    pub fn read(elf: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        given::open(elf)?.read_to_end(&mut bytes).map_err(Error::io(format!("reading {}", elf.display())))?;
        Self::parse(&bytes).map_err(|why| Error::Kernel { path: elf.into(), why })
    }

    /// How many tests there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        // A file holds at most as many descriptors as an index can name: 2^32 of them would take 544 GiB.
        u32::try_from(self.tests.len()).unwrap_or(u32::MAX)
    }

    /// Lists the tests of the kernel in these bytes.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(elf: &[u8]) -> Result<Self, String> {
        let file = object::File::parse(elf).map_err(|error| format!("not an ELF file: {error}"))?;
        if !file.is_64() || !file.is_little_endian() || file.format() != object::BinaryFormat::Elf {
            return Err(String::from("not an x86-64 ELF file"));
        }
        let Some(section) = file.section_by_name(layout::SECTION) else { return Ok(Self::default()) };
        let mut data = section.data().map_err(|error| format!("section {}: {error}", layout::SECTION))?.to_vec();
        relocated::relocate(&file, elf, section.address(), &mut data)?;
        let (descriptors, []) = data.as_chunks::<{ layout::SIZE }>() else {
            return Err(format!(
                "section {} has {} bytes, no multiple of the {} of a test's descriptor: the kernel was built with \
                 another version of steward-harness-guest",
                layout::SECTION,
                data.len(),
                layout::SIZE
            ));
        };
        let tests: Vec<Test> = (0..)
            .zip(descriptors)
            .map(|(index, bytes)| {
                Reader { file: &file, bytes }.test(index).map_err(|why| format!("test {index}: {why}"))
            })
            .collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        match tests.iter().find(|test| !names.insert(&test.name)) {
            Some(twice) => Err(format!("two tests are named {}", twice.name)),
            None => Ok(Self { tests }),
        }
    }
}

struct Reader<'a> {
    file: &'a object::File<'a>,
    bytes: &'a [u8; layout::SIZE],
}

impl Reader<'_> {
    fn test(&self, index: u32) -> Result<Test, String> {
        if self.u64(layout::MAGIC_AT) != layout::MAGIC {
            return Err(String::from("its descriptor does not start as this harness's version does"));
        }
        let flag = |flag| self.u32(layout::FLAGS) & flag != 0;
        let tier = layout::Tier::from_number(self.u32(layout::TIER)).map(Tier::from);
        let tier = tier.ok_or_else(|| format!("its tier {} is none", self.u32(layout::TIER)))?;
        let reason = self.text(layout::IGNORE_REASON, "reason to ignore it")?;
        let name = self.text(layout::NAME, "name")?;
        if name.is_empty() || name.chars().any(|character| character.is_control() || character == ' ') {
            return Err(format!("{name:?} is no name for a test"));
        }
        Ok(Test {
            index,
            name,
            file: self.text(layout::FILE, "file")?,
            line: self.u32(layout::LINE),
            should_panic: flag(flags::SHOULD_PANIC),
            ignored: flag(flags::IGNORE).then_some(reason).or_else(|| tier.reason()),
            tier,
            timeout: self.number(layout::TIMEOUT_MS).map(|milliseconds| Duration::from_millis(milliseconds.into())),
            needs: self.needs()?,
            subject: Subject::Ktest,
        })
    }

    fn needs(&self) -> Result<Needs, String> {
        let machine = self.text(layout::MACHINE, "machine")?;
        let cpu = self.text(layout::CPU, "CPU model")?;
        let memory = |mib| Memory::from_mib(mib).ok_or_else(|| format!("{mib} MiB is more memory than can be given"));
        Ok(Needs {
            kind: (!machine.is_empty())
                .then(|| machine.parse::<Kind>())
                .transpose()
                .map_err(|error| error.to_string())?,
            cpus: self.number(layout::CPUS),
            memory: self.number(layout::MEMORY_MIB).map(memory).transpose()?,
            cpu: (!cpu.is_empty()).then_some(cpu),
        })
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|byte| self.bytes[at + byte]))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|byte| self.bytes[at + byte]))
    }

    /// A number whose 0 means that the test does not care.
    fn number(&self, at: usize) -> Option<u32> {
        Some(self.u32(at)).filter(|&number| number != 0)
    }

    fn text(&self, at: usize, what: &str) -> Result<String, String> {
        let (address, length) = (self.u64(at), self.u64(at + 8));
        if length == 0 {
            return Ok(String::new());
        }
        if length > LONGEST_TEXT {
            return Err(format!("its {what} states a length of {length} bytes"));
        }
        let found = self.file.segments().find_map(|segment| segment.data_range(address, length).ok().flatten());
        let bytes = found.ok_or_else(|| format!("its {what} lies at {address:#x}, which the file does not load"))?;
        String::from_utf8(bytes.into()).map_err(|_| format!("its {what} is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_elf::{Builder, Descriptor, put};

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "k::paging::tests::it".into(),
            file: "kernel/src/paging.rs".into(),
            machine: "microvm".into(),
            cpu: "qemu64".into(),
            ignore_reason: String::new(),
            line: 12,
            flags: flags::SHOULD_PANIC,
            timeout_ms: 2500,
            cpus: 4,
            memory_mib: 64,
            tier: layout::Tier::Verify,
        }
    }

    #[test]
    fn everything_that_the_attribute_states_is_read() {
        let listing = Listing::parse(&Builder::default().tests(2).test(descriptor()).build()).unwrap();
        let test = &listing.tests[2];
        assert_eq!(
            (test.index, test.name.as_str(), test.file.as_str()),
            (2, "k::paging::tests::it", "kernel/src/paging.rs")
        );
        assert_eq!((test.line, test.should_panic, test.tier), (12, true, Tier::Verify));
        assert_eq!((test.crate_name(), test.path_in_crate()), ("k", "paging::tests::it"));
        assert_eq!(test.timeout, Some(Duration::from_millis(2500)));
        let shape = test.needs.over(&Shape::default());
        assert_eq!(shape.to_string(), "microvm, 4 CPUs (qemu64), 64M");
        assert_eq!(listing.tests[0].needs.over(&Shape::default()), Shape::default());
    }

    #[test]
    fn a_pipe_is_no_kernel_and_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let error = Listing::read(&pipe).unwrap_err().to_string();
        assert!(error.contains("pipe: it is no regular file"), "{error}");
    }

    #[test]
    fn a_kernel_without_tests_lists_none() {
        assert_eq!(Listing::parse(&Builder::default().build()).unwrap().tests.len(), 0);
    }

    #[test]
    fn an_ignored_test_says_why() {
        let listing = Listing::parse(&Builder::default().test(Builder::ignored("a::b", "slow")).build()).unwrap();
        assert_eq!(listing.tests[0].ignored.as_deref(), Some("slow"));
    }

    #[test]
    fn a_test_of_a_higher_tier_says_so_unless_it_is_ignored_anyway() {
        let tiered = |ignored| Descriptor { tier: layout::Tier::Soak, ..ignored };
        let plain = Descriptor { name: "a::c".into(), ..Descriptor::default() };
        let builder = Builder::default().test(tiered(plain)).test(tiered(Builder::ignored("a::b", "slow")));
        let [by_tier, marked] = <[Test; 2]>::try_from(builder.listing().tests).unwrap();
        assert_eq!((by_tier.ignored.as_deref(), marked.ignored.as_deref()), (Some("tier soak"), Some("slow")));
        assert!(by_tier.is_ignored_in(Tier::Verify) && !by_tier.is_ignored_in(Tier::Soak));
        assert!(marked.is_ignored_in(Tier::Verify) && marked.is_ignored_in(Tier::Soak));
    }

    #[test]
    fn malformed_descriptors_are_refused_in_words() {
        let refused = |change: fn(&mut Vec<u8>)| {
            let mut elf = Builder::default().tests(1).test(descriptor()).build();
            change(&mut elf);
            Listing::parse(&elf).unwrap_err()
        };
        let second = 0x200 + layout::SIZE;
        assert_eq!(second, 0x288);
        assert!(refused(|elf| elf[0x288] ^= 1).starts_with("test 1:"));
        assert!(refused(|elf| put(elf, 0x288 + layout::NAME, &0x1000u64.to_le_bytes())).contains("0x1000"));
        assert!(refused(|elf| put(elf, 0x288 + layout::NAME + 8, &u64::MAX.to_le_bytes())).contains("length"));
        assert!(refused(|elf| put(elf, 0x288 + layout::NAME + 8, &[0; 8])).contains("no name"));
        assert!(refused(|elf| put(elf, 0x288 + layout::MEMORY_MIB, &[0xff; 4])).contains("memory"));
        assert!(refused(|elf| put(elf, 0x288 + layout::TIER, &[9, 0, 0, 0])).contains("tier 9"));
        let unknown = Descriptor { machine: "isapc".into(), ..descriptor() };
        assert!(Listing::parse(&Builder::default().test(unknown).build()).unwrap_err().contains("q35, pc and microvm"));
    }

    #[test]
    fn two_tests_of_one_name_are_refused() {
        let elf = Builder::default().test(descriptor()).test(descriptor()).build();
        assert!(Listing::parse(&elf).unwrap_err().contains("k::paging::tests::it"));
    }

    #[test]
    fn a_section_of_another_layout_is_refused() {
        let mut elf = Builder::default().tests(1).build();
        let sections = elf.len() - 3 * 64;
        put(&mut elf, sections + 64 + 32, &100u64.to_le_bytes());
        assert!(Listing::parse(&elf).unwrap_err().contains("another version"));
    }

    #[test]
    fn no_cut_or_flipped_file_panics() {
        let elf = Builder::default().tests(2).build();
        for length in 0..elf.len() {
            let _ = Listing::parse(&elf[..length]);
            let mut flipped = elf.clone();
            flipped[length] ^= 0xff;
            let _ = Listing::parse(&flipped);
        }
        assert!(Listing::parse(&elf[..30]).unwrap_err().contains("ELF"));
    }
}
