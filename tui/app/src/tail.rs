//! The audit tail: the lines that are held, what is found in them, and where the reader stands. Refuses to grow: the
//! oldest lines go, by number and by weight. Refuses to move under a reader: a line is known by its number and not by
//! its row.

use crate::counts::{Counts, Rate};
use crate::find::Find;
use crate::list::Move;
use jiff::Timestamp;
use quarterdeck_domain::audit::{AuditLine, Place};
use quarterdeck_domain::severity::Severity;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most lines held.
const MOST_LINES: usize = 20_000;
/// Most memory held by lines, bytes.
const MOST_BYTES: usize = 19 * 256 * 1024;

/// A line that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub number: u64,
    /// Where it stands on disk.
    pub place: Place,
    /// Its source.
    pub source: Arc<str>,
    /// Its whole text; `None` until it came.
    pub text: Option<Vec<String>>,
    /// How far its text is scrolled, lines.
    pub scroll: usize,
}

/// One line as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Its number since the program began.
    pub number: u64,
    /// The line.
    pub line: &'a AuditLine,
    /// It is what is looked for.
    pub hit: bool,
    /// It is the selected one.
    pub selected: bool,
}

/// The tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The line that is open in detail.
    pub opened: Option<Opened>,
    /// Only hits are shown.
    pub only_hits: bool,
    lines: VecDeque<AuditLine>,
    first: u64,
    bytes: usize,
    counts: Counts,
    critical: Option<(Timestamp, u64)>,
    major: Option<(Timestamp, u64)>,
    find: Option<Find>,
    hits: VecDeque<u64>,
    /// While held: the number after the last line that is shown.
    held: Option<u64>,
    /// The selected line; `None` while following.
    chosen: Option<u64>,
    /// The line on the window's last row while not following.
    bottom: u64,
    /// MAJOR lines before this number were seen, or put away by key.
    put_away: u64,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            opened: None,
            only_hits: true,
            lines: VecDeque::new(),
            first: 0,
            bytes: 0,
            counts: Counts::default(),
            critical: None,
            major: None,
            find: None,
            hits: VecDeque::new(),
            held: None,
            chosen: None,
            bottom: 0,
            put_away: 0,
        }
    }
}

impl Tail {
    /// Takes new lines, oldest first.
    pub(crate) fn take(&mut self, lines: Vec<AuditLine>, now: Timestamp) {
        for line in lines {
            self.counts.add(line.at, line.severity, now);
            let at = Some((line.at.unwrap_or(now).min(now), self.end()));
            match line.severity {
                Severity::Critical => self.critical = self.critical.max(at),
                Severity::Major => self.major = self.major.max(at),
                Severity::Minor | Severity::Info => {}
            }
            if self.find.as_ref().is_some_and(|find| find.matches(&line, now)) {
                self.hits.push_back(self.end());
            }
            self.bytes += weight(&line);
            self.lines.push_back(line);
            self.drop_oldest();
        }
        while self.hits.front().is_some_and(|hit| *hit < self.first) {
            self.hits.pop_front();
        }
    }

    fn drop_oldest(&mut self) {
        while self.lines.len() > MOST_LINES || self.bytes > MOST_BYTES {
            let Some(gone) = self.lines.pop_front() else { return };
            self.bytes -= weight(&gone);
            self.first += 1;
        }
    }

    /// Looks for something, or for nothing any more.
    pub(crate) fn look_for(&mut self, find: Option<Find>, now: Timestamp) {
        self.hits = match &find {
            None => VecDeque::new(),
            Some(find) => {
                let numbered = self.lines.iter().enumerate();
                numbered
                    .filter(|(_, line)| find.matches(line, now))
                    .map(|(place, _)| self.first + place as u64)
                    .collect()
            }
        };
        self.find = find;
    }

    /// Stops the tail where it is, or lets it go on.
    pub(crate) fn hold(&mut self) {
        self.held = if self.held.is_some() { None } else { Some(self.end()) };
    }

    /// To the newest line, and stays there.
    pub(crate) fn follow(&mut self) {
        self.held = None;
        self.chosen = None;
        self.opened = None;
    }

