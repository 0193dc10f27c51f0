//! The archive that direct boot gets as its initial RAM disk: POSIX ustar with the entries `kernel`
//! and `modules/<name>` (IEEE Std 1003.1, pax, "ustar Interchange Format").

use core::fmt;

const BLOCK: usize = 512;

/// A checked archive. Possession proves that every header and every byte of data is inside the
/// archive, that names are known and appear once, and that there is a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
    kernel: File<'a>,
}

/// A file: the kernel or a module.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name, relative to where the kernel lies; an archive's without a leading `./`.
    pub name: Name<'a>,
    /// Its content.
    pub data: &'a [u8],
    /// What the kernel is told with a module, without a zero byte; an archive says nothing.
    pub string: &'a [u8],
}

/// An entry's name: ustar splits long ones in two.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    prefix: &'a [u8],
    rest: &'a [u8],
}

/// An archive that cannot be used: where, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveError<'a> {
    /// Name of the entry at fault, empty when it has none or the archive as a whole is at fault.
    pub entry: Name<'a>,
    /// Byte of the archive at which the entry's header is, or should be.
    pub offset: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There are no bytes at all.
    Empty,
    /// The archive ends before the two zero blocks that close it.
    NoEnd,
    /// A header's checksum is not that of its bytes.
    Checksum,
    /// A header is not POSIX ustar.
    NotUstar,
    /// The entry is neither a file nor a directory; holds the type flag.
    Type(u8),
    /// The size field is not an octal number.
    Size,
    /// The entry's data runs past the end of the archive; holds its size in bytes.
    Truncated(u64),
    /// The entry is neither `kernel` nor `modules/<name>`.
    Unknown,
    /// An entry of the same name came before.
    Duplicate,
    /// There is no entry `kernel`.
    NoKernel,
}

impl<'a> Archive<'a> {
    /// Checks an archive, every byte that matters.
    ///
    /// # Errors
    /// The first fault, with the entry it is in.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ArchiveError<'a>> {
        let whole = |fault| ArchiveError { entry: Name::EMPTY, offset: 0, fault };
        if bytes.is_empty() {
            return Err(whole(Fault::Empty));
        }
        let mut kernel = None;
        for item in Entries::new(bytes) {
            let (offset, file) = item?;
            let twin = Entries::new(bytes).flatten().take_while(|(at, _)| *at < offset);
            if twin.into_iter().any(|(_, other)| other.name == file.name) {
                return Err(ArchiveError { entry: file.name, offset, fault: Fault::Duplicate });
            }
            if file.name.is_kernel() {
                kernel = Some(file);
            } else if !file.name.is_module() {
                return Err(ArchiveError { entry: file.name, offset, fault: Fault::Unknown });
            }
        }
        Ok(Self { bytes, kernel: kernel.ok_or(whole(Fault::NoKernel))? })
    }

    /// The entry `kernel`.
    pub fn kernel(&self) -> File<'a> {
        self.kernel
    }

    /// The entries `modules/<name>` in the archive's order.
    pub fn modules(&self) -> impl Iterator<Item = File<'a>> + Clone + use<'a> {
        Entries::new(self.bytes).flatten().map(|(_, file)| file).filter(|file| file.name.is_module())
    }
}

