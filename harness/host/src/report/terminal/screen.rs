//! Lines that stay, and below them one that does not.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::termios::tcgetwinsize;

use super::bar::Progress;
use crate::process::on_second_signal;

/// How often the line is drawn when nothing happens.
const TICK: Duration = Duration::from_millis(250);
/// A test that runs for less is never called slow.
const SLOW: Duration = Duration::from_secs(1);
/// Nor one that runs for less than so many times the time that a test takes on average.
const SLOWER: u32 = 4;
/// At most so many slow tests are named.
const MOST_NAMED: usize = 4;

/// Clears from the cursor to the screen's end (ECMA-48, ED).
///
/// The cursor always waits at the first column of the bar, so this clears all of it, also when the terminal has become
/// narrower meanwhile and has broken the bar into two lines.
const CLEAR: &[u8] = b"\r\x1b[J";

/// Whether a bar stands on standard output at this moment.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// A writer of lines, with or without a bar below them.
pub struct Screen<W: Write> {
    shared: Arc<Mutex<Shared<W>>>,
    ticker: Option<Ticker>,
}

struct Shared<W> {
    out: W,
    bar: Option<Bar>,
}

struct Ticker {
    /// Closing it ends the thread.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// What the bar is made from.
struct Bar {
    began: Instant,
    total: usize,
    done: usize,
    failed: usize,
    /// How long the tests that were judged took together.
    spent: Duration,
    running: Vec<(String, Instant)>,
    width: fn() -> usize,
}

impl Bar {
    fn progress(&self) -> Progress {
        let usual = self.spent / u32::try_from(self.done.max(1)).unwrap_or(u32::MAX);
        let slow = self.running.iter().map(|(name, since)| (name.clone(), since.elapsed()));
        let mut slow: Vec<_> = slow.filter(|(_, time)| *time >= SLOW.max(usual * SLOWER)).collect();
        slow.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        slow.truncate(MOST_NAMED);
        // A log may tell of more tests than were known of.
        let total = self.total.max(self.done + self.running.len());
        Progress { done: self.done, total, failed: self.failed, elapsed: self.began.elapsed(), slow }
    }
}

impl<W: Write> Shared<W> {
    /// Writes lines that stay, and the bar below them: in one go, so that nobody sees the screen without it.
    fn show(&mut self, lines: &[u8]) -> io::Result<()> {
        let Some(bar) = &self.bar else {
            self.out.write_all(lines)?;
            return self.out.flush();
        };
        let line = bar.progress().line((bar.width)());
        let all = [CLEAR, lines, line.as_bytes(), b"\r"].concat();
        SHOWN.store(true, Ordering::Relaxed);
        self.out.write_all(&all)?;
        self.out.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        if self.bar.take().is_none() {
            return Ok(());
        }
        SHOWN.store(false, Ordering::Relaxed);
        self.out.write_all(CLEAR)?;
        self.out.flush()
    }
}

fn lock<W>(shared: &Mutex<Shared<W>>) -> MutexGuard<'_, Shared<W>> {
    // A panic while it was held has left nothing worse than a line half drawn.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W: Write> Screen<W> {
    /// Writes to `out`, without a bar.
    pub fn new(out: W) -> Self {
        Self { shared: Arc::new(Mutex::new(Shared { out, bar: None })), ticker: None }
    }

    /// Shows the bar from now on. `width` says how many columns the terminal has at the moment.
    pub fn show_bar(&mut self, total: usize, width: fn() -> usize) -> io::Result<()>
    where
        W: Send + 'static,
    {
        let bar =
            Bar { began: Instant::now(), total, done: 0, failed: 0, spent: Duration::ZERO, running: Vec::new(), width };
        lock(&self.shared).bar = Some(bar);
        on_second_signal(last_words);
        let (stop, stopped) = channel::<()>();
        let shared = Arc::clone(&self.shared);
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let mut shared = lock(&shared);
                // The next line that stays meets the same error, and reports it.
                if shared.bar.is_some() && shared.show(b"").is_err() {
                    return;
                }
            }
        });
        self.ticker = Some(Ticker { stop, thread });
        self.print(b"")
    }

    /// Takes the bar away, for good.
    pub fn hide_bar(&mut self) -> io::Result<()> {
        if let Some(Ticker { stop, thread }) = self.ticker.take() {
            drop(stop);
            // It has no result, and a panic in it has been printed.
            drop(thread.join());
        }
        lock(&self.shared).clear()
    }

    /// Writes lines that stay, or any bytes when there is no bar.
    pub fn print(&mut self, lines: &[u8]) -> io::Result<()> {
        lock(&self.shared).show(lines)
    }

    /// A test runs from now on.
    pub fn started(&mut self, name: &str) {
        if let Some(bar) = &mut lock(&self.shared).bar {
            bar.running.push((name.into(), Instant::now()));
        }
    }

    /// An attempt at a test is over; `passed` says how it went, when it was the last.
    pub fn stopped(&mut self, name: &str, elapsed: Duration, passed: Option<bool>) {
        let mut shared = lock(&self.shared);
        let Some(bar) = &mut shared.bar else { return };
        if let Some(place) = bar.running.iter().position(|(running, _)| running == name) {
            bar.running.remove(place);
        }
        if let Some(passed) = passed {
            bar.done += 1;
            bar.failed += usize::from(!passed);
            bar.spent += elapsed;
        }
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // Whoever had to hear of an error has heard of it.
        let _ = self.hide_bar();
    }
}

