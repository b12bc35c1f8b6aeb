//! What belongs to another environment, from the command line: by its name however it is spelt, by configuration, and
//! behind a backend's own settings. Refused with 3, recorded, counted, and never named.

use crate::house::House;

/// A file with a secret of Production, one of QA and one that nobody claims, seen from QA.
fn three_owners() -> House {
    let mut house = House::guide("qa");
    house.drop_var("DP_ENVIRONMENT");
    for name in ["prod/trader/key", "qa/trader/key", "plain.key"] {
        house.run(&["secrets", "set", name, "a value"]).expect_status(0);
    }
    house.set_var("DP_ENVIRONMENT", "qa");
    house
}

const SPELLINGS: [&str; 11] = [
    "prod/trader/key",
    "PROD/trader/key",
    "/prod/trader/key",
    "prod//trader/key",
    "./prod/trader/key",
    "prod/trader/key/",
    "x/../prod/trader/key",
    "prod%2Ftrader%2fkey",
    "secret/data/prod/trader/key",
    "arn:aws:secretsmanager:eu-west-1:1:secret:prod/trader/key-AbC123",
    "prod/trader/key#password",
];

#[test]
fn no_verb_reaches_another_environments_secret_by_any_spelling() {
    let house = three_owners();
    for name in SPELLINGS {
        for verb in ["get", "set", "delete", "restore", "history"] {
            let mut words = vec!["secrets", verb, name];
            words.extend((verb == "set").then_some("another value"));
            let said = house.run(&words).expect_status(3);
            assert!(said.stderr.contains("belongs to PRODUCTION"), "{verb} {name}: {}", said.stderr);
            assert!(!said.stdout.contains("value"), "{verb} {name}: {}", said.stdout);
        }
    }
    let recorded = house.events("qa", "ENVIRONMENT_CROSSED");
    assert_eq!(recorded.len(), SPELLINGS.len() * 5, "each is recorded once");
    assert!(recorded.iter().all(|event| event.starts_with("DENIED ")), "{recorded:?}");
}

#[test]
fn what_is_elsewhere_is_counted_and_never_named() {
    let house = three_owners();
    for verb in [&["secrets", "list"][..], &["secrets", "search", "key"], &["config", "show"]] {
        let said = house.run(verb).expect_status(0);
        assert!(!said.stdout.contains("prod/"), "{verb:?}: {}", said.stdout);
        assert!(
            said.stdout.contains("qa/trader/key") && said.stdout.contains("plain.key"),
            "{verb:?}: {}",
            said.stdout
        );
    }
    assert!(house.run(&["secrets", "list"]).expect_status(0).stderr.contains("1 name of PRODUCTION not shown"));
    let near = house.run(&["secrets", "get", "prodd/trader/key"]).expect_status(4);
    assert!(!near.stderr.contains("'prod/trader/key'"), "a slip of the fingers tells no name: {}", near.stderr);
}

#[test]
fn configuration_says_whose_other_names_are() {
    let house = three_owners();
    house.run(&["secrets", "set", "live.token", "a value"]).expect_status(0);
    house.configure(
        "[[boundary]]\nenvironment = \"production\"\nnames = [\"live.*\"]\nlayer = \"fernet\"\n\
         [[secret]]\nname = \"qa/trader/key\"\nkey = \"trader.key\"\nenvironment = \"paper\"\n",
    );
    for name in ["live.token", "LIVE.token", "qa/trader/key", "trader.key"] {
        for verb in ["get", "history"] {
            house.run(&["secrets", verb, name]).expect_status(3);
        }
    }
    house.run(&["secrets", "set", "live.token", "b"]).expect_status(3);
    let listed = house.run(&["secrets", "list"]).expect_status(0);
    assert!(listed.stdout.contains("plain.key") && !listed.stdout.contains("live.token"), "{}", listed.stdout);
    assert!(listed.stderr.contains("2 names of PRODUCTION not shown"), "{}", listed.stderr);
    assert!(listed.stderr.contains("1 name of PAPER not shown"), "{}", listed.stderr);
}

#[test]
fn a_claim_on_one_layer_leaves_another_layers_secret_of_that_name() {
    let mut house = three_owners();
    house.configure("[[boundary]]\nenvironment = \"production\"\nnames = [\"plain.key\"]\nlayer = \"fernet\"\n");
    house.run(&["secrets", "get", "plain.key"]).expect_status(3);
    house.set_var("DP_PLAIN__KEY", "from here");
    assert_eq!(house.run(&["secrets", "get", "plain.key"]).expect_status(0).stdout, "from here\n");
    house.run(&["secrets", "get", "plain.key", "--layer", "fernet"]).expect_status(3);
}

#[test]
fn a_layer_that_must_not_be_missing_is_an_error_in_any_environment() {
    let mut house = House::guide("qa");
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    house.write("work/secrets.yaml", "desk:\n  a: from below\n");
    let other = house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", &other);
    assert_eq!(house.run(&["secrets", "get", "desk.a"]).expect_status(0).stdout, "from below\n");
    house.configure("[backend.fernet]\nrequired = true\n");
    for verb in [&["secrets", "get", "desk.a"][..], &["secrets", "list"], &["config", "show"]] {
        let said = house.run(verb);
        assert_ne!(said.status, 0, "{verb:?}: {said:?}");
        assert!(!said.stdout.contains("from below"), "{verb:?}: {said:?}");
    }
}

#[test]
fn a_plugin_without_its_pin_is_mounted_as_the_reason_and_recorded() {
    let house = House::guide("qa");
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    house.configure(&format!("[plugins.pinned]\nenv = \"{}\"\n", "0".repeat(64)));
    let said = house.run(&["secrets", "get", "desk.a", "--layer", "fernet"]);
    assert!(said.status != 0 && said.stderr.contains("'fernet' was refused: it is not pinned"), "{said:?}");
    let mut recorded = house.events("qa", "PLUGIN_REFUSED");
    recorded.sort();
    assert_eq!(recorded, ["DENIED backend://env", "DENIED backend://fernet"]);
    house.configure("[plugins.pinned]\nenv = \"12\"\n");
    let said = house.run(&["config", "check"]).expect_status(1);
    assert!(said.stderr.contains("[plugins] pinned env: a SHA-256 has 64 hexadecimal digits"), "{}", said.stderr);
}

#[test]
fn a_backend_for_other_environments_is_no_layer_here() {
    let house = House::guide("qa");
    house.configure("[backend.fernet]\nenvironments = [\"paper\"]\n");
    let said = house.run(&["secrets", "get", "desk.a", "--layer", "fernet"]).expect_status(1);
    assert!(said.stderr.contains("there is no layer 'fernet' here"), "{}", said.stderr);
    house.configure("[backend.fernet]\nenvironments = [\"papier\"]\n");
    assert!(house.run(&["config", "check"]).expect_status(1).stderr.contains("environments"));
}
