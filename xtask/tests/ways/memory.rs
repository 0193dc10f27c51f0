//! What `mem` prints.

/// The kinds that every machine has, whatever has booted it.
const ALWAYS: [&str; 6] = ["free", "page-tables", "heap", "stacks", "kernel-image", "first-mib"];

/// Whether the table names the kinds of memory, and they sum to the total, which is about what the machine has: firmware
/// keeps some of it to itself without a word.
pub fn sums_to(mib: u64, table: &str) {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (kind, bytes, kib) =
            (words.next()?, words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?);
        assert_eq!(bytes / 1024, kib, "{line}");
        Some((kind.to_owned(), bytes))
    };
    let rows: Vec<(String, u64)> = table.lines().filter_map(row).collect();
    let bytes = |kind: &str| rows.iter().find(|(name, _)| name == kind).map(|(_, bytes)| *bytes);
    assert!(ALWAYS.iter().all(|kind| bytes(kind).is_some_and(|bytes| bytes > 0)), "a kind is missing:\n{table}");
    let total = bytes("total").unwrap_or_else(|| panic!("no total:\n{table}"));
    let sum: u64 = rows.iter().filter(|(kind, _)| kind != "total").map(|(_, bytes)| bytes).sum();
    assert_eq!(sum, total, "the kinds do not sum to the total:\n{table}");
    let machine = mib << 20;
    assert!(total <= machine && total >= machine - (2 << 20), "{total} bytes of a machine with {machine}:\n{table}");
}
