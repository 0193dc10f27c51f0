//! The ledger where it lives: on several CPUs, over the machine's real frames, with the machine's clock.

mod costs;
mod hammer;
mod model;
mod time;
