mod disc;

use proptest::prelude::*;
use std::vec::Vec;
use std::{format, vec};

use super::*;
use disc::{ASSOCIATED, DIRECTORY, Disc, IN_PIECES, ce, nm, record, sp};

/// A disc with these records in its root directory.
fn with(own_system_use: &[u8], records: &[Vec<u8>]) -> Disc {
    let mut disc = Disc::new(40, 2048);
    disc.directory(18, own_system_use, records);
    disc
}

/// Where the file of that path begins.
fn place(disc: Disc, path: &str) -> Option<u64> {
    Volume::open(disc).unwrap().find(path).unwrap().map(|extent| extent.sector)
}

#[test]
fn a_file_is_found_by_its_iso_name_without_case_and_version() {
    let disc = with(b"", &[record(b"KERNEL.;1", 20, 1, 0, b""), record(b"LIMINE.CONF;1", 21, 1, 0, b"")]);
    assert_eq!(place(disc.clone(), "kernel"), Some(20));
    assert_eq!(place(disc.clone(), "/limine.conf"), Some(21));
    assert_eq!(place(disc.clone(), "kern"), None);
    assert_eq!(place(disc, "limine.conf/kernel"), None);
}

#[test]
fn directories_lead_to_files() {
    let mut disc = with(b"", &[record(b"BOOT", 19, 2048, DIRECTORY, b"")]);
    disc.directory(19, b"", &[record(b"KERNEL", 20, 1, 0, b"")]);
    assert_eq!(place(disc.clone(), "boot//./kernel"), Some(20));
    assert_eq!(place(disc.clone(), "boot/absent"), None);
    let mut volume = Volume::open(disc).unwrap();
    for path in ["boot", "", "/"] {
        assert_eq!(volume.find(path), Err(Error::IsDirectory));
    }
}

#[test]
fn a_directory_goes_on_in_its_next_sector() {
    let mut disc = Disc::new(40, 2 * 2048);
    disc.directory(18, b"", &[]);
    let last = record(b"LAST", 30, 1, 0, b"");
    disc.sector(19)[..last.len()].copy_from_slice(&last);
    assert_eq!(place(disc, "last"), Some(30));
}

#[test]
fn with_rock_ridge_a_file_has_only_its_rock_ridge_name() {
    let fields = [b"RR\x05\x01\x89".to_vec(), nm(0, "limine.conf")].concat();
    let records = [record(b"LIMINE.CON;1", 20, 1, 0, &fields), record(b"PLAIN;1", 21, 1, 0, b"")];
    let disc = with(&sp(0), &records);
    assert_eq!(place(disc.clone(), "limine.conf"), Some(20));
    assert_eq!(place(disc.clone(), "limine.con"), None);
    assert_eq!(place(disc.clone(), "LIMINE.CONF"), None);
    assert_eq!(place(disc, "plain"), Some(21));
}

#[test]
fn rock_ridge_fields_count_only_where_the_root_directory_says_so() {
    let records = [record(b"A", 20, 1, 0, &nm(0, "b"))];
    assert_eq!(place(with(b"", &records), "b"), None);
    assert_eq!(place(with(b"", &records), "a"), Some(20));
    let skipped = [record(b"A", 20, 1, 0, &[b"NM\x06\x01\x00x".to_vec(), nm(0, "b")].concat())];
    assert_eq!(place(with(&sp(6), &skipped), "b"), Some(20));
}

#[test]
fn a_rock_ridge_name_may_be_in_pieces_and_go_on_elsewhere() {
    let fields = [nm(1, "a-long-"), ce(25, 100, 11)].concat();
    let mut disc = with(&sp(0), &[record(b"A", 20, 1, 0, &fields)]);
    disc.sector(25)[100..111].copy_from_slice(&nm(0, "name.x"));
    assert_eq!(place(disc.clone(), "a-long-name.x"), Some(20));
    for other in ["a-long-", "a-long-name.", "a-long-name.xy", "name.x", "a"] {
        assert_eq!(place(disc.clone(), other), None, "{other}");
    }
}

