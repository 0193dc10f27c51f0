//! The last words of kernels.

use memchr::memmem;

/// What begins a line by which Linux says that something is badly wrong, and what the line must go on with.
const LINUX: &[&str] = &[
    "Kernel panic - not syncing",
    "BUG: ",
    "kernel BUG at ",
    "Kernel BUG at ",
    "Oops: ",
    "Oops - ",
    "Internal error: ",
    "general protection fault",
    "Unable to handle kernel ",
    "double fault: ",
    "watchdog: BUG: ",
];

/// What in this line, if anything, says that the kernel is going down: `Kernel panic - not syncing: …`, `BUG: …`.
///
/// Prefixes such as timestamps may precede it. Gives the words from there to the end of the line, or `None` too where
/// they are no UTF-8. The kernel may live on after some of them (Linux does after many a `BUG:` and `Oops:`), so this
/// alone says that something crashed, not that the machine is dead.
#[must_use]
pub fn crash(line: &[u8]) -> Option<&str> {
    let line = line.trim_ascii();
    if let Some(words) = linux(crate::prefix::strip(line).trim_ascii_start()) {
        return std::str::from_utf8(words).ok();
    }
    let at = memmem::find(line, b"anic")?;
    let words = rust(line, at)?;
    std::str::from_utf8(words).ok()
}

/// The same for a message without a prefix, and only what Linux says.
pub(crate) fn linux(message: &[u8]) -> Option<&[u8]> {
    if !matches!(message.first(), Some(b'K' | b'B' | b'k' | b'O' | b'I' | b'g' | b'U' | b'd' | b'w')) {
        return None;
    }
    LINUX.iter().any(|words| message.starts_with(words.as_bytes())).then_some(message)
}

/// The same for a line that holds `anic` at this place: a Rust kernel's `panicked at`, or a panic of Linux behind an
/// unusual prefix.
pub(crate) fn rust(line: &[u8], mut at: usize) -> Option<&[u8]> {
    loop {
        let (before, here) = (&line[..at], &line[at..]);
        if before.ends_with(b"Kernel p") && here.starts_with(b"anic - not syncing") {
            return Some(&line[at - b"Kernel p".len()..]);
        }
        // `panicked at src/main.rs:1:2:`, or with the message in quotes, as older compilers have it.
        if (before.ends_with(b"p") || before.ends_with(b"P")) && here.starts_with(b"anicked at ") {
            let start = at - 1;
            let is_word = start == 0 || !(line[start - 1].is_ascii_alphanumeric() || line[start - 1] == b'_');
            let place = &here[b"anicked at ".len()..];
            let is_place = place.starts_with(b"'") || place.starts_with(b"\"") || memmem::find(place, b".rs").is_some();
            if is_word && is_place {
                return Some(&line[start..]);
            }
        }
        at += 1 + memmem::find(&line[at + 1..], b"anic")?;
    }
}

#[cfg(test)]
mod tests {
    use super::crash;

    #[test]
    fn last_words_are_known_behind_any_prefix() {
        for (line, words) in [
            (
                "Kernel panic - not syncing: Attempted to kill init!",
                "Kernel panic - not syncing: Attempted to kill init!",
            ),
            ("[    3.1][   T1] Kernel panic - not syncing: x", "Kernel panic - not syncing: x"),
            ("host kernel: Kernel panic - not syncing: x", "Kernel panic - not syncing: x"),
            ("<0>[ 1.2] BUG: kernel NULL pointer dereference\r", "BUG: kernel NULL pointer dereference"),
            ("[ 1.2] Oops: 0002 [#1] SMP", "Oops: 0002 [#1] SMP"),
            ("[ 1.2] general protection fault, probably for x", "general protection fault, probably for x"),
            ("Unable to handle kernel paging request", "Unable to handle kernel paging request"),
            ("Internal error: Oops: 96000004 [#1]", "Internal error: Oops: 96000004 [#1]"),
            ("kernel BUG at mm/slub.c:1!", "kernel BUG at mm/slub.c:1!"),
            ("thread 'main' panicked at src/main.rs:3:5:", "panicked at src/main.rs:3:5:"),
            ("[PANIC]: panicked at 'boom', kernel/src/lib.rs:1", "panicked at 'boom', kernel/src/lib.rs:1"),
        ] {
            assert_eq!(crash(line.as_bytes()), Some(words));
        }
    }

    #[test]
    fn ordinary_messages_are_no_last_words() {
        for line in [
            "debug: BUG: is a word here",
            "ok 1 - panic",
            "[ 1.0] sysctl kernel.panic=1",
            "panic_on_oops is set",
            "Oops, wrong key",
            "DEBUG: all well",
            "we panicked at the sight of it",
            "# Subtest: panicked at test",
            "kernel bug at large",
            "",
        ] {
            assert_eq!(crash(line.as_bytes()), None, "{line}");
        }
        assert_eq!(crash(b"BUG: \xff"), None);
    }
}
