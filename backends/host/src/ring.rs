//! The last that a child wrote to its standard error: 64 KiB and no more. Refuses to hand out what could disturb a
//! screen, and any secret that the child was set up with.

use std::collections::VecDeque;

/// A bounded store of bytes, the oldest forgotten first.
#[derive(Default)]
pub(crate) struct Ring {
    bytes: VecDeque<u8>,
    forgot: bool,
}

impl Ring {
    const MOST: usize = 64 << 10;
    const LINES: usize = 20;
    const WIDTH: usize = 300;

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(Self::MOST)..];
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(Self::MOST);
        self.forgot |= excess > 0;
        self.bytes.drain(..excess);
        self.bytes.extend(bytes);
    }

    /// Stars these secrets for good: nobody keeps them to do it later.
    pub(crate) fn forget<'a>(&mut self, secrets: impl Iterator<Item = &'a [u8]>) {
        self.bytes = self.starred(secrets).into();
    }

    fn starred<'a>(&self, secrets: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        // A shorter one would turn every other word into stars and protects nothing.
        let mut secrets: Vec<&[u8]> = secrets.filter(|secret| secret.len() >= 4).collect();
        // The longest first: one that begins with another would leave its end.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(self.bytes.iter().copied().collect(), |bytes, secret| without(&bytes, secret))
    }

    /// The last lines, fit for a screen. Wherever one of `secrets` stands, it shows `***`.
    pub(crate) fn tail<'a>(&self, secrets: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let bytes = self.starred(secrets);
        let text = String::from_utf8_lossy(&bytes);
        let whole = if self.forgot { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
        let lines: Vec<_> = whole.lines().map(tame).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(Self::LINES)..].to_vec()
    }
}

fn without(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(secret) {
            kept.extend_from_slice(b"***");
            at += secret.len();
        } else {
            kept.push(text[at]);
            at += 1;
        }
    }
    kept
}

/// A line without control characters and without those that turn the direction of writing or have no width.
pub(crate) fn tame(line: &str) -> String {
    let hides = |char| {
        matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
    };
    line.chars().filter(|&char| !char.is_control() && !hides(char)).take(Ring::WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(ring: &Ring) -> Vec<String> {
        ring.tail(std::iter::empty())
    }

    #[test]
    fn a_flood_leaves_the_last_lines_and_a_bounded_store() {
        let mut ring = Ring::default();
        for number in 0..100_000 {
            ring.push(format!("line {number}\n").as_bytes());
        }
        assert!(ring.bytes.len() <= Ring::MOST);
        let lines = tail(&ring);
        assert_eq!(lines.len(), Ring::LINES);
        assert_eq!(lines[Ring::LINES - 1], "line 99999");
        ring.push(&vec![b'x'; 10 * Ring::MOST]);
        assert!(ring.bytes.len() <= Ring::MOST);
        assert_eq!(tail(&ring), Vec::<String>::new(), "a line whose beginning is lost is not shown");
    }

    #[test]
    fn nothing_that_disturbs_a_screen_comes_out() {
        let mut ring = Ring::default();
        ring.push(b"\x1b[2Jred\x07\n\xff\xfe raw\r\n\n");
        ring.push("turn\u{202e}ed hid\u{200b}\u{feff}den".as_bytes());
        assert_eq!(tail(&ring), ["[2Jred", "\u{fffd}\u{fffd} raw", "turned hidden"]);
    }

    #[test]
    fn a_secret_of_the_setup_is_starred_even_across_pushes() {
        let mut ring = Ring::default();
        ring.push(b"token=canary-");
        ring.push(b"1234 again canary-1234\nab stays\n");
        let secrets: [&[u8]; 3] = [b"canary-1234", b"ab", b""];
        assert_eq!(ring.tail(secrets.into_iter()), ["token=*** again ***", "ab stays"]);
        let longer: [&[u8]; 2] = [b"canary", b"canary-1234"];
        assert_eq!(ring.tail(longer.into_iter()), ["token=*** again ***", "ab stays"]);
        ring.forget(secrets.into_iter());
        assert_eq!(tail(&ring), ["token=*** again ***", "ab stays"], "for good");
    }
}
