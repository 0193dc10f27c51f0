//! The log of a run, kept over a reset and saved as a file on the loader's own volume.

use alloc::format;
use alloc::string::{String, ToString};

use steward_boot_uefi::runs::{self, Run};
use steward_boot_uefi::verdict::verdict;
use steward_kept_log::{self as kept_log, BYTES, Found};
use uefi::proto::console::text::{Color, Key};
use uefi::proto::media::file::{Directory, File, FileAttribute, FileMode, FileSystemInfo, FileType, RegularFile};
use uefi::runtime::{self, ResetType};
use uefi::{CString16, Char16, Status};

use super::workspace::Workspace;
use super::{console, volume};

/// Where a log may lie: memory that firmware leaves alone while it starts, which works in the upper part of
/// memory and, OVMF, from 8 to 23 MiB. The second is for machines of 64 MiB.
const PLACES: [u64; 6] = [0x200_0000, 0x180_0000, 0x300_0000, 0x400_0000, 0x800_0000, 0x1000_0000];

/// Ends the run that is under way, if there is one, and begins another. The memory of its log is
/// returned with it. `None`, with a note, when logs cannot be kept here.
pub fn begin(name: &str) -> Option<(Run, Workspace)> {
    try_begin(name)
        .map_err(|why| console::say_in(Color::Yellow, format_args!("note: the log of this run is not kept: {why}\n")))
        .ok()
}

fn try_begin(name: &str) -> Result<(Run, Workspace), String> {
    let mut root = volume::own_root()?;
    let last = newest(&mut root, name)?;
    if let Some(number) = last {
        let file = runs::file_name(name, number);
        let content = volume::read_fat(&mut root, &file)?.unwrap_or_default();
        if let Some(run) = Run::parse(&content) {
            end(&mut root, &file, run, content.len());
        }
    }
    let number = last.unwrap_or(0).checked_add(1).ok_or("the newest log has the highest number; rename it")?;
    let file = runs::file_name(name, number);
    check_room(&mut root)?;
    let mut memory = PLACES
        .into_iter()
        .find_map(|place| Workspace::take_at(place, BYTES).ok())
        .ok_or("the firmware uses all memory that a log could lie in")?;
    let run = Run { id: runs::id(super::unix_seconds(), number), base: memory.piece().start };
    write(&mut root, &file, run.to_string().as_bytes())?;
    kept_log::create(memory.bytes_mut(), run.id);
    Ok((run, memory))
}

/// Sees whether the volume has room for a whole log, so that a run is not for nothing. Where the firmware does not say, the
/// file's writing will show.
fn check_room(root: &mut Directory) -> Result<(), String> {
    match root.get_boxed_info::<FileSystemInfo>() {
        Ok(info) if info.free_space() < BYTES as u64 => Err(format!(
            "this loader's volume is full: a log may need {} KiB, and {} KiB are free",
            BYTES >> 10,
            info.free_space() >> 10
        )),
        _ => Ok(()),
    }
}

/// The number of the newest log.
fn newest(root: &mut Directory, name: &str) -> Result<Option<u32>, String> {
    let mut newest = None;
    let fault = |error: uefi::Error| format!("the directory of this loader's volume cannot be read: {error}");
    root.reset_entry_readout().map_err(fault)?;
    while let Some(entry) = root.read_entry_boxed().map_err(fault)? {
        newest = newest.max(runs::number_of(name, &entry.file_name().to_string()));
    }
    Ok(newest)
}

/// Saves the log of a run that has ended, shows how it went, and waits for a key: R goes on to the next
/// run, any other switches the machine off.
fn end(root: &mut Directory, file: &str, run: Run, file_bytes: usize) {
    let memory = Workspace::take_at(run.base, BYTES);
    let log = match &memory {
        Ok(memory) => kept_log::find(memory.bytes(), run.id).map_err(|lost| lost.to_string()),
        Err(error) => Err(format!("the firmware uses the memory at {:#x} itself ({error})", run.base)),
    };
    let content = match &log {
        Ok(Found { text, finished, .. }) => runs::saved(text, *finished),
        Err(why) => format!("# steward: the log of this run is lost: {why}\n").into_bytes(),
    };
    let saved = save(root, file, run, file_bytes, &content);
    let found = log.is_ok();
    match log {
        Ok(found) => show(file, found),
        Err(why) => console::error(format_args!("{file}: the log of the last run is lost: {why}")),
    }
    match saved {
        Ok(()) if found => console::say(format_args!("The log is in the file {file} on this loader's volume.\n")),
        Ok(()) => {}
        Err(why) => console::error(format_args!("{file}: the log could not be saved: {why}")),
    }
    console::say(format_args!("Press R to run again, any other key to power off.\n"));
    let again = ['r', 'R'].map(|letter| Char16::try_from(letter).ok());
    match console::wait_for_key(None) {
        Some(Key::Printable(key)) if again.contains(&Some(key)) => {}
        _ => runtime::reset(ResetType::SHUTDOWN, Status::SUCCESS, None),
    }
}

