//! `rotate …` from the command line over the Fernet file: what each verb says, prints as data and ends with, and who may.
//! Refuses to hold the machine: crashes, faults and races are another suite's.

use crate::house::trading::Running;
use crate::house::{House, PATIENCE, Said, is_root, mode};
use serde_json::Value;

const NAME: &str = "desk.password";
const OLD: &str = "the-old-value-of-the-desk";

/// A desk's list of valid values: `set` adds one, `test` looks for one, `revoke` takes one out. Closed, it adds none.
const HOOK: &str = r#"#!/bin/sh
read -r value
cd "$(dirname "$0")" || exit 75
touch valid
case "$1" in
set) [ ! -e closed ] || { echo "the desk is closed"; exit 1; }; echo "$value" >> valid ;;
test) grep -qxF "$value" valid ;;
revoke) grep -vxF "$value" valid > left; mv left valid ;;
esac
"#;

/// A house whose Fernet file holds the value, with this said of it in the person's own configuration.
fn house(said_of_it: &str) -> House {
    let house = House::guide("qa");
    house.feed(&["secrets", "set", NAME], OLD.as_bytes()).expect_status(0);
    mode(&house.write("home/hooks/hook", HOOK), 0o700);
    own(&house, said_of_it);
    house
}

fn own(house: &House, said_of_it: &str) {
    let made = if said_of_it.contains("generator") { "" } else { "generator = \"password:32\"\n" };
    let text = format!("[[secret]]\nname = \"{NAME}\"\nlayer = \"fernet\"\ngrace = \"0s\"\n{made}{said_of_it}");
    house.write("home/.config/quarterdeck/quarterdeck.toml", text);
}

/// These hooks as commands.
fn hooks(house: &House, steps: &[&str]) -> String {
    let file = house.path("home/hooks/hook");
    let hook = |step: &&str| format!("[secret.{step}]\ncommand = [\"{}\", \"{step}\"]\n", file.display());
    steps.iter().map(hook).collect()
}

const BY_PERSON: &str = "[secret.set]\nby = \"person\"\ntell = \"at the portal\"\n";

fn rotate(house: &House, words: &[&str]) -> Said {
    house.run(&[&["rotate"], words].concat())
}

fn value(house: &House) -> String {
    house.run(&["secrets", "get", NAME]).expect_status(0).stdout.trim_end().to_owned()
}

/// Gives the user who runs the tests a name and a role in this environment.
fn as_person(house: &mut House, name: &str, role: &str, environment: &str) {
    let user = house.user();
    house.write(
        "etc/quarterdeck.toml",
        format!("[[person]]\nname = \"{name}\"\nunix = \"{user}\"\nrole = \"{role}\"\n"),
    );
    house.set_var("DP_ENVIRONMENT", environment);
}

#[track_caller]
fn tells(said: &Said, parts: &[&str]) {
    for part in parts {
        assert!(said.stdout.contains(part) || said.stderr.contains(part), "{part}: {said:?}");
    }
}

#[track_caller]
fn has(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(*key).is_some(), "'{key}' is missing in {value:#}");
    }
}

#[test]
fn a_plan_says_all_of_it_and_does_nothing() {
    let house = house("");
    let plan = rotate(&house, &["plan", NAME]).expect_status(0);
    tells(&plan, &["QA  rotation of desk.password in fernet: a plan, nothing was done", "promote", "plan "]);
    assert_eq!(rotate(&house, &["start", NAME, "--dry-run"]).expect_status(0), plan);
    let data = rotate(&house, &["plan", NAME, "--json"]).expect_status(0);
    assert_eq!(rotate(&house, &["start", NAME, "--dry-run", "--json"]).expect_status(0), data);
    let data = data.json();
    has(
        &data,
        &["name", "layer", "plan", "downtime", "steps", "warnings", "hinders", "waits_for_approval", "under_way"],
    );
    let steps: Vec<_> = data["steps"].as_array().expect("steps").iter().map(|step| &step["step"]).collect();
    assert_eq!(steps, ["check", "stage", "promote", "unstage", "grace", "drop"]);
    assert!(plan.stdout.contains(&data["plan"]["digest"].as_str().expect("a digest")[..12]));
    assert!(value(&house) == OLD && house.events("qa", "ROTATION_PLANNED").is_empty());
    tells(&rotate(&house, &["status"]).expect_status(0), &["no rotation was ever begun here", "rotate due"]);
    let none = rotate(&house, &["status", "--json"]).expect_status(0).json();
    assert_eq!(none, serde_json::json!({ "environment": "qa", "rotations": [] }));
}