    /// Moves the selection over the lines that are shown, in a window of so many rows.
    pub(crate) fn go(&mut self, to: Move, rows: usize) {
        let length = self.length();
        let place = self.chosen.map_or(length.saturating_sub(1), |chosen| self.place_of(chosen));
        let Some(new) = to.from(Some(place), length) else { return };
        if new == place && place + 1 == length && to != Move::First && self.held.is_none() {
            return self.follow();
        }
        self.choose(self.nth(new), rows);
    }

    /// Selects the next line after the selected one, or before it, that is wanted. Says whether there is one.
    pub(crate) fn jump(&mut self, forward: bool, wanted: impl Fn(&Shown<'_>) -> bool, rows: usize) -> bool {
        let length = self.length();
        let place = self.chosen.map_or(length, |chosen| self.place_of(chosen));
        let found = if forward {
            (place + 1..length).find(|place| self.shown(*place).is_some_and(|shown| wanted(&shown)))
        } else {
            (0..place.min(length)).rev().find(|place| self.shown(*place).is_some_and(|shown| wanted(&shown)))
        };
        if let Some(found) = found {
            self.choose(self.nth(found), rows);
        }
        found.is_some()
    }

    /// Opens the selected line; gives what is to be fetched.
    pub(crate) fn open(&mut self, rows: usize) -> Option<Opened> {
        let number = self.chosen.or_else(|| self.nth(self.length().checked_sub(1)?))?;
        let line = self.line(number)?;
        let opened = Opened { number, place: line.place, source: Arc::clone(&line.source), text: None, scroll: 0 };
        if self.opened.as_ref().is_some_and(|open| open.number == number) {
            return None;
        }
        self.opened = Some(opened.clone());
        self.choose(Some(number), rows);
        Some(opened)
    }

    fn choose(&mut self, number: Option<u64>, rows: usize) {
        let Some(number) = number else { return };
        if self.chosen.is_none() {
            self.bottom = self.length().checked_sub(1).and_then(|last| self.nth(last)).unwrap_or(number);
        }
        self.chosen = Some(number);
        self.bottom = self.nth(self.bottom_place(rows)).unwrap_or(number);
    }

    /// The place of the window's last row, with the selected line inside the window.
    fn bottom_place(&self, rows: usize) -> usize {
        let last = self.length().saturating_sub(1);
        let Some(chosen) = self.chosen else { return last };
        let (chosen, bottom) = (self.place_of(chosen), self.place_of(self.bottom));
        let lowest = chosen + rows.saturating_sub(1);
        bottom.clamp(chosen, lowest).max(rows.saturating_sub(1)).min(last)
    }

    fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    fn shown_end(&self) -> u64 {
        self.held.unwrap_or(u64::MAX).clamp(self.first, self.end())
    }

    fn filters(&self) -> bool {
        self.only_hits && self.find.is_some()
    }

    /// How many lines are shown in all.
    fn length(&self) -> usize {
        let end = self.shown_end();
        if self.filters() { self.hits.partition_point(|hit| *hit < end) } else { (end - self.first) as usize }
    }

    /// The number of the line at a place among those that are shown.
    fn nth(&self, place: usize) -> Option<u64> {
        if place >= self.length() {
            return None;
        }
        if self.filters() { self.hits.get(place).copied() } else { Some(self.first + place as u64) }
    }

    /// The place of a line, or of the next one when it is not shown.
    fn place_of(&self, number: u64) -> usize {
        let place = if self.filters() {
            self.hits.partition_point(|hit| *hit < number)
        } else {
            number.saturating_sub(self.first) as usize
        };
        place.min(self.length().saturating_sub(1))
    }

    fn shown(&self, place: usize) -> Option<Shown<'_>> {
        let number = self.nth(place)?;
        let line = self.line(number)?;
        let hit = self.find.is_some() && (self.filters() || self.hits.binary_search(&number).is_ok());
        let selected = self.chosen.is_some_and(|chosen| self.place_of(chosen) == place);
        Some(Shown { number, line, hit, selected })
    }

