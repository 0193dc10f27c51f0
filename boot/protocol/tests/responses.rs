//! Every response, read the way a kernel reads it: through the page tables.

mod support;

use limine::request as limine_request;
use steward_boot_protocol::archive::{File, Name};
use steward_boot_protocol::entry::GDT;
use steward_boot_protocol::map::{Kind, Range};
use steward_boot_protocol::{FirmwareType, Framebuffer, HHDM_BASE, Input};

use support::elf::{BASE, DATA, kernel, request, tag};
use support::{GIB, Loaded, MIB, NOW, input, load_on, load_pc, pc_ranges};

/// Loads a kernel with a tag and one request; returns what is left and the request's response.
fn ask(revision: u64, id: &[u64; 4], body: &[u64], change: impl FnOnce(&mut Input<'_>)) -> (Loaded, Option<u64>) {
    let words = [tag(revision), request(id), body.to_vec()].concat();
    let file = kernel(&words).bytes();
    let mut input = input(&file);
    change(&mut input);
    let loaded = load_pc(&input);
    let response = loaded.response(DATA + 24);
    (loaded, response)
}

/// The same where the request must be answered and nothing is changed.
fn answer(revision: u64, id: &[u64; 4], body: &[u64]) -> (Loaded, u64) {
    let (loaded, response) = ask(revision, id, body, |_| {});
    (loaded, response.expect("this request is answered"))
}

#[test]
fn bootloader_info_names_the_loader() {
    let (loaded, at) = answer(3, limine_request::BootloaderInfoRequest::new().id(), &[]);
    assert_eq!(loaded.text(loaded.word(at + 8)), "Test loader");
    assert_eq!(loaded.text(loaded.word(at + 16)), "1.2.3");
}

#[test]
fn firmware_type_is_answered_only_when_known() {
    let id = *limine_request::FirmwareTypeRequest::new().id();
    assert_eq!(ask(3, &id, &[], |_| {}).1, None);
    let (loaded, at) = ask(3, &id, &[], |input| input.firmware = Some(FirmwareType::Uefi64));
    assert_eq!(loaded.words(at.expect("answered"), 2), [0, 2]);
}

#[test]
fn hhdm_offset_is_where_physical_zero_is_mapped() {
    let (loaded, at) = answer(2, limine_request::HhdmRequest::new().id(), &[]);
    let offset = loaded.word(at + 8);
    assert_eq!(offset, HHDM_BASE);
    assert_eq!(loaded.walk(offset + 0x1234_5000).map(|leaf| leaf.physical), Some(0x1234_5000));
}

#[test]
fn memory_map_is_the_final_one_and_holds_all_that_was_taken() {
    let (loaded, at) = answer(3, limine_request::MemoryMapRequest::new().id(), &[]);
    let [_, count, pointers] = loaded.words(at, 3)[..] else { unreachable!() };
    let seen: Vec<_> = loaded.words(pointers, count).into_iter().map(|entry| loaded.words(entry, 3)).collect();
    let expected = loaded.map.entries().iter();
    let expected: Vec<_> =
        expected.map(|entry| vec![entry.start, entry.end - entry.start, entry.kind as u64]).collect();
    assert_eq!(seen, expected);
    let kind_at = |address: u64| {
        let entry = loaded.map.entries().iter().find(|entry| entry.start <= address && address < entry.end);
        entry.expect("in the map").kind
    };
    let physical = |address| loaded.walk(address).expect("mapped").physical;
    assert_eq!(kind_at(physical(BASE)), Kind::KernelAndModules);
    assert_eq!(kind_at(physical(DATA)), Kind::KernelAndModules);
    for left in [at, pointers, loaded.handover.gdt, loaded.handover.stack_pointer] {
        assert_eq!(kind_at(physical(left)), Kind::BootloaderReclaimable, "{left:#x}");
    }
    assert_eq!(kind_at(loaded.handover.page_table), Kind::BootloaderReclaimable);
}

#[test]
fn rsdp_is_physical_in_revision_3_and_in_the_direct_map_before() {
    let id = *limine_request::RsdpRequest::new().id();
    for (revision, expected) in [(0, HHDM_BASE + 0xf_5a00), (2, HHDM_BASE + 0xf_5a00), (3, 0xf_5a00)] {
        let (loaded, at) = answer(revision, &id, &[]);
        assert_eq!(loaded.word(at + 8), expected, "revision {revision}");
    }
    assert_eq!(ask(3, &id, &[], |input| input.rsdp = None).1, None);
}

#[test]
fn executable_address_relates_the_image_to_its_pages() {
    let (loaded, at) = answer(3, limine_request::ExecutableAddressRequest::new().id(), &[]);
    let [_, physical, virtual_base] = loaded.words(at, 3)[..] else { unreachable!() };
    assert_eq!(virtual_base, BASE);
    for address in [BASE, BASE + 0x2000, DATA, DATA + 0x2000] {
        assert_eq!(loaded.walk(address).map(|leaf| leaf.physical), Some(physical + (address - BASE)));
    }
}

#[test]
fn executable_file_is_the_whole_file_page_aligned_with_path_and_command_line() {
    let (loaded, at) = answer(3, limine_request::ExecutableFileRequest::new().id(), &[]);
    let file = loaded.words(loaded.word(at + 8), 14);
    let original = kernel(&[tag(3), request(limine_request::ExecutableFileRequest::new().id())].concat()).bytes();
    let [revision, address, size, path, command_line, ..] = file[..] else { unreachable!() };
    assert_eq!((revision, size), (0, original.len() as u64));
    assert_eq!(address % 4096, 0);
    assert!(original.iter().enumerate().all(|(index, byte)| loaded.byte(address + index as u64) == *byte));
    assert_eq!(loaded.text(path), "/kernel");
    assert_eq!(loaded.text(command_line), "serve=com2 log=debug");
    assert_eq!(file[5..], [0; 9]);
}

#[test]
fn command_line_is_passed_unchanged() {
    let (loaded, at) = answer(3, limine_request::ExecutableCmdlineRequest::new().id(), &[]);
    assert_eq!(loaded.text(loaded.word(at + 8)), "serve=com2 log=debug");
    let (loaded, at) =
        ask(3, limine_request::ExecutableCmdlineRequest::new().id(), &[], |input| input.command_line = b"");
    assert_eq!(loaded.text(loaded.word(at.expect("answered") + 8)), "");
}

#[test]
fn modules_come_in_order_each_on_pages_of_its_own() {
    let contents: [&[u8]; 3] = [&[1; 5000], b"", b"third"];
    let strings: [&[u8]; 3] = [b"a string of some length", b"", b"seven b"];
    let names: [&[u8]; 3] = [b"modules/first", b"modules/empty", b"modules/with/seven"];
    let files: Vec<_> = (0..3)
        .map(|index| File { name: Name::new(names[index]), data: contents[index], string: strings[index] })
        .collect();
    let words = [tag(3), request(limine_request::ModuleRequest::new().id())].concat();
    let file = kernel(&words).bytes();
    let loaded = load_pc(&Input { modules: &files, ..input(&file) });
    let at = loaded.response(DATA + 24).expect("answered");
    let [_, count, pointers] = loaded.words(at, 3)[..] else { unreachable!() };
    assert_eq!(count, 3);
    let mut pages = std::collections::BTreeSet::new();
    for (index, record) in loaded.words(pointers, 3).into_iter().enumerate() {
        let [_, address, size, path, text, ..] = loaded.words(record, 14)[..] else { unreachable!() };
        assert_eq!(size, contents[index].len() as u64);
        let bytes: Vec<_> = (0..size).map(|offset| loaded.byte(address + offset)).collect();
        assert_eq!(bytes, contents[index]);
        assert_eq!(loaded.text(path).as_bytes(), [b"/", names[index]].concat());
        assert_eq!(loaded.text(text).as_bytes(), strings[index]);
        assert_eq!(address % 4096, 0);
        assert!(pages.insert(address), "two modules at {address:#x}");
    }
}

#[test]
fn no_modules_are_an_empty_list() {
    let (loaded, at) = answer(3, limine_request::ModuleRequest::new().id(), &[0, 0]);
    assert_eq!(loaded.words(at, 2), [0, 0]);
}

#[test]
fn date_is_answered_only_with_a_clock() {
    let id = *limine_request::DateAtBootRequest::new().id();
    let (loaded, at) = answer(3, &id, &[]);
    assert_eq!(loaded.words(at, 2), [0, NOW.cast_unsigned()]);
    assert_eq!(ask(3, &id, &[], |input| input.clock = || None).1, None);
}

#[test]
fn clock_is_left_alone_when_nobody_asks() {
    let file = kernel(&tag(3)).bytes();
    load_pc(&Input { clock: || panic!("nobody asked for the time"), ..input(&file) });
}

#[test]
fn stack_has_the_size_asked_for_and_never_less_than_64_kib() {
    let id = *limine_request::StackSizeRequest::new().id();
    for (asked, least) in [(0, 64 << 10), (1, 64 << 10), (200_000, 200_000)] {
        let (loaded, _) = answer(3, &id, &[asked]);
        let top = loaded.handover.stack_pointer;
        assert_eq!(top % 16, 8, "as after a call");
        assert_eq!(loaded.word(top), 0, "the return address leads nowhere");
        let below = loaded.walk(top + 8 - least).expect("the whole stack is mapped");
        let physical = loaded.walk(top).expect("mapped").physical;
        assert_eq!(physical - below.physical, least - 8);
        let entry = loaded.map.entries().iter().find(|entry| entry.start <= below.physical && physical < entry.end);
        assert_eq!(entry.map(|entry| entry.kind), Some(Kind::BootloaderReclaimable));
    }
}

#[test]
fn entry_point_request_replaces_the_headers_entry() {
    let (loaded, _) = answer(3, limine_request::MemoryMapRequest::new().id(), &[]);
    assert_eq!(loaded.handover.entry, BASE + 0x10);
    let (loaded, _) = answer(3, limine_request::EntryPointRequest::new().id(), &[BASE + 0x20]);
    assert_eq!(loaded.handover.entry, BASE + 0x20);
}

#[test]
fn paging_mode_is_four_levels() {
    let (loaded, at) = answer(3, limine_request::PagingModeRequest::new().id(), &[1, 1, 0]);
    assert_eq!(loaded.words(at, 2), [0, 0]);
}

#[test]
fn requests_that_this_loader_does_not_serve_stay_unanswered() {
    let ids = [
        *limine_request::MpRequest::new().id(),
        *limine_request::SmbiosRequest::new().id(),
        *limine_request::EfiSystemTableRequest::new().id(),
        *limine_request::EfiMemoryMapRequest::new().id(),
        *limine_request::DeviceTreeBlobRequest::new().id(),
        *limine_request::FramebufferRequest::new().id(),
        [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b, 1, 2],
    ];
    for id in ids {
        assert_eq!(ask(3, &id, &[0; 3], |_| {}).1, None, "{id:x?}");
    }
}

#[test]
fn framebuffer_is_described_and_mapped_write_combining() {
    let screen = Framebuffer {
        address: 0xc000_0000,
        width: 800,
        height: 1500,
        pitch: 3264,
        bits_per_pixel: 32,
        masks: [(8, 16), (7, 8), (6, 1)],
    };
    let words = [tag(3), request(limine_request::FramebufferRequest::new().id())].concat();
    let file = kernel(&words).bytes();
    let mut ranges = pc_ranges();
    ranges.push(Range { base: screen.address, length: 3264 * 1500, kind: Kind::Framebuffer });
    let loaded = load_on(&ranges, &Input { framebuffers: &[screen], ..input(&file) }).expect("loads");
    let at = loaded.response(DATA + 24).expect("answered");
    let [_, count, pointers] = loaded.words(at, 3)[..] else { unreachable!() };
    assert_eq!(count, 1);
    let record = loaded.word(pointers);
    assert_eq!(loaded.words(record, 4), [HHDM_BASE + 0xc000_0000, 800, 1500, 3264]);
    let format: Vec<_> = (0..16).map(|index| loaded.byte(record + 32 + index)).collect();
    assert_eq!(format, [32, 0, 1, 8, 16, 7, 8, 6, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(loaded.words(record + 48, 2), [0, 0], "no EDID");
    for offset in [0, 4096, 3264 * 1500 - 1] {
        let leaf = loaded.walk(HHDM_BASE + screen.address + offset).expect("mapped");
        assert_eq!((leaf.attribute, leaf.physical), (5, screen.address + offset));
    }
}

#[test]
fn gdt_is_the_protocols() {
    let file = kernel(&tag(3)).bytes();
    let loaded = load_pc(&input(&file));
    assert_eq!(loaded.words(loaded.handover.gdt, 7), GDT);
}

#[test]
fn all_that_is_written_lies_below_the_limit() {
    let words = [tag(3), request(limine_request::MemoryMapRequest::new().id())].concat();
    let file = kernel(&words).bytes();
    let loaded = load_pc(&Input { limit: 32 * MIB, ..input(&file) });
    let taken = |kind| matches!(kind, Kind::KernelAndModules | Kind::BootloaderReclaimable);
    assert!(loaded.map.entries().iter().filter(|entry| taken(entry.kind)).all(|entry| entry.end <= 32 * MIB));
    assert!(loaded.handover.page_table < 32 * MIB);
    assert!(loaded.map.entries().iter().any(|entry| entry.end > 4 * GIB));
}

#[test]
fn responses_stay_on_their_own_pages_whatever_their_size() {
    let words = [tag(3), request(limine_request::MemoryMapRequest::new().id())].concat();
    let file = kernel(&words).bytes();
    // Only the responses fit into this range, so taking their memory makes the memory map longer.
    let ranges = [pc_ranges(), vec![Range { base: 256 * MIB, length: 0x3000, kind: Kind::Usable }]].concat();
    for length in (0..4096).step_by(8) {
        let command_line = vec![b'x'; length];
        // `load_on` panics when a page was written that the map does not call taken.
        let loaded = load_on(&ranges, &Input { command_line: &command_line, ..input(&file) }).expect("loads");
        let gdt = loaded.walk(loaded.handover.gdt).expect("mapped").physical;
        assert!((256 * MIB..256 * MIB + 0x3000).contains(&gdt));
    }
}