#[test]
fn a_start_rotates_tells_each_step_and_ends_with_0() {
    let house = house("");
    own(&house, &hooks(&house, &["set", "test", "revoke"]));
    house.write("home/hooks/valid", format!("{OLD}\n"));
    tells(&rotate(&house, &["start", NAME, "--plan", "0123"]).expect_status(7), &["another one now", "rotate plan"]);
    let plan = rotate(&house, &["plan", NAME, "--json"]).expect_status(0).json();
    let digest = &plan["plan"]["digest"].as_str().expect("a digest")[..12];
    let said = rotate(&house, &["start", NAME, "--plan", digest, "--reason", "it is time"]);
    let new = value(&house);
    assert!(new != OLD && !format!("{said:?}").contains(&new), "{said:?}");
    tells(
        &said.expect_status(0),
        &["R-1 begun", "x set", "x promote", "x verify", "R-1 done: the new value is current"],
    );
    assert_eq!(std::fs::read_to_string(house.path("home/hooks/valid")).expect("a list"), format!("{new}\n"));
}

#[test]
fn a_step_that_says_no_leads_back_with_1_and_one_document() {
    let house = house("");
    own(&house, &hooks(&house, &["set", "revoke"]));
    house.write("home/hooks/closed", "");
    let data = rotate(&house, &["start", NAME, "--json"]).expect_status(1).json();
    assert_eq!((data["rotation"].as_str(), data["ended"]["how"].as_str()), (Some("R-1"), Some("rolled back")));
    assert!(data["why"].as_str().is_some_and(|why| why.contains("the desk is closed")), "{data:#}");
    assert_eq!(value(&house), OLD);
    std::fs::remove_file(house.path("home/hooks/closed")).expect("it was there");
    let data = rotate(&house, &["start", NAME, "--json"]).expect_status(0).json();
    assert_eq!((data["rotation"].as_str(), data["ended"]["how"].as_str()), (Some("R-2"), Some("done")));
    let new = value(&house);
    assert!(new != OLD && !data.to_string().contains(&new), "{data:#}");
    has(&data, &["name", "layer", "id", "reason", "began_at", "step", "course", "state", "from", "staged", "promoted"]);
    has(
        &data,
        &["fingerprint", "grace_until", "downtime", "waits", "question", "stuck", "carried_by", "steps", "readers"],
    );
    has(&data["steps"][0], &["step", "at", "by", "took_ms", "note", "failed"]);
    for word in ["R-2", "r-2", "2", NAME] {
        assert_eq!(rotate(&house, &["status", word, "--json"]).expect_status(0).json()["rotation"], "R-2", "{word}");
    }
    tells(&rotate(&house, &["status"]).expect_status(0), &["ROTATION", "R-2", "done"]);
    tells(&rotate(&house, &["status", "R-2"]).expect_status(0), &["x promote", "versions", "downtime"]);
    let due = rotate(&house, &["due", "--json"]).expect_status(0).json();
    has(
        &due[0],
        &["name", "layer", "state", "is_due", "due_at", "period_s", "scheduled", "confirm", "rotation", "why_not"],
    );
}

#[test]
fn what_a_person_does_is_waited_for_and_said() {
    let house = house(BY_PERSON);
    let said = rotate(&house, &["start", NAME]).expect_status(1);
    tells(&said, &["R-1 set: waits for a person: at the portal", "rotate done R-1"]);
    for words in [&["start", NAME][..], &["plan", NAME]] {
        tells(&rotate(&house, words).expect_status(7), &["R-1", "under way"]);
    }
    let data = rotate(&house, &["status", "R-1", "--json"]).expect_status(0).json();
    assert_eq!(data["question"], serde_json::json!({ "asks": "person", "step": "set", "told": "at the portal" }));
    assert_eq!(rotate(&house, &["plan", NAME, "--json"]).expect_status(7).json()["under_way"]["rotation"], "R-1");
    tells(&rotate(&house, &["rollback", "R-1"]).expect_status(3), &["is not promoted", "next:"]);
    tells(&rotate(&house, &["retire", "R-1"]).expect_status(3), &["asks nobody whether to retire"]);
    tells(&rotate(&house, &["confirm", "R-1"]).expect_status(3), &["needs no confirmation"]);
    tells(&rotate(&house, &["done", NAME, "--note", "by hand"]).expect_status(0), &["R-1 done"]);
    assert_ne!(value(&house), OLD);
    for verb in ["abort", "rollback", "retire", "resume", "done"] {
        rotate(&house, &[verb, "R-1"]).expect_status(3);
    }
}

