//! What is broken outside the program: the journal, the file, the key, a plugin. Refuses a silent way out.

use crate::house::journal::files_in;
use crate::house::{House, installed};
use std::path::PathBuf;

/// A house whose journal has a few lines, and the file they are in.
fn with_a_journal() -> (House, PathBuf) {
    let house = House::qa();
    for value in ["a", "b", "c"] {
        house.run(&["secrets", "set", "desk.a", value]).expect_status(0);
    }
    let file = files_in(&house.state("qa").join("journal")).pop().expect("a journal file");
    (house, file)
}

fn lines(file: &PathBuf) -> Vec<String> {
    std::fs::read_to_string(file).expect("a file").lines().map(str::to_owned).collect()
}

fn write(file: &PathBuf, lines: &[String]) {
    std::fs::write(file, lines.join("\n") + "\n").expect("written");
}

/// How the lines are spoilt: the name, and the change.
type Harm = (&'static str, fn(&mut Vec<String>));

const HARMS: [Harm; 6] = [
    ("edited", |lines| lines[3] = lines[3].replacen("\"environment\":\"qa\"", "\"environment\":\"QA\"", 1)),
    ("deleted", |lines| _ = lines.remove(3)),
    ("reordered", |lines| lines.swap(3, 4)),
    ("duplicated", |lines| lines.insert(3, lines[3].clone())),
    ("cut inside", |lines| lines[3].truncate(100)),
    ("emptied", |lines| lines[3].clear()),
];

#[test]
fn a_broken_chain_is_6_and_names_the_file_and_line() {
    for (harm, spoil) in HARMS {
        let (house, file) = with_a_journal();
        house.run(&["audit", "verify"]).expect_status(0);
        let mut spoilt = lines(&file);
        spoil(&mut spoilt);
        write(&file, &spoilt);
        let said = house.run(&["audit", "verify"]).expect_status(6);
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(said.stdout.contains("BROKEN") && said.stdout.contains(name), "{harm}: {}", said.stdout);
        let found = house.run(&["audit", "verify", "--json"]).expect_status(6).json();
        assert_eq!(found["whole"], false, "{harm}");
        let line = found["findings"][0]["line"].as_u64().expect("a line");
        assert!((4..=5).contains(&line), "{harm}: line {line}");
        assert_eq!(house.run(&["status"]).status, 6, "{harm}");
        assert_eq!(house.run(&["doctor"]).status, 6, "{harm}");
    }
}

#[test]
fn a_torn_last_line_is_mended_and_nothing_before_it_is_lost() {
    let (house, file) = with_a_journal();
    let whole = std::fs::read(&file).expect("a file");
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("several lines");
    let before = lines(&file).len();
    std::fs::write(&file, [&whole[..], &whole[last + 1..last + 60]].concat()).expect("written");
    house.run(&["secrets", "get", "desk.a"]).expect_status(0);
    house.run(&["audit", "verify"]).expect_status(0);
    assert!(house.journal("qa").len() > before);
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let (house, _) = with_a_journal();
    let journal = house.state("qa").join("journal");
    std::fs::rename(&journal, house.path("tmp/journal")).expect("moved");
    std::fs::write(&journal, "in its place").expect("written");
    let said = house.run(&["secrets", "set", "desk.a", "unrecorded"]);
    assert_ne!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("journal"), "{}", said.stderr);
    std::fs::remove_file(&journal).expect("removed");
    std::fs::rename(house.path("tmp/journal"), &journal).expect("moved back");
    assert_eq!(house.run(&["secrets", "get", "desk.a"]).expect_status(0).stdout, "c\n");
}

#[test]
fn a_torn_or_foreign_file_is_said_and_left_as_it_is() {
    let house = House::guide("qa");
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    let file = house.path("work/.secrets/encrypted_secrets.bin");
    let whole = std::fs::read(&file).expect("the file");
    let spoilt = [whole[..whole.len() / 2].to_vec(), b"".to_vec(), b"not a token".to_vec(), vec![0xff; 500]];
    for bytes in spoilt {
        std::fs::write(&file, &bytes).expect("written");
        for verb in [
            &["secrets", "validate"][..],
            &["secrets", "set", "desk.a", "c"],
            &["secrets", "list", "--layer", "fernet"],
        ] {
            let said = house.run(verb);
            assert_ne!(said.status, 0, "{verb:?} on {} bytes: {said:?}", bytes.len());
            assert!(said.stderr.contains("while:") && said.stderr.contains("next:"), "{}", said.stderr);
        }
        assert_eq!(std::fs::read(&file).expect("the file"), bytes, "nothing was written over it");
    }
    std::fs::write(&file, whole).expect("written");
    house.run(&["secrets", "validate"]).expect_status(0);
}

/// A house with the plugin that misbehaves, as the layer `bad`.
fn misbehaving(create: &str) -> House {
    let house = House::guide("qa");
    house.configure(&format!(
        "[plugins]\nfolders = [{:?}]\n[backend.bad]\nplugin = \"misbehave\"\nwithin = \"1s\"\nsettings = {{ create = \"{create}\" }}\n",
        installed::misbehave()
    ));
    house
}

/// What a plugin does in a call, and what is said of it.
const IN_A_CALL: [(&str, &str); 7] = [
    ("panic", "panicked"),
    ("hang", "within"),
    ("abort", "aborted (signal 6)"),
    ("overflow", "overran its stack"),
    ("exit", "exited 0 by itself"),
    ("close", "the plugin"),
    ("garble", "broke the joint"),
];

#[test]
fn a_plugin_that_misbehaves_in_a_call_is_5_and_says_what_happened() {
    let house = misbehaving("");
    for (mode, words) in IN_A_CALL {
        let said = house.run(&["secrets", "get", &format!("misbehave/{mode}"), "--layer", "bad"]).expect_status(5);
        assert!(said.stderr.contains(words), "{mode}: {}", said.stderr);
    }
    house.run(&["secrets", "list"]).expect_status(0);
}

#[test]
fn a_plugin_that_chatters_on_its_streams_disturbs_nothing() {
    let house = misbehaving("");
    for mode in ["flood", "print", "say"] {
        let said = house.run(&["secrets", "get", &format!("misbehave/{mode}"), "--layer", "bad"]).expect_status(4);
        assert_eq!(said.stdout, "", "{mode}");
        assert!(said.stderr.len() < 1_000, "{mode}: {} bytes", said.stderr.len());
    }
}

#[test]
fn a_plugin_that_dies_while_it_is_made_leaves_the_others() {
    for mode in ["panic", "abort", "exit", "overflow", "close", "garble", "refuse"] {
        let house = misbehaving(mode);
        house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
        let said = house.run(&["secrets", "list"]).expect_status(0);
        assert!(said.stderr.contains("WARNING: bad is left out"), "{mode}: {}", said.stderr);
        assert!(said.stdout.contains("desk.a"), "{mode}");
    }
}
