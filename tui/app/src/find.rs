//! What is looked for in the tail, in the domain's filter language. Refuses an empty search: it is none.

use jiff::Timestamp;
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::filter::Filter;

/// A search that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find(Filter);

impl Find {
    /// Reads what was typed; an empty search is none. The error is one sentence for the person who types.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Filter::parse(text).map(|filter| Some(Self(filter))).map_err(|error| error.to_string())
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// True when the line is what is looked for, now.
    pub fn matches(&self, line: &AuditLine, now: Timestamp) -> bool {
        self.0.matches(line, now)
    }
}
