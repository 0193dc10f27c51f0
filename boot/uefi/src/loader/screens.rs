//! The firmware's screens.

use alloc::vec::Vec;

use steward_boot_protocol::Framebuffer;
use steward_boot_uefi::screen::{Format, Mode, framebuffer};
use uefi::boot::{self, ScopedProtocol};
use uefi::proto::console::gop::{GraphicsOutput, ModeInfo, PixelFormat};

use super::firmware;

/// Every screen that has a linear framebuffer in its present mode; when none has, those that can be
/// brought to one.
pub fn find() -> Vec<Framebuffer> {
    let handles = boot::find_handles::<GraphicsOutput>().unwrap_or_default();
    let mut screens: Vec<_> =
        handles.into_iter().filter_map(|handle| firmware::open::<GraphicsOutput>(handle).ok()).collect();
    let found = linear(&mut screens);
    if !found.is_empty() {
        return found;
    }
    for screen in &mut screens {
        let modes = screen.modes().filter(|mode| mode.info().pixel_format() != PixelFormat::BltOnly);
        let largest = modes.max_by_key(|mode| {
            let (width, height) = mode.info().resolution();
            width * height
        });
        if let Some(mode) = largest {
            // A screen that refuses stays in its mode, which is no worse.
            let _ = screen.set_mode(&mode);
        }
    }
    linear(&mut screens)
}

/// The screens as they are. The console's own is one of them too when there is only one, so the same
/// memory can appear twice.
fn linear(screens: &mut [ScopedProtocol<GraphicsOutput>]) -> Vec<Framebuffer> {
    let mut found = Vec::<Framebuffer>::new();
    for screen in screens {
        let Some(screen) = present(screen) else { continue };
        if found.iter().all(|other| other.address != screen.address) {
            found.push(screen);
        }
    }
    found
}

fn present(screen: &mut GraphicsOutput) -> Option<Framebuffer> {
    let info = screen.current_mode_info();
    let format = format(&info)?;
    let (width, height) = info.resolution();
    let address = screen.frame_buffer().as_mut_ptr().addr() as u64;
    framebuffer(&Mode { address, width, height, stride: info.stride(), format })
}

fn format(info: &ModeInfo) -> Option<Format> {
    match info.pixel_format() {
        PixelFormat::Rgb => Some(Format::Rgb),
        PixelFormat::Bgr => Some(Format::Bgr),
        PixelFormat::Bitmask => {
            let masks = info.pixel_bitmask()?;
            Some(Format::Masks([masks.red, masks.green, masks.blue, masks.reserved]))
        }
        PixelFormat::BltOnly => None,
    }
}
