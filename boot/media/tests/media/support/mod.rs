//! Readers of images that share no code with what wrote them.

pub mod table;

use std::io::{Cursor, Read as _};

use fatfs::{Dir, FileSystem, FsOptions};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use steward_boot_media::File;
use steward_boot_volume::iso9660::{SECTOR, Sectors, Volume};

/// An image as a disc.
pub struct Disc<'a>(pub &'a [u8]);

impl Sectors for Disc<'_> {
    type Error = &'static str;

    fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<(), Self::Error> {
        let start = usize::try_from(first).unwrap() * SECTOR;
        let bytes = self.0.get(start..start + buffer.len()).ok_or("beyond the end")?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

/// A file of a disc.
pub fn disc_file(image: &[u8], path: &str) -> Option<Vec<u8>> {
    let mut volume = Volume::open(Disc(image)).unwrap();
    let extent = volume.find(path).unwrap()?;
    let mut content = vec![0; usize::try_from(extent.bytes).unwrap()];
    assert_eq!(volume.read(extent, &mut content).unwrap(), content.len());
    Some(content)
}

/// All files of a FAT volume, in the order of their paths.
pub fn fat_files(image: &[u8]) -> Vec<File> {
    let volume = FileSystem::new(Cursor::new(image.to_vec()), FsOptions::new()).unwrap();
    let mut files = Vec::new();
    collect(&volume.root_dir(), "", &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

fn collect(directory: &Dir<'_, Cursor<Vec<u8>>>, path: &str, files: &mut Vec<File>) {
    for entry in directory.iter().map(Result::unwrap) {
        let name = entry.file_name();
        if entry.is_file() {
            let mut content = Vec::new();
            entry.to_file().read_to_end(&mut content).unwrap();
            files.push(File::new(format!("{path}{name}"), content));
        } else if name != "." && name != ".." {
            collect(&entry.to_dir(), &format!("{path}{name}/"), files);
        }
    }
}

/// Tries a property of whole images. One takes tens of milliseconds to make, so there are a hundred times fewer cases than of
/// other properties.
pub fn try_images<S: Strategy>(images: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    let usual = ProptestConfig::default();
    let cases = (usual.cases / 100).max(20);
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..usual });
    runner.run(images, property).unwrap_or_else(|error| panic!("{error}"));
}
