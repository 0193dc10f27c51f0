//! What somebody else would do: the guides, followed to the letter in folders outside this workspace.
#![forbid(unsafe_code)]

mod guide;

use guide::{Guide, Place};

#[test]
#[ignore = "tier verify"]
fn verify_a_limine_kernel_is_made_and_tested_as_its_guide_says() {
    Guide::read("your-limine-kernel.md").follow(&mut Place::new());
}
