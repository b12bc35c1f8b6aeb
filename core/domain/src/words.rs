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
    word(
        "rotation",
        "all that brings one new value in, from plan to end; R-27 is its number, and steps are what it is made of",
        "",
    ),
    word("rekey", "to seal the Fernet file with a new key; 'rotate-key' is its alias", ""),
    word("due", "the date by which a secret is to be rotated; due soon is its last tenth", "expired"),
    word("age", "the time since the value was made: from the journal or the backend; '>=' is a lower bound", ""),
    word("grace", "the time after a rotation in which old and new value are both valid", ""),
    word("stage", "a pending version that nobody reads yet", ""),
    word("promote", "to make the staged version the current one", ""),
    word("retire", "the planned end of a version", "expire"),
    word("revoke", "the emergency end of a version", ""),
    word(
        "runner",
        "the process that carries a rotation on; another one takes over when it is silent for 30 seconds",
        "",
    ),
    word("reader", "a program that reads a secret", "consumer"),
    word("in grace", "a secret whose old and new value are both valid", ""),
    word("retire overdue", "a secret whose grace is over and whose old value is still valid", ""),
    word("rolled back", "a secret whose new value failed: the old one is current again", "reverted"),
    word("lost", "a secret that somebody else changed during a rotation: theirs stays, ours is revoked", ""),
    word("stuck", "a rotation that goes no further without a person", "failed"),
    word("masked", "how values are shown: not at all", "hidden"),
    word("reveal", "to show a value on the screen for ten seconds; written in the journal", "unmask"),
    word("look only", "a session that may change nothing", "read-only mode"),
    word("unlocked", "a session that may act, for a time", ""),
    word("approval", "a signed yes by somebody else", ""),
    word("elevation", "rights for a time; 'jit' is the verb", ""),
    word("alarm", "what asks for a person", "alert"),
    word(
        "kill-switch",
        "what stops trading: Ctrl-X on every screen, 'quarterdeck kill' in every shell",
        "panic button",
    ),
    word("level", "how much is stopped: 3 or 4; trading is level 0; levels 1 and 2 are alarms", ""),
    word("stop", "level 3: no new orders, existing ones may fill; becomes level 4 after five minutes", "graceful stop"),
    word("halt", "level 4: no new orders, cancel, close positions", "emergency stop"),
    word("hold", "keep level 3 and cancel only the automatic level 4", "override"),
    word("release", "back to trading, with a reason; after level 4 with a note", "reset, resume"),
    word("code", "what is typed before Ctrl-X: one for each level, made anew each time", "PIN"),
    word("guard", "what waits for the code: it takes no pasted text and closes after 20 seconds", ""),
    word("episode", "one stop from its beginning to its release: 'E-' and a random part", "incident"),
    word("latch", "the file in which the order stands, and which every engine reads", "flag"),
    word(
        "generation",
        "the number of an order in the latch; it never falls, and an older order is not obeyed",
        "version",
    ),
    word("engine", "a program that sends orders and obeys the latch", "bot"),
    word("trading", "what an engine does that may send orders, and has some to send", ""),
    word("idle", "an engine that may send orders, and has none to send", ""),
    word("blocked", "an engine that sends no more orders", "stopped"),
    word("flat", "an engine that has proven that it has no orders and no positions", "closed"),
    word("residual", "an engine that is to close everything, and has not proven that it did", ""),
    word("silent", "an engine that has not been heard for three seconds: what it does is not known", "offline"),
    word("late", "an engine that has not said BLOCKED one second after a stop", ""),
    word("defying", "an engine that trades though it knows of the stop, or after it said BLOCKED", ""),
    word("beat", "what an engine says of itself each second, and at once when it has obeyed", "ping"),
    word("bypass", "an order after the stop, seen in any tailed file", ""),
    word("watcher", "a process without a screen that keeps the deadline: 'quarterdeck watch'", "daemon"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::EngineStanding::{Blocked, Defying, Flat, Idle, Late, Residual, Silent, Trading};

    #[test]
    fn the_words_page_is_the_table() {
        let page = page();
        // Printed as it stands, to be put in its place.
        assert!(page == include_str!("../../../docs/words.md"), "docs/words.md is made from this table:\n{page}");
    }

    #[test]
    fn a_word_stands_once() {
        for word in WORDS {
            assert_eq!(find(word.word), Some(word), "{} stands twice", word.word);
            assert!(!word.means.contains('|') && !word.not.contains('|'), "{} breaks the table", word.word);
        }
    }

    #[test]
    fn what_the_screen_says_of_an_engine_can_be_looked_up() {
        for standing in [Silent, Defying, Residual, Late, Trading, Idle, Blocked, Flat] {
            assert!(find(standing.word()).is_some(), "{}", standing.word());
        }
    }
}
