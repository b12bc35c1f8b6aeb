//! Values as they come and go: newlines, Unicode, bytes, sizes, JSON. Refuses to change one on its way.

use crate::house::House;

#[test]
fn text_comes_back_as_it_went_in() {
    let house = House::qa();
    // One newline at the end, as echo leaves it, is not part of a value; everything else is.
    let cases: [(&str, &str); 10] = [
        ("plain", "plain"),
        ("with a newline\n", "with a newline"),
        ("two newlines\n\n", "two newlines\n"),
        ("from windows\r\n", "from windows"),
        ("in\nside", "in\nside"),
        (" blanks ", " blanks "),
        ("ünïcödé € 𝄞 \u{202e}", "ünïcödé € 𝄞 \u{202e}"),
        ("\"quotes\" \\ and \u{1b}[31m", "\"quotes\" \\ and \u{1b}[31m"),
        ("nul \0 inside", "nul \0 inside"),
        ("\u{7f}\u{80}\u{ffff}", "\u{7f}\u{80}\u{ffff}"),
    ];
    for (put, wanted) in cases {
        house.feed(&["secrets", "set", "desk.text"], put.as_bytes()).expect_status(0);
        let said = house.run(&["secrets", "get", "desk.text"]).expect_status(0);
        assert_eq!(said.stdout, format!("{wanted}\n"), "{put:?}");
        let data = house.run(&["secrets", "get", "desk.text", "--json"]).expect_status(0).json();
        assert_eq!(data["value"], wanted, "{put:?}");
    }
}

#[test]
fn json_keeps_its_digits_and_its_kind() {
    let house = House::qa();
    let cases = [
        "12345678901234567890123456789",
        "1.10",
        "1e400",
        "true",
        "null",
        "[1, [2, {\"a\": 3.0}]]",
        "{\"z\": 1, \"a\": \"\\u20ac\"}",
    ];
    for text in cases {
        house.feed(&["secrets", "set", "desk.data", "--as-json"], text.as_bytes()).expect_status(0);
        let said = house.run(&["secrets", "get", "desk.data"]).expect_status(0);
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(parsed(&said.stdout), parsed(text), "{text}");
    }
}

#[test]
fn nested_names_are_one_tree() {
    let house = House::qa();
    house.run(&["secrets", "set", "broker.password", "a"]).expect_status(0);
    house.run(&["secrets", "set", "broker.host.name", "b"]).expect_status(0);
    let tree = house.run(&["secrets", "get", "broker"]).expect_status(0);
    let tree: serde_json::Value = serde_json::from_str(&tree.stdout).expect("JSON");
    assert_eq!(tree, serde_json::json!({ "password": "a", "host": { "name": "b" } }));
}

#[test]
fn bytes_that_are_no_text_are_refused_by_a_json_file() {
    let house = House::qa();
    let said = house.feed(&["secrets", "set", "desk.bytes"], &[0xff, 0xfe, 0x00]).expect_status(1);
    assert!(said.stderr.contains("base64"), "{}", said.stderr);
}

#[test]
fn eight_mebibytes_fit_and_more_than_sixteen_are_refused_before_anything_is_asked() {
    let house = House::qa();
    let large = "x".repeat(8 << 20);
    house.feed(&["secrets", "set", "desk.large"], large.as_bytes()).expect_status(0);
    let said = house.run(&["secrets", "get", "desk.large"]).expect_status(0);
    assert!(said.stdout.trim_end() == large, "{} bytes came back", said.stdout.len());
    let said = house.feed(&["secrets", "set", "desk.larger"], &vec![b'x'; (16 << 20) + 2]);
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("16 MiB"), "{}", said.stderr);
}

#[test]
fn a_value_on_the_command_line_is_taken_with_a_warning() {
    let house = House::qa();
    let said = house.run(&["secrets", "set", "desk.a", "seen"]).expect_status(0);
    assert!(said.stderr.contains("seen by everybody who lists processes"), "{}", said.stderr);
    assert!(!said.stdout.contains("seen"), "{}", said.stdout);
    let empty = house.run(&["secrets", "set", "desk.a", ""]).expect_status(2);
    assert!(empty.stderr.contains("no value was given"), "{}", empty.stderr);
    assert_eq!(house.feed(&["secrets", "set", "desk.b"], b"unseen").expect_status(0).stderr, "");
}

