//! Kernel tests of the machine: each provokes what it claims, on the machine it runs on.

mod allocation;
mod border;
mod c;
mod catching;
mod console;
mod exceptions;
mod heap;
mod ledger;
mod paging;
mod resources;
mod serial;
mod shootdown;
mod shortage;
mod smp;
mod tables;
mod time;

use crate::trap::{Escape, Fault, catch_asynchronous};

/// The fault that `function(argument)` causes.
fn fault_of(function: extern "C" fn(u64), argument: u64) -> Result<Fault, &'static str> {
    match catch_asynchronous(function, argument) {
        Err(Escape::Fault(fault)) => Ok(fault),
        Err(Escape::Called) => Err("it escaped"),
        Ok(()) => Err("nothing faulted"),
    }
}
