//! What a server said, as text that a screen can show. Refuses to hand on a character that steers a terminal or turns,
//! hides or joins its text: it is spelt out, `\u{202e}`.

use quarterdeck_contract::{BackendError, Entry, ErrorKind, ExtraReply, Health, Inspection, Page, VersionId};

/// Most characters of a foreign sentence in an error.
const SENTENCE: usize = 300;

/// A foreign text as one line.
pub(crate) fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, letter| {
        match letter {
            '\n' | '\r' | '\t' => plain.push(' '),
            letter if steers(letter) => plain.extend(letter.escape_unicode()),
            letter => plain.push(letter),
        }
        plain
    })
}

/// The same, not too long.
pub(crate) fn sentence(text: &str) -> String {
    plain(&text.chars().take(SENTENCE).collect::<String>())
}

/// Controls, marks that turn the direction of writing, letters without a width, tags.
pub(crate) fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// An error.
pub(crate) fn error(error: BackendError) -> BackendError {
    let kind = match error.kind {
        ErrorKind::Denied { missing, grant } => ErrorKind::Denied { missing: plain(&missing), grant: plain(&grant) },
        ErrorKind::Conflict { current } => ErrorKind::Conflict { current: current.as_deref().map(plain) },
        kind => kind,
    };
    BackendError { kind, what: plain(&error.what), doing: plain(&error.doing), hint: plain(&error.hint) }
}

/// A page. A name that AWS would never allow is left out: spelt out it would be another one.
pub(crate) fn page(page: Page) -> Page {
    let entries = page.entries.into_iter().filter(|entry| !entry.name.as_str().contains(steers));
    let entries = entries.map(|entry| Entry { version: entry.version.map(version), ..entry });
    Page { entries: entries.collect(), next: page.next }
}

/// An inspection: its tags, facts and versions.
pub(crate) fn inspection(mut inspection: Inspection) -> Inspection {
    inspection.metadata = inspection.metadata.iter().map(|(key, text)| (plain(key), plain(text))).collect();
    inspection.facts = pairs(&inspection.facts);
    for one in &mut inspection.versions {
        one.id = VersionId(plain(&one.id.0));
        one.rotation = one.rotation.as_deref().map(plain);
        one.labels.iter_mut().for_each(|label| *label = plain(label));
    }
    inspection
}

/// How AWS is.
pub(crate) fn health(health: Health) -> Health {
    let warnings = health.warnings.iter().map(|warning| plain(warning)).collect();
    Health { summary: plain(&health.summary), facts: pairs(&health.facts), warnings, expires_at: health.expires_at }
}

/// What an extra operation gives.
pub(crate) fn reply(reply: ExtraReply) -> ExtraReply {
    let results = reply.results.into_iter().map(|(label, text)| (plain(&label), plain(&text))).collect();
    ExtraReply { results, ..reply }
}

/// A version's id.
pub(crate) fn version(id: VersionId) -> VersionId {
    VersionId(plain(&id.0))
}

fn pairs(pairs: &[(String, String)]) -> Vec<(String, String)> {
    pairs.iter().map(|(label, text)| (plain(label), plain(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_spelt_out_and_the_rest_stays() {
        assert_eq!(
            plain("a\u{1b}[2J\u{9b}b\u{202e}c\u{2066}\u{200b}\u{feff}"),
            r"a\u{1b}[2J\u{9b}b\u{202e}c\u{2066}\u{200b}\u{feff}"
        );
        assert_eq!(plain("é € 𝄞\nnext"), "é € 𝄞 next");
        let facts = vec![("identity".into(), "user/\u{202e}bob".into())];
        let foul = Health { summary: "\u{9b}x".into(), facts, warnings: vec!["\u{200b}".into()], expires_at: None };
        let health = health(foul);
        assert_eq!((health.summary.as_str(), health.facts[0].1.as_str()), (r"\u{9b}x", r"user/\u{202e}bob"));
        assert_eq!(health.warnings, [r"\u{200b}"]);
        assert_eq!(sentence(&"x".repeat(400)).len(), SENTENCE);
    }
}
