//! The page that describes the format has an example of every message, and they are what this crate writes.

use std::{fmt::Debug, fmt::Write as _, path::Path};

use serde::Serialize;
use steward_harness_wire::{
    After, Backtrace, Command, Decoder, MAX_FRAME, Nonce, Outcome, Record, Registers, VERSION, encode, layout, word,
};

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        let before = if at == 0 {
            ""
        } else if at.is_multiple_of(28) {
            "\n       "
        } else {
            " "
        };
        write!(text, "{before}{byte:02x}").unwrap();
    }
    text
}

/// The frame, and what it is made of: each from the one behind it.
fn example(sequence: u32, message: &(impl Serialize + Debug)) -> String {
    let mut buffer = [0; MAX_FRAME];
    let frame = encode(sequence, message, &mut buffer).unwrap();
    let mut packed = frame[..frame.len() - 1].to_vec();
    let length = cobs::decode_in_place(&mut packed).unwrap();
    let (body, crc) = packed[..length].split_at(length - 4);
    format!("number {sequence}, {message:x?}\nbody   {}\nCRC    {}\nframe  {}\n", hex(body), hex(crc), hex(frame))
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/records.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn examples() -> Vec<String> {
    let nonce = Nonce(0x1122_3344_5566_7788);
    let mut backtrace = Backtrace::new();
    backtrace.extend([0xffff_ffff_8000_1000, 0xffff_ffff_8000_2345]);
    let registers = Registers { rip: 0xffff_ffff_8000_1000, rsp: 0x7f00, rflags: 2, cr2: 8, ..Registers::default() };
    let finished = |outcome, ticks| Record::Finished { nonce, index: 1, outcome, ticks };
    let (message, file, line) = ("no", "src/main.rs", 300);
    vec![
        example(0, &Record::Hello { version: VERSION, tests: 3 }),
        example(1, &Record::Started { nonce, index: 1, name: "k::t" }),
        example(2, &finished(Outcome::Passed, 128)),
        example(2, &finished(Outcome::Failed("no"), 0)),
        example(2, &finished(Outcome::Leaked("1 frame"), 0)),
        example(2, &Record::Panicked { nonce: Some(nonce), message, file, line, backtrace: backtrace.clone() }),
        example(2, &Record::Faulted { nonce: None, vector: 14, error_code: 2, registers, backtrace }),
        example(1, &Record::Checked { nonce, ticks: 1000, value: Command::check_value(7, 2) }),
        example(0, &Command::Run { nonce, index: 1, seed: 7, after: After::Park }),
        example(0, &Command::Check { nonce, seed: 7, rounds: 2 }),
    ]
}

#[test]
fn the_page_shows_every_message_as_it_is_written() {
    let page = page();
    let missing: Vec<String> = examples().into_iter().filter(|example| !page.contains(example)).collect();
    assert!(missing.is_empty(), "docs/records.md lacks or has otherwise:\n\n{}", missing.join("\n"));
}

#[test]
fn every_frame_on_the_page_is_read_back() {
    let page = page();
    let mut frames = 0;
    // Of the line that says what a frame is made of there is none.
    for example in page.split("\nframe  ").skip(1).filter(|example| !example.trim_start().starts_with('=')) {
        let bytes = example.split("```").next().unwrap().split_whitespace().take_while(|word| word.len() == 2);
        let mut decoder = Decoder::new();
        let mut is_read = false;
        for byte in bytes {
            let byte = u8::from_str_radix(byte, 16).unwrap();
            // A frame is a record or a command; which, its direction says.
            let mut other = decoder.clone();
            is_read |= matches!(other.push::<Command>(byte), Some(Ok(_)));
            is_read |= matches!(decoder.push::<Record<'_>>(byte), Some(Ok(_)));
        }
        assert!(is_read, "{example}");
        frames += 1;
    }
    assert_eq!(frames, examples().len());
}

#[test]
fn the_page_states_the_numbers_of_this_version() {
    let page = page();
    let line = |parts: &[&dyn std::fmt::Display]| -> String {
        parts.iter().map(|part| format!("| {part} ")).chain([String::from("|")]).collect()
    };
    let texts = [(layout::NAME, "name"), (layout::FILE, "file"), (layout::MACHINE, "machine"), (layout::CPU, "cpu")];
    let mut wanted = vec![
        format!("version {VERSION} of the record format"),
        format!("at most {MAX_FRAME} bytes"),
        format!("`{:#018x}`", layout::MAGIC),
        format!("{} bytes each", layout::SIZE),
        format!("| passed | `{:#x}` | {} |", word::PASSED, word::exit_status(word::PASSED)),
        format!("| failed | `{:#x}` | {} |", word::FAILED, word::exit_status(word::FAILED)),
        line(&[&layout::MAGIC_AT, &8, &"magic"]),
        line(&[&layout::IGNORE_REASON, &16, &"ignore reason"]),
        line(&[&layout::FUNCTION, &8, &"function"]),
        line(&[&layout::FLAGS, &4, &"flags"]),
        line(&[&layout::TIMEOUT_MS, &4, &"timeout"]),
        line(&[&layout::MEMORY_MIB, &4, &"memory"]),
    ];
    wanted.extend(texts.map(|(at, name)| line(&[&at, &16, &name])));
    wanted.extend(
        [(layout::LINE, "line"), (layout::CPUS, "cpus"), (layout::TIER, "tier")].map(|(at, n)| line(&[&at, &4, &n])),
    );
    // The last column explains, and is not compared.
    let missing: Vec<&String> = wanted.iter().filter(|text| !page.contains(text.as_str())).collect();
    assert!(missing.is_empty(), "docs/records.md lacks {missing:#?}");
}
