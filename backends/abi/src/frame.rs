//! Frames over a socket: a head of 20 bytes, a message, and apart from it secret bytes. Refuses more than
//! [`MAX`] bytes before making room for them, and keeps no copy of what passes.

use std::io::{self, IoSlice, Read, Write};
use zeroize::Zeroizing;

/// The most bytes of message and secret together that one frame carries: 32 MiB.
pub const MAX: usize = 32 << 20;

const HEAD: usize = 20;

/// What a frame is. Numbers are for ever; new ones are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum FrameKind {
    /// To the child, first: what to load and how to set it up.
    Configure = 1,
    /// From the child: loaded and made, and this is what it is.
    Hello = 2,
    /// From the child: not loaded or not made, and why.
    Refused = 3,
    /// To the child: a request.
    Call = 4,
    /// From the child: the reply of the same id.
    Reply = 5,
    /// To the child: are you there?
    Ping = 6,
    /// From the child: yes, with the same id.
    Pong = 7,
    /// From the child: a log line, its level in the id.
    Log = 8,
}

impl FrameKind {
    fn from_number(number: u32) -> Option<Self> {
        const ALL: [FrameKind; 8] = [
            FrameKind::Configure,
            FrameKind::Hello,
            FrameKind::Refused,
            FrameKind::Call,
            FrameKind::Reply,
            FrameKind::Ping,
            FrameKind::Pong,
            FrameKind::Log,
        ];
        ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// One frame, wiped when it goes.
#[derive(Debug)]
pub struct Frame {
    /// Which call it belongs to.
    pub id: u64,
    /// What it is.
    pub kind: FrameKind,
    /// The message.
    pub message: Zeroizing<Vec<u8>>,
    /// The secret bytes; empty when there are none.
    pub secret: Hidden,
}

/// Secret bytes in a frame: wiped when they go, and never printed.
#[derive(Default)]
pub struct Hidden(Zeroizing<Vec<u8>>);

impl Hidden {
    /// Lends the bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Gives the bytes away without a copy; the receiver wipes them.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side closed the socket between two frames.
    #[error("the connection was closed")]
    Closed,
    /// What came is no frame.
    #[error("what came is no frame (kind {0})")]
    Kind(u32),
    /// The frame is bigger than [`MAX`].
    #[error("a frame of {0} bytes is more than the {MAX} that are allowed")]
    TooLarge(u64),
    /// The socket failed, or closed inside a frame.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// Writes one frame, its secret from the caller's own buffer.
///
/// # Errors
///
/// `TooLarge` before a byte is written; `Io` when the socket fails, after which it is of no use.
pub fn write(out: &mut impl Write, id: u64, kind: FrameKind, message: &[u8], secret: &[u8]) -> Result<(), FrameError> {
    let head = head(id, kind, message.len(), secret.len())?;
    let mut slices = [IoSlice::new(&head), IoSlice::new(message), IoSlice::new(secret)];
    let mut rest = &mut slices[..];
    // Leading empty slices would make a write of nothing look like a closed socket.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match out.write_vectored(rest) {
            Ok(0) => return Err(FrameError::Io(io::ErrorKind::WriteZero.into())),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(())
}

/// Reads one frame into buffers of exactly its size.
///
/// # Errors
///
/// `Closed` at the end between two frames; the others when what comes is no frame.
pub fn read(input: &mut impl Read) -> Result<Frame, FrameError> {
    let mut head = [0; HEAD];
    read_head(input, &mut head)?;
    let (id, kind, message_len, secret_len) = parse_head(&head)?;
    let mut message = Zeroizing::new(vec![0; message_len]);
    input.read_exact(&mut message)?;
    let mut secret = Zeroizing::new(vec![0; secret_len]);
    input.read_exact(&mut secret)?;
    Ok(Frame { id, kind, message, secret: Hidden(secret) })
}

/// Tells an end between frames from one inside a head.
fn read_head(input: &mut impl Read, head: &mut [u8; HEAD]) -> Result<(), FrameError> {
    let mut filled = 0;
    while filled < HEAD {
        match input.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Err(FrameError::Closed),
            Ok(0) => return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(())
}

/// `id: u64 | kind: u32 | message length: u32 | secret length: u32`, little-endian.
fn head(id: u64, kind: FrameKind, message: usize, secret: usize) -> Result<[u8; HEAD], FrameError> {
    let total = message as u64 + secret as u64;
    if total > MAX as u64 {
        return Err(FrameError::TooLarge(total));
    }
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(&id.to_le_bytes());
    head[8..12].copy_from_slice(&(kind as u32).to_le_bytes());
    head[12..16].copy_from_slice(&(message as u32).to_le_bytes());
    head[16..].copy_from_slice(&(secret as u32).to_le_bytes());
    Ok(head)
}

fn parse_head(head: &[u8; HEAD]) -> Result<(u64, FrameKind, usize, usize), FrameError> {
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let kind = FrameKind::from_number(number(8)).ok_or(FrameError::Kind(number(8)))?;
    let total = u64::from(number(12)) + u64::from(number(16));
    if total > MAX as u64 {
        return Err(FrameError::TooLarge(total));
    }
    let id = u64::from(number(0)) | u64::from(number(4)) << 32;
    Ok((id, kind, number(12) as usize, number(16) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_frame_comes_back_as_it_went(
            id in any::<u64>(), kind in 1u32..=8,
            message in proptest::collection::vec(any::<u8>(), 0..300), secret in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let kind = FrameKind::from_number(kind).unwrap();
            let mut bytes = Vec::new();
            write(&mut bytes, id, kind, &message, &secret).unwrap();
            let frame = read(&mut bytes.as_slice()).unwrap();
            prop_assert_eq!((frame.id, frame.kind), (id, kind));
            prop_assert_eq!(&*frame.message, &message);
            prop_assert_eq!(frame.secret.expose(), &secret[..]);
        }

        #[test]
        fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = bytes.as_slice();
            while read(&mut rest).is_ok() {}
        }

        #[test]
        fn a_frame_cut_anywhere_is_an_error(cut in 1usize..40) {
            let mut bytes = Vec::new();
            write(&mut bytes, 1, FrameKind::Call, b"0123456789", b"0123456789").unwrap();
            prop_assert!(matches!(read(&mut &bytes[..cut.min(bytes.len() - 1)]), Err(FrameError::Io(_))));
        }

        #[test]
        fn any_head_is_judged_before_room_is_made(head in any::<[u8; HEAD]>()) {
            if let Ok((_, _, message, secret)) = parse_head(&head) {
                prop_assert!(message + secret <= MAX);
            }
        }
    }

    #[test]
    fn what_is_too_big_is_refused_on_both_sides() {
        let big = vec![0; MAX + 1];
        let mut out = Vec::new();
        assert!(matches!(write(&mut out, 1, FrameKind::Call, &big, b""), Err(FrameError::TooLarge(_))));
        assert!(out.is_empty());
        let mut head = head(1, FrameKind::Call, 1, 1).unwrap();
        head[12..20].fill(0xff);
        assert!(matches!(read(&mut head.as_slice()), Err(FrameError::TooLarge(_))));
    }

    #[test]
    fn the_end_between_frames_is_told_apart() {
        assert!(matches!(read(&mut &b""[..]), Err(FrameError::Closed)));
    }

    #[test]
    fn a_frame_prints_no_secret() {
        let mut bytes = Vec::new();
        write(&mut bytes, 1, FrameKind::Reply, b"m", b"canary").unwrap();
        let shown = format!("{:?}", read(&mut bytes.as_slice()).unwrap());
        assert!(shown.contains("***") && !shown.contains("99, 97, 110"), "{shown}");
    }
}
