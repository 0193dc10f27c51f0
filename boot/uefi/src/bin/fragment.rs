//! A test aid that stands in the firmware's place: makes memory scarce or its map long, then starts the
//! loader, `\EFI\BOOT\STEWARD.EFI` of its own volume.
//!
//! What it does is the first line of the file `\fragment` there: `entries N` makes N reserved pages with
//! a free page between any two, `leave N` reserves all memory but N KiB, `hide console` forgets where the
//! firmware's console goes.
#![cfg_attr(target_os = "uefi", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "uefi")]
extern crate alloc;

#[cfg(target_os = "uefi")]
mod firmware {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::fmt;
    use core::panic::PanicInfo;

    use uefi::boot::{self, AllocateType, LoadImageSource, MemoryType};
    use uefi::fs::FileSystem;
    use uefi::mem::memory_map::MemoryMap as _;
    use uefi::prelude::*;
    use uefi::proto::BootPolicy;
    use uefi::proto::device_path::{DevicePath, DeviceSubType, DeviceType};
    use uefi::proto::loaded_image::LoadedImage;
    use uefi::runtime::{self, VariableVendor};
    use uefi::{cstr16, println};

    const PAGE: u64 = 4096;

    #[entry]
    fn main() -> Status {
        match run() {
            Ok(()) => Status::SUCCESS,
            Err(fault) => {
                println!("fragment: error: {fault}");
                Status::ABORTED
            }
        }
    }

    fn run() -> Result<(), String> {
        let fault = |what: &'static str| move |error: &dyn fmt::Display| format!("{what}: {error}");
        let image = boot::image_handle();
        let volume = boot::get_image_file_system(image).map_err(|error| fault("the volume")(&error))?;
        let order = FileSystem::new(volume).read_to_string(cstr16!("\\fragment"));
        let order = order.map_err(|error| fault("\\fragment")(&error))?;
        // The loader is loaded while there is memory for it.
        let path = path_of_loader(image)?;
        let path = <&DevicePath>::try_from(path.as_slice()).map_err(|error| format!("its path: {error:?}"))?;
        let source = LoadImageSource::FromDevicePath { device_path: path, boot_policy: BootPolicy::ExactMatch };
        let loader = boot::load_image(image, source).map_err(|error| fault("STEWARD.EFI")(&error))?;
        let mut words = order.split_ascii_whitespace();
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok());
        match (words.next(), number(words.next())) {
            (Some("entries"), Some(count)) => scatter(count)?,
            (Some("leave"), Some(kib)) => exhaust(kib * 1024)?,
            (Some("hide"), None) => runtime::delete_variable(cstr16!("ConOut"), &VariableVendor::GLOBAL_VARIABLE)
                .map_err(|error| fault("ConOut")(&error))?,
            _ => return Err(format!("\\fragment says none of `entries N`, `leave N` and `hide console`: {order}")),
        }
        println!("fragment: done: {order}");
        boot::start_image(loader).map_err(|error| fault("the loader ended")(&error))
    }

    /// The loader's path: that of the volume, and a node for the file (UEFI 2.10, section 10.3.5.4).
    fn path_of_loader(image: Handle) -> Result<Vec<u8>, String> {
        let image = boot::open_protocol_exclusive::<LoadedImage>(image).map_err(|error| format!("{error}"))?;
        let device = image.device().ok_or("no volume")?;
        let volume = boot::open_protocol_exclusive::<DevicePath>(device).map_err(|error| format!("{error}"))?;
        let name: Vec<u8> = "\\EFI\\BOOT\\STEWARD.EFI\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = u16::try_from(name.len() + 4).map_err(|error| format!("{error}"))?;
        let mut path: Vec<u8> = volume
            .node_iter()
            .flat_map(|node| [header(node.full_type(), node.length()).as_slice(), node.data()].concat())
            .collect();
        path.extend([4, 4]);
        path.extend(length.to_le_bytes());
        path.extend(name);
        path.extend([0x7f, 0xff, 4, 0]);
        Ok(path)
    }

    fn header((kind, subtype): (DeviceType, DeviceSubType), length: u16) -> [u8; 4] {
        let [low, high] = length.to_le_bytes();
        [kind.0, subtype.0, low, high]
    }

    /// Free pieces of memory above 1 MiB, largest first: address and pages.
    fn free() -> Result<Vec<(u64, u64)>, String> {
        let map = boot::memory_map(MemoryType::LOADER_DATA).map_err(|error| format!("memory map: {error}"))?;
        let free = map.entries().filter(|entry| entry.ty == MemoryType::CONVENTIONAL && entry.phys_start >= 1 << 20);
        let mut free: Vec<_> = free.map(|entry| (entry.phys_start, entry.page_count)).collect();
        free.sort_unstable_by_key(|(_, pages)| core::cmp::Reverse(*pages));
        Ok(free)
    }

    fn reserve(address: u64, pages: u64) -> Result<(), String> {
        let taken = boot::allocate_pages(AllocateType::Address(address), MemoryType::RESERVED, pages as usize);
        taken.map(|_| ()).map_err(|error| format!("{pages} pages at {address:#x}: {error}"))
    }

    /// Reserves every other page of the largest free piece, `count` in all.
    fn scatter(count: u64) -> Result<(), String> {
        let (start, _) = *free()?.first().ok_or("no memory")?;
        (0..count).try_for_each(|index| reserve(start + (2 * index + 1) * PAGE, 1))
    }

    /// Reserves all memory but so many bytes of the largest free piece.
    fn exhaust(bytes: u64) -> Result<(), String> {
        let free = free()?;
        let left = bytes.div_ceil(PAGE);
        for (index, (start, pages)) in free.into_iter().enumerate() {
            let taken = if index == 0 { pages.saturating_sub(left) } else { pages };
            // The firmware may use some of it by now.
            if taken > 0 {
                let _ = reserve(start, taken);
            }
        }
        Ok(())
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        println!("fragment: {info}");
        loop {
            core::hint::spin_loop();
        }
    }
}

#[cfg(not(target_os = "uefi"))]
fn main() {
    eprintln!("fragment is a UEFI application: build it with `--target x86_64-unknown-uefi`");
    std::process::exit(2);
}
