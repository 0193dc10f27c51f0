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
        let (qemu, firmware): (_, &'static str) = match self {
            Self::Apt => ("qemu-system-x86", "ovmf"),
            Self::Dnf => ("qemu-system-x86-core", "edk2-ovmf"),
            Self::Pacman => ("qemu-system-x86", "edk2-ovmf"),
            Self::Zypper => ("qemu-x86", "qemu-ovmf-x86_64"),
            Self::Apk => ("qemu-system-x86_64", "ovmf"),
        };
        // A compiler without the C library's headers compiles nothing; some systems only recommend them beside it.
        let compiler: &[_] = match self {
            Self::Apt => &["gcc", "libc6-dev"],
            Self::Apk => &["gcc", "musl-dev"],
            Self::Dnf | Self::Pacman | Self::Zypper => &["gcc"],
        };
        let has = |component| components.contains(&component);
        let packages: [(bool, &[_]); 6] = [
            (has(Component::Qemu), &[qemu]),
            (has(Component::Qemu) || has(Component::Firmware), &[firmware]),
            (has(Component::Gdb), &["gdb"]),
            (has(Component::Git), &["git"]),
            (has(Component::Compiler), compiler),
            (has(Component::Prover), &["z3"]),
        ];
        packages.into_iter().filter(|(needed, _)| *needed).flat_map(|(_, packages)| packages.iter().copied()).collect()
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
    fn each_component_brings_its_own_packages_and_no_others() {
        assert_eq!(Manager::Apt.packages(&[Component::Firmware, Component::Git]), ["ovmf", "git"]);
        assert_eq!(Manager::Dnf.packages(&[Component::Gdb]), ["gdb"]);
        assert_eq!(Manager::Apk.packages(&[Component::Prover]), ["z3"]);
        assert_eq!(Manager::Apt.packages(&[Component::Compiler]), ["gcc", "libc6-dev"]);
        assert_eq!(Manager::Pacman.packages(&[Component::Compiler]), ["gcc"]);
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
