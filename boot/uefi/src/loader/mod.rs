//! The loader, from the firmware's call to the kernel's entry.

mod console;
mod enter;
mod firmware;
mod keep;
mod port;
mod screens;
mod start;
mod volume;
mod workspace;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::arch::x86_64::__cpuid;
use core::convert::Infallible;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicI64, Ordering};

use steward_boot_protocol::archive::{File, Name};
use steward_boot_protocol::paging::Features;
use steward_boot_protocol::time::DateTime;
use steward_boot_protocol::{FirmwareType, Input};
use steward_boot_uefi::clock;
use steward_boot_volume::config::{Config, Timeout};
use uefi::prelude::*;
use uefi::runtime;
use uefi::table::cfg::ConfigTableEntry;

use volume::Volume;

/// Seconds for which an error stays before the firmware goes on.
const ERROR_SECONDS: u32 = 30;

#[entry]
fn main() -> Status {
    console::start();
    // Firmware resets the machine after five minutes unless told that someone may be waiting for a key.
    let _ = boot::set_watchdog_timer(0, 0x1_0000, None);
    let Err(fault) = boot_kernel();
    console::error(format_args!("{fault}"));
    console::say(format_args!(
        "Press any key to return to the firmware, which goes on by itself after {ERROR_SECONDS} s.\n"
    ));
    console::wait_for_key(Some(ERROR_SECONDS));
    Status::LOAD_ERROR
}

/// From `limine.conf` to the kernel. All that can be wrong is found while the firmware can still say so.
fn boot_kernel() -> Result<Infallible, String> {
    enter::check_paging()?;
    let (mut volume, path, text) = Volume::with_configuration()?;
    let config = Config::parse(&text).map_err(|error| format!("limine.conf: {error} (in {path} on {volume})"))?;
    wait(&config);
    let run = config.keep_log.and_then(keep::begin);
    let command_line = match &run {
        Some((run, _)) => run.command_line(config.command_line),
        None => config.command_line.to_string(),
    };
    let kernel = read(&mut volume, "kernel", config.kernel)?;
    let contents = config.modules().map(|module| {
        let name = format!("module '{}'", if module.string.is_empty() { module.path } else { module.string });
        read(&mut volume, &name, module.path)
    });
    let contents = contents.collect::<Result<Vec<_>, _>>()?;
    let modules = config.modules().zip(&contents).map(|(module, data)| file(module.path, data, module.string));
    let modules: Vec<_> = modules.collect();
    // The medium is read; nothing of the firmware's must be open when it is left.
    drop(volume);
    let framebuffers = screens::find();
    UNIX_SECONDS.store(unix_seconds().unwrap_or(NO_TIME), Ordering::Relaxed);
    let input = Input {
        kernel: file(config.kernel, &kernel, ""),
        modules: &modules,
        command_line: command_line.as_bytes(),
        loader_name: "Steward UEFI boot",
        loader_version: env!("CARGO_PKG_VERSION"),
        rsdp: rsdp(),
        firmware: Some(FirmwareType::Uefi64),
        clock: || Some(UNIX_SECONDS.load(Ordering::Relaxed)).filter(|seconds| *seconds != NO_TIME),
        framebuffers: &framebuffers,
        features: features(),
        limit: u64::MAX,
    };
    start::start(input, run.as_ref().map(|(_, memory)| memory))
}

fn file<'a>(path: &'a str, data: &'a [u8], string: &'a str) -> File<'a> {
    File { name: Name::new(path.as_bytes()), data, string: string.as_bytes() }
}

/// A file that `limine.conf` names.
fn read(volume: &mut Volume, name: &str, path: &str) -> Result<Vec<u8>, String> {
    match volume.read(path) {
        Ok(Some(content)) => Ok(content),
        Ok(None) => Err(format!("{name} (/{path}): not found on {volume}, where limine.conf names it")),
        Err(error) => Err(format!("{name} (/{path}) on {volume}: {error}")),
    }
}

/// Shows what will be started for as long as `limine.conf` says, or until a key is pressed.
fn wait(config: &Config<'_>) {
    let seconds = match config.timeout {
        Timeout::Seconds(0) => return,
        Timeout::Seconds(seconds) => Some(seconds),
        Timeout::Forever => None,
    };
    console::say(format_args!("{}: /{} {}\n", config.name, config.kernel, config.command_line));
    match seconds {
        Some(seconds) => console::count_down(seconds),
        None => {
            console::say(format_args!("Press any key to start it.\n"));
            console::wait_for_key(None);
        }
    }
}

/// Stands for no time in [`UNIX_SECONDS`].
const NO_TIME: i64 = i64::MIN;

/// The firmware's time shortly before it was left.
static UNIX_SECONDS: AtomicI64 = AtomicI64::new(NO_TIME);

/// The firmware's clock.
fn unix_seconds() -> Option<i64> {
    let time = runtime::get_time().ok()?;
    let local = DateTime {
        year: time.year(),
        month: time.month(),
        day: time.day(),
        hour: time.hour(),
        minute: time.minute(),
        second: time.second(),
    };
    clock::unix_seconds(&local, time.time_zone())
}

/// Physical address of the ACPI root pointer, that of ACPI 2.0 if there is one.
fn rsdp() -> Option<u64> {
    system::with_config_table(|tables| {
        let find = |guid| tables.iter().find(|table| table.guid == guid).map(|table| table.address.addr() as u64);
        find(ConfigTableEntry::ACPI2_GUID).or_else(|| find(ConfigTableEntry::ACPI_GUID))
    })
}

/// What CPUID says about page tables.
fn features() -> Features {
    let extended = __cpuid(0x8000_0001);
    Features { gib_pages: extended.edx & 1 << 26 != 0, no_execute: extended.edx & 1 << 20 != 0 }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::error(format_args!("{info}"));
    firmware::give_up()
}
