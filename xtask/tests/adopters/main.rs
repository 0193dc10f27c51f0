//! What somebody else would do: the guides, followed to the letter in folders outside this workspace.
#![forbid(unsafe_code)]

mod guide;

use guide::{Guide, Place};

/// A folder for a guide that takes the harness as installed.
fn with_harness() -> Place {
    let mut place = Place::new();
    Guide::parse("installation", "```console\n$ cargo install --locked --path steward/harness/host\n```\n")
        .follow(&mut place);
    place
}

#[test]
#[ignore = "tier verify"]
fn verify_a_limine_kernel_is_made_and_tested_as_its_guide_says() {
    Guide::read("your-limine-kernel.md").follow(&mut Place::new());
}

#[test]
#[ignore = "tier verify"]
fn verify_a_guest_in_c_needs_no_more_than_the_page_about_records_says() {
    Guide::read("records.md").follow(&mut with_harness());
}