#[test]
fn a_version_names_the_value_and_guards_a_change() {
    let house = House::qa();
    let set = |value: &str, guard: &[&str]| {
        let words = [&["secrets", "set", "desk.a", "--json"][..], guard].concat();
        house.feed(&words, value.as_bytes())
    };
    let version =
        |value: &str| set(value, &[]).expect_status(0).json()["version"].as_str().expect("a version").to_owned();
    let (one, two) = (version("one"), version("two"));
    assert_ne!(one, two);
    set("three", &["--if-version", &one]).expect_status(7);
    assert_eq!(house.run(&["secrets", "get", "desk.a"]).expect_status(0).stdout, "two\n");
    set("three", &["--if-version", &two]).expect_status(0);
    assert_eq!(house.run(&["secrets", "get", "desk.a"]).expect_status(0).stdout, "three\n");
}

#[test]
fn a_key_that_begins_with_a_hyphen_is_a_key_and_no_option() {
    let house = House::guide("qa");
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    let key = "-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let said = house.run(&["secrets", "rekey", "--new-key", key]).expect_status(0);
    assert!(said.stdout.contains("sealed with the new key"), "{}", said.stdout);
}

#[test]
fn a_rekey_keeps_the_env_file_in_step_and_finishes_what_was_cut_short() {
    let mut house = House::guide("qa");
    let old = house.vars()["DP_SECRETS_ENCRYPTION_KEY"].clone();
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    let key = || house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
    let (new, newer) = (key(), key());
    let env = house.write("work/.env", format!("# ours\nexport DP_SECRETS_ENCRYPTION_KEY={old}  # of QA\nA=1\n"));
    let before = std::fs::read_to_string(&env).expect("there");
    let rekey = |words: &[&str], input: &str| {
        house.feed(&[&["secrets", "rekey", "--update-env", ".env"], words].concat(), input.as_bytes())
    };
    let said = rekey(&["--new-key", "-"], &new).expect_status(0);
    assert!(said.stdout.contains("work/.env; the old one opens nothing now"), "{}", said.stdout);
    assert!(!said.stdout.contains(&new) && !said.stderr.contains(&new), "a key is not repeated");
    assert_eq!(std::fs::read_to_string(&env).expect("there"), before.replace(&old, &new));
    // This shell has the old key still, and the .env file another one: nothing is changed.
    let said = rekey(&["--new-key", "-"], &newer).expect_status(1);
    assert!(said.stderr.contains("holds another key than this session has"), "{}", said.stderr);
    assert_eq!(std::fs::read_to_string(&env).expect("there"), before.replace(&old, &new));
    // As a kill between the steps leaves it: both keys in the .env file, and the secrets file under either.
    house.write("work/.env", format!("DP_SECRETS_ENCRYPTION_KEY={newer},{new}\n"));
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", &new);
    for _ in 0..2 {
        house.run(&["secrets", "rekey", "--drop"]).expect_status(1);
        house.write("work/.env", format!("DP_SECRETS_ENCRYPTION_KEY={newer},{new}\n"));
        house.run(&["secrets", "rekey", "--update-env", ".env", "--drop"]).expect_status(0);
        let text = std::fs::read_to_string(&env).expect("there");
        assert_eq!(text, format!("DP_SECRETS_ENCRYPTION_KEY={newer}\n"));
    }
    house.run(&["secrets", "rekey", "--drop", "--new-key", &new]).expect_status(2);
    house.run(&["secrets", "rekey"]).expect_status(2);
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", &newer);
    assert_eq!(house.run(&["secrets", "get", "desk.a"]).expect_status(0).stdout, "b\n");
}

#[test]
fn a_terminal_shows_a_value_and_acts_on_none_of_it() {
    let house = House::qa();
    let value = "red \u{1b}[31m bell \u{7} turned \u{202e} plain ünï";
    house.feed(&["secrets", "set", "desk.a"], value.as_bytes()).expect_status(0);
    assert_eq!(house.run(&["secrets", "get", "desk.a"]).expect_status(0).stdout, format!("{value}\n"));
    let mut screen = house.open(&["secrets", "get", "desk.a"], 100, 24);
    screen.shows(r"red \x1b[31m bell \x07 turned \u{202e} plain ünï");
    screen.shows("note: what the terminal would act on");
    house.feed(&["secrets", "set", "desk.a"], b"tab\tand text").expect_status(0);
    let mut screen = house.open(&["secrets", "get", "desk.a"], 100, 24);
    screen.shows("and text");
    assert!(!screen.shown().contains("note:"), "{}", screen.shown());
}
