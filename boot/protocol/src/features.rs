//! The protocol's features and their identifiers ("Feature List").

/// First two words of every request's identifier.
pub(crate) const COMMON_MAGIC: [u64; 2] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b];
/// The base revision tag's first two words.
pub(crate) const BASE_REVISION_MAGIC: [u64; 2] = [0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc];
/// Marks the start of the requests.
pub(crate) const START_MARKER: [u64; 4] =
    [0xf6b8_f4b3_9de7_d1ae, 0xfab9_1a69_40fc_b9cf, 0x785c_6ed0_15d3_e316, 0x181e_920a_7852_b9d9];
/// Marks their end.
pub(crate) const END_MARKER: [u64; 2] = [0xadc0_e053_1bb1_0d03, 0x9572_709f_3176_4c62];

/// Declares the features: name, and the last two words of the identifier.
macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $third:literal, $fourth:literal;)*) => {
        /// A feature that a kernel can request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Feature {
            $($(#[$doc])* $name,)*
        }

        impl Feature {
            /// Every feature, in declaration order.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            /// The feature with this identifier.
            pub(crate) fn of(third: u64, fourth: u64) -> Option<Self> {
                match (third, fourth) {
                    $(($third, $fourth) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

features! {
    /// Name and version of the loader.
    BootloaderInfo = 0xf550_38d8_e2a1_202f, 0x2794_26fc_f5f5_9740;
    /// BIOS or UEFI.
    FirmwareType = 0x8c2f_75d9_0bef_28a8, 0x7045_a468_8eac_00c3;
    /// Size of the first stack.
    StackSize = 0x224e_f046_0a8e_8926, 0xe1cb_0fc2_5f46_ea3d;
    /// Offset of the higher half direct map.
    Hhdm = 0x48dc_f1cb_8ad2_b852, 0x6398_4e95_9a98_244b;
    /// Screens.
    Framebuffer = 0x9d58_27dc_d881_dd75, 0xa314_8604_f6fa_b11b;
    /// Levels of page tables.
    PagingMode = 0x95c1_a0ed_ab09_44cb, 0xa4e5_cb38_42f7_488a;
    /// Start of the other processors. Never answered: our kernels start them.
    Mp = 0x95a6_7b81_9a1b_857e, 0xa0b6_1b72_3b6a_73e0;
    /// The memory map.
    MemoryMap = 0x67cf_3d9d_378a_806f, 0xe304_acdf_c50c_3c62;
    /// Another entry point than the ELF header's.
    EntryPoint = 0x13d8_6c03_5a1c_d3e1, 0x2b0c_aa89_d8f3_026a;
    /// The kernel's file.
    ExecutableFile = 0xad97_e90e_83f1_ed67, 0x31eb_5d1c_5ff2_3b69;
    /// Modules.
    Module = 0x3e7e_2797_02be_32af, 0xca1c_4f3b_d128_0cee;
    /// The ACPI root pointer.
    Rsdp = 0xc5e7_7b6b_397e_7b43, 0x2763_7845_accd_cf3c;
    /// SMBIOS entry points. Never answered yet.
    Smbios = 0x9e90_46f1_1e09_5391, 0xaa4a_520f_efbd_e5ee;
    /// The EFI system table. Never answered yet.
    EfiSystemTable = 0x5ceb_a516_3eaa_f6d6, 0x0a69_8161_0cf6_5fcc;
    /// The EFI memory map. Never answered yet.
    EfiMemoryMap = 0x7df6_2a43_1d68_72d5, 0xa4fc_dfb3_e573_06c8;
    /// Wall-clock time at boot.
    DateAtBoot = 0x5027_46e1_84c0_88aa, 0xfbc5_ec83_e632_7893;
    /// Where the kernel lies in physical and virtual memory.
    ExecutableAddress = 0x71ba_7686_3cc5_5f63, 0xb264_4a48_c516_a487;
    /// The command line.
    ExecutableCmdline = 0x4b16_1536_e598_651e, 0xb390_ad4a_2f1f_303a;
    /// The device tree. Never answered: x86-64 has none.
    DeviceTreeBlob = 0xb40d_db48_fb54_bac7, 0x5450_8149_3f81_ffb7;
}