    /// A line by its number, while it is held.
    pub fn line(&self, number: u64) -> Option<&AuditLine> {
        self.lines.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The lines in a window of so many rows, oldest first; the newest or the selected one is among them.
    pub fn window(&self, rows: usize) -> Vec<Shown<'_>> {
        let length = self.length();
        if length == 0 || rows == 0 {
            return Vec::new();
        }
        let bottom = self.bottom_place(rows);
        ((bottom + 1).saturating_sub(rows)..=bottom).filter_map(|place| self.shown(place)).collect()
    }

    /// The newest lines whatever is looked for, oldest first; while held, the newest then.
    pub fn latest(&self, rows: usize) -> Vec<Shown<'_>> {
        let end = self.shown_end();
        let start = end.saturating_sub(rows as u64).max(self.first);
        let shown = |number| Some(Shown { number, line: self.line(number)?, hit: false, selected: false });
        (start..end).filter_map(shown).collect()
    }

    /// The selected line; the newest while following.
    pub fn selected(&self) -> Option<Shown<'_>> {
        let last = self.length().checked_sub(1)?;
        self.shown(self.chosen.map_or(last, |chosen| self.place_of(chosen)))
    }

    /// True while the newest line is always the last row.
    pub fn is_following(&self) -> bool {
        self.chosen.is_none() && self.held.is_none()
    }

    /// True while held by the reader.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// How many lines came that are not shown yet because the tail is held, or stand below the window's last row.
    pub fn newer(&self) -> u64 {
        match (self.held, self.chosen) {
            (Some(held), _) => self.end().saturating_sub(held.max(self.first)),
            (None, Some(_)) => self.end().saturating_sub(self.bottom.max(self.first) + 1),
            (None, None) => 0,
        }
    }

    /// What is looked for.
    pub fn find(&self) -> Option<&Find> {
        self.find.as_ref()
    }

    /// How many hits are held, and the place of the selected one among them, from 1.
    pub fn hits(&self) -> (usize, Option<usize>) {
        let place = self.chosen.and_then(|chosen| self.hits.binary_search(&chosen).ok());
        (self.hits.len(), place.map(|place| place + 1))
    }

    /// How many lines are held.
    pub fn held_lines(&self) -> usize {
        self.lines.len()
    }

    /// How many lines came since the program began.
    pub fn seen(&self) -> u64 {
        self.end()
    }

    /// How much memory the lines take, bytes.
    pub fn weight(&self) -> usize {
        self.bytes
    }

    /// Counts over 24 h, worst first.
    pub fn day(&self, now: Timestamp) -> [u32; 4] {
        self.counts.day(now)
    }

    /// Lines per minute.
    pub fn rate(&self, now: Timestamp) -> Rate {
        self.counts.rate(now)
    }

    /// When the last MAJOR or CRITICAL line was written.
    pub fn loud_at(&self) -> Option<Timestamp> {
        self.critical.max(self.major).map(|(at, _)| at)
    }

    /// The last MAJOR line has been seen. Says whether it was news.
    pub(crate) fn put_away(&mut self) -> bool {
        let next = self.major.map_or(0, |(_, number)| number + 1);
        std::mem::replace(&mut self.put_away, next) < next
    }

    /// A MAJOR line of this number needs no more to be told.
    pub fn is_put_away(&self, number: u64) -> bool {
        number < self.put_away
    }

    /// When the last line of this severity was written, and its number; CRITICAL and MAJOR are remembered.
    pub fn last(&self, severity: Severity) -> Option<(Timestamp, u64)> {
        match severity {
            Severity::Critical => self.critical,
            Severity::Major => self.major,
            Severity::Minor | Severity::Info => None,
        }
    }
}

