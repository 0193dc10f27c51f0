//! Names on a FAT volume: a short one in capitals, and where that is not the name itself, a long one besides
//! (Microsoft, FAT32 File System Specification 1.03, pages 22 to 32).

/// Bytes of a directory entry.
pub(super) const ENTRY: usize = 32;
/// Characters of a name that a long entry holds, and where in it they stand.
const PER_ENTRY: usize = 13;
pub(super) const CHARACTERS: [usize; PER_ENTRY] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
/// The attribute of long entries (page 28), and the mark of the first, which has the name's end.
pub(super) const LONG: u8 = 0x0f;
pub(super) const LAST: u8 = 0x40;
/// What a short name may have besides letters and digits (page 24). Not `~`, which marks the made ones.
const ALSO: &[u8] = b"!%&'()-@^_`{}";

/// The short name for a name, of eleven characters, which is none of those `taken`. Directories and files are alike.
pub(super) fn short(name: &str, _directory: bool, taken: &dyn Fn(&[u8]) -> bool) -> Vec<u8> {
    let (base, extension) = match name.rsplit_once('.') {
        Some((base, extension)) if !base.is_empty() => (base, extension),
        _ => (name, ""),
    };
    let [plain_base, plain_extension] = [base, extension].map(plain);
    let whole = padded(&plain_base, &plain_extension);
    let same = base.len() <= 8 && extension.len() <= 3;
    let same = same && plain_base.eq_ignore_ascii_case(base) && plain_extension.eq_ignore_ascii_case(extension);
    if same && !taken(&whole) {
        return whole;
    }
    let numbered = (1_u32..).map(|number| {
        let suffix = format!("~{number}");
        let base = &plain_base[..plain_base.len().min(8 - suffix.len())];
        padded(&format!("{base}{suffix}"), &plain_extension)
    });
    numbered.into_iter().find(|name| !taken(name)).expect("there are more numbers than names")
}

/// How many entries of a directory a file of this name takes.
pub(super) fn entries(name: &str, short: &[u8]) -> usize {
    if is_short(name, short) { 1 } else { 1 + name.len().div_ceil(PER_ENTRY) }
}

/// The entries that stand in front of the short one, and hold the long name.
pub(super) fn long(name: &str, short: &[u8]) -> Vec<[u8; ENTRY]> {
    if is_short(name, short) {
        return Vec::new();
    }
    let sum = checksum(short);
    let parts = name.as_bytes().chunks(PER_ENTRY).zip(1_u8..);
    let mut entries: Vec<_> = parts.map(|(part, number)| long_entry(part, number, sum)).collect();
    entries.reverse();
    entries[0][0] |= LAST;
    entries
}

/// The sum in each entry of a long name (page 28), by which it belongs to its short one.
pub(super) fn checksum(short: &[u8]) -> u8 {
    short.iter().fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
}

fn long_entry(part: &[u8], number: u8, sum: u8) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    (entry[0], entry[11], entry[13]) = (number, LONG, sum);
    // A name that ends within an entry is ended by 0; the rest is 0xffff.
    let rest = std::iter::once(0).chain(std::iter::repeat(0xffff));
    for (place, character) in CHARACTERS.into_iter().zip(part.iter().map(|byte| u16::from(*byte)).chain(rest)) {
        entry[place..place + 2].copy_from_slice(&character.to_le_bytes());
    }
    entry
}

/// Whether the short name says it all.
fn is_short(name: &str, short: &[u8]) -> bool {
    let (base, extension) = name.split_once('.').unwrap_or((name, ""));
    !name.bytes().any(|byte| byte.is_ascii_lowercase()) && padded(base, extension) == short
}

/// Capitals, and `_` for what cannot stand in a short name; without spaces and full stops.
fn plain(text: &str) -> String {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || ALSO.contains(&byte);
    let bytes = text.bytes().filter(|byte| *byte != b' ' && *byte != b'.');
    bytes.map(|byte| if fit(byte) { byte.to_ascii_uppercase() as char } else { '_' }).collect()
}

fn padded(base: &str, extension: &str) -> Vec<u8> {
    format!("{base:8.8}{extension:3.3}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(name: &str) -> String {
        String::from_utf8(short(name, false, &|_| false)).unwrap()
    }

    #[test]
    fn a_name_that_fits_is_its_own_short_name() {
        assert_eq!(free("BOOTX64.EFI"), "BOOTX64 EFI");
        assert_eq!(free("EFI"), "EFI        ");
        assert_eq!(entries("BOOTX64.EFI", b"BOOTX64 EFI"), 1);
        assert!(long("BOOTX64.EFI", b"BOOTX64 EFI").is_empty());
    }

    #[test]
    fn a_name_in_small_letters_has_its_capitals_for_a_short_name() {
        assert_eq!(free("kernel"), "KERNEL     ");
        assert_eq!(entries("kernel", b"KERNEL     "), 2);
    }

    #[test]
    fn a_name_that_does_not_fit_is_cut_and_numbered() {
        assert_eq!(free("limine.conf"), "LIMINE~1CON");
        assert_eq!(free("limine-bios.sys"), "LIMINE~1SYS");
        assert_eq!(free("a b"), "AB~1       ");
        assert_eq!(free("a.b.c"), "AB~1    C  ");
        assert_eq!(free(".hidden"), "HIDDEN~1   ");
        assert_eq!(free("a+b"), "A_B~1      ");
        let taken = |name: &[u8]| name < &b"LIMINE~9CON"[..];
        assert_eq!(short("limine.config", false, &taken), b"LIMINE~9CON");
        let taken = |name: &[u8]| name[6] == b'~';
        assert_eq!(short("limine.config", false, &taken), b"LIMIN~10CON");
    }

    #[test]
    fn a_long_name_stands_backwards_and_with_the_sum_of_the_short_one() {
        let entries = long("limine-bios.sys", b"LIMINE~1SYS");
        assert_eq!(entries.iter().map(|entry| entry[0]).collect::<Vec<_>>(), [0x42, 1]);
        assert_eq!(entries[0][1..11], [b'y', 0, b's', 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(entries[1][1..5], [b'l', 0, b'i', 0]);
        assert_eq!(entries[0][13], entries[1][13]);
        assert_eq!(self::entries("limine-bios.sys", b"LIMINE~1SYS"), 3);
        assert_eq!(long("thirteenchars", b"THIRTE~1   ").len(), 1);
    }
}
