//! The beginning: memory is lent, and the ledgers are opened in it.

use core::ffi::{c_int, c_void};

use spin::Once;
use steward_c::code::code;
use steward_ledger::{Account, Bucket, Entry, Error, Extent, Ledger, LoanSlot, Others, Span, Table};

use crate::{
    embedder,
    host::Embedder,
    memory::Block,
    plan::{Counts, Plan, Range, STEWARD_ALIGNMENT},
};

/// A number of bytes, by the name that C has for it.
#[expect(non_camel_case_types, reason = "it is the name that C knows")]
type size_t = usize;

/// That of pages, whose keys are the numbers of frames.
pub(crate) static PAGES: Once<Ledger<'static>> = Once::new();
/// That of all other keys.
pub(crate) static KEYS: Once<Ledger<'static>> = Once::new();

/// How many bytes of memory a plan needs; 0 if it makes no sense: a number that is out of its bounds, ranges that are empty,
/// touch, overlap, do not ascend or go beyond what physical addresses can say, or more pages than 2³⁰ − 1.
///
/// # Safety
/// A plan that is not NULL is one, and so are its ranges.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn steward_bytes(plan: *const Plan) -> size_t {
    // SAFETY: NULL or a plan with ranges, as the caller promises, is all that is read.
    unsafe { read(plan) }.map_or(0, |(_, counts)| counts.bytes())
}

/// Opens the ledger, for good, in a block of memory that is the library's from then on: nobody else reads or writes
/// it. BORROW_ENOMEM if it is smaller than `steward_bytes` says; it may be larger. BORROW_EINVAL if the plan makes no
/// sense, the block is NULL, not a multiple of STEWARD_ALIGNMENT, or goes beyond the last address; or if the ledger is
/// open. Then nothing was done, and the block is still the caller's. Until it is open, all calls of borrow.h answer
/// BORROW_EINVAL or NULL.
///
/// # Safety
/// A plan that is not NULL is one, and so are its ranges. The block is memory that can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn steward_open(plan: *const Plan, memory: *mut c_void, bytes: size_t) -> c_int {
    // SAFETY: the caller promises the same: a plan, its ranges, and a block.
    code(unsafe { open(plan, memory, bytes) })
}

/// # Safety
/// As [`steward_open`].
unsafe fn open(plan: *const Plan, memory: *mut c_void, bytes: usize) -> Result<(), Error> {
    static OPENING: Once = Once::new();
    // SAFETY: the plan is NULL or one, says the caller.
    let (plan, counts) = unsafe { read(plan) }.ok_or(Error::Invalid)?;
    // SAFETY: the caller lends the block, and nothing is written to it here unless it is taken for good.
    let mut block = unsafe { Block::new(memory.cast(), bytes, STEWARD_ALIGNMENT) }?;
    if bytes < counts.bytes() {
        return Err(Error::NoMemory);
    }
    let mut outcome = Err(Error::Invalid);
    // SAFETY: the plan was read from where the caller says that there is one, with ranges.
    let range = |number| unsafe { plan.range(number) };
    OPENING.call_once(|| outcome = fill(&mut block, &counts, plan.seed, range));
    outcome
}

/// The plan at an address, and what it comes to; `None` if it makes no sense.
///
/// # Safety
/// A plan that is not null is one, and so are its ranges.
unsafe fn read(plan: *const Plan) -> Option<(Plan, Counts)> {
    if plan.is_null() || !plan.is_aligned() {
        return None;
    }
    // SAFETY: it is neither of the addresses that are none, so it is a plan's.
    let plan = unsafe { plan.read() };
    // SAFETY: likewise, the ranges of a plan are there.
    let counts = plan.counts(|number| unsafe { plan.range(number) })?;
    Some((plan, counts))
}

/// Makes the ledgers in a block that is large enough, and gives them to C code.
fn fill(block: &mut Block, counts: &Counts, seed: u64, range: impl Fn(usize) -> Range) -> Result<(), Error> {
    // The largest alignment first: see `Counts::bytes`.
    let chains = block.take(counts.chains, |_| Bucket::new())?;
    let more = block.take(counts.more_buckets, |_| Bucket::new())?;
    let page_accounts = block.take(counts.accounts, |_| Account::new())?;
    let key_accounts = block.take(counts.accounts, |_| Account::new())?;
    let page_loans = block.take(counts.page_loans, |_| LoanSlot::new())?;
    let key_loans = block.take(counts.key_loans, |_| LoanSlot::new())?;
    let entries = block.take(counts.frames, |_| Entry::free())?;
    let mut first = 0_usize;
    let spans = block.take(counts.ranges, |number| {
        let Range { first: start, count } = range(number);
        let span = Span { keys: Extent { start, count }, first };
        // Who changes the ranges meanwhile may have too many; the table then refuses them.
        first = first.saturating_add(count);
        span
    })?;
    let others = Others::new(chains, 0, seed)?;
    others.grow(more)?;
    begin(&PAGES, Table::new(entries, spans)?, page_accounts, page_loans)?;
    begin(&KEYS, Table::new(&[], &[])?.with_others(others), key_accounts, key_loans)?;
    steward_c::register(&Embedder);
    Ok(())
}

/// Opens one of the ledgers.
#[inline(never)]
fn begin(
    place: &'static Once<Ledger<'static>>,
    table: Table<'static>,
    accounts: &'static [Account],
    loans: &'static [LoanSlot],
) -> Result<(), Error> {
    let ledger =
        place.try_call_once(|| Ledger::new(table, accounts).map(|ledger| ledger.with_relax(embedder::relax)))?;
    ledger.grow(loans)
}
