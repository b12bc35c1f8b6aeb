//! The architecture's laws, held by reading the source: which crate may know which, where `unsafe` may stand, what the
//! pure parts may not touch. Refuses to be loosened: a law that resists is a design that wants changing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file of these folders, as path and text.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut rest: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder of the project");
            rest.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            files.push((path.strip_prefix(root()).expect("inside").to_owned(), text));
        }
    }
    assert!(!files.is_empty(), "{folders:?} hold no source: the law would hold nothing");
    files
}

/// What a crate depends on outside its tests.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside && let Some(name) = line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty()) {
            names.insert(name.to_owned());
        }
    }
    names
}

/// The text without comments and strings, roughly: enough to look for words in code.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

const OURS: &[(&str, &str, &[&str])] = &[
    ("backends/contract", "quarterdeck-contract", &[]),
    ("backends/abi", "quarterdeck-abi", &["quarterdeck-contract"]),
    ("backends/host", "quarterdeck-host", &["quarterdeck-abi", "quarterdeck-contract"]),
    ("plugins/env", "quarterdeck-env", &["quarterdeck-abi", "quarterdeck-contract"]),
    ("plugins/fernet", "quarterdeck-fernet", &["quarterdeck-abi", "quarterdeck-contract"]),
    ("plugins/vault", "quarterdeck-vault", &["quarterdeck-abi", "quarterdeck-contract"]),
    ("plugins/aws", "quarterdeck-aws", &["quarterdeck-abi", "quarterdeck-contract"]),
    ("tests/servers", "quarterdeck-servers", &[]),
    ("core/domain", "quarterdeck-domain", &[]),
    ("core/clock", "quarterdeck-clock", &["quarterdeck-domain"]),
    ("core/engine", "quarterdeck-engine", &["quarterdeck-clock", "quarterdeck-domain"]),
    ("core/simulator", "quarterdeck-simulator", &["quarterdeck-clock", "quarterdeck-domain", "quarterdeck-engine"]),
    (
        "core/control",
        "quarterdeck-control",
        &["quarterdeck-abi", "quarterdeck-clock", "quarterdeck-contract", "quarterdeck-domain", "quarterdeck-host"],
    ),
    ("tui/app", "quarterdeck-app", &["quarterdeck-domain"]),
    ("tui/panes", "quarterdeck-panes", &["quarterdeck-app", "quarterdeck-domain"]),
    ("tui/terminal", "quarterdeck-terminal", &[]),
    (
        "tui/cli",
        "quarterdeck-cli",
        &[
            "quarterdeck-app",
            "quarterdeck-clock",
            "quarterdeck-control",
            "quarterdeck-domain",
            "quarterdeck-panes",
            "quarterdeck-simulator",
            "quarterdeck-terminal",
        ],
    ),
];

#[test]
fn arrows_between_crates_only_fall() {
    for (folder, name, may) in OURS {
        let known: BTreeSet<String> =
            dependencies(folder).into_iter().filter(|other| other.starts_with("quarterdeck-")).collect();
        let allowed: BTreeSet<String> = may.iter().map(|name| (*name).to_owned()).collect();
        let wrong: Vec<_> = known.difference(&allowed).collect();
        assert!(wrong.is_empty(), "{name} may not know {wrong:?}");
    }
}

#[test]
fn every_member_of_the_workspace_is_under_this_law() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let members = text.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).expect("members");
    for member in members.split('"').skip(1).step_by(2).filter(|member| *member != ".") {
        let known = OURS.iter().any(|(folder, ..)| *folder == member);
        let of_a_test = member.contains("/tests/") || member.ends_with("/subject");
        assert!(known || of_a_test, "{member} has no law");
    }
}

#[test]
fn the_pure_crates_know_no_runtime_screen_or_library_loader() {
    let banned = ["tokio", "libloading", "notify", "rustix", "libc", "crossterm", "quarterdeck-control"];
    for folder in ["core/domain", "tui/app", "tui/panes", "backends/contract"] {
        let wrong: Vec<_> = dependencies(folder).into_iter().filter(|name| banned.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "{folder} depends on {wrong:?}");
    }
    for folder in ["core/domain", "tui/app"] {
        assert!(!dependencies(folder).contains("ratatui"), "{folder} knows a screen");
    }
    let contract = dependencies("backends/contract");
    assert!(contract.iter().all(|name| ["serde", "zeroize"].contains(&name.as_str())), "{contract:?}");
}

#[test]
fn unsafe_stands_in_the_joint_alone() {
    for (path, text) in sources(&["backends", "plugins", "core", "tui", "tests"]) {
        if path.starts_with("backends/abi") || path.starts_with("tests/laws") {
            continue;
        }
        let found = code(&text)
            .lines()
            .position(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe"));
        assert_eq!(found, None, "{} has unsafe code", path.display());
    }
}

#[test]
fn the_domain_reads_no_clock_file_environment_or_network() {
    let banned = [
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "std::process",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
    ];
    for (path, text) in sources(&["core/domain/src", "tui/app/src", "tui/panes/src"]) {
        let code = code(&text);
        for word in banned {
            assert!(!code.contains(word), "{} uses {word}: it is an argument here", path.display());
        }
    }
    let rules = std::fs::read_to_string(root().join("core/domain/clippy.toml")).expect("the domain's lint rules");
    assert!(rules.contains("SystemTime::now") && rules.contains("std::fs::read"), "the lint holds it too");
}

#[test]
fn every_source_file_says_what_it_is() {
    for (path, text) in sources(&["backends", "plugins", "core", "tui"]) {
        // A test module beside its subject is opened by its subject's header.
        let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs")
            || path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("_tests"));
        assert!(is_test || text.starts_with("//!"), "{} opens without '//!'", path.display());
    }
}

#[test]
fn a_file_stays_small_enough_to_be_read() {
    for (path, text) in sources(&["backends", "plugins", "core", "tui", "tests"]) {
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines: does it still do one thing?", path.display());
    }
}

#[test]
fn no_test_sleeps() {
    for (path, text) in sources(&["backends", "plugins", "core", "tui", "tests"]) {
        let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs");
        let of_a_subject = path.iter().any(|part| part == "misbehave" || part == "subject");
        if is_test && !of_a_subject && !path.starts_with("tests/laws") {
            assert!(!code(&text).contains("sleep("), "{} sleeps: wait for the event", path.display());
        }
    }
}

#[test]
fn the_words_page_is_the_words_table() {
    let page = std::fs::read_to_string(Path::new(&root()).join("docs/words.md")).expect("docs/words.md");
    assert_eq!(page, quarterdeck_domain::words::page(), "docs/words.md is made from the table in core/domain");
}
