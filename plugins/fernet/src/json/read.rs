//! Reads JSON text into a tree: what Python's `json.loads` takes, and no more. Refuses half a surrogate pair.
//!
//! Each text is measured before it is unescaped, so that no growing buffer leaves a copy behind.

use super::{Json, MAX_DEPTH};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// What is wrong with a text, and where; never a part of the text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The line, counted from 1.
    pub line: usize,
    /// What was met or missed, for a sentence (`a value is missing`).
    pub what: &'static str,
}

/// Reads one JSON value; a UTF-8 byte order mark before it is skipped.
///
/// # Errors
/// [`Malformed`] with the line.
pub fn parse(text: &[u8]) -> Result<Json, Malformed> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = Reader { text, at: 0 };
    if let Err(error) = std::str::from_utf8(text) {
        reader.at = error.valid_up_to();
        return Err(reader.malformed("the text is not UTF-8"));
    }
    let value = reader.value(0)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.malformed("there is more after the value")),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, Malformed> {
        match self.peek() {
            None => Err(self.malformed("the text ends where a value is due")),
            Some(b'{') if depth < MAX_DEPTH => self.object(depth),
            Some(b'[') if depth < MAX_DEPTH => self.list(depth),
            Some(b'{' | b'[') => Err(self.malformed("values are nested too deep")),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => self.number(),
            Some(_) if self.word("null") => Ok(Json::Null),
            Some(_) if self.word("true") => Ok(Json::Bool(true)),
            Some(_) if self.word("false") => Ok(Json::Bool(false)),
            Some(_) => Err(self.malformed("this is no value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Malformed> {
        self.at += 1;
        let mut map = BTreeMap::new();
        if self.take(b'}') {
            return Ok(Json::Object(map));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.malformed("a key in quotation marks is missing"));
            }
            let mut key = self.string()?;
            if !self.take(b':') {
                return Err(self.malformed("':' is missing after a key"));
            }
            map.insert(std::mem::take(&mut *key), self.value(depth + 1)?);
            if self.take(b'}') {
                return Ok(Json::Object(map));
            }
            if !self.take(b',') {
                return Err(self.malformed("',' or '}' is missing"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, Malformed> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            if !self.take(b',') {
                return Err(self.malformed("',' or ']' is missing"));
            }
        }
    }

    /// A number by the grammar of RFC 8259, section 6, or one of Python's three words.
    fn number(&mut self) -> Result<Json, Malformed> {
        let start = self.at;
        for word in ["NaN", "Infinity", "-Infinity"] {
            if self.word(word) {
                return Ok(Json::Number(Zeroizing::new(word.to_owned())));
            }
        }
        self.skip(b"-");
        // Nothing may follow a leading zero; what does is met as out of place by whoever asked for the number.
        let mut sound = self.skip(b"0") || self.digits() > 0;
        if self.skip(b".") {
            sound &= self.digits() > 0;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            sound &= self.digits() > 0;
        }
        if !sound {
            return Err(self.malformed("a number is cut short"));
        }
        let digits = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        Ok(Json::Number(Zeroizing::new(digits)))
    }

    /// A text in quotation marks.
    fn string(&mut self) -> Result<Zeroizing<String>, Malformed> {
        self.at += 1;
        let start = self.at;
        let end = self.end_of_string()?;
        // Unescaping never lengthens a text, so this buffer does not grow.
        let mut bytes = Zeroizing::new(Vec::with_capacity(end - start));
        while let Some(plain) = self.text[self.at..end].iter().position(|byte| *byte == b'\\') {
            bytes.extend_from_slice(&self.text[self.at..self.at + plain]);
            self.at += plain;
            self.escape(&mut bytes)?;
        }
        bytes.extend_from_slice(&self.text[self.at..end]);
        self.at = end + 1;
        String::from_utf8(std::mem::take(&mut *bytes))
            .map(Zeroizing::new)
            .map_err(|_| self.malformed("the text is not UTF-8"))
    }

    /// Where the closing mark stands.
    fn end_of_string(&mut self) -> Result<usize, Malformed> {
        let mut at = self.at;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'"' => return Ok(at),
                b'\\' => at += 2,
                0..=0x1f => {
                    self.at = at;
                    return Err(self.malformed("a control character stands in a text"));
                }
                _ => at += 1,
            }
        }
        Err(self.malformed("the text ends inside quotation marks"))
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let plain = match self.text[self.at + 1] {
            b'u' => {
                let letter = self.unicode_escape()?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            same @ (b'"' | b'\\' | b'/') => same,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return Err(self.malformed("an escape is unknown")),
        };
        out.push(plain);
        self.at += 2;
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<char, Malformed> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff => {
                let second = match self.text.get(self.at..self.at + 2) {
                    Some(b"\\u") => self.hex4()?,
                    _ => 0,
                };
                match second {
                    0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => first,
                }
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.malformed("a text holds half a surrogate pair"))
    }

    /// The number of `\uXXXX` at the place.
    fn hex4(&mut self) -> Result<u32, Malformed> {
        let digits = self.text.get(self.at + 2..self.at + 6).unwrap_or_default();
        let code = digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?));
        match code {
            Some(code) if digits.len() == 4 => {
                self.at += 6;
                Ok(code)
            }
            _ => Err(self.malformed("an escape is unknown")),
        }
    }

    /// Next byte that is no white space; the place moves to it.
    fn peek(&mut self) -> Option<u8> {
        while self.skip(b" \t\n\r") {}
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &str) -> bool {
        let there = self.text[self.at..].starts_with(word.as_bytes());
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.skip(b"0123456789") {}
        self.at - start
    }

    fn skip(&mut self, one_of: &[u8]) -> bool {
        let there = self.text.get(self.at).is_some_and(|byte| one_of.contains(byte));
        self.at += usize::from(there);
        there
    }

    fn malformed(&self, what: &'static str) -> Malformed {
        let before = &self.text[..self.at.min(self.text.len())];
        Malformed { line: 1 + before.iter().filter(|byte| **byte == b'\n').count(), what }
    }
}
