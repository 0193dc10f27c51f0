use std::{collections::HashSet, time::Duration};

use super::*;
use crate::{
    report::demo::{HOSTILE, failed, listing, panicked, passed, record, report},
    suite::Report,
};

/// Values of an attribute, in order.
fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    page.split(&format!(" {attribute}=\"")).skip(1).map(|rest| rest.split_once('"').unwrap().0).collect()
}

fn count(page: &str, piece: &str) -> usize {
    page.matches(piece).count()
}

#[test]
fn the_template_names_nothing_that_is_not_filled_in() {
    let page = page(&record(0, &[], &[], None));
    assert!(!page.contains("{{"), "{page}");
    assert_eq!(fill("a{{b}}c{{d}}", |name| format!("<{name}{{{{b}}}}>")), "a<b{{b}}>c<d{{b}}>");
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let listing = listing(2);
    let page = page(&record(2, &[passed(&listing.tests[0]), failed(&listing.tests[1])], &[], None));
    assert!(values(&page, "src").is_empty() && !page.contains("@import") && !page.contains("url("));
    let outside: Vec<_> = values(&page, "href").into_iter().filter(|link| !link.starts_with('#')).collect();
    assert_eq!(outside, ["data:,"]);
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn every_link_leads_somewhere_and_every_place_is_one() {
    let listing = listing(3);
    let [flaky, fails, passes, _] = &listing.tests[..] else { unreachable!() };
    let attempts = [failed(flaky), Report { attempt: 2, ..passed(flaky) }, failed(fails), passed(passes)];
    let page = page(&record(3, &attempts, &[], None));
    let places = values(&page, "id");
    let distinct: HashSet<_> = places.iter().collect();
    assert_eq!(distinct.len(), places.len());
    for link in values(&page, "href").iter().filter_map(|link| link.strip_prefix('#')) {
        assert!(distinct.contains(&link), "{link}");
    }
    // The failure and the flaky test are linked from the table; and from the chart, once for each attempt.
    assert_eq!((count(&page, "href=\"#test-0\""), count(&page, "href=\"#test-1\"")), (3, 2));
    assert_eq!(count(&page, "href=\"#test-2\""), 0);
}

#[test]
fn a_failure_is_told_in_full() {
    let listing = listing(1);
    let kept = Report { artifact: Some("k-17".into()), ..failed(&listing.tests[0]) };
    let page = page(&record(1, &[kept], &[], None));
    for piece in [
        "<title>1 of 1 test failed: test report</title>",
        "panicked: no\nsecond line",
        "demo/src/lib.rs:1",
        "records: hello (3 tests), panicked",
        "#1 0xffffffff80005678",
        "RIP 0xffffffff80001234",
        "first\nbeep",
        "<code>cargo xtask test --replay k-17</code><button",
        "<code>cargo xtask test --seed 0x5eed</code>",
        "7.2.22",
        "q35, 1 CPU (max), 128M, tcg",
    ] {
        assert!(page.contains(piece), "`{piece}` is not in\n{page}");
    }
}

#[test]
fn what_a_kernel_prints_is_shown_and_never_acts() {
    let listing = listing(2);
    let mut evidence = panicked();
    evidence.log.push(HOSTILE.as_bytes());
    let mut attempt = report(&listing.tests[0], Verdict::Fail, HOSTILE, Some(evidence));
    attempt.artifact = Some(HOSTILE.into());
    let mut record = record(1, &[attempt], &[], None);
    record.cases[0].name = format!("demo::{HOSTILE}");
    record.ignored[0].reason = Some(HOSTILE.into());
    record.notes.push(HOSTILE.into());
    let page = page(&record);
    let innocent = super::page(&crate::report::demo::record(1, &[failed(&listing.tests[0])], &[], None));
    for mark in ["<script", "</script", "</pre", "<b>"] {
        let expected = match mark {
            // Its failure has one part less than a panic's.
            "</pre" => count(&page, "<pre"),
            _ => count(&innocent, mark),
        };
        assert_eq!(count(&page, mark), expected, "{mark}\n{page}");
    }
    assert!(page.contains("&lt;/script&gt;") && page.contains("&amp;amp;") && page.contains("{{title}}"));
    assert!(!page.contains(|character: char| character.is_control() && !"\n\t".contains(character)));
}

#[test]
fn an_empty_and_an_interrupted_run_say_so() {
    let empty = page(&record(0, &[], &[], None));
    assert!(empty.contains("No test ran") && empty.contains("Nothing failed"), "{empty}");
    let listing = listing(1);
    let cut = page(&record(9, &[passed(&listing.tests[0])], &[], Some(2)));
    assert!(cut.contains("The run was interrupted by signal 2 (SIGINT): 1 of 9 tests ran"), "{cut}");
}

#[test]
fn a_row_stands_for_each_test_and_a_bar_for_each_attempt() {
    let listing = listing(300);
    let at = |(place, test): (u64, _)| Report {
        started: Duration::from_millis(place * 10),
        lane: u32::try_from(place % 2).unwrap(),
        ..passed(test)
    };
    let attempts: Vec<_> = (0u64..).zip(&listing.tests[..300]).map(at).collect();
    let page = page(&record(300, &attempts, &[], None));
    assert_eq!(count(&page, "<tr data-result="), 301);
    assert_eq!((count(&page, "<rect "), count(&page, "<li>1</li><li>2</li>")), (300, 1));
    for x in values(&page, "x") {
        let percent: f64 = x.strip_suffix('%').unwrap().parse().unwrap();
        assert!((0.0..=100.0).contains(&percent), "{x}");
    }
}

#[test]
fn a_huge_run_is_drawn_with_its_failures_and_longest_tests() {
    let listing = listing(1);
    let pass = passed(&listing.tests[0]);
    let mut attempts: Vec<_> = (1..=6000).map(|round| Report { round, ..pass.clone() }).collect();
    attempts[5990] = Report { round: 5991, elapsed: Duration::from_millis(1), ..failed(&listing.tests[0]) };
    let page = page(&record(6000, &attempts, &[], None));
    assert_eq!(count(&page, "<rect "), 5000);
    assert!(page.contains("1000 more attempts") && page.contains("<rect class=\"fail\""));
}
