//! `audit tail` and `audit query`: our lines and other programs', filtered, tame, and only for those who may.

use crate::house::House;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

/// A house with another program's file, in which a few lines are.
fn house() -> House {
    let house = House::qa();
    let path = house.path("home/.config/quarterdeck/quarterdeck.toml");
    let own = std::fs::read_to_string(&path).expect("init wrote it");
    let source = "[[audit.source]]\nname = \"orders\"\npath = \"../../../work/orders.jsonl\"\n";
    std::fs::write(&path, own + source).expect("written");
    append(
        &house,
        [line("alpha", "first", "SUCCESS"), line("beta", "second", "FAILURE"), line("alpha", "third", "SUCCESS")]
            .concat(),
    );
    house
}

fn line(actor: &str, resource: &str, result: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-20T12:00:00Z\",\"actor\":\"service-role:{actor}\",\"resource\":\"{resource}\",\
         \"action\":\"LOGIN\",\"result\":\"{result}\"}}\n"
    )
}

fn append(house: &House, text: impl AsRef<[u8]>) {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(house.path("work/orders.jsonl"));
    file.expect("a file").write_all(text.as_ref()).expect("written");
}

#[test]
fn tail_shows_both_sources_and_a_filter_some_of_them() {
    let house = house();
    let all = house.run(&["audit", "tail"]).expect_status(0).stdout;
    for part in ["[journal]", "[orders]", "STATE_SNAPSHOT", "first", "second", "third"] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let some = house.run(&["audit", "tail", "--filter", "actor=alpha"]).expect_status(0).stdout;
    assert!(some.contains("first") && some.contains("third") && !some.contains("second"), "{some}");
    let last = house.run(&["audit", "tail", "-n", "1"]).expect_status(0).stdout;
    assert_eq!(last.lines().count(), 1, "{last}");
}

#[test]
fn query_finds_all_there_is_and_says_how_many() {
    let house = house();
    let said = house.run(&["audit", "query", "severity>=MINOR and actor=beta"]).expect_status(0);
    assert!(said.stdout.contains("second") && said.stdout.lines().count() == 1, "{said:?}");
    assert!(said.stderr.contains('1'), "{}", said.stderr);
    house.run(&["audit", "query", "actor=nobody"]).expect_status(4);
    assert_eq!(house.events("qa", "COMPLIANCE_AUDIT").len(), 2, "what was asked is recorded, found or not");
    let wrong = house.run(&["audit", "query", "severity>="]).expect_status(2);
    assert!(wrong.stderr.contains("for example"), "{}", wrong.stderr);
}

#[test]
fn ten_thousand_lines_of_one_instant_are_all_found() {
    let house = house();
    let lines: String = (0..10_000).map(|number| line("gamma", &format!("burst-{number:05}"), "SUCCESS")).collect();
    append(&house, lines);
    let said = house.run(&["audit", "query", "actor=gamma", "--json"]).expect_status(0);
    let mut found: Vec<String> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a document"))
        .map(|line| line["resource"].as_str().expect("a resource").to_owned())
        .collect();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 10_000);
}

#[test]
fn what_is_printed_is_tame() {
    let house = house();
    append(
        &house,
        "{\"timestamp\":\"2026-11-20T12:00:00Z\",\"resource\":\"a\\u001b[2J\\u202e\\u0007\\u009b2Jz\",\"action\":\"READ\"}\n",
    );
    append(&house, b"\x1b]0;title\x07 raw \xff\xfe bytes\n");
    append(&house, format!("{}\n", "long ".repeat(200_000)));
    append(&house, line("alpha", "the-last", "SUCCESS"));
    for words in [
        &["audit", "tail", "-n", "100"][..],
        &["audit", "tail", "-n", "100", "--json"],
        &["audit", "query", "severity>=info"],
    ] {
        let said = house.run(words).expect_status(0);
        assert!(said.stdout.contains("the-last"), "{words:?}");
        let wild = said.stdout.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(wild, None, "{words:?}");
        let longest = said.stdout.lines().map(str::len).max().unwrap_or_default();
        assert!(longest < 10_000, "{words:?}: a line of {longest} bytes");
    }
}

#[test]
fn following_goes_on_until_the_reader_goes_away() {
    let house = house();
    let mut command = house.command(house.program());
    command.args(["audit", "tail", "--follow", "--filter", "actor=delta"]).stdout(Stdio::piped());
    append(&house, line("delta", "before", "SUCCESS"));
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().contains("before"));
    append(&house, line("delta", "later", "SUCCESS"));
    assert!(next().contains("later"));
    std::fs::rename(house.path("work/orders.jsonl"), house.path("work/orders.jsonl.1")).expect("renamed");
    append(&house, line("delta", "after-the-rename", "SUCCESS"));
    assert!(next().contains("after-the-rename"));
    drop(lines);
    // With nobody to read, the next line ends it.
    append(&house, line("delta", "unread", "SUCCESS"));
    let process = crate::house::processes::Process::of(child.id() as i32).expect("it runs");
    let ended = process.ends();
    let _ = child.kill();
    let status = child.wait().expect("an end");
    assert!(ended && status.code() == Some(0), "{status:?}");
}

#[test]
fn a_trader_sees_the_tail_and_queries_nothing() {
    let mut house = House::guide("paper");
    let user = house.user();
    for (role, query) in [("trader", 3), ("governance", 0)] {
        house.configure(&format!("[[person]]\nname = \"alice\"\nunix = \"{user}\"\nrole = \"{role}\"\n"));
        house.set_var("DP_ENVIRONMENT", "paper");
        house.run(&["audit", "tail"]).expect_status(0);
        house.run(&["audit", "query", "severity>=info"]).expect_status(query);
    }
    assert_eq!(house.events("paper", "PERMISSION_DENIED").len(), 1);
}
