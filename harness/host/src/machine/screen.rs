//! A machine's screen, and how a person gets to see it.

use std::{env, ffi::OsString, process::Command};

use crate::{Emulator, Error};

/// Whether a machine has a screen. A microvm has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Screen {
    /// There is no graphics card.
    #[default]
    None,
    /// There is a VGA card, and no window: [`Vm::screendump`](crate::vm::Vm::screendump) sees it.
    Hidden,
    /// There is a VGA card, and a window; or a VNC server where there is no desktop or QEMU opens no windows.
    Window,
}

/// QEMU's windows that the harness uses, the best first, and whether it needs a display server that the environment
/// names.
const WINDOWS: [(&str, bool); 3] = [("cocoa", false), ("gtk", true), ("sdl", true)];

/// How a screen is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Display {
    /// In a window of this kind, by QEMU's name.
    Window(&'static str),
    /// By VNC, at an address that QEMU finds free; the text says why there is no window.
    Vnc(String),
}

impl Display {
    /// The best that this QEMU has on this desktop.
    ///
    /// # Errors
    /// [`Error::Emulator`] when it has neither windows nor VNC; the text says what to install.
    pub fn find(emulator: &Emulator) -> Result<Self, Error> {
        let help = |option: &[&str]| {
            let output = Command::new(emulator.program()).args(option).output();
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
        };
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let desktop = set("DISPLAY") || set("WAYLAND_DISPLAY");
        let vnc = || help(&["-machine", "none", "-vnc", "help"]).starts_with("vnc options");
        Self::choose(&help(&["-display", "help"]), desktop, vnc).map_err(Error::Emulator)
    }

    fn choose(help: &str, desktop: bool, vnc: impl FnOnce() -> bool) -> Result<Self, String> {
        let has = |name: &str| help.lines().any(|line| line.trim() == name);
        let mut known = WINDOWS.into_iter().filter(|(name, _)| has(name));
        let why = match known.find(|(_, needs_desktop)| desktop || !needs_desktop) {
            Some((name, _)) => return Ok(Self::Window(name)),
            None if WINDOWS.iter().any(|(name, _)| has(name)) => {
                "there is no desktop: neither DISPLAY nor WAYLAND_DISPLAY is set"
            }
            None => "this QEMU opens no windows (Debian and Ubuntu: apt-get install qemu-system-gui)",
        };
        if vnc() { Ok(Self::Vnc(why.into())) } else { Err(format!("{why}, and it has no VNC either")) }
    }

    /// QEMU's arguments for it.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Window(name) => vec!["-display".into(), (*name).into()],
            // Only programs on this host can connect, and the first free port of a hundred is taken.
            Self::Vnc(_) => vec!["-display".into(), "none".into(), "-vnc".into(), "127.0.0.1:0,to=99".into()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "Available display backend types:\nnone\negl-headless\ncurses\n";
    const DESKTOP: &str = "Available display backend types:\nnone\ngtk\nsdl\negl-headless\n";

    #[test]
    fn a_window_is_opened_where_qemu_and_the_desktop_can() {
        let choose = |help, desktop| Display::choose(help, desktop, || true).unwrap();
        assert_eq!(choose(DESKTOP, true), Display::Window("gtk"));
        assert_eq!(choose("none\nsdl\n", true), Display::Window("sdl"));
        assert_eq!(choose("none\ncocoa\n", false), Display::Window("cocoa"));
    }

    #[test]
    fn without_a_window_there_is_vnc_and_the_reason_is_told() {
        let reason = |help, desktop| match Display::choose(help, desktop, || true) {
            Ok(Display::Vnc(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(reason(BARE, true).contains("qemu-system-gui"));
        assert!(reason(DESKTOP, false).contains("WAYLAND_DISPLAY"));
        let neither = Display::choose(BARE, true, || false).unwrap_err();
        assert!(neither.contains("qemu-system-gui") && neither.contains("no VNC"), "{neither}");
    }

    #[test]
    fn vnc_listens_on_this_host_only() {
        let words = Display::Vnc(String::new()).arguments();
        assert!(words.contains(&"127.0.0.1:0,to=99".into()), "{words:?}");
        assert_eq!(Display::Window("gtk").arguments(), ["-display", "gtk"]);
    }
}
