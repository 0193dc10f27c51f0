//! The commands that show the ledger, against one with a few loans in it.

use alloc::{string::String, vec::Vec};

use steward_ledger::{
    Access, Account, Bucket, Direction, Entry, Extent, Instant, Kind, Ledger, LoanSlot, Others, ProcessId, Quota, Span,
    Table, Terms, Window,
};

use super::{command, run};

/// The first key that is no frame.
pub(super) const OTHERS: usize = 1 << 56;

/// Frames 256 to 319, and 1024 to 1027: the kernel has 256, 257 and 300. Process 2.0 owns 258 to 261 and lends them to
/// 3.0 mutably, which lends 258 on; 262 and 263, revocably and shared, to 3.0; and 1024, until a time, to 4.0. Then 2.0
/// dies. A device reads 300. Besides frames, the kernel has eight keys, and 4.0 has the next one and one without a name.
pub(super) fn with(see: &mut dyn FnMut(&Ledger<'_>)) {
    let entries: Vec<Entry> = (0..68).map(|_| Entry::free()).collect();
    let accounts: Vec<Account> = (0..8).map(|_| Account::new()).collect();
    let slots: Vec<LoanSlot> = (0..16).map(|_| LoanSlot::new()).collect();
    let span = |start, count, first| Span { keys: Extent { start, count }, first };
    let spans = [span(256, 64, 0), span(1024, 4, 64)];
    let buckets: Vec<Bucket> = (0..16).map(|_| Bucket::new()).collect();
    let others = Others::new(&buckets, OTHERS, 0).expect("a power of two");
    let table = Table::new(&entries, &spans).expect("they are in order").with_others(others);
    let ledger = Ledger::new(table, &accounts).expect("all is new");
    ledger.grow(&slots).expect("there is room");
    let window = Window { revocable: true, shortest: Some(0), ..Window::default() };
    let quota = Quota { owned: 100, borrowed: 200, loans: 300 };
    let processes: Vec<ProcessId> =
        (2..5).map(|slot| ledger.admit_at(slot, quota, window).expect("the slot is vacant")).collect();
    let [owner, first, second] = processes[..] else { unreachable!("there are three") };
    let keys = |start, count| [Extent { start, count }];
    let own = |process, keys: &[Extent]| ledger.acquire(process, keys, &mut ()).expect("they are free");
    own(ProcessId::KERNEL, &[Extent { start: 256, count: 2 }, Extent::one(300)]);
    own(ProcessId::KERNEL, &[Extent { start: OTHERS + 0x3f8, count: 8 }]);
    own(second, &[Extent::one(OTHERS + 0x400), Extent::one(usize::MAX - 1)]);
    own(owner, &[Extent { start: 258, count: 6 }, Extent::one(1024)]);
    let lend = |to, keys: &[Extent], terms| ledger.lend(owner, to, keys, terms, &mut ()).expect("they are the owner's");
    let lent = lend(first, &keys(258, 4), Terms::firm(Kind::Mut));
    ledger.relend(first, lent, second, &keys(258, 1), Terms::firm(Kind::Shared), &mut ()).expect("it has them");
    lend(first, &keys(262, 2), Terms { kind: Kind::Shared, revocable: true, deadline: None });
    let deadline = Some(Instant::from_nanoseconds(12_034_567_890));
    lend(second, &keys(1024, 1), Terms { kind: Kind::Shared, revocable: false, deadline });
    let pin = ledger.pin(ProcessId::KERNEL, Access::Owned, Extent::one(300), Direction::DeviceReads, &mut ());
    ledger.die(owner, &mut ()).expect("it lives");
    see(&ledger);
    ledger.unpin(pin.expect("it is the kernel's"), &mut ());
}

fn succeeds(line: &str) -> String {
    let (status, text) = run(line);
    assert_eq!(status, 0, "{text}");
    text
}

#[test]
fn ledger_counts_frames_by_state() {
    let expected = "frames                      count
free                           58
exclusive                       3
shared                          3
lent-mut                        4
total                          68
of these 1 pinned and 7 of the dead; 3 processes, 4 loans
besides frames, 10 keys have owners
";
    assert_eq!(succeeds("ledger"), expected);
}

#[test]
fn ledger_tells_all_about_a_frame() {
    let lent = succeeds("ledger 258");
    assert!(
        lent.starts_with("frame     0x102\nstate     lent-mut\nowner     2.0, dead\nshared    1 loans\n"),
        "{lent}"
    );
    assert!(lent.ends_with("the innermost\n"), "{lent}");
    let pinned = succeeds("ledger 0x12c");
    assert!(
        pinned.contains("owner     kernel\n") && pinned.contains("pins      1 devices read, no device"),
        "{pinned}"
    );
    assert!(succeeds("ledger 259").contains("shared    0 loans"));
    assert!(succeeds("ledger 319").contains("state     free\nowner     nobody\n"));
}

#[test]
fn ledger_tells_all_about_what_is_no_frame_by_its_name() {
    assert!(succeeds("ledger port:0x3fa").starts_with("key       port:0x3fa\nstate     exclusive\nowner     kernel\n"));
    assert!(succeeds("ledger port:0x60").starts_with("key       port:0x60\nstate     free\nowner     nobody\n"));
    assert!(succeeds("ledger 0xfffffffffffffffe").starts_with("key       0xfffffffffffffffe\nstate     exclusive\n"));
    assert_eq!(run("ledger pork:0x60").0, command::USAGE);
}

#[test]
fn ledger_takes_numbers_of_frames_only() {
    assert_eq!(run("ledger 320"), (command::FAILED, "0x140 is no frame of this machine's memory\n".into()));
    for line in ["ledger frame", "ledger -1", "ledger 1 2", "ledger 0x", "ledger 99999999999999999999"] {
        assert_eq!(run(line).0, command::USAGE, "{line}");
    }
}

#[test]
fn loans_lists_each_with_how_it_ends() {
    let text = succeeds("loans");
    let lines: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split_whitespace().skip(1).collect()).collect();
    let expected: [&[&str]; 4] = [
        &["mut", "2.0", "3.0", "1", "4", "0x102", "0", "when", "returned"],
        &["shared", "3.0", "4.0", "2", "1", "0x102", "0", "when", "returned"],
        &["shared", "2.0", "3.0", "1", "2", "0x106", "0", "when", "revoked"],
        &["shared", "2.0", "4.0", "1", "1", "0x400", "0", "at", "12.034567", "s"],
    ];
    assert_eq!(lines.len(), 4, "{text}");
    for line in expected {
        assert!(lines.iter().any(|found| found == line), "{line:?} is missing in\n{text}");
    }
    assert_eq!(run("loans of mine").0, command::USAGE);
}

#[test]
fn owners_lists_what_each_has_and_may_have() {
    let text = succeeds("owners");
    let lines: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let expected: [&[&str]; 9] = [
        &["kernel", "live", "11", "no", "limit", "0", "no", "limit", "0", "no", "limit"],
        &["2.0", "estate", "7", "100", "0", "200", "0", "300"],
        &["3.0", "live", "0", "100", "6", "200", "2", "300"],
        &["4.0", "live", "2", "100", "2", "200", "2", "300"],
        &[],
        &["besides", "frames", "count", "owner"],
        &["port:0x3f8", "8", "kernel"],
        &["port:0x400", "1", "4.0"],
        &["0xfffffffffffffffe", "1", "4.0"],
    ];
    assert_eq!(lines, expected, "{text}");
    assert!(text.lines().all(|line| line.len() <= 100 && line == line.trim_end()), "{text}");
}
