//! `docs/from-bootimage.md`: a kernel in the style of a well-known blog, with a nightly compiler.

use crate::guide::{Guide, Place};

#[test]
#[ignore = "tier verify"]
fn verify_a_bootimage_kernel_is_tested_by_following_the_guide() {
    Guide::read("from-bootimage.md").follow(&mut Place::new());
}
