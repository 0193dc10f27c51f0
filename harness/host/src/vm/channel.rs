//! The harness's ends of a machine's lines.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::{
    event::{PollFd, PollFlags},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    net::sockopt::{set_socket_send_buffer_size, set_socket_send_buffer_size_force},
};

/// Most bytes read in one go, so that a line that floods does not hold up the others.
const CHUNK: usize = 16 << 10;

/// How much the system shall keep of what QEMU has sent and nobody has read.
///
/// QEMU sends what a serial port transmits byte by byte, each of which takes as much of this as 768 do. When there is no more
/// room the port is busy, and Linux's console waits for it for 10 ms: after that, its bytes are lost. As the system starts, the
/// room is for 278 bytes, so that a harness that a busy host does not let run for so long would find holes in the log.
const ROOM: usize = 4 << 20;

/// One line to QEMU, both ways.
#[derive(Debug)]
pub struct Channel {
    /// `None` once the other end was closed.
    stream: Option<UnixStream>,
    outgoing: VecDeque<u8>,
}

impl Channel {
    /// A line, and the end of it that QEMU gets.
    pub fn pair() -> io::Result<(Self, UnixStream)> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        // As much as the system lets us have: it works with less.
        let _ = set_socket_send_buffer_size_force(&far, ROOM).or_else(|_| set_socket_send_buffer_size(&far, ROOM));
        Ok((Self { stream: Some(near), outgoing: VecDeque::new() }, far))
    }

    pub fn is_closed(&self) -> bool {
        self.stream.is_none()
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.outgoing.extend(bytes);
    }

    /// What to wait for: bytes, and room when there is something to send.
    pub fn poll_fd(&self) -> Option<PollFd<'_>> {
        let room = if self.outgoing.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        self.stream.as_ref().map(|stream| PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN | room))
    }

    /// Sends what finds room and gives what came.
    pub fn transfer(&mut self) -> Vec<u8> {
        let Some(stream) = &mut self.stream else { return Vec::new() };
        while !self.outgoing.is_empty() {
            match stream.write(self.outgoing.as_slices().0) {
                Ok(sent) => drop(self.outgoing.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The other end is closed; there may still be something to read.
                Err(_) => self.outgoing.clear(),
            }
        }
        let (bytes, closed) = read_available(stream);
        if closed {
            self.stream = None;
        }
        bytes
    }
}

/// The harness's end of QEMU's standard error.
#[derive(Debug)]
pub struct Reader(Option<std::fs::File>);

impl Reader {
    pub fn new(descriptor: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(descriptor) = &descriptor {
            fcntl_setfl(descriptor, fcntl_getfl(descriptor)? | OFlags::NONBLOCK)?;
        }
        Ok(Self(descriptor.map(Into::into)))
    }

    pub fn is_closed(&self) -> bool {
        self.0.is_none()
    }

    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }

    /// Hands out what came, if anything did.
    pub fn receive(&mut self, take: impl FnOnce(&[u8])) {
        let Some(file) = &mut self.0 else { return };
        let (bytes, closed) = read_available(file);
        take(&bytes);
        if closed {
            self.0 = None;
        }
    }
}

/// What can be read without waiting, at most [`CHUNK`] bytes, and whether the stream has ended.
fn read_available(stream: &mut impl Read) -> (Vec<u8>, bool) {
    let mut bytes = [0; CHUNK];
    loop {
        match stream.read(&mut bytes) {
            Ok(length) => return (Vec::from(&bytes[..length]), length == 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (Vec::new(), error.kind() != io::ErrorKind::WouldBlock),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_port_sends_byte_by_byte_waits_for_a_harness_that_is_kept_from_running() {
        let (mut near, mut far) = Channel::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let sent = (0..20_000).take_while(|_| matches!(far.write(b"x"), Ok(1))).count();
        // Without privileges the system sets a limit, by default twice what it starts with.
        assert!(sent >= 500, "only {sent} bytes found room");
        assert_eq!(near.transfer().len(), sent);
    }
}
