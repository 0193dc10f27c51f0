//! This CPU: what it can do, and the protections that are switched on when it can.

use raw_cpuid::{CpuId, CpuIdReaderNative};
use x86_64::registers::{
    control::{Cr3, Cr4, Cr4Flags},
    model_specific::Msr,
};

/// What the CPU says of itself (CPUID; Intel SDM volume 2A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// No-execute pages.
    pub no_execute: bool,
    /// Supervisor-mode execution prevention.
    pub smep: bool,
    /// Supervisor-mode access prevention.
    pub smap: bool,
    /// User-mode instruction prevention.
    pub umip: bool,
    /// Global pages.
    pub global_pages: bool,
    /// Machine-check exceptions.
    pub machine_check: bool,
    /// 1 GiB pages.
    pub gigabyte_pages: bool,
    /// x2APIC mode.
    pub x2apic: bool,
    /// The time-stamp counter runs at one rate in all power states.
    pub invariant_tsc: bool,
    /// It runs under a hypervisor or an emulator that says so.
    pub hypervisor: bool,
}

/// Asks the CPU.
#[must_use]
pub fn features() -> Features {
    let cpu = CpuId::new();
    let basic = cpu.get_feature_info();
    let extended = cpu.get_extended_feature_info();
    let processor = cpu.get_extended_processor_and_feature_identifiers();
    Features {
        no_execute: processor.as_ref().is_some_and(raw_cpuid::ExtendedProcessorFeatureIdentifiers::has_execute_disable),
        smep: extended.as_ref().is_some_and(raw_cpuid::ExtendedFeatures::has_smep),
        smap: extended.as_ref().is_some_and(raw_cpuid::ExtendedFeatures::has_smap),
        umip: extended.as_ref().is_some_and(raw_cpuid::ExtendedFeatures::has_umip),
        global_pages: basic.as_ref().is_some_and(raw_cpuid::FeatureInfo::has_pge),
        machine_check: basic.as_ref().is_some_and(raw_cpuid::FeatureInfo::has_mce),
        gigabyte_pages: processor.as_ref().is_some_and(raw_cpuid::ExtendedProcessorFeatureIdentifiers::has_1gib_pages),
        x2apic: basic.as_ref().is_some_and(raw_cpuid::FeatureInfo::has_x2apic),
        invariant_tsc: cpu.get_advanced_power_mgmt_info().as_ref().is_some_and(raw_cpuid::ApmInfo::has_invariant_tsc),
        hypervisor: basic.as_ref().is_some_and(raw_cpuid::FeatureInfo::has_hypervisor),
    }
}

/// Bits of a physical address that this CPU has (CPUID leaf 8000_0008H), 36 when it does not say.
#[must_use]
pub fn physical_address_bits() -> u32 {
    let sizes = CpuId::new().get_processor_capacity_feature_info();
    sizes.map_or(36, |sizes| u32::from(sizes.physical_address_bits()).clamp(32, 52))
}

/// A text of at most 48 bytes, as CPUID gives them.
pub type Name = heapless::String<48>;

/// The maker's twelve letters, such as `GenuineIntel`.
#[must_use]
pub fn vendor() -> Name {
    CpuId::<CpuIdReaderNative>::new().get_vendor_info().map(|vendor| cut(vendor.as_str())).unwrap_or_default()
}

/// The model in words, such as `QEMU TCG CPU version 2.5+`.
#[must_use]
pub fn brand() -> Name {
    CpuId::new().get_processor_brand_string().map(|brand| cut(brand.as_str().trim())).unwrap_or_default()
}

/// Family, model and stepping.
#[must_use]
pub fn signature() -> Option<(u8, u8, u8)> {
    let info = CpuId::new().get_feature_info()?;
    Some((info.family_id(), info.model_id(), info.stepping_id()))
}

fn cut(text: &str) -> Name {
    text.chars().filter(char::is_ascii).take(48).collect()
}

/// What is switched on of what this CPU has: global pages, machine checks, SMEP, SMAP, UMIP.
pub(crate) fn wanted() -> Cr4Flags {
    let features = features();
    let wanted = [
        (features.global_pages, Cr4Flags::PAGE_GLOBAL),
        (features.machine_check, Cr4Flags::MACHINE_CHECK_EXCEPTION),
        (features.smep, Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION),
        (features.smap, Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION),
        (features.umip, Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION),
    ];
    wanted.into_iter().filter_map(|(has, flag)| has.then_some(flag)).collect()
}

/// Switches on what [`wanted`] names.
pub(crate) fn protect() {
    let flags = wanted();
    // SAFETY: each flag is set only when CPUID announces it; the kernel has no user pages that SMEP or SMAP would keep
    // it from, and its tables mark global what all address spaces share.
    unsafe { Cr4::update(|current| current.insert(flags)) };
}

/// Gives a CPU that comes up what the boot CPU has: the page attribute table, and the protections.
pub(crate) fn join() {
    // SAFETY: CR3 is loaded in the next line, global pages are off until the last, and nobody writes to the screen from this
    // CPU meanwhile.
    unsafe { set_page_attributes() };
    let (root, flags) = Cr3::read();
    // SAFETY: the tables are those in force, which are loaded again to have what is remembered of them forgotten.
    unsafe { Cr3::write(root, flags) };
    protect();
}

/// Page attribute table (Intel SDM volume 3, section 11.12), entry 0 in the lowest byte: as after a reset, but for entry 1,
/// which is write-combining (1) rather than write-through (4).
pub(crate) const PAGE_ATTRIBUTES: u64 = 0x0007_0406_0007_0106;

const PAGE_ATTRIBUTE_TABLE: Msr = Msr::new(0x277);

fn has_page_attributes() -> bool {
    CpuId::new().get_feature_info().is_some_and(|features| features.has_pat())
}

/// Loads [`PAGE_ATTRIBUTES`], so that a page whose entry says write-through is write-combining. A CPU without such a table
/// writes through, which is only slower.
///
/// # Safety
/// The caller loads CR3 next, with global pages off: until then, pages that entries 1, 4 and 5 are asked for in the old
/// tables are neither read nor written.
pub(crate) unsafe fn set_page_attributes() {
    if has_page_attributes() {
        let mut table = PAGE_ATTRIBUTE_TABLE;
        // SAFETY: the register is there, all eight values are defined ones, and the caller vouches for who sees it change.
        unsafe { table.write(PAGE_ATTRIBUTES) };
    }
}

/// The page attribute table as it stands; `None` on a CPU without one.
#[must_use]
pub fn page_attributes() -> Option<u64> {
    // SAFETY: CPUID announces the register; reading it changes nothing.
    has_page_attributes().then(|| unsafe { PAGE_ATTRIBUTE_TABLE.read() })
}

/// Control register 4 as it stands.
#[must_use]
pub fn control_4() -> Cr4Flags {
    Cr4::read()
}
