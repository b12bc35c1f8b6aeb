//! The product's words: one for one thing. This table makes `help WORD` and `docs/words.md`. Refuses synonyms.

/// One word: what it means, and what it is not called here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// What it means.
    pub means: &'static str,
    /// What others call it.
    pub not: &'static str,
}

const fn word(word: &'static str, means: &'static str, not: &'static str) -> Word {
    Word { word, means, not }
}

/// All of them, in the order in which a newcomer meets them.
pub const WORDS: &[Word] = &[
    word("environment", "QA, PAPER or PRODUCTION; a cockpit is opened on one and reaches no other", "stage, tier"),
    word("secret", "a name and a value that a backend keeps; the value is masked everywhere", "credential"),
    word("backend", "what stores secrets: the environment, a Fernet file, Vault, AWS", "provider"),
    word("plugin", "the library that reaches a backend; it runs in a process of its own", ""),
    word("layer", "a place in the order of resolution; the highest that holds a key wins", "source"),
    word("shadows", "the lower layers whose value of the same key is overridden", ""),
    word("event", "one line of the audit", ""),
    word("audit", "all lines, ours and other programs'", ""),
    word("journal", "our own log: append-only, each line chained to the one before", ""),
    word("severity", "CRITICAL, MAJOR, MINOR or info; P0, P1, P2, none", ""),
    word("rotate", "to make a new version of a secret", ""),
    word("rekey", "to seal the Fernet file with a new key; 'rotate-key' is its alias", ""),
    word("due", "the date by which a secret is to be rotated; due soon is its last tenth", "expired"),
    word("age", "the time since the value was made: from the journal or the backend; '>=' is a lower bound", ""),
    word("grace", "the time after a rotation in which old and new value are both valid", ""),
    word("stage", "a pending version that nobody reads yet", ""),
    word("promote", "to make the staged version the current one", ""),
    word("retire", "the planned end of a version", "expire"),
    word("revoke", "the emergency end of a version", ""),
    word("masked", "how values are shown: not at all", "hidden"),
    word("reveal", "to show a value on the screen for ten seconds; written in the journal", "unmask"),
    word("look only", "a session that may change nothing", "read-only mode"),
    word("unlocked", "a session that may act, for a time", ""),
    word("approval", "a signed yes by somebody else", ""),
    word("elevation", "rights for a time; 'jit' is the verb", ""),
    word("alarm", "what asks for a person", "alert"),
    word("kill-switch", "the control that stops trading; not built yet", ""),
    word("stop", "level 3: no new orders, existing ones may fill", "graceful stop"),
    word("halt", "level 4: no new orders, cancel, close positions", ""),
    word("hold", "keep level 3 and cancel only the automatic level 4", "override"),
    word("release", "back to trading; two persons in Production", "reset, resume"),
];

/// Finds a word.
pub fn find(text: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.word.eq_ignore_ascii_case(text.trim()))
}

/// `docs/words.md`, whole.
pub fn page() -> String {
    let mut page = String::from(
        "# Words\n\nOne word for one thing: in types, files, screen, command line and docs. `quarterdeck help WORD` says the same.\n\n| word | means | not |\n| --- | --- | --- |\n",
    );
    for word in WORDS {
        page.push_str(&format!("| {} | {} | {} |\n", word.word, word.means, word.not));
    }
    page
}
