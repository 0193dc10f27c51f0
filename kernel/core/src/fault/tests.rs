use alloc::string::ToString;

use super::*;

fn registers() -> Registers {
    Registers {
        rax: 1,
        rsp: 0xffff_ffff_8009_0ff8,
        rip: 0xffff_ffff_8001_2345,
        cr2: 0x10,
        rflags: 0x46,
        ..Registers::default()
    }
}

fn fault(vector: u8, error_code: u64) -> alloc::string::String {
    let registers = registers();
    FaultReport { cpu: None, vector, error_code, registers: &registers, note: None, backtrace: &[] }.to_string()
}

#[test]
fn a_panic_names_its_place_and_its_callers() {
    let report = PanicReport {
        cpu: Some(CpuPlace { number: 3, started: 4 }),
        message: &format_args!("no page {}", 7),
        file: "kernel/src/main.rs",
        line: 12,
        backtrace: &[0xffff_ffff_8001_2345, 0x42],
    };
    let expected =
        "PANIC: no page 7 at kernel/src/main.rs:12\non CPU 3 of 4\n  #0 0xffffffff80012345\n  #1 0x0000000000000042\n";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn a_panic_without_a_place_has_none() {
    let report = PanicReport { cpu: None, message: &"lost", file: "", line: 0, backtrace: &[] };
    assert_eq!(report.to_string(), "PANIC: lost\n");
}

#[test]
fn a_page_fault_tells_the_access_and_the_address() {
    let registers = registers();
    let report = FaultReport {
        cpu: Some(CpuPlace { number: 1, started: 2 }),
        vector: 14,
        error_code: 2,
        registers: &registers,
        note: Some("the guard page below the stack"),
        backtrace: &[registers.rip],
    };
    let text = report.to_string();
    let mut lines = text.lines();
    let headline = "FAULT: #PF page fault, error code 0x2 (not present, write, supervisor), address 0x0000000000000010";
    assert_eq!(lines.next(), Some(headline));
    assert_eq!(lines.next(), Some("on CPU 1 of 2"));
    assert_eq!(lines.next(), Some("note: the guard page below the stack"));
    let rax = "rax   0x0000000000000001  rbx   0x0000000000000000  rcx   0x0000000000000000";
    assert_eq!(lines.next(), Some(rax));
    assert!(text.contains("  rip   0xffffffff80012345  flags 0x0000000000000046\ncr2   0x0000000000000010"), "{text}");
    let registers = text.lines().skip(3).take(7);
    assert!(registers.clone().all(|line| line.len() <= 80), "a small screen has 80 columns: {text}");
    assert!(text.ends_with("\n  #0 0xffffffff80012345\n"), "{text}");
}

#[test]
fn every_register_is_printed() {
    let text = fault(3, 0);
    for name in [
        "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "rip", "flags", "cr2", "cr3",
    ] {
        assert_eq!(text.split_whitespace().filter(|word| *word == name).count(), 1, "{name}");
    }
}

#[test]
fn error_codes_are_printed_for_the_vectors_that_push_one() {
    // Intel SDM volume 3, table 6-1; AMD64 APM volume 2, sections 8.2.22 and 8.2.23.
    let with_code = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];
    for vector in 0..32 {
        assert_eq!(fault(vector, 0).contains("error code"), with_code.contains(&vector), "vector {vector}");
    }
}

#[test]
fn a_vector_past_the_exceptions_is_an_interrupt() {
    assert!(fault(0x30, 0).starts_with("FAULT: INT unexpected interrupt 48\n"));
}

#[test]
fn mnemonics_are_unique() {
    for (vector, exception) in EXCEPTIONS.iter().enumerate() {
        let same = EXCEPTIONS.iter().filter(|other| other.mnemonic == exception.mnemonic).count();
        assert_eq!(same, 1, "vector {vector}");
    }
    assert_eq!((EXCEPTIONS[13].mnemonic, EXCEPTIONS[14].mnemonic, EXCEPTIONS[18].mnemonic), ("#GP", "#PF", "#MC"));
}

#[test]
fn page_fault_bits_are_words() {
    for (code, words) in [
        (0x0, "not present, read, supervisor"),
        (0x3, "present, write, supervisor"),
        (0x4, "not present, read, user"),
        (0x7, "present, write, user"),
        (0x11, "present, instruction fetch, supervisor"),
        (0x9, "present, read, supervisor, reserved bit set"),
        (0x25, "present, read, user, protection key"),
        (0x80c5, "present, read, user, shadow stack, HLAT paging, SGX"),
        (0x1_0000, "not present, read, supervisor, unknown bits 0x10000"),
    ] {
        assert_eq!(PageFaultCode(code).to_string(), words, "{code:#x}");
    }
}

#[test]
fn selector_codes_are_words() {
    for (code, words) in [
        (0x0, "no selector"),
        (0x1, "no selector, external event"),
        (0x10, "GDT entry 2"),
        (0x14, "LDT entry 2"),
        (0x6a, "IDT entry 13"),
        (0x6b, "IDT entry 13, external event"),
        (0xfff8, "GDT entry 8191"),
        (0x2_0010, "GDT entry 2, unknown bits 0x20000"),
    ] {
        assert_eq!(SelectorCode(code).to_string(), words, "{code:#x}");
    }
    assert!(fault(13, 0x10).starts_with("FAULT: #GP general protection fault, error code 0x10 (GDT entry 2)\n"));
}
