//! The program of the check, as a file that QEMU starts.
//!
//! It is an ELF file with a PVH note, made here byte by byte: nobody need build or install anything for it.

use std::path::{Path, PathBuf};

use crate::{Error, image::cache};

/// Where it lies in the machine's memory. Behind it follow its stack, from 0x111000 down, and three page tables.
const PLACE: u32 = 0x10_0000;
/// How much memory it uses there.
const SIZE: u32 = 0x1_4000;
/// Where its computation starts; it is that of [`Command::Check`](steward_harness_wire::Command::Check).
pub const SEED: u64 = 0x0123_4567_89ab_cdef;
/// How many steps it takes.
pub const ROUNDS: u32 = 2_000_000;
/// How often it computes.
pub const SAMPLES: usize = 5;
/// What it says on COM1 before it computes; behind that it says the result, 8 bytes in little-endian order.
pub const MARK: u8 = b'S';

/// The program. It goes from protected mode, where PVH starts it, through paging to long mode, computes there, and halts.
#[rustfmt::skip]
const CODE: [u8; 246] = [
    0xfa,  // cli
    0xbc, 0x00, 0x10, 0x11, 0x00,  // mov esp,0x111000
    0xc7, 0x05, 0x00, 0x10, 0x11, 0x00, 0x03, 0x20, 0x11, 0x00,  // mov 0x111000,0x112003
    0xc7, 0x05, 0x00, 0x20, 0x11, 0x00, 0x03, 0x30, 0x11, 0x00,  // mov 0x112000,0x113003
    0xc7, 0x05, 0x00, 0x30, 0x11, 0x00, 0x83, 0x00, 0x00, 0x00,  // mov 0x113000,0x83
    0xb8, 0x00, 0x10, 0x11, 0x00,  // mov eax,0x111000
    0x0f, 0x22, 0xd8,  // mov cr3,eax
    0x0f, 0x20, 0xe0,  // mov eax,cr4
    0x83, 0xc8, 0x20,  // or eax,0x20
    0x0f, 0x22, 0xe0,  // mov cr4,eax
    0xb9, 0x80, 0x00, 0x00, 0xc0,  // mov ecx,0xc0000080
    0x0f, 0x32,  // rdmsr
    0x0d, 0x00, 0x01, 0x00, 0x00,  // or eax,0x100
    0x0f, 0x30,  // wrmsr
    0x0f, 0x20, 0xc0,  // mov eax,cr0
    0x0d, 0x00, 0x00, 0x00, 0x80,  // or eax,0x80000000
    0x0f, 0x22, 0xc0,  // mov cr0,eax
    0x0f, 0x01, 0x15, 0xf0, 0x00, 0x10, 0x00,  // lgdtd ds:0x1000f0
    0xea, 0x5c, 0x00, 0x10, 0x00, 0x08, 0x00,  // jmp 0x8:0x10005c
    // long:
    0xbd, 0x05, 0x00, 0x00, 0x00,  // mov ebp,0x5
    0x48, 0xbb, 0x1d, 0xdd, 0x6c, 0x4f, 0x91, 0xf4, 0x45, 0x25,  // movabs rbx,0x2545f4914f6cdd1d
    // again:
    0xb0, 0x53,  // mov al,0x53
    0xe8, 0x52, 0x00, 0x00, 0x00,  // call say
    0x48, 0xb8, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,  // movabs rax,0x123456789abcdef
    0xb9, 0x80, 0x84, 0x1e, 0x00,  // mov ecx,0x1e8480
    // step:
    0x48, 0x83, 0xc8, 0x01,  // or rax,0x1
    0x48, 0x89, 0xc7,  // mov rdi,rax
    0x48, 0xc1, 0xef, 0x0c,  // shr rdi,0xc
    0x48, 0x31, 0xf8,  // xor rax,rdi
    0x48, 0x89, 0xc7,  // mov rdi,rax
    0x48, 0xc1, 0xe7, 0x19,  // shl rdi,0x19
    0x48, 0x31, 0xf8,  // xor rax,rdi
    0x48, 0x89, 0xc7,  // mov rdi,rax
    0x48, 0xc1, 0xef, 0x1b,  // shr rdi,0x1b
    0x48, 0x31, 0xf8,  // xor rax,rdi
    0x48, 0x0f, 0xaf, 0xc3,  // imul rax,rbx
    0xff, 0xc9,  // dec ecx
    0x75, 0xd6,  // jne step
    0xbe, 0x08, 0x00, 0x00, 0x00,  // mov esi,0x8
    // send:
    0xe8, 0x0f, 0x00, 0x00, 0x00,  // call say
    0x48, 0xc1, 0xe8, 0x08,  // shr rax,0x8
    0xff, 0xce,  // dec esi
    0x75, 0xf3,  // jne send
    0xff, 0xcd,  // dec ebp
    0x75, 0xaa,  // jne again
    // halt:
    0xf4,  // hlt
    0xeb, 0xfd,  // jmp halt
    // say:
    0x49, 0x89, 0xc0,  // mov r8,rax
    // ready:
    0x66, 0xba, 0xfd, 0x03,  // mov dx,0x3fd
    0xec,  // in al,dx
    0xa8, 0x20,  // test al,0x20
    0x74, 0xf7,  // je ready
    0x4c, 0x89, 0xc0,  // mov rax,r8
    0x66, 0xba, 0xf8, 0x03,  // mov dx,0x3f8
    0xee,  // out dx,al
    0xc3,  // ret
    0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00,  // nop DWORD PTR [rax+0x0]
    // gdt:
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xaf, 0x00,
    // gdtr:
    0x0f, 0x00, 0xe0, 0x00, 0x10, 0x00,
];

