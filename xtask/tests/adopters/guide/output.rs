//! What a command prints, compared with what a page says it prints.

/// What stands for anything.
const ANY: &str = "…";

/// Whether `printed` is what `page` says. Spaces at the ends of lines do not count.
pub fn matches(page: &str, printed: &str) -> bool {
    let lines = |text: &'_ str| text.lines().map(|line| String::from(line.trim_end())).collect::<Vec<_>>();
    lines_match(&lines(page), &lines(printed))
}

fn lines_match(page: &[String], printed: &[String]) -> bool {
    // Which of the first lines of `printed` the lines of the page so far can stand for.
    let mut reached = vec![false; printed.len() + 1];
    reached[0] = true;
    for line in page {
        let mut next = vec![false; printed.len() + 1];
        for count in 0..=printed.len() {
            next[count] = if line.trim() == ANY {
                reached[..=count].iter().any(|reached| *reached)
            } else {
                count > 0 && reached[count - 1] && line_matches(line, &printed[count - 1])
            };
        }
        reached = next;
    }
    reached[printed.len()]
}

fn line_matches(page: &str, printed: &str) -> bool {
    let Some((first, rest)) = page.split_once(ANY) else { return page == printed };
    let Some(mut printed) = printed.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split(ANY).collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = printed.find(part) else { return false };
        printed = &printed[at + part.len()..];
    }
    printed.ends_with(last)
}

#[test]
fn dots_stand_for_lines_and_for_parts_of_lines() {
    assert!(matches("a\n…\nd\n", "a\nb\nc\nd\n"));
    assert!(matches("a\n…\nd\n", "a\nd"));
    assert!(matches("…\nd\n…\nd\n…", "d\nx\nd\n"));
    assert!(matches("PASS [ …s] it … well", "PASS [ 0.02s] it goes well   \n"));
    for (page, printed) in [("a\n…\nd", "a\nb"), ("a", "a\nb"), ("…\nd\n…\nd", "d\n"), ("a … b", "a b"), ("a…a", "a")]
    {
        assert!(!matches(page, printed), "{page} {printed}");
    }
}