/// The bar goes also when a second signal ends the program at once.
fn last_words() {
    if SHOWN.load(Ordering::Relaxed) {
        // Not through `io::stdout`, whose lock the interrupted thread may hold.
        let _ = rustix::io::write(rustix::stdio::stdout(), CLEAR);
    }
}

/// Columns of the terminal on standard output.
pub fn columns() -> usize {
    let size = tcgetwinsize(rustix::stdio::stdout()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0).unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shelf(Arc<Mutex<Vec<u8>>>);

    impl Write for Shelf {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shelf {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// What a terminal shows at the end of such a text, as far as this bar uses one.
    fn seen(text: &str) -> String {
        let (mut kept, mut column) = (String::new(), 0);
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("\x1b[J") {
                kept.truncate(column);
                rest = after;
                continue;
            }
            if next == '\r' {
                column = kept.rfind('\n').map_or(0, |place| place + 1);
            } else {
                kept.truncate(column);
                kept.push(next);
                column = kept.len();
            }
            rest = &rest[next.len_utf8()..];
        }
        kept
    }

    #[test]
    fn the_bar_stands_below_the_lines_and_goes_without_a_trace() {
        let shelf = Shelf::default();
        let mut screen = Screen::new(shelf.clone());
        screen.print(b"running\n").unwrap();
        screen.show_bar(2, || 60).unwrap();
        screen.stopped("a", Duration::ZERO, Some(false));
        screen.print(b"FAIL a\n").unwrap();
        assert!(seen(&shelf.text()).starts_with("running\nFAIL a\n[============>"), "{:?}", seen(&shelf.text()));
        assert!(seen(&shelf.text()).ends_with("] 1/2, 1 failed, 0s"), "{:?}", seen(&shelf.text()));
        drop(screen);
        assert_eq!(seen(&shelf.text()), "running\nFAIL a\n");
    }

    #[test]
    fn the_bar_moves_while_nothing_happens() {
        let shelf = Shelf::default();
        let mut screen = Screen::new(shelf.clone());
        screen.show_bar(2, || 60).unwrap();
        let before = shelf.text().len();
        let deadline = Instant::now() + Duration::from_secs(20);
        while shelf.text().len() == before {
            assert!(Instant::now() < deadline, "nothing was drawn");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn tests_are_named_when_they_run_for_longer_than_usual() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let running = vec![("quick".into(), ago(0)), ("slow".into(), ago(5)), ("slower".into(), ago(9))];
        let (began, width) = (ago(9), || 80);
        let bar = Bar { began, total: 9, done: 2, failed: 0, spent: Duration::from_millis(80), running, width };
        let named: Vec<_> = bar.progress().slow.into_iter().map(|(name, _)| name).collect();
        assert_eq!(named, ["slower", "slow"]);
        // Where tests take 2 s each, one of 5 s is as usual.
        let bar = Bar { spent: Duration::from_secs(4), ..bar };
        assert_eq!(bar.progress().slow.len(), 1);
    }

    #[test]
    fn without_a_bar_nothing_is_written_but_the_lines() {
        let shelf = Shelf::default();
        let mut screen = Screen::new(shelf.clone());
        screen.started("a");
        screen.stopped("a", Duration::ZERO, Some(true));
        screen.print(b"half a ").unwrap();
        screen.print(b"line").unwrap();
        drop(screen);
        assert_eq!(shelf.text(), "half a line");
    }
}
