//! What is looked for in the tail. Refuses to be clever: the language belongs to the domain, this is the seam behind
//! which it stands.

use quarterdeck_domain::audit::AuditLine;

/// A search that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    text: String,
    words: Vec<String>,
}

impl Find {
    /// Reads what was typed; an empty search is none. The error is one sentence for the person who types.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        Ok((!words.is_empty()).then(|| Self { text: text.to_owned(), words }))
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when every word stands somewhere in the line.
    pub fn matches(&self, line: &AuditLine) -> bool {
        let fields = [line.severity.word(), &line.source, line.actor(), line.kind(), line.resource(), line.outcome()];
        self.words.iter().all(|word| fields.iter().any(|field| field.to_lowercase().contains(word)))
    }
}
