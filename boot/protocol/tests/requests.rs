//! Which requests are found, and what the base revision tag says afterwards.

mod support;

use support::elf::{BASE, DATA, kernel, request, tag};
use support::{Loaded, input, load_pc, refusal};

const HHDM: [u64; 4] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b, 0x48dc_f1cb_8ad2_b852, 0x6398_4e95_9a98_244b];
const STACK: [u64; 4] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b, 0x224e_f046_0a8e_8926, 0xe1cb_0fc2_5f46_ea3d];
const ENTRY: [u64; 4] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b, 0x13d8_6c03_5a1c_d3e1, 0x2b0c_aa89_d8f3_026a];
const PAGING: [u64; 4] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b, 0x95c1_a0ed_ab09_44cb, 0xa4e5_cb38_42f7_488a];
const START: [u64; 4] = [0xf6b8_f4b3_9de7_d1ae, 0xfab9_1a69_40fc_b9cf, 0x785c_6ed0_15d3_e316, 0x181e_920a_7852_b9d9];
const END: [u64; 2] = [0xadc0_e053_1bb1_0d03, 0x9572_709f_3176_4c62];

fn load_words(words: &[u64]) -> Loaded {
    load_pc(&input(&kernel(words).bytes()))
}

#[test]
fn supported_revisions_are_confirmed_in_the_tag() {
    for revision in 0..=3 {
        let loaded = load_words(&tag(revision));
        assert_eq!(loaded.words(DATA + 8, 2), [revision, 0]);
    }
}

#[test]
fn newer_revisions_get_3_and_are_told_so() {
    for revision in [4, 5, !0] {
        let loaded = load_words(&tag(revision));
        assert_eq!(loaded.words(DATA + 8, 2), [3, revision]);
    }
}

#[test]
fn without_a_tag_the_revision_is_0() {
    let loaded = load_words(&request(&HHDM));
    assert!(loaded.walk(0x1000).is_some(), "revision 0 has an identity map");
    assert!(loaded.response(DATA).is_some());
}

#[test]
fn requests_count_only_between_the_markers() {
    let outside = [tag(3), request(&HHDM)].concat();
    let inside = [tag(2), request(&STACK), vec![0]].concat();
    let after = [request(&ENTRY), vec![BASE + 0x20]].concat();
    let loaded = load_words(&[&outside[..], &START, &inside, &END, &after].concat());
    let inside_at = DATA + 8 * (outside.len() as u64 + 4);
    let after_at = inside_at + 8 * (inside.len() as u64 + 2);
    assert_eq!(loaded.word(DATA + 16), 3, "the first tag is not the kernel's");
    assert_eq!(loaded.word(inside_at + 16), 0);
    assert_eq!(loaded.response(DATA + 24), None);
    assert!(loaded.response(inside_at + 24).is_some());
    assert_eq!(loaded.response(after_at), None);
    assert_eq!(loaded.handover.entry, BASE + 0x10);
}

#[test]
fn the_last_start_marker_and_the_first_end_marker_count() {
    let first = request(&HHDM);
    let second = request(&STACK);
    let loaded = load_words(&[&START, &first[..], &START, &second, &[0], &END, &first, &END].concat());
    assert_eq!(loaded.response(DATA + 32), None);
    assert!(loaded.response(DATA + 32 + 48 + 32).is_some());
    assert_eq!(loaded.response(DATA + 32 + 48 + 32 + 56 + 16), None);
}

#[test]
fn requests_are_found_in_every_segment_at_multiples_of_8() {
    let mut elf = kernel(&tag(3));
    let bytes = support::elf::words(&request(&HHDM));
    // In code, eight-aligned in memory though the segment begins at an odd address.
    elf.segments[0].address = BASE + 3;
    elf.segments[0].data.truncate(0x805);
    elf.segments[0].data.extend_from_slice(&bytes);
    elf.segments[0].memory_size = elf.segments[0].data.len() as u64;
    let loaded = load_pc(&input(&elf.bytes()));
    assert!(loaded.response(BASE + 0x808).is_some());
    // Four bytes further it is no request.
    elf.segments[0].data.splice(0..0, [0x90; 4]);
    elf.segments[0].memory_size += 4;
    assert_eq!(load_pc(&input(&elf.bytes())).response(BASE + 0x80c), None);
}

#[test]
fn the_same_request_twice_is_refused() {
    let text = refusal(&kernel(&[request(&HHDM), request(&HHDM)].concat()).bytes());
    assert_eq!(text, "kernel: more than one Hhdm request; the protocol allows one");
}

#[test]
fn a_request_without_room_for_its_fields_is_refused() {
    let mut elf = kernel(&request(&STACK));
    elf.segments[2].data.truncate(48);
    elf.segments[2].memory_size = 52;
    let text = refusal(&elf.bytes());
    assert_eq!(text, format!("kernel: the StackSize request at {DATA:#x} runs past its segment"));
    elf.segments[2].data = support::elf::words(&tag(3)[..2]);
    elf.segments[2].memory_size = 16;
    let text = refusal(&elf.bytes());
    assert_eq!(text, format!("kernel: the base revision tag at {DATA:#x} runs past its segment"));
}

#[test]
fn entry_point_requests_must_name_code() {
    for entry in [0, DATA, BASE + 0x1234] {
        let text = refusal(&kernel(&[request(&ENTRY), vec![entry]].concat()).bytes());
        assert!(text.contains(&format!("the entry point {entry:#x} of its EntryPoint request")), "{text}");
    }
}

#[test]
fn kernels_that_insist_on_five_levels_are_refused() {
    let revision_1 = |modes: [u64; 3]| {
        let mut words = request(&PAGING);
        words[4] = 1;
        kernel(&[words, modes.to_vec()].concat()).bytes()
    };
    let text = refusal(&revision_1([1, 1, 1]));
    assert!(text.contains("insists on 5-level paging"), "{text}");
    load_pc(&input(&revision_1([1, 1, 0])));
    // Revision 0 has no such field: what stands in its place is something else.
    load_words(&[request(&PAGING), vec![1, 1, 1]].concat());
}

#[test]
fn stacks_that_fit_nowhere_are_refused() {
    for size in [1 << 30, 1 << 63, !0, !0 - 4095] {
        let text = refusal(&kernel(&[request(&STACK), vec![size]].concat()).bytes());
        assert!(text.starts_with("not enough memory: the kernel's stack needs"), "{text}");
    }
}
