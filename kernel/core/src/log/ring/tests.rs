use alloc::{
    collections::VecDeque,
    string::{String, ToString},
    vec::Vec,
};

use proptest::prelude::*;

use super::*;

const BYTES: usize = 1000;

fn lines<const N: usize>(ring: &Ring<N>) -> Vec<(Level, String)> {
    let (mut position, mut lines) = (0, Vec::new());
    let mut buffer = [0; MAX_LINE];
    while let Some((level, line, next)) = ring.copy_line(position, &mut buffer) {
        lines.push((level, line.to_string()));
        position = next;
    }
    assert_eq!(position, ring.end());
    lines
}

#[test]
fn lines_come_back_in_order_with_their_levels() {
    let mut ring = Ring::<BYTES>::new();
    ring.push(Level::Error, "one\n");
    ring.push(Level::Trace, "");
    assert_eq!(lines(&ring), [(Level::Error, "one\n".into()), (Level::Trace, String::new())]);
}

#[test]
fn a_reader_whose_line_is_gone_continues_at_the_oldest() {
    let mut ring = Ring::<BYTES>::new();
    for number in 0..100 {
        ring.push(Level::Info, &alloc::format!("line number {number}\n"));
    }
    let mut buffer = [0; MAX_LINE];
    let (_, oldest, _) = ring.copy_line(0, &mut buffer).unwrap();
    let number: usize = oldest.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(number > 0);
    assert_eq!(lines(&ring).len(), 100 - number);
}

#[test]
fn a_line_past_the_limit_is_cut_at_a_character() {
    let mut ring = Ring::<BYTES>::new();
    ring.push(Level::Info, &("x".to_string() + &"é".repeat(MAX_LINE)));
    assert_eq!(lines(&ring)[0].1.len(), MAX_LINE - 1);
}

proptest! {
    #[test]
    fn the_ring_keeps_the_newest_lines_that_fit(
        pushed in proptest::collection::vec((1..=5_usize, "\\PC{0,90}"), 0..60),
    ) {
        let mut ring = Ring::<BYTES>::new();
        let mut model: VecDeque<(Level, String)> = VecDeque::new();
        for (level, line) in pushed {
            let level = Level::iter().nth(level - 1).unwrap();
            ring.push(level, &line);
            model.push_back((level, line));
            let size = |lines: &VecDeque<(Level, String)>| -> usize {
                lines.iter().map(|(_, line)| line.len() + HEADER).sum()
            };
            while size(&model) > BYTES {
                model.pop_front();
            }
            prop_assert_eq!(&lines(&ring), &Vec::from(model.clone()));
        }
    }
}
