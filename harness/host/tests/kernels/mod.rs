//! The least of kernels, in machine code: each says on COM1 that it is up, and ends the machine with QEMU's status 33.

/// The line that kernels say.
const UP: &str = "up\n";

/// `mov dx, 0x3f8`, and for each byte `mov al, byte; out dx, al`. `wide` is the prefix that 32-bit code needs.
fn say(text: &str, wide: &[u8]) -> Vec<u8> {
    let bytes = text.bytes().flat_map(|byte| [0xb0, byte, 0xee]);
    wide.iter().copied().chain([0xba, 0xf8, 0x03]).chain(bytes).collect()
}

/// In 32-bit code, a 32-bit write of 0x10 to port 0xf4, as such kernels do it; then `hlt`, for ever.
fn exit() -> Vec<u8> {
    vec![0x66, 0xba, 0xf4, 0, 0xb8, 0x10, 0, 0, 0, 0xef, 0xf4, 0xeb, 0xfd]
}

/// An ELF file whose only segment is loaded to 1 MiB, with a note for PVH at 32 bytes into it: its entry is behind that.
pub fn pvh(wide: bool) -> Vec<u8> {
    let entry = LOADED + 64;
    let note = [&[4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0][..], b"Xen\0", &entry.to_le_bytes()].concat();
    let mut content = [&[0; 32][..], &note].concat();
    content.resize(64, 0);
    content.extend([say(UP, &[0x66]), exit()].concat());
    elf(wide, &content, Some((32, note.len())), entry)
}

/// A multiboot kernel that says its command line, and the content of its module, each on a line.
pub fn multiboot() -> Vec<u8> {
    let (magic, flags) = (0x1bad_b002_u32, 0u32);
    let header = [magic, flags, 0u32.wrapping_sub(magic).wrapping_sub(flags)].map(u32::to_le_bytes).concat();
    // The multiboot information is at EBX: at 16 the command line, at 24 the modules, begin and end of the first first.
    let command_line = [
        &[0x66, 0xba, 0xf8, 0x03][..], // mov dx, 0x3f8
        &[0x8b, 0x73, 16],             // mov esi, [ebx + 16]
        &[0xac, 0x84, 0xc0],           // lodsb; test al, al
        &[0x74, 0x03],                 // jz out of the loop
        &[0xee, 0xeb, 0xf8],           // out dx, al; jmp to lodsb
    ];
    let module = [
        &[0x8b, 0x7b, 24, 0x8b, 0x37, 0x8b, 0x7f, 4][..], // mov edi, [ebx + 24]; mov esi, [edi]; mov edi, [edi + 4]
        &[0x39, 0xfe, 0x73, 0x04],                        // cmp esi, edi; jae out of the loop
        &[0xac, 0xee, 0xeb, 0xf8],                        // lodsb; out dx, al; jmp to cmp
    ];
    let newline = say("\n", &[0x66]);
    let code = [command_line.concat(), newline.clone(), module.concat(), newline, exit()].concat();
    elf(false, &[header, code].concat(), None, LOADED + 12)
}

/// A boot sector, as a BIOS loads it.
pub fn boot_sector() -> Vec<u8> {
    // As `exit`, in 16-bit code.
    let exit = [0xba, 0xf4, 0, 0x66, 0xb8, 0x10, 0, 0, 0, 0x66, 0xef, 0xf4, 0xeb, 0xfd];
    let mut sector = [&say(UP, &[])[..], &exit].concat();
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector
}

/// Where the segment is loaded, and where it stands in the file.
const LOADED: u32 = 1 << 20;
const CONTENT: u32 = 0x1000;

/// An ELF file with one loaded segment, and a note in it.
fn elf(wide: bool, content: &[u8], note: Option<(u32, usize)>, entry: u32) -> Vec<u8> {
    let word =
        |number: u32| if wide { u64::from(number).to_le_bytes().to_vec() } else { number.to_le_bytes().to_vec() };
    let half = |number: u16| number.to_le_bytes().to_vec();
    let (class, machine, sizes) = if wide { (2, 62, (64, 56)) } else { (1, 3, (52, 32)) };
    let count = 1 + u16::from(note.is_some());
    let mut file = [b"\x7fELF".to_vec(), vec![class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    file.extend([half(2), half(machine), 1u32.to_le_bytes().to_vec(), word(entry), word(sizes.0), word(0)].concat());
    file.extend([vec![0; 4], half(u16::try_from(sizes.0).unwrap()), half(sizes.1), half(count), vec![0; 6]].concat());
    let mut segment = |kind: u32, at: u32, length: usize| {
        let length = word(u32::try_from(length).unwrap());
        let (kind, flags) = (kind.to_le_bytes().to_vec(), 7u32.to_le_bytes().to_vec());
        let place = [word(CONTENT + at), word(LOADED + at), word(LOADED + at), length.clone(), length].concat();
        file.extend(if wide { [kind, flags, place, word(4)].concat() } else { [kind, place, flags, word(4)].concat() });
    };
    segment(1, 0, content.len());
    if let Some((at, length)) = note {
        segment(4, at, length);
    }
    file.resize(CONTENT as usize, 0);
    file.extend_from_slice(content);
    file
}
