//! The kernel tests that this image carries.

use steward_harness_guest::Descriptor;

/// Every `#[ktest]` of the image, in the order in which the ELF file lists them; none in an image built without them.
#[cfg(target_os = "none")]
#[must_use]
pub fn tests() -> &'static [Descriptor] {
    // SAFETY: the linker script defines both names, and they are used as addresses only.
    unsafe extern "C" {
        static __start_steward_ktest: u8;
        static __stop_steward_ktest: u8;
    }
    let (start, stop) = (&raw const __start_steward_ktest, &raw const __stop_steward_ktest);
    let count = (stop as usize - start as usize) / size_of::<Descriptor>();
    // SAFETY: the linker script puts the two symbols around the section, which holds nothing but descriptors, each as the
    // macro emitted it, in read-only memory.
    unsafe { core::slice::from_raw_parts(start.cast(), count) }
}

/// On the host there is no kernel image.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn tests() -> &'static [Descriptor] {
    &[]
}