/// Failed tests that are shown; the file has them all.
const SHOWN: usize = 10;

/// Shows how a run went.
fn show(file: &str, log: Found<'_>) {
    let verdict = verdict(log.text, log.finished);
    for line in verdict.failed.iter().take(SHOWN) {
        console::say_in(Color::LightRed, format_args!("{line}\n"));
    }
    if verdict.failed.len() > SHOWN {
        console::say(format_args!("and {} more\n", verdict.failed.len() - SHOWN));
    }
    let totals = verdict.totals.as_deref().unwrap_or("no totals");
    let (color, word) = match (verdict.passed, log.finished) {
        (true, _) => (Color::LightGreen, "PASSED"),
        (false, true) => (Color::LightRed, "FAILED"),
        (false, false) => (Color::LightRed, "FAILED: the run did not come to its end"),
    };
    console::say_in(color, format_args!("{file}: {word} ({})\n", totals.trim_start_matches("# ")));
    if log.truncated {
        console::say_in(Color::Yellow, format_args!("note: the log is longer than what is kept; its end is missing\n"));
    }
}

/// What went wrong with a file.
fn fault(name: &str, what: &str, status: Status) -> String {
    match status {
        Status::WRITE_PROTECTED | Status::ACCESS_DENIED => format!("{name}: the volume cannot be written to"),
        Status::VOLUME_FULL => format!("{name}: the volume is full"),
        status => format!("{name}: {what}: {status}"),
    }
}

/// Writes a file anew; one that cannot be written is not left behind empty.
fn write(root: &mut Directory, name: &str, content: &[u8]) -> Result<(), String> {
    let path = CString16::try_from(name).map_err(|error| format!("{name}: {error:?}"))?;
    let fault = |what: &str, status| fault(name, what, status);
    match root.open(&path, FileMode::ReadWrite, FileAttribute::empty()) {
        Ok(old) => old.delete().map_err(|error| fault("replacing it", error.status()))?,
        Err(error) if error.status() == Status::NOT_FOUND => {}
        Err(error) => return Err(fault("opening it", error.status())),
    }
    let file = root.open(&path, FileMode::CreateReadWrite, FileAttribute::empty());
    let file = file.and_then(|file| file.into_type()).map_err(|error| fault("creating it", error.status()))?;
    let FileType::Regular(mut file) = file else { return Err(format!("{name}: it is a directory")) };
    put(&mut file, 0, content).map_err(|error| {
        // The fault that is told is the first.
        let _ = file.delete();
        fault("writing it", error.status())
    })
}

/// Writes the log into the file of its run, the place of the note last: until then another reset finds the note, and the
/// log still in memory. `file_bytes` is what the file has now.
fn save(root: &mut Directory, name: &str, run: Run, file_bytes: usize, content: &[u8]) -> Result<(), String> {
    let note = run.to_string().len();
    if content.len() <= note || content.len() < file_bytes {
        return write(root, name, content);
    }
    let fault = |error: uefi::Error| fault(name, "writing it", error.status());
    let path = CString16::try_from(name).map_err(|error| format!("{name}: {error:?}"))?;
    let file = root.open(&path, FileMode::ReadWrite, FileAttribute::empty());
    let FileType::Regular(mut file) = file.and_then(|file| file.into_type()).map_err(fault)? else {
        return Err(format!("{name}: it is a directory"));
    };
    put(&mut file, note as u64, &content[note..]).map_err(fault)?;
    put(&mut file, 0, &content[..note]).map_err(fault)
}

/// Writes bytes at a place in a file, and sees to it that they are on the medium.
fn put(file: &mut RegularFile, at: u64, content: &[u8]) -> Result<(), uefi::Error> {
    file.set_position(at)?;
    for piece in content.chunks(volume::FILE_CHUNK) {
        file.write(piece).map_err(|error| uefi::Error::from(error.status()))?;
    }
    file.flush()
}
