//! The serial driver on a real chip, whichever driver the kernel was built with.

use steward_harness_guest::ktest;
use steward_serial::{Absent, LineError, Register, Registers, Settings, modem_control};

use crate::{
    port::IoPort,
    serial::{self, Driver, Ports},
};

/// Starts the driver on COM1, has the chip hear itself and nobody else, and runs `act`. COM1 works as before afterwards.
fn in_loop_back(act: impl FnOnce(&mut Driver)) {
    let mut port = serial::COM1.lock();
    let mut driver = serial::COM1.seize().expect("the machine has a COM1");
    Ports::new(IoPort::new(0x3f8)).write(Register::ModemControl, modem_control::LOOP_BACK);
    act(&mut driver);
    *port = serial::COM1.seize();
}

// In a machine of the harness's, which has a COM1; others may have none.
#[ktest(cpus = 1)]
fn what_is_sent_in_loop_back_mode_is_received() {
    in_loop_back(|driver| {
        for burst in 0..4_u8 {
            let bytes: [u8; 16] = core::array::from_fn(|at| burst * 64 + at as u8);
            assert_eq!(driver.send_all(&bytes), Ok(()));
            assert_eq!(driver.flush(), Ok(()));
            for byte in bytes {
                assert_eq!(driver.receive(), Ok(Some(byte)));
            }
            assert_eq!(driver.receive(), Ok(None));
        }
    });
}

#[ktest(cpus = 1)]
fn bytes_beyond_the_receivers_fifo_are_an_overrun_and_the_first_ones_are_kept() {
    in_loop_back(|driver| {
        assert_eq!(driver.send_all(&[b'x'; 40]), Ok(()));
        assert_eq!(driver.receive(), Err(LineError::Overrun));
        let received = core::iter::from_fn(|| driver.receive().expect("nothing else went wrong")).count();
        assert_eq!(received, 16);
    });
}

#[ktest(machine = "q35")]
fn a_port_without_a_chip_is_absent() {
    let absent = Driver::start(Ports::new(IoPort::new(0x3e8)), Settings::default()).err();
    assert_eq!(absent, Some(Absent::Scratchpad { wrote: 0xae, read: 0xff }));
}
