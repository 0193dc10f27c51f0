//! A rehearsal decides what loading decides, and writes nothing.

mod support;

use steward_boot_protocol::archive::{File, Name};
use steward_boot_protocol::map::{Kind, MemoryMap, Range};
use steward_boot_protocol::{Input, rehearse};

use support::elf::{kernel, request, tag};
use support::{GIB, MIB, input, load_on, pc_ranges};

fn kernel_file() -> Vec<u8> {
    let words = [tag(3), request(limine::request::ModuleRequest::new().id())].concat();
    let mut elf = kernel(&words);
    elf.segments[0].align = 0x1_0000;
    elf.bytes()
}

#[test]
fn rehearsal_takes_from_the_map_what_loading_takes() {
    let file = kernel_file();
    let modules = [File { name: Name::new(b"modules/one"), data: &[1; 70_000], string: b"one" }];
    let input = Input { modules: &modules, ..input(&file) };
    let mut map = MemoryMap::new(pc_ranges()).expect("a small map");
    rehearse(&mut map, &input).expect("this kernel loads");
    assert_eq!(map.entries(), load_on(&pc_ranges(), &input).expect("this kernel loads").map.entries());
}

#[test]
fn one_range_of_the_rehearsed_size_is_enough_wherever_it_lies() {
    let file = kernel_file();
    let modules = [File { name: Name::new(b"modules/one"), data: &[1; 70_000], string: b"one" }];
    let input = Input { modules: &modules, ..input(&file) };
    let mut map = MemoryMap::new(pc_ranges()).expect("a small map");
    let length = rehearse(&mut map, &input).expect("this kernel loads");
    for page in 0..40 {
        let base = 16 * MIB + page * 4096;
        let range = Range { base, length, kind: Kind::Usable };
        // More memory lies above, out of the loader's reach.
        let above = Range { base: 4 * GIB, length: 3 * GIB, kind: Kind::Usable };
        load_on(&[range, above], &Input { limit: base + length, ..input }).expect("the range is large enough");
    }
}

#[test]
fn rehearsal_fails_with_the_error_of_loading() {
    let file = kernel_file();
    for length in (0..64).map(|pages| pages * 4096) {
        let ranges = [Range { base: 2 * MIB, length, kind: Kind::Usable }];
        let mut map = MemoryMap::new(ranges).expect("a small map");
        let rehearsed = rehearse(&mut map, &input(&file)).map(|_| ()).map_err(|error| error.to_string());
        let loaded = load_on(&ranges, &input(&file)).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(rehearsed, loaded, "{length} bytes");
    }
}
