//! Writing an archive: ustar (POSIX.1-1988, pax(1), "ustar Interchange Format").

const BLOCK: usize = 512;
/// The name field, its closing zero not counted.
const LONGEST_NAME: usize = 99;
/// Eleven octal digits.
const LARGEST_FILE: usize = 0o777_7777_7777;

/// An archive under construction. Equal content gives equal bytes: no times, no owners.
pub struct Archive(Vec<u8>);

impl Archive {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a file. An error says why the format cannot hold it.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<(), String> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
            return Err(format!("the archive cannot hold a file named {name:?}: 1 to {LONGEST_NAME} bytes, no zeros"));
        }
        if content.len() > LARGEST_FILE {
            return Err(format!("{name} is larger than the 8 GiB that the archive can hold"));
        }
        self.0.extend_from_slice(&header(name, content.len()));
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        Ok(())
    }

    /// The archive's bytes, its end marked by two empty blocks.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}

fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    // The checksum is taken with spaces in its own place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn other_programs_read_the_archive() {
        let mut archive = Archive::new();
        archive.add("kernel", &[7; 700]).unwrap();
        archive.add("modules/empty", b"").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.tar");
        std::fs::write(&file, archive.finish()).unwrap();
        let listed = Command::new("tar").arg("-tvf").arg(&file).stderr(Stdio::inherit()).output().unwrap();
        assert!(listed.status.success());
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains(" 700 ") && listed.contains("kernel") && listed.contains("modules/empty"), "{listed}");
    }

    #[test]
    fn every_file_starts_at_a_block_and_two_empty_blocks_end_it() {
        let mut archive = Archive::new();
        archive.add("a", &[1; 513]).unwrap();
        archive.add("b", &[2; 512]).unwrap();
        let bytes = archive.finish();
        assert_eq!(bytes.len(), 512 * (1 + 2 + 1 + 1 + 2));
        assert_eq!(bytes[3 * 512], b'b');
        assert!(bytes[bytes.len() - 1024..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        let mut archive = Archive::new();
        assert!(archive.add(&"x".repeat(99), b"").is_ok());
        assert!(archive.add(&"x".repeat(100), b"").unwrap_err().contains("99"));
        assert!(archive.add("", b"").is_err());
    }
}
