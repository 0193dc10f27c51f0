//! How much is written to the framebuffer: it may be slow.

use std::{format, println};

use super::*;

/// Lines as the kernel logs them.
fn log_line(index: usize) -> String {
    let module =
        ["steward_machine::acpi", "steward_machine::memory", "steward_kernel", "steward_machine::apic"][index % 4];
    let said = [
        "2 CPUs, local APIC at 0xfee00000",
        "126 MiB free of 128 MiB in 9 regions",
        "the screen has 182 columns and 50 rows",
        "timer at 100 Hz, calibrated against the HPET within 12 parts per million",
        "device 00:1f.2 is an AHCI controller, 6 ports",
    ][index % 5];
    format!("[    0.{:06}] INFO  {module}: {said}\r\n", index * 137)
}

/// A screen that is full of log lines.
fn full(mode: Mode) -> Screen<Memory> {
    let mut screen = screen(mode, 1000);
    (0..screen.rows() + 1).for_each(|index| screen.write_str(&log_line(index)).unwrap());
    screen.surface_mut().take_written();
    screen
}

/// Bytes of the whole picture.
fn picture_bytes(mode: Mode) -> usize {
    mode.pitch as usize * mode.height as usize
}

#[test]
fn a_scrolled_line_writes_less_than_a_quarter_of_the_picture() {
    for (width, height) in [(1280, 800), (1920, 1080)] {
        let mode = mode(width, height);
        let mut screen = full(mode);
        (100..200).for_each(|index| screen.write_str(&log_line(index)).unwrap());
        let (writes, bytes) = screen.surface_mut().take_written();
        let (writes, bytes) = (writes / 100, bytes / 100);
        println!("{width}x{height}: {bytes} bytes in {writes} writes a scrolled line, of {}", picture_bytes(mode));
        assert!(bytes < picture_bytes(mode) / 4, "{bytes} bytes a line");
    }
}

#[test]
fn a_burst_that_is_drawn_once_costs_one_screen() {
    let mode = mode(1280, 800);
    let mut screen = full(mode);
    (100..1100).for_each(|index| screen.put(&log_line(index)));
    assert_eq!(screen.surface_mut().take_written(), (0, 0), "nothing before it is drawn");
    screen.draw();
    let (_, bytes) = screen.surface_mut().take_written();
    println!("1000 lines drawn once: {bytes} bytes");
    assert!(bytes < picture_bytes(mode) / 4, "{bytes} bytes");
    assert!(text(&mut screen).last().unwrap().contains(log_line(1099).trim_end()), "the newest line is there");
}

#[test]
fn a_typed_character_draws_its_cell_and_the_cursor() {
    let mut screen = screen(SMALL, 0);
    screen.surface_mut().take_written();
    screen.write_str("x").unwrap();
    let (_, bytes) = screen.surface_mut().take_written();
    // Two cells: the cursor leaves one and enters the other.
    assert!(bytes <= 2 * 7 * 16 * 4, "{bytes} bytes");
}

#[test]
fn what_stays_the_same_is_not_drawn() {
    let mut screen = full(SMALL);
    screen.write_str("\x1b[H\x1b[1;31mfail\x1b[m\x1b[H").unwrap();
    screen.surface_mut().take_written();
    screen.write_str("\x1b[1;31mfail\x1b[m\x1b[H").unwrap();
    assert_eq!(screen.surface_mut().take_written(), (0, 0));
    screen.write_str("\x07\x1b]133;A\x1b\\").unwrap();
    assert_eq!(screen.surface_mut().take_written(), (0, 0));
}

#[test]
fn scrolling_equal_rows_draws_only_what_differs() {
    let mut screen = screen(SMALL, 0);
    (0..20).for_each(|_| screen.write_str("the same line\r\n").unwrap());
    screen.surface_mut().take_written();
    screen.write_str("the same line\r\n").unwrap();
    let (_, bytes) = screen.surface_mut().take_written();
    // The last line, which was empty, and the cursor that stood there.
    assert!(bytes <= 14 * 7 * 16 * 4, "{bytes} bytes");
}

#[test]
fn a_run_of_characters_is_written_in_one_piece_a_line() {
    let mut screen = screen(SMALL, 0);
    screen.surface_mut().take_written();
    screen.write_str("\x1b[44m                             \x1b[m").unwrap();
    let (writes, bytes) = screen.surface_mut().take_written();
    assert_eq!(bytes, 30 * 7 * 16 * 4, "29 cells and the cursor");
    assert_eq!(writes, 16, "a write for each line of pixels");
}
