//! Machines with a screen and a keyboard: what the BIOS shows of itself, and keys that are pressed.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use steward_harness::{
    Emulator,
    image::{Attach, Firmware, Image},
    machine::{Accelerator, Configuration, Screen, Shape},
    process::Interrupts,
    vm::Vm,
};

/// A machine with an empty disc in its drive: the BIOS looks for what it can boot, and says on the screen that it does.
fn machine(screen: Screen, medium: &Path) -> Vm {
    let emulator = Emulator::find().unwrap_or_else(|error| panic!("these tests need QEMU: {error}"));
    let image = Image::on_medium(Path::new("no-kernel"), medium, Attach::Cd, Firmware::Bios);
    let serving = Configuration::serving(Shape::default(), Accelerator::Tcg, 1);
    let configuration = Configuration { screen, serial: false, ..serving };
    Vm::start(&emulator, &configuration, &image, &Interrupts::none().unwrap()).unwrap()
}

fn empty_disc() -> tempfile::NamedTempFile {
    let disc = tempfile::NamedTempFile::new().unwrap();
    disc.as_file().set_len(1 << 20).unwrap();
    disc
}

#[test]
fn the_bios_shows_its_text_on_the_screen() {
    let disc = empty_disc();
    let mut vm = machine(Screen::Hidden, disc.path());
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let picture = vm.screendump().unwrap();
        assert_eq!(picture.rgb.len(), picture.width as usize * picture.height as usize * 3);
        // 80 columns and 25 rows of letters of 9 by 16 pixels.
        if (picture.width, picture.height) == (720, 400) && picture.rgb.iter().any(|&byte| byte != 0) {
            return;
        }
        assert!(Instant::now() < deadline, "the last picture was {} by {}", picture.width, picture.height);
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn keys_that_exist_are_pressed_and_others_are_refused() {
    let disc = empty_disc();
    let mut vm = machine(Screen::Hidden, disc.path());
    vm.press(&["ctrl", "alt", "f1"]).unwrap();
    let text: String = (' '..='~').chain(['\r', '\n', '\x7f', '\t', '\x03']).collect();
    vm.type_text(&text).unwrap();
    assert!(vm.press(&["any"]).unwrap_err().contains("any"));
    assert!(vm.type_text("a€b").unwrap_err().contains('€'));
}

#[test]
fn a_machine_without_a_screen_has_no_picture() {
    let disc = empty_disc();
    let mut vm = machine(Screen::None, disc.path());
    assert!(!vm.screendump().unwrap_err().is_empty());
}