#[test]
fn what_is_given_up_and_what_did_not_work_goes_back() {
    let house = house(BY_PERSON);
    rotate(&house, &["start", NAME]).expect_status(1);
    tells(
        &rotate(&house, &["abort", "R-1", "--reason", "wrong desk"]).expect_status(0),
        &["R-1 aborted", "wrong desk"],
    );
    assert_eq!(value(&house), OLD);
    let data = rotate(&house, &["start", NAME, "--json"]).expect_status(1).json();
    assert_eq!((&data["rotation"], &data["question"]["asks"]), (&"R-2".into(), &"person".into()));
    // Two tries of two values; each wants a person.
    for _ in 0..3 {
        tells(&rotate(&house, &["done", NAME, "--failed"]).expect_status(1), &["waits for a person"]);
    }
    tells(&rotate(&house, &["done", NAME, "--failed"]).expect_status(1), &["R-2 rolled back"]);
    assert_eq!(value(&house), OLD);
}

#[test]
fn while_both_are_valid_it_leads_back() {
    let house = house("");
    let text =
        format!("[[secret]]\nname = \"{NAME}\"\nlayer = \"fernet\"\ngrace = \"10m\"\ngenerator = \"password:32\"\n");
    house.write("home/.config/quarterdeck/quarterdeck.toml", text);
    let running = Running::start(house.command(house.program()).args(["rotate", "start", NAME, "--stay"]));
    let end = std::time::Instant::now() + PATIENCE;
    while value(&house) == OLD {
        assert!(std::time::Instant::now() < end, "it was never promoted");
    }
    tells(&rotate(&house, &["abort", NAME]).expect_status(3), &["is promoted: 'rollback' leads back in grace"]);
    tells(
        &rotate(&house, &["rollback", NAME, "--reason", "it is wrong"]).expect_status(0),
        &["R-1 rolled back", "it is wrong"],
    );
    assert_eq!(running.ended().code(), Some(0), "it was asked for");
    assert_eq!(value(&house), OLD);
}

#[test]
fn a_value_that_only_a_broker_makes_is_fed() {
    let house = house("generator = \"typed\"\n");
    tells(&rotate(&house, &["start", NAME]).expect_status(2), &["no value was given"]);
    let said = house.feed(&["rotate", "start", NAME], b"issued-by-the-broker\n").expect_status(0);
    assert!(!format!("{said:?}").contains("issued-by"), "{said:?}");
    assert_eq!(value(&house), "issued-by-the-broker");
    let journal: String = house.journal("qa").iter().map(Value::to_string).collect();
    assert!(!journal.contains("issued-by"), "the journal has fingerprints and no values");
}

#[test]
fn wrong_words_are_told_and_change_nothing() {
    let mut house = house("");
    for words in [&[][..], &["start"], &["plan"], &["start", NAME, "--grace", "1s"], &["resume"], &["turn", NAME]] {
        rotate(&house, words).expect_status(2);
    }
    for words in [&["plan", "desk.absent"][..], &["start", "desk.absent"], &["status", "R-7"], &["abort", "no-such"]] {
        let said = rotate(&house, words).expect_status(4);
        assert!(said.stderr.contains("next:"), "{said:?}");
        assert_eq!(rotate(&house, &[words, &["--json"]].concat()).json()["error"]["status"], 4, "{words:?}");
    }
    tells(&rotate(&house, &["start", NAME, "--layer", "nowhere"]), &["nowhere"]);
    tells(&rotate(&house, &["adopt", NAME]).expect_status(3), &["has no schedule of its own"]);
    tells(&house.run(&["--readonly", "rotate", "start", NAME]).expect_status(3), &["nothing can be changed from here"]);
    house.run(&["--readonly", "rotate", "plan", NAME]).expect_status(3);
    house.set_var("DP_DESK__PASSWORD", "above");
    tells(&rotate(&house, &["start", NAME]).expect_status(3), &["env"]);
    house.drop_var("DP_DESK__PASSWORD");
    assert!(value(&house) == OLD && house.events("qa", "ROTATION_PLANNED").is_empty());
    house.drop_var("DP_ENVIRONMENT");
    rotate(&house, &["start", NAME]).expect_status(2);
}

