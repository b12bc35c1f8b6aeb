//! What the verbs say and leave behind, when they work and when they don't.

use crate::birds::Aviary;
use crate::house::Said;

#[track_caller]
fn is_silent(aviary: &Aviary, words: &[&str], said: &Said) {
    aviary.none_in(&format!("the standard output of {words:?}"), said.stdout.as_bytes());
    aviary.none_in(&format!("the standard error of {words:?}"), said.stderr.as_bytes());
}

#[test]
fn no_verb_but_get_says_a_value() {
    let aviary = Aviary::new();
    let verbs: [&[&str]; 16] = [
        &["status"],
        &["status", "--short"],
        &["secrets", "list"],
        &["secrets", "search", "desk"],
        &["secrets", "validate"],
        &["config", "show"],
        &["config", "check"],
        &["doctor"],
        &["plugins", "list"],
        &["plugins", "verify"],
        &["whoami"],
        &["audit", "tail"],
        &["audit", "query", "severity>=info"],
        &["audit", "verify"],
        &["audit", "catalogue"],
        &["help"],
    ];
    for verb in verbs {
        for words in [verb.to_vec(), [verb, &["--json"]].concat()] {
            let said = aviary.house.run(&words);
            assert_ne!(said.stdout, "", "{words:?}: {}", said.stderr);
            is_silent(&aviary, &words, &said);
        }
    }
    let tail = aviary.house.run(&["audit", "tail", "-n", "100"]).expect_status(0);
    assert!(tail.stdout.contains("desk"), "the other program's lines were read: {}", tail.stdout);
    aviary.none_in_files();
}

#[test]
fn get_says_one_value_where_it_was_asked_to_and_nowhere_else() {
    let aviary = Aviary::new();
    for (name, layer, value) in [
        ("broker.password", "env", "canary-entry-3fe81c"),
        ("desk.dotenv", "env", "canary-dotenv-77a0e9"),
        ("desk.stored", "fernet", "canary-stored-c4a7f2"),
        ("desk.yaml", "yaml", "canary-yaml-5d1b6f"),
        ("DP_SHELF_ONE", "shelf", "canary-shelf-90b2d4"),
    ] {
        let said = aviary.house.run(&["secrets", "get", name, "--layer", layer]).expect_status(0);
        assert_eq!(said.stdout, format!("{value}\n"));
        assert_eq!(said.stderr, "");
    }
    aviary.none_in_files();
}

#[test]
fn a_change_says_and_leaves_nothing() {
    let mut aviary = Aviary::new();
    let new = aviary.bird("a second value", "canary-second-0d93ba");
    let map = aviary.bird("a value in a map", "canary-map-f17c40");
    let key = aviary.house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
    let key = aviary.bird("a new key", &key);
    let map = format!("{{\"inner\": \"{map}\"}}");
    let changes: [(&[&str], &str); 5] = [
        (&["secrets", "set", "desk.stored"], &new),
        (&["secrets", "set", "desk.stored", "--json"], &new),
        (&["secrets", "set", "desk.map", "--as-json"], &map),
        (&["secrets", "delete", "desk.stored"], ""),
        (&["secrets", "rekey", "--new-key", "-"], &key),
    ];
    for (words, input) in changes {
        let said = aviary.house.feed(words, input.as_bytes()).expect_status(0);
        is_silent(&aviary, words, &said);
    }
    aviary.none_in_files();
    aviary.house.run(&["audit", "verify"]).expect_status(0);
}

#[test]
fn what_fails_says_and_leaves_nothing() {
    let mut aviary = Aviary::new();
    let refused = aviary.bird("a refused value", "canary-refused-2b6a91");
    let json = aviary.bird("in bad JSON", "canary-json-8841fd");
    let bad = aviary.bird("a bad key", "canary-badkey-1c77e0");
    let token = aviary.bird("a token for a key", "gAAAAAcanarytoken5512");
    let json = format!("{{\"a\": \"{json}\", {json}");
    let failures: [(&[&str], &str, i32); 11] = [
        (&["--readonly", "secrets", "set", "desk.a"], &refused, 3),
        (&["--env", "paper", "secrets", "set", "desk.a"], &refused, 3),
        (&["secrets", "set", "prod/desk"], &refused, 3),
        (&["secrets", "set", "desk.stored", "--if-version", "0"], &refused, 7),
        (&["secrets", "set", "desk.a", "--layer", "env"], &refused, 1),
        (&["secrets", "set", "desk.a", "--as-json"], &json, 1),
        (&["secrets", "rekey", "--new-key", "-"], &bad, 1),
        (&["secrets", "rekey", "--new-key", "-"], &token, 1),
        (&["secrets", "get", "misbehave/panic-value", "--layer", "shelf"], "", 5),
        (&["secrets", "get", "misbehave/abort", "--layer", "shelf"], "", 5),
        (&["secrets", "get", "misbehave/hang", "--layer", "shelf"], "", 5),
    ];
    for (words, input, status) in failures {
        for json in [false, true] {
            let words = if json { [words, &["--json"]].concat() } else { words.to_vec() };
            let said = aviary.house.feed(&words, input.as_bytes()).expect_status(status);
            is_silent(&aviary, &words, &said);
        }
    }
    aviary.none_in_files();
}

#[test]
fn a_plugin_that_panics_with_a_value_in_its_words_does_not_pass_it_on() {
    let mut aviary = Aviary::new();
    aviary.bird("in a panic's message", "canary-in-a-panic");
    let words = ["secrets", "get", "misbehave/panic-value", "--layer", "shelf"];
    let said = aviary.house.run(&words).expect_status(5);
    is_silent(&aviary, &words, &said);
    aviary.none_in_files();
}

#[test]
fn a_wrong_key_and_a_torn_file_say_nothing_of_what_they_hold() {
    let mut aviary = Aviary::new();
    let other = aviary.house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
    aviary.house.set_var("DP_SECRETS_ENCRYPTION_KEY", &other);
    aviary.bird("another key", &other);
    let file = aviary.house.path("work/.secrets/encrypted_secrets.bin");
    let whole = std::fs::read(&file).expect("the file");
    for bytes in [whole.clone(), whole[..whole.len() / 2].to_vec()] {
        std::fs::write(&file, bytes).expect("written");
        for words in [&["secrets", "validate"][..], &["secrets", "list"], &["doctor"], &["status"]] {
            let said = aviary.house.run(words);
            is_silent(&aviary, words, &said);
        }
    }
    aviary.none_in_files();
}
