//! The tail's filter language: `severity>=MAJOR and (actor=alice or resource~ibkr) not since=-10m`. Refuses to guess:
//! what it doesn't understand is an error that says where and what was expected.
//!
//! A word alone, or a text in quotes, is looked for anywhere in the line, in capitals or not. Words beside each other
//! are joined by `and`, which binds closer than `or`.

use crate::audit::{AuditLine, Beside};
use crate::severity::Severity;
use jiff::{SignedDuration, Timestamp};

/// A filter that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    test: Test,
}

/// What was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}")]
pub struct FilterError {
    /// Counted in characters from 1.
    pub column: usize,
    /// What could have stood there.
    pub expected: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    All,
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    /// In lower case.
    Anywhere(String),
    Severity(Compare, Severity),
    Is(Field, String),
    /// In lower case.
    Has(Field, String),
    Time(Compare, When),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Actor,
    Kind,
    Resource,
    Outcome,
    Source,
    Rotation,
    Step,
    Version,
    Fingerprint,
    Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
    /// At this time of today, UTC, in seconds since midnight.
    Today(i64),
}

/// Deeper nesting than anybody types.
const DEPTH: usize = 64;
const FIELDS: &str = "a field: severity, actor, type, resource, outcome, source, rotation, step, version, \
                      fingerprint, reason, since, until, time";

impl Filter {
    /// Reads a filter. An empty one lets everything through.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let tokens = tokens(text)?;
        let end = text.chars().count() + 1;
        let mut parser = Parser { tokens, next: 0, end, depth: 0 };
        let test = if parser.tokens.is_empty() { Test::All } else { parser.either()? };
        match parser.peek() {
            None => Ok(Self { text: text.to_owned(), test }),
            Some(token) => Err(FilterError { column: token.column, expected: "'and', 'or' or the end".into() }),
        }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True for a line that it lets through. Relative times are taken from `now`.
    pub fn matches(&self, line: &AuditLine, now: Timestamp) -> bool {
        self.test.matches(line, now)
    }
}

impl Test {
    fn matches(&self, line: &AuditLine, now: Timestamp) -> bool {
        match self {
            Self::All => true,
            Self::And(tests) => tests.iter().all(|test| test.matches(line, now)),
            Self::Or(tests) => tests.iter().any(|test| test.matches(line, now)),
            Self::Not(test) => !test.matches(line, now),
            Self::Anywhere(text) => {
                line.severity.word().eq_ignore_ascii_case(text)
                    || Field::ALL.iter().any(|field| holds(field.of(line), text))
            }
            Self::Severity(compare, severity) => compare.holds(line.severity.cmp(severity)),
            Self::Is(field, text) => field.of(line).eq_ignore_ascii_case(text),
            Self::Has(field, text) => holds(field.of(line), text),
            // A line that tells no time lies in no span of time.
            Self::Time(compare, when) => line.at.is_some_and(|at| compare.holds(at.cmp(&when.from(now)))),
        }
    }
}

impl Compare {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::AtLeast => order.is_ge(),
            Self::More => order.is_gt(),
        }
    }
}

impl Field {
    /// Where a word alone is looked for: what else a line says is named to be found.
    const ALL: [Field; 5] = [Self::Actor, Self::Kind, Self::Resource, Self::Outcome, Self::Source];

    fn of(self, line: &AuditLine) -> &str {
        let beside = |pick: fn(&Beside) -> &String| line.beside().map_or("", |beside| pick(beside));
        match self {
            Self::Actor => line.actor(),
            Self::Kind => line.kind(),
            Self::Resource => line.resource(),
            Self::Outcome => line.outcome(),
            Self::Source => &line.source,
            Self::Rotation => beside(|beside| &beside.rotation),
            Self::Step => beside(|beside| &beside.step),
            Self::Version => beside(|beside| &beside.version),
            Self::Fingerprint => beside(|beside| &beside.fingerprint),
            Self::Reason => beside(|beside| &beside.reason),
        }
    }
}

impl When {
    fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.checked_sub(span).unwrap_or(Timestamp::MIN),
            Self::Today(seconds) => {
                let midnight = now.as_second() - now.as_second().rem_euclid(86_400);
                Timestamp::from_second(midnight + seconds).unwrap_or(now)
            }
        }
    }
}

