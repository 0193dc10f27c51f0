//! Archives: what is taken, and how each fault is named.

mod support;

use steward_boot_protocol::archive::Archive;

use support::tar::{archive, entry, fix_checksum};

fn refusal(bytes: &[u8]) -> String {
    Archive::parse(bytes).expect_err("this archive is refused").to_string()
}

/// The refusal of an archive whose first header, that of `kernel`, is changed and summed again.
fn refused_header(change: impl FnOnce(&mut [u8])) -> String {
    let mut bytes = archive(&[("kernel", b"content")]);
    change(&mut bytes[..512]);
    fix_checksum(&mut bytes);
    refusal(&bytes)
}

#[test]
fn kernel_and_modules_are_found_in_any_order() {
    let bytes = archive(&[("modules/b", b"bee"), ("kernel", &[7; 513]), ("modules/a", b"")]);
    let archive = Archive::parse(&bytes).expect("well-formed");
    assert_eq!(archive.kernel().data, [7; 513]);
    let modules: Vec<_> = archive.modules().map(|file| (file.name.to_string(), file.data)).collect();
    assert_eq!(modules, [("modules/b".to_owned(), &b"bee"[..]), ("modules/a".to_owned(), b"")]);
}

#[test]
fn directories_and_leading_dots_are_passed_over() {
    let parts = [
        entry("./", b'5', b""),
        entry("./kernel", 0, b"k"),
        entry("./modules/", b'5', b""),
        entry("./modules/x", b'0', b"x"),
        vec![0; 1024],
    ];
    let bytes = parts.concat();
    let archive = Archive::parse(&bytes).expect("as `tar -C directory .` makes it");
    assert_eq!(archive.kernel().name.to_string(), "kernel");
    assert_eq!(archive.modules().map(|file| file.name.to_string()).collect::<Vec<_>>(), ["modules/x"]);
}

#[test]
fn long_names_are_joined_from_their_two_fields() {
    let name = format!("modules/{}", "n".repeat(99));
    let bytes = archive(&[("kernel", b"k"), (&name, b"long")]);
    let archive = Archive::parse(&bytes).expect("well-formed");
    assert_eq!(archive.modules().next().expect("one module").name.to_string(), name);
}

#[test]
fn names_that_read_the_same_are_the_same_however_they_are_split() {
    let mut split = entry("x", b'0', b"");
    split[..100].fill(0);
    split[0] = b'm';
    split[345..352].copy_from_slice(b"modules");
    fix_checksum(&mut split);
    let bytes = [entry("kernel", b'0', b"k"), entry("modules/m", b'0', b""), split, vec![0; 1024]].concat();
    assert!(refusal(&bytes).starts_with("archive entry `modules/m` (byte 1536): there is more than one"));
}

#[test]
fn every_fault_is_named_with_the_entry_it_is_in() {
    let good = archive(&[("kernel", &[1; 600])]);
    let mut gnu = good.clone();
    gnu[257..265].copy_from_slice(b"ustar  \0");
    fix_checksum(&mut gnu);
    let mut damaged = good.clone();
    damaged[3] ^= 1;
    let cases: [(String, &str); 16] = [
        (refusal(b""), "archive: it is empty"),
        (refusal(&[0; 1024]), "archive: it has no entry `kernel`"),
        (refusal(&archive(&[("modules/a", b"")])), "archive: it has no entry `kernel`"),
        (refusal(&[b'x'; 2000]), "archive, byte 0: the checksum of this header is wrong"),
        (refusal(&damaged), "archive, byte 0: the checksum of this header is wrong"),
        (refusal(&good[..100]), "archive, byte 0: it ends without the two zero blocks"),
        (refusal(&good[..1000]), "archive entry `kernel` (byte 0): its 600 bytes run past the end"),
        (refusal(&good[..1200]), "archive, byte 1536: it ends without the two zero blocks"),
        (refusal(&good[..1536]), "archive, byte 1536: it ends without the two zero blocks"),
        (refusal(&good[..2048]), "archive, byte 1536: it ends without the two zero blocks"),
        (refusal(&gnu), "archive entry `kernel` (byte 0): not POSIX ustar; make the archive with"),
        (refused_header(|header| header[156] = b'2'), "archive entry `kernel` (byte 0): type `2` is neither"),
        (refused_header(|header| header[156] = b'x'), "archive entry `kernel` (byte 0): an extension of ustar"),
        (refused_header(|header| header[130] = b'9'), "archive entry `kernel` (byte 0): its size is not an octal"),
        (refusal(&archive(&[("kernel", b"k"), ("initrd", b"")])), "archive entry `initrd` (byte 1024): only `kernel`"),
        (refusal(&archive(&[("kernel", b"k"), ("kernel", b"")])), "archive entry `kernel` (byte 1024): there is more"),
    ];
    for (text, expected) in cases {
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn sizes_that_overflow_are_truncated_data() {
    let text = refused_header(|header| header[124..136].copy_from_slice(b"777777777777"));
    assert!(text.starts_with("archive entry `kernel` (byte 0): its 68719476735 bytes run past"), "{text}");
}

#[test]
fn names_without_a_module_name_are_unknown() {
    for name in ["modules/", "modules", "module/a", "kernel/", "Kernel"] {
        let text = refusal(&archive(&[("kernel", b"k"), (name, b"")]));
        assert!(text.starts_with(&format!("archive entry `{name}` (byte 1024): only `kernel`")), "{text}");
    }
}

#[test]
fn unprintable_names_are_escaped() {
    let text = refused_header(|header| header[..3].copy_from_slice(b"\x1b[2"));
    assert!(text.starts_with(r"archive entry `\x1b[2nel` (byte 0)"), "{text}");
}