fn weight(line: &AuditLine) -> usize {
    let texts = [line.actor(), line.kind(), line.resource(), line.outcome()];
    // Sixteen for what the allocator keeps beside each text.
    size_of::<AuditLine>() + 16 + texts.iter().map(|text| text.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_domain::audit::Fields;

    fn line(actor: &str, severity: Severity) -> AuditLine {
        let fields = Fields { actor, kind: "SECRET_READ", resource: "prod/rds/password", outcome: "ok 41 ms" };
        AuditLine::new("journal".into(), None, severity, Place::default(), &fields)
    }

    fn tail(count: usize) -> Tail {
        let mut tail = Tail::default();
        let lines = (0..count).map(|i| line(&format!("a{i}"), Severity::Info)).collect();
        tail.take(lines, Timestamp::UNIX_EPOCH);
        tail
    }

    fn seen(tail: &Tail, rows: usize) -> Vec<u64> {
        tail.window(rows).iter().map(|shown| shown.number).collect()
    }

    #[test]
    fn the_newest_is_last_until_somebody_moves_and_then_nothing_moves() {
        let mut tail = tail(10);
        assert_eq!(seen(&tail, 3), [7, 8, 9]);
        tail.go(Move::By(-1), 3);
        assert_eq!((seen(&tail, 3), tail.selected().unwrap().number), (vec![7, 8, 9], 8));
        tail.take(vec![line("b", Severity::Info)], Timestamp::UNIX_EPOCH);
        assert_eq!((seen(&tail, 3), tail.selected().unwrap().number, tail.newer()), (vec![7, 8, 9], 8, 1));
        tail.go(Move::By(-3), 3);
        assert_eq!(seen(&tail, 3), [5, 6, 7]);
        tail.go(Move::By(1), 3);
        assert_eq!((seen(&tail, 3), tail.selected().unwrap().number), (vec![5, 6, 7], 6));
        tail.follow();
        assert_eq!(seen(&tail, 3), [8, 9, 10]);
    }

    #[test]
    fn moving_past_the_last_line_follows_again() {
        let mut tail = tail(3);
        tail.go(Move::By(-1), 3);
        assert!(!tail.is_following());
        tail.go(Move::By(1), 3);
        tail.go(Move::By(1), 3);
        assert!(tail.is_following());
    }

    #[test]
    fn held_lines_stay_and_nothing_is_lost() {
        let mut tail = tail(5);
        tail.hold();
        assert!(tail.is_held());
        tail.take(vec![line("b", Severity::Info)], Timestamp::UNIX_EPOCH);
        assert_eq!((seen(&tail, 2), tail.newer()), (vec![3, 4], 1));
        tail.hold();
        assert!(!tail.is_held());
        assert_eq!(seen(&tail, 2), [4, 5]);
    }

    #[test]
    fn hits_are_found_among_what_is_held_and_what_comes() {
        let mut tail = tail(30);
        tail.look_for(Find::parse("a1").unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!(tail.hits().0, 11);
        assert_eq!(seen(&tail, 2), [18, 19]);
        tail.take(vec![line("a1b", Severity::Info)], Timestamp::UNIX_EPOCH);
        assert_eq!(seen(&tail, 2), [19, 30]);
        tail.only_hits = false;
        assert_eq!(seen(&tail, 2), [29, 30]);
        assert!(tail.jump(false, |shown| shown.hit, 2));
        assert!(tail.jump(false, |shown| shown.hit, 2));
        assert_eq!((tail.selected().unwrap().number, tail.hits()), (19, (12, Some(11))));
        assert!(!tail.jump(true, |shown| shown.line.severity == Severity::Critical, 2));
    }

    #[test]
    fn the_oldest_go_and_a_reader_among_them_stands_at_the_oldest_left() {
        let mut tail = tail(10);
        tail.go(Move::First, 3);
        let lines = (0..100_000).map(|_| line("c", Severity::Info)).collect();
        tail.take(lines, Timestamp::UNIX_EPOCH);
        assert_eq!((tail.held_lines(), tail.seen()), (MOST_LINES, 100_010));
        assert_eq!(tail.selected().unwrap().number, 80_010);
        assert_eq!(seen(&tail, 3), [80_010, 80_011, 80_012]);
    }

    #[test]
    fn a_hundred_thousand_lines_stay_within_eight_mebibytes_however_long_they_are() {
        let mut tail = Tail::default();
        let long = "\u{e9}".repeat(2_000);
        for text in ["alice", long.as_str()] {
            for _ in 0..100 {
                let lines = (0..500).map(|_| line(text, Severity::Info)).collect();
                tail.take(lines, Timestamp::UNIX_EPOCH);
                let slots = tail.lines.capacity() * size_of::<AuditLine>();
                let texts = tail.weight() - tail.held_lines() * size_of::<AuditLine>();
                assert!(slots + texts <= 8 * 1024 * 1024, "{slots} + {texts}");
            }
        }
        assert_eq!(tail.seen(), 100_000);
    }
}