/// `part` is in lower case. Almost every text is ASCII, and is searched without a copy.
fn holds(text: &str, part: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(part);
    }
    part.is_empty() || text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[derive(Debug, Clone)]
struct Token {
    /// Where it begins, counted in characters from 1.
    column: usize,
    kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TokenKind {
    Open,
    Close,
    /// `>=`, `=`, `~` …
    Sign(String),
    Word(String),
    Quoted(String),
}

const SIGNS: &str = "=!<>~";

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let column = at + 1;
        let run = |fine: &dyn Fn(char) -> bool| -> String {
            chars.iter().skip(at).copied().take_while(|c| fine(*c)).collect()
        };
        let kind = match c {
            _ if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '(' => TokenKind::Open,
            ')' => TokenKind::Close,
            '"' | '\'' => {
                let body: String = chars.iter().skip(column).copied().take_while(|other| *other != c).collect();
                if chars.get(column + body.chars().count()).is_none() {
                    return Err(FilterError { column, expected: format!("a closing {c} for this one") });
                }
                TokenKind::Quoted(body)
            }
            _ if SIGNS.contains(c) => TokenKind::Sign(run(&|c| SIGNS.contains(c))),
            _ => TokenKind::Word(run(&|c| !c.is_whitespace() && !"()\"'".contains(c) && !SIGNS.contains(c))),
        };
        at += match &kind {
            TokenKind::Open | TokenKind::Close => 1,
            TokenKind::Quoted(body) => body.chars().count() + 2,
            TokenKind::Sign(text) | TokenKind::Word(text) => text.chars().count(),
        };
        found.push(Token { column, kind });
    }
    Ok(found)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn word_is(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token { kind: TokenKind::Word(text), .. }) if text.eq_ignore_ascii_case(word))
    }

    fn wrong<T>(&self, expected: impl Into<String>) -> Result<T, FilterError> {
        Err(FilterError { column: self.peek().map_or(self.end, |token| token.column), expected: expected.into() })
    }

    fn either(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.all()?];
        while self.word_is("or") {
            self.next += 1;
            tests.push(self.all()?);
        }
        Ok(one_or(tests, Test::Or))
    }

    fn all(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.one()?];
        loop {
            if self.word_is("and") {
                self.next += 1;
            } else if self.word_is("or") || matches!(self.peek(), None | Some(Token { kind: TokenKind::Close, .. })) {
                return Ok(one_or(tests, Test::And));
            }
            tests.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Test, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.wrong("fewer brackets and 'not's");
        }
        let test = self.one_inside();
        self.depth -= 1;
        test
    }

    fn one_inside(&mut self) -> Result<Test, FilterError> {
        if self.word_is("not") {
            self.next += 1;
            return Ok(Test::Not(Box::new(self.one()?)));
        }
        if self.word_is("and") || self.word_is("or") {
            return self.wrong("a word, a comparison or '('");
        }
        match self.peek().map(|token| token.kind.clone()) {
            Some(TokenKind::Open) => self.bracket(),
            Some(TokenKind::Quoted(text)) => {
                self.next += 1;
                Ok(Test::Anywhere(text.to_lowercase()))
            }
            Some(TokenKind::Word(text)) => {
                let follows = self.tokens.get(self.next + 1).map(|token| &token.kind);
                if matches!(follows, Some(TokenKind::Sign(_))) {
                    return self.comparison(&text);
                }
                self.next += 1;
                Ok(Test::Anywhere(text.to_lowercase()))
            }
            Some(TokenKind::Sign(_)) => self.wrong(format!("{FIELDS}; before this sign")),
            Some(TokenKind::Close) | None => self.wrong("a word, a comparison or '('"),
        }
    }

    fn bracket(&mut self) -> Result<Test, FilterError> {
        self.next += 1;
        let test = self.either()?;
        match self.peek().map(|token| &token.kind) {
            Some(TokenKind::Close) => {
                self.next += 1;
                Ok(test)
            }
            _ => self.wrong("')'"),
        }
    }

    fn comparison(&mut self, name: &str) -> Result<Test, FilterError> {
        let field = match name.to_ascii_lowercase().as_str() {
            "severity" | "sev" => return self.severity(),
            "since" | "until" | "time" => return self.time(&name.to_ascii_lowercase()),
            "actor" | "who" => Field::Actor,
            "type" | "kind" => Field::Kind,
            "resource" => Field::Resource,
            "outcome" | "result" => Field::Outcome,
            "source" => Field::Source,
            "rotation" => Field::Rotation,
            "step" => Field::Step,
            "version" => Field::Version,
            "fingerprint" => Field::Fingerprint,
            "reason" => Field::Reason,
            _ => return self.wrong(FIELDS),
        };
        self.next += 1;
        let sign = self.sign(&["=", "!=", "~", "!~"])?;
        let mut value = self.value("a text to compare with")?.1;
        // `27` is R-27.
        if field == Field::Rotation && !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            value.insert_str(0, "R-");
        }
        let test = match sign.as_str() {
            "=" | "!=" => Test::Is(field, value),
            _ => Test::Has(field, value.to_lowercase()),
        };
        Ok(if sign.starts_with('!') { Test::Not(Box::new(test)) } else { test })
    }

    fn severity(&mut self) -> Result<Test, FilterError> {
        const WORDS: &str = "CRITICAL, MAJOR, MINOR or info";
        self.next += 1;
        let sign = self.sign(&["=", "!=", ">=", ">", "<=", "<"])?;
        let (column, value) = self.value(WORDS)?;
        let severity = Severity::WORST_FIRST.into_iter().find(|severity| severity.word().eq_ignore_ascii_case(&value));
        let Some(severity) = severity else { return Err(FilterError { column, expected: WORDS.into() }) };
        let test = Test::Severity(compare(&sign), severity);
        Ok(if sign == "!=" { Test::Not(Box::new(test)) } else { test })
    }

    fn time(&mut self, name: &str) -> Result<Test, FilterError> {
        const FORMS: &str = "a time: -10m, 14:02, 2026-11-08 or 2026-11-08T14:02:00Z";
        self.next += 1;
        let signs: &[&str] = if name == "time" { &[">=", ">", "<=", "<"] } else { &["="] };
        let sign = self.sign(signs)?;
        let (column, value) = self.value(FORMS)?;
        let Some(when) = when(&value) else { return Err(FilterError { column, expected: FORMS.into() }) };
        let compare = match name {
            "since" => Compare::AtLeast,
            "until" => Compare::Less,
            _ => compare(&sign),
        };
        Ok(Test::Time(compare, when))
    }

    fn sign(&mut self, allowed: &[&str]) -> Result<String, FilterError> {
        match self.peek().map(|token| token.kind.clone()) {
            Some(TokenKind::Sign(sign)) if allowed.contains(&sign.as_str()) => {
                self.next += 1;
                Ok(sign)
            }
            _ => self.wrong(format!("one of {}", allowed.join(" "))),
        }
    }

    fn value(&mut self, expected: &str) -> Result<(usize, String), FilterError> {
        match self.peek().map(|token| token.kind.clone()) {
            Some(TokenKind::Word(text) | TokenKind::Quoted(text)) => {
                let column = self.take().map_or(self.end, |token| token.column);
                Ok((column, text))
            }
            _ => self.wrong(expected),
        }
    }
}

fn one_or(mut tests: Vec<Test>, many: fn(Vec<Test>) -> Test) -> Test {
    match (tests.pop(), tests.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            tests.push(last);
            many(tests)
        }
        (None, _) => Test::All,
    }
}

fn compare(sign: &str) -> Compare {
    match sign {
        "<" => Compare::Less,
        "<=" => Compare::AtMost,
        ">" => Compare::More,
        ">=" => Compare::AtLeast,
        _ => Compare::Equal,
    }
}

fn when(text: &str) -> Option<When> {
    if let Some(ago) = text.strip_prefix('-') {
        let unit = ago.chars().last()?;
        let number: i64 = ago.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        return Some(When::Ago(SignedDuration::from_secs(number.checked_mul(seconds)?)));
    }
    if let Ok(at) = text.parse() {
        return Some(When::At(at));
    }
    if let Ok(time) = text.trim_end_matches('Z').parse::<jiff::civil::Time>() {
        let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        return Some(When::Today(seconds));
    }
    let day: jiff::civil::DateTime = text.parse().ok()?;
    day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| When::At(at.timestamp()))
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