#[test]
fn continuations_that_go_round_in_a_circle_end() {
    let mut disc = with(&sp(0), &[record(b"A", 20, 1, 0, &ce(25, 0, 28))]);
    disc.sector(25)[..28].copy_from_slice(&ce(25, 0, 28));
    let mut volume = Volume::open(disc).unwrap();
    assert_eq!(volume.find("b"), Ok(None));
    assert!(volume.sectors.reads < 20);
}

#[test]
fn a_directory_within_itself_leads_as_far_as_the_path_goes() {
    let disc = with(b"", &[record(b"D", 18, 2048, DIRECTORY, b""), record(b"F", 20, 1, 0, b"")]);
    assert_eq!(place(disc, &format!("{}f", "d/".repeat(50))), Some(20));
}

#[test]
fn a_file_is_read_whole_or_in_part() {
    let mut disc = with(b"", &[record(b"F", 20, 5000, 0, b""), record(b"EMPTY", 0, 0, 0, b"")]);
    let content: Vec<u8> = (0..5000).map(|n| u8::try_from(n % 251).unwrap()).collect();
    disc.bytes[20 * SECTOR..][..5000].copy_from_slice(&content);
    let mut volume = Volume::open(disc).unwrap();
    let file = volume.find("f").unwrap().unwrap();
    assert_eq!(file.bytes, 5000);
    for length in [0, 1, 2048, 2049, 4096, 5000, 9000] {
        let mut buffer = vec![0xee; length];
        let read = volume.read(file, &mut buffer).unwrap();
        assert_eq!(read, length.min(5000));
        assert_eq!(buffer[..read], content[..read]);
        assert!(buffer[read..].iter().all(|byte| *byte == 0xee));
    }
    let empty = volume.find("empty").unwrap().unwrap();
    assert_eq!((empty.bytes, volume.read(empty, &mut [0; 4])), (0, Ok(0)));
}

#[test]
fn an_extended_attribute_record_is_before_the_file() {
    let mut file = record(b"F", 20, 1, 0, b"");
    file[1] = 2;
    assert_eq!(place(with(b"", &[file]), "f"), Some(22));
}

#[test]
fn a_file_in_pieces_is_refused_and_an_associated_one_passed_over() {
    let mut interleaved = record(b"I", 20, 1, 0, b"");
    interleaved[26] = 1;
    let records = [
        record(b"P", 20, 2048, IN_PIECES, b""),
        record(b"P", 21, 1, 0, b""),
        record(b"A", 22, 1, ASSOCIATED, b""),
        record(b"A", 23, 1, 0, b""),
        interleaved,
    ];
    let mut volume = Volume::open(with(b"", &records)).unwrap();
    assert_eq!(volume.find("p"), Err(Error::InPieces));
    assert_eq!(volume.find("i"), Err(Error::InPieces));
    assert_eq!(volume.find("a").unwrap().unwrap().sector, 23);
}

#[test]
fn what_is_no_volume_is_told_from_a_damaged_one() {
    let open = |disc: Disc| Volume::open(disc).map(|_| ()).unwrap_err();
    assert_eq!(open(Disc { bytes: vec![0; 64 * SECTOR], reads: 0 }), Error::NoVolume);
    let mut disc = with(b"", &[]);
    disc.sector(16)[128] = 1;
    assert_eq!(open(disc), Error::BlockSize(0x801));
    let mut disc = with(b"", &[]);
    disc.sector(16)[0] = 255;
    assert_eq!(open(disc), Error::NoVolume);
    let mut disc = with(b"", &[]);
    disc.sector(18)[0] = 20;
    assert_eq!(open(disc), Error::Record { sector: 18 });
    assert_eq!(open(Disc::new(18, 2048)), Error::BeyondEnd { sector: 18, size: 18 });
    assert_eq!(open(Disc::new(40, 1 << 30)), Error::HugeDirectory { bytes: 1 << 30 });
    assert!(matches!(open(Disc::default()), Error::Sectors(_)));
}

#[test]
fn descriptors_without_an_end_end() {
    let mut disc = Disc { bytes: vec![0; 4096 * SECTOR], reads: 0 };
    for number in 16..4096 {
        disc.sector(number)[..7].copy_from_slice(b"\x02CD001\x01");
    }
    assert_eq!(Volume::open(&mut disc).map(|_| ()), Err(Error::NoVolume));
    assert!(disc.reads < 100);
}

