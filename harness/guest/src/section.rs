//! Where the tests of this kernel are: between two symbols that the linker defines around their section.

#![expect(unsafe_code, reason = "only the linker knows where a section begins and ends")]

use crate::Descriptor;

/// Nothing, in the section of the tests: so a kernel without any has the section, and the linker defines its bounds.
#[used]
// SAFETY: the section is an array of descriptors, and this adds none to it.
#[unsafe(link_section = "steward_ktest")]
static NONE: [Descriptor; 0] = [];

/// Every `#[ktest]` of this kernel, in the order in which its ELF file lists them.
///
/// Linkers define the bounds of a section that is named like this one by themselves, whether the linker script mentions
/// it or not. Of a program that is no kernel this says nothing: on other operating systems, sections are found otherwise.
#[inline]
#[must_use]
pub fn tests() -> &'static [Descriptor] {
    // SAFETY: both are defined by the linker or its script, and only their addresses are taken.
    unsafe extern "C" {
        safe static __start_steward_ktest: u8;
        safe static __stop_steward_ktest: u8;
    }
    core::hint::black_box(&NONE);
    let start = (&raw const __start_steward_ktest).cast::<Descriptor>();
    let bytes = (&raw const __stop_steward_ktest).addr().saturating_sub(start.addr());
    // SAFETY: between the two lies what `#[ktest]` put into the section: whole descriptors without gaps, each aligned as
    // the type wants, which nobody writes to.
    unsafe { core::slice::from_raw_parts(start, bytes / size_of::<Descriptor>()) }
}