#[test]
fn a_working_folders_command_is_left_aside_and_never_runs() {
    let house = house("");
    let hooks = hooks(&house, &["set"]);
    house.configure(&format!("[[secret]]\nname = \"{NAME}\"\nlayer = \"fernet\"\n{hooks}"));
    for words in [&["plan", NAME][..], &["start", NAME, "--dry-run"], &["start", NAME]] {
        tells(&rotate(&house, words).expect_status(3), &["'set' is configured and", "left aside"]);
    }
    assert!(!house.path("home/hooks/valid").exists(), "a planted file runs nothing");
    assert_eq!(value(&house), OLD);
    // The person's own file says it too: that one counts.
    own(&house, &hooks);
    rotate(&house, &["start", NAME]).expect_status(0);
    assert!(house.path("home/hooks/valid").exists());
}

#[test]
fn in_paper_another_ones_confirmation_comes_first() {
    let mut house = house("");
    as_person(&mut house, "alice", "devops", "paper");
    tells(&rotate(&house, &["plan", NAME]).expect_status(0), &["PAPER", "by the role 'trader'", "recorded, unsigned"]);
    let said = rotate(&house, &["start", NAME]).expect_status(9);
    tells(&said, &["R-1 waits to be confirmed", "next: 'quarterdeck rotate confirm R-1'"]);
    tells(&rotate(&house, &["confirm", "R-1"]).expect_status(3), &["your role is 'devops'"]);
    let data = rotate(&house, &["resume", "R-1", "--json"]).expect_status(9).json();
    assert_eq!(data["question"], serde_json::json!({ "asks": "confirm" }));
    as_person(&mut house, "alice", "trader", "paper");
    tells(&rotate(&house, &["confirm", "R-1"]).expect_status(3), &["nobody confirms what they asked for"]);
    as_person(&mut house, "bob", "trader", "paper");
    rotate(&house, &["start", NAME]).expect_status(3);
    let data = rotate(&house, &["confirm", "R-1", "--json"]).expect_status(0).json();
    assert_eq!(data, serde_json::json!({ "rotation": "R-1", "confirmed": true, "signed": false }));
    as_person(&mut house, "alice", "devops", "paper");
    tells(&rotate(&house, &["resume", "R-1"]).expect_status(0), &["x confirm", "bob", "R-1 done"]);
    assert_eq!(house.events("paper", "ROTATION_CONFIRMED").len(), 1);
    as_person(&mut house, "carol", "governance", "paper");
    rotate(&house, &["start", NAME]).expect_status(3);
}

#[test]
fn in_production_a_plan_can_be_looked_at_and_a_start_waits_for_approval() {
    let mut house = house("");
    as_person(&mut house, "alice", "devops", "production");
    // In Production the person's own file says nothing of how a value comes about.
    let etc = std::fs::read_to_string(house.path("etc/quarterdeck.toml")).expect("there");
    let said = format!("[[secret]]\nname = \"{NAME}\"\nlayer = \"fernet\"\ngenerator = \"password:32\"\n");
    house.write("etc/quarterdeck.toml", etc + &said);
    // Only root can give a test a root-owned /etc; without it Production knows no role.
    if is_root() {
        for words in [&["plan", NAME][..], &["start", NAME, "--dry-run"]] {
            tells(&rotate(&house, words).expect_status(9), &["PRODUCTION", "start waits for approval", "plan "]);
        }
        let data = rotate(&house, &["plan", NAME, "--json"]).expect_status(9).json();
        assert!(data["waits_for_approval"].as_str().is_some_and(|why| why.contains("governance")), "{data:#}");
        tells(&rotate(&house, &["start", NAME, "--stay"]).expect_status(9), &["signed approval by governance"]);
    } else {
        rotate(&house, &["start", NAME, "--stay"]).expect_status(3);
    }
    assert!(house.events("production", "ROTATION_PLANNED").is_empty());
    as_person(&mut house, "bob", "trader", "production");
    rotate(&house, &["start", NAME]).expect_status(3);
}
