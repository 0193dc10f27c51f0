//! What somebody else would do: the guides, followed to the letter in folders outside this workspace.
#![forbid(unsafe_code)]

mod bootimage;
mod guide;

use std::{env, os::unix::fs::symlink, process::Command};

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
    const DISC: &str = "\n## From a disc";
    let name = "your-limine-kernel.md";
    let mut place = Place::new();
    match env::var_os("STEWARD_LIMINE").filter(|directory| !directory.is_empty()) {
        Some(directory) => {
            symlink(directory, place.path().join("limine")).unwrap();
            Guide::read(name).follow(&mut place);
        }
        // Nobody has Limine here: that part is left out.
        None => {
            let text = guide::text(name);
            let (before, disc) = text.split_once(DISC).expect("the guide has a part about discs");
            let after = disc.find("\n## ").expect("it is not the last");
            Guide::parse(name, &format!("{before}{}", &disc[after..])).follow(&mut place);
        }
    }
}

#[test]
#[ignore = "tier verify"]
fn verify_a_guest_in_c_needs_no_more_than_the_page_about_records_says() {
    Guide::read("records.md").follow(&mut with_harness());
}

#[test]
#[ignore = "tier verify"]
fn verify_a_kernel_in_c_links_the_ledgers_library_as_the_page_about_rust_and_c_says() {
    let name = "rust-and-c.md";
    let text = guide::text(name);
    let (_, section) = text.split_once("\n## In your own C kernel\n").expect("the page has a part about C kernels");
    let (section, _) = section.split_once("\n## ").expect("it is not the last");
    Guide::parse(name, section).follow(&mut Place::new());
}

/// The crates as a registry would have them, in a folder of a machine that knows no more of this checkout.
#[test]
#[ignore = "tier verify"]
fn verify_the_packaged_crates_serve_a_kernel_of_somebody_else() {
    let page = Guide::parse("packages", include_str!("packages.md"));
    page.follow(&mut with_harness());
}

#[test]
#[ignore = "tier verify"]
fn verify_debians_kernel_is_tested_at_its_prompt_as_its_guide_says() {
    let name = "linux-and-kunit.md";
    let text = guide::text(name);
    // The rest builds a kernel, which takes minutes.
    let (debian, _) = text.split_once("\n## KUnit").expect("the guide has a part about KUnit");
    let needed = "apt-cache depends linux-image-cloud-amd64 | grep -q Depends && command -v cpio dpkg-deb";
    let found = Command::new("sh").args(["-c", needed]).output().expect("there is a shell");
    if !found.status.success() {
        // It takes kernels out of Debian's packages: elsewhere there is nothing to try.
        eprintln!("not tried: this needs Debian, and its package cpio");
        return;
    }
    Guide::parse(name, debian).follow(&mut Place::new());
}
