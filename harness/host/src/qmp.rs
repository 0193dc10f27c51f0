//! QEMU's machine protocol: JSON, one object a line (QEMU's `docs/interop/qmp-spec`).
//!
//! Nothing here knows what carries the lines.

use serde::Deserialize;
use serde_json::{Value, json};

/// Longest line that is believed. Register dumps of 64 CPUs take some 300 KiB.
const LONGEST_LINE: usize = 4 << 20;

/// Something that happened to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// QEMU's name for it, such as `SHUTDOWN`.
    pub name: String,
    /// `data.reason`, or else `data.status`, when the event has one: `guest-reset`, `host-signal`, `completed`, …
    pub reason: Option<String>,
}

/// One line from QEMU.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// QEMU is there; the text is its version.
    Greeting(String),
    /// The answer to the command of this number: what it returns, or QEMU's complaint.
    Reply(u64, Result<Value, String>),
    /// An event.
    Event(Event),
    /// A line that is none of these; its beginning.
    Unknown(String),
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "QMP")]
    greeting: Option<Value>,
    id: Option<u64>,
    #[serde(rename = "return")]
    returned: Option<Value>,
    error: Option<Complaint>,
    event: Option<String>,
    data: Option<Value>,
}

#[derive(Deserialize)]
struct Complaint {
    desc: String,
}

/// The line that asks QEMU for `name`.
#[must_use]
pub fn command(id: u64, name: &str, arguments: Option<&Value>) -> String {
    let mut line = json!({ "execute": name, "id": id });
    if let Some(arguments) = arguments {
        line["arguments"] = arguments.clone();
    }
    format!("{line}\n")
}

/// Takes QEMU's stream apart into messages.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
}

impl Parser {
    /// Takes what came; gives the messages that it completes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                messages.extend(parse(&self.line));
                self.line.clear();
            } else if self.line.len() > LONGEST_LINE {
                messages.push(Message::Unknown(String::from("a line without an end")));
                self.line.clear();
            }
        }
        messages
    }
}

fn parse(bytes: &[u8]) -> Option<Message> {
    if bytes.trim_ascii().is_empty() {
        return None;
    }
    let unknown = || Message::Unknown(String::from_utf8_lossy(bytes).trim().chars().take(200).collect());
    let Ok(line) = serde_json::from_slice::<Line>(bytes) else { return Some(unknown()) };
    Some(match line {
        Line { greeting: Some(greeting), .. } => Message::Greeting(greeting["version"]["qemu"].to_string()),
        Line { event: Some(name), data, .. } => {
            let reason =
                data.as_ref().and_then(|data| data["reason"].as_str().or(data["status"].as_str())).map(String::from);
            Message::Event(Event { name, reason })
        }
        Line { error: Some(complaint), id, .. } => Message::Reply(id.unwrap_or(0), Err(complaint.desc)),
        Line { returned: Some(value), id, .. } => Message::Reply(id.unwrap_or(0), Ok(value)),
        _ => unknown(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_messages() {
        let stream = concat!(
            r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}"#,
            "\r\n",
            r#"{"return": {}, "id": 1}"#,
            "\r\n",
            r#"{"timestamp": {"seconds": 1}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}"#,
            "\r\n",
            r#"{"id": 2, "error": {"class": "GenericError", "desc": "no such command"}}"#,
            "\r\n",
        );
        let whole = Parser::default().push(stream.as_bytes());
        assert!(matches!(whole[0], Message::Greeting(_)));
        assert_eq!(whole[1], Message::Reply(1, Ok(json!({}))));
        let shutdown = Event { name: "SHUTDOWN".into(), reason: Some("guest-reset".into()) };
        assert_eq!(whole[2], Message::Event(shutdown));
        assert_eq!(whole[3], Message::Reply(2, Err("no such command".into())));
        for cut in 0..stream.len() {
            let mut parser = Parser::default();
            let mut pieces = parser.push(&stream.as_bytes()[..cut]);
            pieces.extend(parser.push(&stream.as_bytes()[cut..]));
            assert_eq!(pieces, whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_command_is_one_line_with_its_number() {
        let line = command(7, "human-monitor-command", Some(&json!({ "command-line": "info \"x\"\n" })));
        assert_eq!(line.matches('\n').count(), 1);
        let back: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&back["id"], &back["execute"]), (&json!(7), &json!("human-monitor-command")));
        assert_eq!(back["arguments"]["command-line"], "info \"x\"\n");
    }

    #[test]
    fn what_is_not_the_protocol_is_passed_on_not_obeyed() {
        let messages = Parser::default().push(b"garbage\n\n{\"id\": 1}\n{\"return\": 1\n");
        assert!(messages.iter().all(|message| matches!(message, Message::Unknown(_))), "{messages:?}");
        assert_eq!(messages.len(), 3);
    }

    #[test]
    fn a_line_without_an_end_does_not_take_all_memory() {
        let mut parser = Parser::default();
        let seen: usize = (0..5).map(|_| parser.push(&vec![b'x'; 1 << 20]).len()).sum();
        assert_eq!(seen, 1);
        assert!(parser.line.len() <= LONGEST_LINE);
    }
}