/// Walks the files of an archive; directories are passed over. Ends after the first error.
#[derive(Clone)]
struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Entries<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, done: false }
    }

    /// The next entry: `None` at the end, otherwise its offset, its type and the file.
    fn step(&mut self) -> Result<Option<(usize, u8, File<'a>)>, ArchiveError<'a>> {
        let offset = self.at;
        let no_end = ArchiveError { entry: Name::EMPTY, offset, fault: Fault::NoEnd };
        let header = self.block(offset).ok_or(no_end)?;
        if is_zero(header) {
            return if self.block(offset + BLOCK).is_some_and(is_zero) { Ok(None) } else { Err(no_end) };
        }
        let name = Name::of(header);
        let error = |fault| ArchiveError { entry: name, offset, fault };
        // A header that is not a header has no name worth printing.
        let unnamed = |fault| ArchiveError { entry: Name::EMPTY, offset, fault };
        if octal(&header[148..156]) != Some(checksum(header)) {
            return Err(unnamed(Fault::Checksum));
        }
        if &header[257..265] != b"ustar\x0000" {
            return Err(error(Fault::NotUstar));
        }
        let kind = header[156];
        if !matches!(kind, b'0' | 0 | b'5') {
            return Err(error(Fault::Type(kind)));
        }
        let size = octal(&header[124..136]).ok_or(error(Fault::Size))?;
        let start = offset + BLOCK;
        let end =
            usize::try_from(size).ok().and_then(|size| start.checked_add(size)).ok_or(error(Fault::Truncated(size)))?;
        let data = self.bytes.get(start..end).ok_or(error(Fault::Truncated(size)))?;
        self.at = end.checked_next_multiple_of(BLOCK).ok_or(error(Fault::Truncated(size)))?;
        Ok(Some((offset, kind, File { name, data, string: &[] })))
    }

    fn block(&self, offset: usize) -> Option<&'a [u8]> {
        self.bytes.get(offset..offset.checked_add(BLOCK)?)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(usize, File<'a>), ArchiveError<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            match self.step() {
                Ok(Some((_, b'5', _))) => {}
                Ok(Some((offset, _, file))) => return Some(Ok((offset, file))),
                Ok(None) => self.done = true,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl File<'_> {
    /// A nameless file without content, to fill lists with.
    pub const EMPTY: Self = Self { name: Name::EMPTY, data: &[], string: &[] };
}

impl<'a> Name<'a> {
    const EMPTY: Self = Self::new(b"");

    /// A name of one part, which holds no zero byte: loaders that have no archive name their files so.
    pub const fn new(name: &'a [u8]) -> Self {
        Self { prefix: b"", rest: name }
    }

    /// The name in a header: up to 155 bytes of prefix, a slash, up to 100 bytes.
    fn of(header: &'a [u8]) -> Self {
        let (rest, prefix) = (until_nul(&header[..100]), until_nul(&header[345..500]));
        if prefix.is_empty() {
            return Self { prefix, rest: rest.strip_prefix(b"./").unwrap_or(rest) };
        }
        Self { prefix: prefix.strip_prefix(b"./").unwrap_or(prefix), rest }
    }

    /// Its bytes in order; none is zero.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + use<'a> {
        let slash: &[u8] = if self.prefix.is_empty() { b"" } else { b"/" };
        self.prefix.iter().chain(slash).chain(self.rest).copied()
    }

    fn is_kernel(&self) -> bool {
        self.bytes().eq(*b"kernel")
    }

    fn is_module(&self) -> bool {
        let mut bytes = self.bytes();
        b"modules/".iter().all(|byte| bytes.next() == Some(*byte)) && bytes.next().is_some()
    }
}

/// Two names are equal when they read the same, however the header splits them.
impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for Name<'_> {}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().try_for_each(|byte| write!(f, "{}", core::ascii::escape_default(byte)))
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for ArchiveError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.entry == Name::EMPTY, self.fault) {
            (true, Fault::Empty | Fault::NoKernel) => write!(f, "archive: ")?,
            (true, _) => write!(f, "archive, byte {}: ", self.offset)?,
            (false, _) => write!(f, "archive entry `{}` (byte {}): ", self.entry, self.offset)?,
        }
        match self.fault {
            Fault::Empty => write!(f, "it is empty"),
            Fault::NoEnd => write!(f, "it ends without the two zero blocks that close it; it was cut short"),
            Fault::Checksum => write!(f, "the checksum of this header is wrong; this is damaged or no tar archive"),
            Fault::NotUstar => write!(f, "not POSIX ustar; make the archive with `tar --format=ustar`"),
            Fault::Type(b'x' | b'g' | b'L' | b'K') => {
                write!(f, "an extension of ustar; make the archive with `tar --format=ustar`")
            }
            Fault::Type(kind) => {
                write!(f, "type `{}` is neither file nor directory", core::ascii::escape_default(kind))
            }
            Fault::Size => write!(f, "its size is not an octal number"),
            Fault::Truncated(size) => write!(f, "its {size} bytes run past the end of the archive; it was cut short"),
            Fault::Unknown => write!(f, "only `kernel` and `modules/<name>` are known; remove or rename it"),
            Fault::Duplicate => write!(f, "there is more than one entry of this name"),
            Fault::NoKernel => write!(f, "it has no entry `kernel`"),
        }
    }
}

impl core::error::Error for ArchiveError<'_> {}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Sum of a header's bytes, those of the checksum field taken as spaces.
fn checksum(header: &[u8]) -> u64 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    sum(&header[..148]) + 8 * u64::from(b' ') + sum(&header[156..])
}

/// An octal number that ends with the field, a space or a zero byte.
fn octal(field: &[u8]) -> Option<u64> {
    let field = field.trim_ascii_start();
    let digits = field.split(|byte| matches!(byte, 0 | b' ')).next()?;
    if digits.is_empty() || !field[digits.len()..].iter().all(|byte| matches!(byte, 0 | b' ')) {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}
