//! Package managers: names of packages and command lines.

use super::components::{Component, on_path};

/// A system's package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Debian, Ubuntu and their kin.
    Apt,
    /// Fedora and its kin.
    Dnf,
    /// Arch Linux.
    Pacman,
    /// openSUSE.
    Zypper,
    /// Alpine Linux.
    Apk,
}

const ALL: [Manager; 5] = [Manager::Apt, Manager::Dnf, Manager::Pacman, Manager::Zypper, Manager::Apk];

impl Manager {
    /// The first one that this machine has.
    #[must_use]
    pub fn detect() -> Option<Self> {
        ALL.into_iter().find(|manager| on_path(manager.program()))
    }

    /// The program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Pacman => "pacman",
            Self::Zypper => "zypper",
            Self::Apk => "apk",
        }
    }

    /// Packages that bring the components. Firmware comes along with QEMU: it is small beside it, and what needs it
    /// later then need not ask again.
    #[must_use]
    pub fn packages(self, components: &[Component]) -> Vec<&'static str> {
        let (qemu, firmware, xorriso) = match self {
            Self::Apt => ("qemu-system-x86", "ovmf", "xorriso"),
            Self::Dnf => ("qemu-system-x86-core", "edk2-ovmf", "xorriso"),
            Self::Pacman => ("qemu-system-x86", "edk2-ovmf", "libisoburn"),
            Self::Zypper => ("qemu-x86", "qemu-ovmf-x86_64", "xorriso"),
            Self::Apk => ("qemu-system-x86_64", "ovmf", "xorriso"),
        };
        let has = |component| components.contains(&component);
        let packages = [
            (has(Component::Qemu), qemu),
            (has(Component::Qemu) || has(Component::Firmware), firmware),
            (has(Component::Xorriso), xorriso),
            (has(Component::Gdb), "gdb"),
        ];
        packages.into_iter().filter(|(needed, _)| *needed).map(|(_, package)| package).collect()
    }

    /// Program and arguments that install packages without a question.
    #[must_use]
    pub fn install(self, packages: &[&str]) -> Vec<String> {
        let arguments: &[&str] = match self {
            // Debian's QEMU needs its firmware (seabios, which has bios-microvm.bin too) and pvh.bin by hard
            // dependencies; what it recommends is user interfaces and disk tools.
            Self::Apt => &["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"],
            Self::Dnf => &["install", "-y"],
            Self::Pacman => &["-S", "--needed", "--noconfirm"],
            Self::Zypper => &["--non-interactive", "install"],
            Self::Apk => &["add"],
        };
        [self.program()].iter().chain(arguments).chain(packages).map(|&word| word.to_owned()).collect()
    }

    /// What a person would type to install packages.
    #[must_use]
    pub fn command_line(self, packages: &[&str], is_root: bool) -> String {
        let sudo = if is_root { "" } else { "sudo " };
        let install = self.install(packages).join(" ");
        match self {
            Self::Apt => format!("{sudo}apt-get update && {sudo}{install}"),
            _ => format!("{sudo}{install}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemu_brings_the_firmware_along_and_firmware_comes_alone() {
        assert_eq!(Manager::Apt.packages(&[Component::Qemu]), ["qemu-system-x86", "ovmf"]);
        assert_eq!(Manager::Apt.packages(&[Component::Firmware]), ["ovmf"]);
        assert!(Manager::Apt.packages(&[Component::RustTarget("x86_64-unknown-none")]).is_empty());
    }

    #[test]
    fn xorriso_and_gdb_come_only_when_they_are_needed() {
        assert_eq!(Manager::Apt.packages(&[Component::Firmware, Component::Xorriso]), ["ovmf", "xorriso"]);
        assert_eq!(Manager::Dnf.packages(&[Component::Gdb]), ["gdb"]);
        assert_eq!(Manager::Pacman.packages(&[Component::Xorriso]), ["libisoburn"]);
    }

    #[test]
    fn the_printed_command_can_be_typed_as_it_is() {
        assert_eq!(
            Manager::Apt.command_line(&["ovmf"], false),
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 ovmf"
        );
        assert_eq!(Manager::Apk.command_line(&["ovmf"], true), "apk add ovmf");
    }

    #[test]
    fn no_manager_stops_to_ask() {
        let quiet = ["-y", "--noconfirm", "--non-interactive", "add"];
        for manager in ALL {
            assert!(manager.install(&["x"]).iter().any(|word| quiet.contains(&word.as_str())), "{manager:?}");
        }
    }
}
