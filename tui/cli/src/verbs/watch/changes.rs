//! What changed from one row to the next, each in one line for a log. Refuses to repeat what stands: a beat is no news.

use crate::switch::text::{self, tame};
use quarterdeck_domain::kill::{EngineRow, KillRow, PathState};

/// The lines for a change. Without a row before, what there is now.
pub(super) fn changes(before: Option<&KillRow>, row: &KillRow) -> Vec<String> {
    let mut lines = Vec::new();
    if before.is_none_or(|before| order(before) != order(row)) {
        lines.push(standing(row));
    }
    let plain = |text: Option<&String>| text.map(|text| uncounted(text));
    let differs = |of: fn(&KillRow) -> Option<&String>| plain(before.and_then(of)) != plain(of(row));
    if let Some(doubt) = row.doubt.as_ref().filter(|_| differs(|row| row.doubt.as_ref())) {
        lines.push(format!("DOUBT: {}", tame(doubt)));
    }
    if differs(|row| row.unjournalled.as_ref()) {
        lines.push(match &row.unjournalled {
            Some(why) => format!("UNJOURNALLED: {}", tame(why)),
            None => "the journal has it now".into(),
        });
    }
    for engine in &row.engines {
        let known = before.and_then(|before| before.engines.iter().find(|known| known.name == engine.name));
        if known.is_none_or(|known| known.standing != engine.standing || reasons(known) != reasons(engine)) {
            lines.push(self::engine(engine));
        }
        if is_broken(&engine.link) && known.is_none_or(|known| !is_broken(&known.link)) {
            lines.push(format!("{}: its socket is {}", tame(&engine.name), text::path(&engine.link)));
        }
    }
    for gone in before.into_iter().flat_map(|before| &before.engines) {
        if !row.engines.iter().any(|engine| engine.name == gone.name) {
            lines.push(format!("{}: is not known any more", tame(&gone.name)));
        }
    }
    let told = before.map_or(0, |before| before.bypasses.len());
    lines.extend(text::bypasses(row).into_iter().skip(told.min(row.bypasses.len())));
    lines
}

/// Why an engine is where it is, without how often and how long.
fn reasons(row: &EngineRow) -> Vec<String> {
    row.why.iter().map(|why| uncounted(why)).collect()
}

/// A text without its numbers and what they count: `14 tries` and `1 min 3 s` are no news after `13 tries` and `59 s`.
fn uncounted(text: &str) -> String {
    let mut words = Vec::new();
    let mut counted = false;
    for word in text.split_whitespace() {
        let number = word.contains(|letter: char| letter.is_ascii_digit());
        if !number && !counted {
            words.push(word);
        }
        counted = number;
    }
    words.join(" ")
}

/// What makes it another order.
fn order(row: &KillRow) -> (&'static str, Option<u64>) {
    (row.state.name(), row.record.as_ref().map(|record| record.generation))
}

fn standing(row: &KillRow) -> String {
    let mut line = text::trading(row);
    if let Some(record) = &row.record {
        let by = tame(&record.initiator.person);
        line.push_str(&format!("; {} generation {} by {by}", tame(&record.episode), record.generation));
    }
    if let Some(at) = row.deadline_at {
        line.push_str(&format!("; level 4 at {at:.0}"));
    }
    line
}

fn engine(row: &EngineRow) -> String {
    let why: Vec<String> = row.why.iter().map(|why| tame(why)).collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
    format!("{} {} is {}{why}", tame(&row.name), tame(&row.account), row.standing.word())
}

fn is_broken(path: &PathState) -> bool {
    matches!(path, PathState::Broken { .. })
}

#[cfg(test)]
mod tests {
    use super::uncounted;

    #[test]
    fn a_number_that_grows_is_no_news() {
        assert_eq!(uncounted("no beat for 59 s, 1 try"), uncounted("no beat for 1 min 3 s, 14 tries"));
        assert_ne!(uncounted("no beat for 59 s"), uncounted("its process is gone"));
    }
}
