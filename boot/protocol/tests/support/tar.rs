//! POSIX ustar archives, byte by byte.

/// A header and its data, padded to whole blocks.
pub fn entry(name: &str, kind: u8, data: &[u8]) -> Vec<u8> {
    let (prefix, rest) =
        if name.len() > 100 { name.split_once('/').expect("long names have parts") } else { ("", name) };
    let mut header = [0; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, rest.as_bytes());
    put(100, b"0000644\0");
    put(124, format!("{:011o}\0", data.len()).as_bytes());
    put(136, b"00000000000\0");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    fix_checksum(&mut header);
    let mut bytes = [&header, data].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// Makes a header's checksum right again.
pub fn fix_checksum(header: &mut [u8]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u64 = header[..512].iter().map(|byte| u64::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// An archive of files.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let entries = files.iter().flat_map(|(name, data)| entry(name, b'0', data));
    entries.chain([0; 1024]).collect()
}
