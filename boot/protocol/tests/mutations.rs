//! Damaged files: whatever is in them, the loader answers with an error or with a kernel that is
//! mapped as promised. The machine of these tests panics on a write to memory that is not free.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use steward_boot_protocol::archive::{Archive, File};
use steward_boot_protocol::{Input, PAGE_SIZE};

use support::elf::{BASE, kernel, request, segment, tag};
use support::{FEATURES, input, load_on, pc_ranges};

/// Values that are interesting in place of any number.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..64u64,
        Just(u64::MAX),
        (0..12u32).prop_map(|shift| BASE + (1 << shift)),
        (0..64u32).prop_map(|shift| 1 << shift),
        (0..64u32).prop_map(|shift| (1u64 << shift).wrapping_neg()),
    ]
}

/// Changes a file: words, bytes, its length.
fn mutate(file: &mut Vec<u8>, words: &[(Index, u64)], bytes: &[(Index, u8)], cut: Option<Index>) {
    for (at, value) in words {
        let at = at.index(file.len() / 4) * 4;
        let end = file.len().min(at + 8);
        file[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
    }
    for (at, value) in bytes {
        let at = at.index(file.len());
        file[at] = *value;
    }
    if let Some(cut) = cut {
        file.truncate(cut.index(file.len()));
    }
}

/// A small kernel with several requests: most of the file means something.
fn small_kernel() -> Vec<u8> {
    const COMMON: [u64; 2] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b];
    let id = |third, fourth| request(&[COMMON[0], COMMON[1], third, fourth]);
    let requests = [
        tag(0),
        id(0x67cf_3d9d_378a_806f, 0xe304_acdf_c50c_3c62),
        id(0xad97_e90e_83f1_ed67, 0x31eb_5d1c_5ff2_3b69),
        id(0x224e_f046_0a8e_8926, 0xe1cb_0fc2_5f46_ea3d),
        vec![0x1_2000],
    ];
    let mut elf = kernel(&requests.concat());
    elf.segments[0] = segment(support::elf::READ | support::elf::EXECUTE, BASE, &[0x90; 0x20]);
    elf.bytes()
}

/// Loads and, when that works, looks at every page of the kernel.
fn load_and_look(file: &[u8]) {
    let Ok(loaded) = load_on(&pc_ranges(), &Input { features: FEATURES, ..input(file) }) else { return };
    let entry = loaded.walk(loaded.handover.entry).expect("the entry point is mapped");
    assert!(entry.executable && !entry.writable);
    assert_eq!(loaded.word(loaded.handover.stack_pointer), 0);
    let image = steward_boot_protocol::image::Image::parse(file).expect("it has been loaded");
    for segment in image.segments() {
        for page in segment.pages().step_by(PAGE_SIZE as usize).take(64) {
            let leaf = loaded.walk(page).expect("every page is mapped");
            assert_eq!((leaf.writable, leaf.executable), (segment.writable, segment.executable));
        }
    }
}

proptest! {
    #![proptest_config({
        let usual = ProptestConfig::default();
        ProptestConfig { cases: usual.cases.max(3000), failure_persistence: None, ..usual }
    })]

    #[test]
    fn damaged_kernels_never_escape(
        words in vec((any::<Index>(), word()), 0..4),
        headers in vec((0usize..(64 + 3 * 56) / 8, word()), 0..3),
        bytes in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in proptest::option::weighted(0.1, any::<Index>()),
    ) {
        let mut file = small_kernel();
        for (index, value) in headers {
            file[index * 8..index * 8 + 8].copy_from_slice(&value.to_le_bytes());
        }
        mutate(&mut file, &words, &bytes, cut);
        load_and_look(&file);
    }

    #[test]
    fn arbitrary_bytes_are_no_kernel(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(load_on(&pc_ranges(), &input(&bytes)).is_err());
    }

    #[test]
    fn damaged_archives_are_refused_or_read_inside_their_bytes(
        words in vec((any::<Index>(), word()), 0..3),
        bytes in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in proptest::option::weighted(0.2, any::<Index>()),
        resum in any::<bool>(),
    ) {
        let mut file = support::tar::archive(&[("kernel", &[1; 700]), ("modules/a", b"a"), ("modules/b", &[2; 512])]);
        mutate(&mut file, &words, &bytes, cut);
        if resum && file.len() >= 512 {
            support::tar::fix_checksum(&mut file);
        }
        match Archive::parse(&file) {
            Ok(archive) => {
                let files: Vec<File<'_>> = archive.modules().chain([archive.kernel()]).collect();
                for file_in in files {
                    prop_assert!(file_in.data.is_empty() || file.as_ptr_range().contains(&file_in.data.as_ptr()));
                }
            }
            Err(error) => prop_assert!(error.to_string().starts_with("archive")),
        }
    }
}