/// The bytes before the code: an ELF header, two program headers of 32 bytes, and a note of 20.
const HEAD: u32 = 52 + 2 * 32 + 20;

/// The whole file.
fn file() -> Vec<u8> {
    let code = u32::try_from(CODE.len()).unwrap_or(u32::MAX);
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    // An executable for i386 (ELF: ET_EXEC, EM_386): QEMU starts a PVH kernel in protected mode, whatever its class.
    file.extend([2, 0, 3, 0]);
    for word in [1, PLACE, 52, 0, 0] {
        file.extend(u32::to_le_bytes(word));
    }
    // Sizes of the headers, and that there are no sections.
    for half in [52, 32, 2, 0, 0, 0] {
        file.extend(u16::to_le_bytes(half));
    }
    // PT_LOAD with all rights, then PT_NOTE: type, offset, two addresses, two sizes, flags, alignment.
    for word in [1, HEAD, PLACE, PLACE, code, SIZE, 7, 4, 4, HEAD - 20, 0, 0, 20, 20, 4, 4] {
        file.extend(u32::to_le_bytes(word));
    }
    // XEN_ELFNOTE_PHYS32_ENTRY: the entry in protected mode.
    for word in [4, 4, 18, u32::from_le_bytes(*b"Xen\0"), PLACE] {
        file.extend(u32::to_le_bytes(word));
    }
    file.extend(CODE);
    file
}

/// The file that a machine boots, kept in `cache`.
pub fn store(cache: &Path) -> Result<PathBuf, Error> {
    cache::store(&cache.join("images"), "elf", &file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Kind;

    #[test]
    fn it_is_a_pvh_kernel() {
        let directory = tempfile::tempdir().unwrap();
        let program = store(directory.path()).unwrap();
        assert_eq!(Kind::of(&program).unwrap(), Kind::Pvh);
        assert_eq!(file().len(), HEAD as usize + CODE.len());
    }

    #[test]
    fn its_constants_stand_in_its_code() {
        let holds = |bytes: &[u8]| CODE.windows(bytes.len()).any(|window| window == bytes);
        assert!(holds(&SEED.to_le_bytes()) && holds(&ROUNDS.to_le_bytes()) && holds(&[0xb0, MARK]));
        assert!(holds(&[0xbd, 5, 0, 0, 0]) && SAMPLES == 5);
    }
}
