//! Takes out of a text what differs from run to run, so that the rest can be compared: paths of the house, times, ids,
//! sums, process numbers, durations, widths of columns. Refuses to hide a word that a person reads.

use super::House;

/// The text with marks for what differs.
pub(crate) fn scrub(house: &House, text: &str) -> String {
    let program = house.program().parent().expect("it is in a folder").display().to_string();
    let home = house.root().display().to_string();
    let text = text.replace(&home, "HOUSE").replace(&program, "PROGRAM");
    text.lines().map(|line| scrub_line(&house_words(house), line)).collect::<Vec<_>>().join("\n")
}

/// Whoever runs this, and where.
fn house_words(house: &House) -> [(String, &'static str); 2] {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    [(house.user_name(), "USER"), (host, "HOST")]
}

impl House {
    /// The Unix user's name as the program finds it.
    fn user_name(&self) -> String {
        static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
        NAME.get_or_init(|| House::new().user()).clone()
    }
}

fn scrub_line(known: &[(String, &'static str)], line: &str) -> String {
    let mut out = String::new();
    let mut before = String::new();
    for (word, rest) in words(line) {
        let (next, mark) = (rest.trim_start(), mark(&before, word));
        let unit = next.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let counted = word.parse::<f64>().is_ok() && rest.starts_with(' ') && matches!(unit, "s" | "ms");
        let named = known.iter().find(|(name, _)| name == word).map(|(_, mark)| *mark);
        out.push_str(if counted { "N" } else { named.or(mark).unwrap_or(word) });
        before = if is_word(word) { word.to_owned() } else { before };
    }
    squeezed(&out)
}

/// What a word is, when it is one of those that differ.
fn mark(before: &str, word: &str) -> Option<&'static str> {
    let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = word.parse::<f64>().is_ok();
    match word.len() {
        16 if hex => Some("ID"),
        64 if hex => Some("SHA256"),
        44 if word.ends_with('=') => Some("KEY"),
        10 if number && word.starts_with('1') => Some("UNIX"),
        20.. if word.ends_with('Z') && word.as_bytes()[10] == b'T' => Some("TIME"),
        _ if number && matches!(before, "child" | "latency_ms" | "age_s") => Some("N"),
        _ => None,
    }
}

fn is_word(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}

/// The line in pieces, words and what stands between them, each with the rest of the line after it.
fn words(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let inside = |c: char| c.is_alphanumeric() || "._-=".contains(c) || c == ':';
    let mut rest = line;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c: char| inside(c) != inside(first)).unwrap_or(rest.len());
        // A colon at a word's end is punctuation.
        let cut = rest[..end].trim_end_matches([':', '.']).len();
        let end = if inside(first) && cut > 0 { cut } else { end };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some((word, after))
    })
}

/// Runs of blanks as two: a column is as wide as its widest cell.
fn squeezed(line: &str) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut out = indent.clone();
    let mut blanks = 0;
    for c in line[indent.len()..].chars() {
        blanks = if c == ' ' { blanks + 1 } else { 0 };
        if blanks <= 2 {
            out.push(c);
        }
    }
    out.trim_end().to_owned()
}
