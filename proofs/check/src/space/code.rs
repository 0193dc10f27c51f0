//! States as bytes, the same for states that differ in names only.

use steward_ledger::{Direction, Kind, LoanId, ProcessId};
use steward_ledger_model::{Life, LoanFacts, Model, PinFacts};

use super::Scope;

/// New numbers for slots (from that of the first process on) and for keys.
struct Names {
    slots: Vec<u8>,
    keys: Vec<u8>,
}

impl Names {
    fn process(&self, process: ProcessId) -> u8 {
        self.slots[usize::from(process.slot() - FIRST)]
    }

    /// The keys as a set of bits.
    fn keys(&self, keys: &[usize]) -> u8 {
        keys.iter().map(|key| 1 << self.keys[*key]).sum()
    }
}

/// The first slot after the kernel's.
const FIRST: u16 = 2;

/// The least of all codes that the state has under any names.
pub(super) fn of(model: &Model, scope: &Scope) -> Vec<u8> {
    let records = Records { model, loans: model.loans().collect(), pins: model.pins().collect() };
    let keys = orders(u8::try_from(scope.keys).expect("few keys"));
    let slots = orders(u8::try_from(scope.processes).expect("few processes"));
    let names = slots.iter().flat_map(|slots| keys.iter().map(|keys| (slots.clone(), keys.clone())));
    let starts: Vec<(Vec<u8>, Names)> =
        names.map(|(slots, keys)| Names { slots, keys }).map(|names| (records.start(&names), names)).collect();
    // All starts are of one length, so that only the names with the least one can give the least code.
    let least = starts.iter().map(|(start, _)| start).min().expect("there is at least one order");
    let ends = starts.iter().filter(|(start, _)| start == least).map(|(_, names)| records.end(names));
    [least.clone(), ends.min().expect("one start is the least")].concat()
}

/// All orders of the numbers below this one.
fn orders(count: u8) -> Vec<Vec<u8>> {
    let Some(last) = count.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |order: &Vec<u8>, place: usize| {
        let mut order = order.clone();
        order.insert(place, last);
        order
    };
    orders(last).iter().flat_map(|order| (0..=order.len()).map(|place| insert(order, place))).collect()
}

struct Records<'a> {
    model: &'a Model,
    loans: Vec<LoanFacts>,
    pins: Vec<PinFacts>,
}

impl Records<'_> {
    /// Processes and owners.
    fn start(&self, names: &Names) -> Vec<u8> {
        let mut lives = vec![0; names.slots.len()];
        for (slot, name) in (FIRST..).zip(&names.slots) {
            lives[usize::from(*name)] = match self.model.latest(slot).map(|process| self.model.life(process)) {
                None | Some(Life::Vacant) => 0,
                Some(Life::Dying) => 1,
                Some(Life::Live) => 2,
            };
        }
        let mut owners = vec![u8::MAX; names.keys.len()];
        for (key, name) in names.keys.iter().enumerate() {
            if let Some(owner) = self.model.view(key).owner {
                owners[usize::from(*name)] = names.process(owner);
            }
        }
        [lives, owners].concat()
    }

    /// Pins and loans.
    fn end(&self, names: &Names) -> Vec<u8> {
        [self.pins(None, names), self.below(None, names)].concat()
    }

    /// The pins by a loan, in an order of their own.
    fn pins(&self, loan: Option<LoanId>, names: &Names) -> Vec<u8> {
        let of = self.pins.iter().filter(|pin| pin.loan == loan);
        let code = |pin: &PinFacts| names.keys(&pin.keys) << 1 | u8::from(pin.direction == Direction::DeviceReads);
        let mut pins: Vec<u8> = of.map(code).collect();
        pins.sort_unstable();
        pins.push(u8::MAX);
        pins
    }

    /// The loans right below a loan, each with all below it, in an order of their own.
    fn below(&self, parent: Option<LoanId>, names: &Names) -> Vec<u8> {
        let below = self.loans.iter().filter(|loan| loan.parent == parent);
        let mut codes: Vec<Vec<u8>> = below.map(|loan| self.loan(loan, names)).collect();
        codes.sort_unstable();
        codes.push(vec![u8::MAX]);
        codes.concat()
    }

    fn loan(&self, loan: &LoanFacts, names: &Names) -> Vec<u8> {
        let now = self.model.now().nanoseconds();
        let left = loan.deadline.map_or(u64::from(u8::MAX), |deadline| deadline.nanoseconds().saturating_sub(now));
        let flags = [loan.kind == Kind::Mut, self.model.is_revocable_itself(loan.id), loan.ending];
        let flags = flags.iter().fold(0, |flags, flag| flags << 1 | u8::from(*flag));
        let parties = names.process(loan.lender) << 4 | names.process(loan.borrower);
        let left = u8::try_from(left).expect("few ticks");
        let own = vec![parties, flags, names.keys(&loan.keys), left];
        [own, self.pins(Some(loan.id), names), self.below(Some(loan.id), names)].concat()
    }
}
