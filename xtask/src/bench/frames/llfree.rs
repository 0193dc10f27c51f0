//! LLFree beside ours. `cargo xtask bench --llfree DIR` compiles this with DIR; nothing else does.

use llfree::{Alloc, Classing, FrameId, Init, LLFree, MetaData, Request};

mod measure;
mod peers;
mod steward;

use measure::{CPUS, FRAMES, MANY_FRAMES, Named, Pool, Subject};

struct Untracked {
    frames: LLFree<'static>,
    request: Box<dyn Fn(usize) -> Request + Sync>,
}

impl Pool for Untracked {
    type Local = usize;
    type Page = FrameId;

    fn local(&self, cpu: usize) -> usize {
        cpu
    }

    fn take(&self, cpu: &mut usize) -> FrameId {
        self.frames.get(None, (self.request)(*cpu)).expect("there are frames").0
    }

    fn put(&self, cpu: &mut usize, page: FrameId) {
        self.frames.put(page, (self.request)(*cpu)).expect("it was taken");
    }
}

/// Memory that begins a page.
fn aligned(bytes: usize) -> &'static mut [u8] {
    let memory = vec![0; bytes + 4096].leak();
    let start = memory.as_ptr().align_offset(4096);
    &mut memory[start..][..bytes]
}

fn subject() -> Box<dyn Subject> {
    let (classing, request) = Classing::simple(CPUS);
    let size = LLFree::metadata_size(&classing, FRAMES);
    let meta = MetaData { local: aligned(size.local), trees: aligned(size.trees), lower: aligned(size.lower) };
    let frames = LLFree::new(FRAMES, Init::FreeAll, &classing, meta).expect("it has what it asked for");
    let pool = Untracked { frames, request: Box::new(move |cpu| request(0, cpu)) };
    Box::new(Named { name: "llfree", pool, frames: FRAMES })
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(15);
    steward::print_metadata();
    let subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(steward::subject("steward", FRAMES)),
        Box::new(peers::buddy(FRAMES)),
        Box::new(peers::bitmap(FRAMES)),
        Box::new(measure::Canary),
        Box::new(steward::subject("steward-1g", MANY_FRAMES)),
        subject(),
    ];
    measure::run(rounds, subjects);
}