#[test]
fn what_lies_beyond_the_end_is_refused() {
    let mut volume = Volume::open(with(b"", &[record(b"F", 39, 2049, 0, b"")])).unwrap();
    assert_eq!(volume.find("f"), Err(Error::BeyondEnd { sector: 40, size: 40 }));
    let mut disc = with(b"", &[record(b"F", 39, 2048, 0, b"")]);
    disc.bytes.truncate(39 * SECTOR);
    let mut volume = Volume::open(disc).unwrap();
    let file = volume.find("f").unwrap().unwrap();
    let error = volume.read(file, &mut [0; 10]).unwrap_err();
    assert_eq!(format!("{error}"), "sector 39 cannot be read");
}

#[test]
fn a_record_across_sectors_is_refused() {
    let mut disc = with(b"", &[]);
    disc.sector(18)[68] = 200;
    disc.sector(18)[68 + 32] = 180;
    assert_eq!(Volume::open(disc.clone()).unwrap().find("f"), Err(Error::Record { sector: 18 }));
    disc.sector(18)[68 + 32] = 1;
    let fill = record(b"X", 20, 1, 0, &[0; 166]);
    for number in 0..9 {
        disc.sector(18)[68 + number * 200..][..200].copy_from_slice(&fill);
    }
    disc.sector(18)[68 + 1800] = 200;
    assert_eq!(Volume::open(disc).unwrap().find("f"), Err(Error::Record { sector: 18 }));
}

/// A disc with everything on it that is read.
fn rich() -> Disc {
    let long = [nm(1, "limine."), ce(25, 0, 9)].concat();
    let root = [
        record(b"BOOT", 19, 2048, DIRECTORY, &nm(0, "boot")),
        record(b"LIMINE.CON;1", 30, 600, 0, &long),
        record(b"KERNEL", 31, 5000, 0, &nm(0, "kernel")),
    ];
    let mut disc = with(&sp(0), &root);
    disc.sector(25)[..9].copy_from_slice(&nm(0, "conf"));
    disc.directory(19, b"", &[record(b"SELF", 18, 2048, DIRECTORY, &nm(0, "self")), root[2].clone()]);
    disc
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_disc_is_answered_within_bounds(
        changes in proptest::collection::vec((prop_oneof![
            16 * SECTOR..16 * SECTOR + 200, 18 * SECTOR..18 * SECTOR + 400, 19 * SECTOR..19 * SECTOR + 200, 25 * SECTOR..25 * SECTOR + 30,
        ], any::<u8>()), 0..12),
        sectors in 15_usize..41,
        path in "(boot/self/boot/kernel|limine.conf|kernel|boot|[a-z/.]{0,9})",
    ) {
        let mut disc = rich();
        for (at, value) in changes {
            disc.bytes[at] = value;
        }
        disc.bytes.truncate(sectors * SECTOR);
        if let Ok(mut volume) = Volume::open(&mut disc)
            && let Ok(Some(file)) = volume.find(&path)
        {
            let mut buffer = vec![0; usize::try_from(file.bytes).unwrap().min(1 << 16)];
            if let Ok(read) = volume.read(file, &mut buffer) {
                prop_assert_eq!(read, buffer.len());
            }
        }
        // At most the directories of the path, each with a few continuations a record.
        prop_assert!(disc.reads < 4000, "{} reads", disc.reads);
    }

    #[test]
    fn any_bytes_where_records_should_be_are_answered(bytes in proptest::collection::vec(any::<u8>(), SECTOR)) {
        let mut disc = Disc::new(40, 2048);
        disc.directory(18, &sp(0), &[]);
        disc.sector(18)[76..].copy_from_slice(&bytes[76..]);
        let _ = Volume::open(disc).and_then(|mut volume| volume.find("kernel"));
        prop_assert!(records(&bytes).count() <= SECTOR / 33);
    }
}

#[test]
fn a_rich_disc_is_read_as_it_was_made() {
    for (path, sector) in [("boot/self/boot/kernel", 31), ("limine.conf", 30)] {
        assert_eq!(place(rich(), path), Some(sector));
    }
}
