//! Who may do what, from the command line: every answer of the matrix that can be asked here, recorded in the journal.

use crate::house::{House, is_root};

/// Role, environment, secret, then the status of `get` and of `set`.
const ANSWERS: &[(&str, &str, &str, i32, i32)] = &[
    ("trader", "qa", "broker.password", 0, 0),
    ("devops", "qa", "broker.password", 0, 0),
    ("qa", "qa", "rds.password", 0, 0),
    ("governance", "qa", "broker.password", 3, 3),
    ("trader", "paper", "broker.password", 0, 3),
    ("trader", "paper", "aws.key", 3, 3),
    ("devops", "paper", "broker.password", 0, 9),
    ("devops", "paper", "rds.password", 3, 9),
    ("qa", "paper", "broker.password", 3, 3),
    ("qa", "paper", "data.feed", 0, 3),
    ("governance", "paper", "data.feed", 3, 3),
    ("trader", "production", "broker.password", 0, 3),
    ("devops", "production", "broker.password", 3, 9),
    ("devops", "production", "aws.key", 0, 9),
    ("qa", "production", "data.feed", 3, 3),
    ("governance", "production", "broker.password", 3, 3),
];

const NAMES: [&str; 4] = ["broker.password", "rds.password", "aws.key", "data.feed"];

/// A house in which this person has this role, and whose file was filled while it was still QA's.
fn house(role: &str, environment: &str) -> House {
    let mut house = House::guide("qa");
    for name in NAMES {
        house.run(&["secrets", "set", name, "value"]).expect_status(0);
    }
    let user = house.user();
    house
        .write("etc/quarterdeck.toml", format!("[[person]]\nname = \"alice\"\nunix = \"{user}\"\nrole = \"{role}\"\n"));
    house.set_var("DP_ENVIRONMENT", environment);
    house
}

#[test]
fn the_matrix_answers_from_the_command_line_too() {
    for (role, environment, name, get, set) in ANSWERS {
        // Only root can give a test a root-owned /etc; without it Production knows no role and refuses.
        let (get, set) = if *environment == "production" && !is_root() { (&3, &3) } else { (get, set) };
        let house = house(role, environment);
        let case = format!("{role} {environment} {name}");
        let said = house.run(&["secrets", "get", name]);
        assert_eq!(said.status, *get, "get {case}: {said:?}");
        assert_eq!(said.stdout.contains("value"), *get == 0, "{case}: {said:?}");
        let said = house.run(&["secrets", "set", name, "other"]);
        assert_eq!(said.status, *set, "set {case}: {said:?}");
        assert_eq!(house.run(&["secrets", "delete", name]).status, *set, "delete {case}");
        let denied = [get, set, set].iter().filter(|status| matches!(status, 3 | 9)).count();
        assert_eq!(house.events(environment, "PERMISSION_DENIED").len(), denied, "{case}");
    }
}

#[test]
fn a_refusal_says_why_and_leaves_the_value() {
    let house = house("governance", "paper");
    let said = house.run(&["secrets", "set", "broker.password", "other"]).expect_status(3);
    for part in ["refused:", "'governance'", "PAPER", "while:", "next:"] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    assert_eq!(house.run(&["--env", "qa", "whoami", "--json"]).json()["role"], "governance");
}

#[test]
fn a_secret_of_another_environment_is_refused_recorded_and_not_shown() {
    let mut house = House::guide("production");
    let file = house.path("work/own.toml");
    std::fs::write(&file, "").expect("written");
    house.set_var("DP_ENVIRONMENT", "qa");
    house.run(&["secrets", "set", "qa/own", "mine"]).expect_status(0);
    for verb in [&["secrets", "set", "prod/x", "v"][..], &["secrets", "set", "paper/x", "v"]] {
        let said = house.run(verb).expect_status(3);
        assert!(said.stderr.contains("it belongs to"), "{}", said.stderr);
    }
    // Before any layer is asked: whether it is there or not is no business of this environment either.
    house.run(&["secrets", "get", "prod/absent"]).expect_status(3);
    let crossed = ["DENIED secret://any/prod/x", "DENIED secret://any/paper/x", "DENIED secret://any/prod/absent"];
    assert_eq!(house.events("qa", "ENVIRONMENT_CROSSED"), crossed);
    house.set_var("DP_ENVIRONMENT", "paper");
    house.run(&["secrets", "get", "qa/own"]).expect_status(3);
    assert!(!house.run(&["secrets", "list"]).stdout.contains("qa/own"));
}

#[test]
fn without_environment_the_guides_verbs_still_keep_others_secrets_apart() {
    let mut house = House::guide("qa");
    house.run(&["secrets", "set", "qa/own", "mine"]).expect_status(0);
    house.drop_var("DP_ENVIRONMENT");
    assert_eq!(house.run(&["secrets", "get", "qa/own"]).expect_status(0).stdout, "mine\n");
}

#[test]
fn readonly_refuses_every_change_by_flag_and_by_the_documents_switches() {
    let changes: [&[&str]; 3] = [
        &["secrets", "set", "broker.password", "other"],
        &["secrets", "delete", "broker.password"],
        &["secrets", "rekey", "--new-key", "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="],
    ];
    for (variable, flag) in
        [(None, true), (Some(("DP_IBKR__READONLY", "true")), false), (Some(("DP_EXECUTION__ENABLED", "false")), false)]
    {
        let mut house = house("devops", "qa");
        if let Some((name, value)) = variable {
            house.set_var(name, value);
        }
        for change in changes {
            let words = if flag { [&["--readonly"][..], change].concat() } else { change.to_vec() };
            let said = house.run(&words).expect_status(3);
            assert!(said.stderr.contains("nothing can be changed from here"), "{words:?}: {}", said.stderr);
        }
        assert_eq!(house.run(&["secrets", "get", "broker.password"]).expect_status(0).stdout, "value\n");
        assert_eq!(house.events("qa", "PERMISSION_DENIED").len(), changes.len());
    }
}

#[test]
fn in_production_a_planted_file_makes_nobody_an_officer() {
    let mut house = house("qa", "production");
    let user = house.user();
    let planted = format!("[[person]]\nname = \"eve\"\nunix = \"{user}\"\nrole = \"trader\"\n");
    house.configure(&planted);
    house.write("home/.config/quarterdeck/quarterdeck.toml", &planted);
    let said = house.run(&["secrets", "get", "broker.password"]).expect_status(3);
    assert!(said.stderr.contains("was left aside"), "{}", said.stderr);
    house.set_var("DP_ENVIRONMENT", "paper");
    house.run(&["secrets", "get", "broker.password"]).expect_status(0);
}
