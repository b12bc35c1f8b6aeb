//! The kill-switch from the command line, against reference engines that really run: what each verb does, says and ends
//! with. Refuses to fire but by `--confirm` or by a code that a terminal showed.

use crate::house::trading::{Running, word};
use crate::house::{House, Said};
use serde_json::Value;

/// A house with an engine that trades.
fn trading() -> (House, Running) {
    let house = House::qa();
    let alpha = house.engine("alpha-us", &[]);
    house.engines_trade(1);
    (house, alpha)
}

/// A house whose user has this role in QA.
fn with_role(role: &str) -> House {
    let house = House::qa();
    let user = house.user();
    house.configure(&format!(
        "[[person]]\nname = \"alice\"\nunix = \"{user}\"\nrole = \"{role}\"\n[desk]\nphone = \"+1 203 555 0142\"\n"
    ));
    house
}

fn stop(house: &House, words: &[&str]) -> Said {
    house.run(&[&["kill", "stop", "--env", "qa", "--confirm", "qa"], words].concat())
}

fn halt(house: &House, words: &[&str]) -> Said {
    house.run(&[&["kill", "halt", "--env", "qa", "--confirm", "qa"], words].concat())
}

fn order(house: &House) -> String {
    word(&house.latch()["order"]).to_owned()
}

/// Events of one type, without episode and generation.
fn recorded(house: &House, kind: &str) -> Vec<String> {
    let events = house.events("qa", kind);
    events.iter().map(|event| event.split("E-").next().unwrap_or_default().to_owned()).collect()
}

#[track_caller]
fn tells(said: &Said, parts: &[&str]) {
    for part in parts {
        assert!(said.stderr.contains(part) || said.stdout.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn without_a_terminal_it_takes_the_environments_full_name() {
    let house = House::qa();
    for words in [&["kill", "stop"][..], &["kill", "halt", "--confirm", "dev"], &["kill", "stop", "--confirm", "paper"]]
    {
        let said = house.run(words).expect_status(2);
        let command = format!("quarterdeck kill {} --env qa --confirm qa", words[1]);
        tells(&said, &["nothing was sent", "while:", "next:", &command]);
        assert_eq!(house.run(&[words, &["--json"]].concat()).expect_status(2).json()["error"]["status"], 2);
    }
    assert_eq!(order(&house), "trade");
    assert_eq!(house.events("qa", "KILL_SWITCH_ACTIVATED"), [""; 0]);
}

#[test]
fn a_stop_is_confirmed_by_the_engine_and_a_second_one_changes_nothing() {
    let (house, _alpha) = trading();
    let said = stop(&house, &["--reason", "stale prices"]).expect_status(0);
    tells(&said, &["STOP, level 3, is sent", "1 of 1 engines confirmed", "blocked", "durable", "kill hold --env qa"]);
    assert_eq!(order(&house), "stop");
    let first = house.latch();
    assert_eq!((word(&first["reason"]), word(&first["initiator"]["program"])), ("stale prices", "kill stop"));
    assert_eq!(recorded(&house, "KILL_SWITCH_ACTIVATED"), ["SUCCESS trading://stop"]);
    let said = stop(&house, &["--json"]).expect_status(0).json();
    assert_eq!((&said["again"], &said["confirmed_by_all"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(house.latch()["deadline"], first["deadline"], "the deadline stands");
}

#[test]
fn a_halt_is_confirmed_when_the_engine_is_proven_flat() {
    let (house, _alpha) = trading();
    let said = halt(&house, &["--wait", "60", "--json"]).expect_status(0).json();
    assert_eq!(said["level"], 4);
    let switch = &said["kill_switch"];
    assert_eq!(word(&switch["state"]), "halted_flat");
    let engine = &switch["engines"][0];
    assert_eq!(word(&engine["state"]), "flat");
    assert_eq!((&engine["resting_orders"], &engine["positions"]), (&Value::from(0), &Value::from(0)));
}

#[test]
fn nobody_confirms_where_no_engine_is_known_or_it_is_dead() {
    let house = House::qa();
    let said = stop(&house, &["--wait", "0"]).expect_status(8);
    tells(&said, &["no engine is known here: nobody confirmed"]);
    let house = with_role("trader");
    let alpha = house.engine("alpha-us", &[]);
    house.engines_trade(1);
    alpha.kill();
    let said = stop(&house, &["--wait", "1"]).expect_status(8);
    tells(&said, &["0 of 1 engines confirmed", "! alpha-us:", "account ****4789", "desk +1 203 555 0142"]);
    let switch = house.switch();
    assert_eq!((&switch["confirmed"], &switch["expected"]), (&Value::from(0), &Value::from(1)));
    assert!(!switch["engines"][0]["why"].as_array().expect("reasons").is_empty(), "{switch:#}");
}

#[test]
fn hold_and_release_lead_back_to_trading() {
    let (house, _alpha) = trading();
    house.run(&["kill", "hold"]).expect_status(3);
    house.run(&["kill", "release", "--reason", "none"]).expect_status(3);
    house.run(&["kill", "release"]).expect_status(2);
    stop(&house, &[]).expect_status(0);
    let said = house.run(&["kill", "release", "--reason", "too early"]).expect_status(3);
    tells(&said, &["refused:", "while:", "next:", "kill hold"]);
    house.run(&["--readonly", "kill", "hold"]).expect_status(3);
    assert_eq!(order(&house), "stop");
    let said = house.run(&["kill", "hold", "--reason", "we look at it", "--json"]).expect_status(0).json();
    assert_eq!(word(&said["kill_switch"]["state"]), "held");
    assert_eq!(said["kill_switch"]["deadline"], Value::Null);
    let said = house.run(&["kill", "release", "--reason", "feed is back"]).expect_status(0);
    tells(&said, &["released: 1 of 1 engines may trade again", "TRADING normal, engines 1/1"]);
    house.engines_trade(1);
    assert_eq!(recorded(&house, "KILL_SWITCH_HELD"), ["SUCCESS trading://hold"]);
    assert_eq!(recorded(&house, "KILL_SWITCH_RELEASED"), ["SUCCESS trading://release"]);
}

#[test]
fn after_a_halt_a_release_needs_a_note_and_every_engine_flat_or_named() {
    let house = House::qa();
    let _alpha = house.engine("alpha-us", &[]);
    let beta = house.engine("beta-us", &[]);
    house.engines_trade(2);
    beta.kill();
    halt(&house, &["--wait", "0"]).expect_status(8);
    house.switch_until("alpha-us is flat", |told| {
        told["engines"].as_array().is_some_and(|all| all.iter().any(|engine| word(&engine["state"]) == "flat"))
    });
    let release = ["kill", "release", "--reason", "over"];
    tells(&house.run(&release).expect_status(3), &["--note"]);
    let noted = [&release[..], &["--note", "INC-211"]].concat();
    tells(&house.run(&noted).expect_status(3), &["beta-us", "--without"]);
    house.run(&[&noted[..], &["--without", "beta-us"]].concat()).expect_status(0);
    assert_eq!(order(&house), "trade");
}

#[test]
fn who_has_another_role_is_refused_and_recorded() {
    let house = with_role("devops");
    let said = stop(&house, &["--wait", "0"]).expect_status(3);
    tells(&said, &["refused:", "devops", "while:", "next:"]);
    assert_eq!(order(&house), "trade");
    assert_eq!(house.events("qa", "PERMISSION_DENIED"), ["DENIED trading://stop"]);
    assert_eq!(house.run(&["whoami", "--json"]).json()["may_stop"], false);
    assert!(house.switch()["may_not_stop"].is_string());
}

#[test]
fn nobody_can_stop_while_an_engine_trades_is_4() {
    let house = with_role("governance");
    house.run(&["kill", "who"]).expect_status(0);
    let _alpha = house.engine("alpha-us", &[]);
    house.engines_trade(1);
    let said = house.run(&["kill", "who"]).expect_status(4);
    tells(&said, &["NOBODY CAN STOP", "alpha-us", "+1 203 555 0142"]);
    let (house, _alpha) = trading();
    let said = house.run(&["kill", "who", "--json"]).expect_status(0).json();
    assert_eq!(said["you_can_stop"], true);
    assert_eq!(said["trading"], serde_json::json!(["alpha-us"]));
}

#[test]
fn readonly_and_a_broken_configuration_hinder_no_stop() {
    let (house, _alpha) = trading();
    stop(&house, &["--readonly"]).expect_status(0);
    let (house, _alpha) = trading();
    house.configure("this is no configuration");
    let said = house.run(&["kill", "stop", "--confirm", "qa"]).expect_status(1);
    tells(&said, &["is not TOML", "name the environment with '--env'"]);
    let said = stop(&house, &[]).expect_status(0);
    tells(&said, &["warning: going on without a configuration"]);
    assert_eq!(order(&house), "stop");
}

#[test]
fn no_plugin_and_no_configuration_are_needed() {
    let mut house = House::new();
    house.run(&["init", "--latch", "--env", "qa"]).expect_status(0);
    house.use_program(crate::house::installed::bare());
    stop(&house, &["--wait", "0"]).expect_status(8);
    assert_eq!(order(&house), "stop");
    house.run(&["kill", "status", "--env", "qa"]).expect_status(0);
}

#[test]
fn a_journal_that_cant_be_written_stops_no_stop_and_every_release() {
    let (house, _alpha) = trading();
    let (journal, aside) = (house.state("qa").join("journal"), house.path("aside"));
    std::fs::rename(&journal, &aside).expect("ours");
    std::fs::write(&journal, "a file where the folder was").expect("ours");
    let said = stop(&house, &[]).expect_status(0);
    tells(&said, &["UNJOURNALLED"]);
    assert_eq!(order(&house), "stop");
    assert!(house.switch()["unjournalled"].is_string(), "at once, and not after a while");
    tells(&house.run(&["doctor"]), &["journal is no folder", "move it away", "UNJOURNALLED"]);
    let said = house.run(&["kill", "hold", "--reason", "no"]);
    assert!(matches!(said.status, 1 | 3), "{said:?}");
    let said = house.run(&["kill", "release", "--reason", "no"]);
    assert!(matches!(said.status, 1 | 3), "{said:?}");
    assert_eq!(order(&house), "stop");
    std::fs::remove_file(&journal).expect("ours");
    std::fs::rename(&aside, &journal).expect("ours");
    // Whoever keeps an eye on it takes it in.
    let _watch = house.watcher();
    house.switch_until("the journal has it", |told| told["unjournalled"].is_null());
    house.run(&["audit", "verify"]).expect_status(0);
    let taken = house.events("qa", "KILL_SWITCH_ADOPTED").len() + house.events("qa", "KILL_SWITCH_ACTIVATED").len();
    assert_eq!(taken, 1);
    house.run(&["kill", "hold", "--reason", "now"]).expect_status(0);
}

#[test]
fn a_limit_on_file_sizes_ends_no_stop_on_its_way() {
    let (house, _alpha) = trading();
    for _ in 0..12 {
        house.run(&["secrets", "set", "desk.note", "x"]).expect_status(0);
    }
    // A latch fits, and nothing more goes into a journal that is longer already.
    let said = house.shell("ulimit -f 8; quarterdeck kill stop --env qa --confirm qa");
    tells(&said.expect_status(0), &["UNJOURNALLED"]);
    assert_eq!(order(&house), "stop");
}

#[test]
fn nobody_heard_it_where_neither_latch_nor_socket_took_it() {
    let house = with_role("trader");
    let latch = house.state("qa").join("latch");
    std::fs::remove_dir_all(&latch).expect("ours");
    std::fs::write(&latch, "a file where the folder was").expect("ours");
    let said = stop(&house, &["--wait", "0"]).expect_status(1);
    tells(&said, &["NOBODY HEARD IT", "while:", "next:", "desk +1 203 555 0142"]);
}

#[test]
fn status_has_the_whole_switch() {
    let (house, _alpha) = trading();
    let status = house.run(&["status", "--json"]).expect_status(0).json();
    let switch = &status["kill_switch"];
    for key in ["state", "level", "since", "deadline", "generation", "trust", "engines", "paths", "timings", "watchers"]
    {
        assert!(switch.get(key).is_some(), "'{key}' is missing in {switch:#}");
    }
    for key in ["name", "account", "state", "beat_s", "resting_orders", "positions", "last_order", "link", "why"] {
        assert!(switch["engines"][0].get(key).is_some(), "'{key}' is missing in {switch:#}");
    }
    assert_eq!((word(&switch["state"]), word(&switch["trust"])), ("normal", "unsigned"));
    assert_eq!(word(&switch["engines"][0]["account"]), "****4789");
    assert_eq!(switch["level"], 0);
    assert!(house.run(&["status", "--short"]).expect_status(0).stdout.contains("TRADING normal, engines 1/1"));
    assert!(house.run(&["status"]).expect_status(0).stdout.contains("alpha-us"));
}

#[test]
fn doctor_looks_at_the_switch() {
    let (house, _alpha) = trading();
    let checks = house.run(&["doctor", "--json"]).expect_status(0).json();
    let found = |what: &str| checks.as_array().and_then(|all| all.iter().find(|check| check["check"] == what).cloned());
    for what in ["kill-switch", "engine alpha-us", "watchers", "market", "desk"] {
        assert!(found(what).is_some(), "{what}: {checks:#}");
    }
    assert_eq!(found("watchers").expect("a check")["verdict"], "warning");
    let _watch = house.watcher();
    house.switch_until("a watcher", |told| told["watchers"].as_array().is_some_and(|all| !all.is_empty()));
    let checks = house.run(&["doctor", "--json"]).expect_status(0).json();
    let watchers = checks.as_array().expect("checks").iter().find(|check| check["check"] == "watchers").cloned();
    assert_eq!(watchers.expect("a check")["verdict"], "ok");
    std::fs::remove_file(house.state("qa").join("latch/latch")).expect("ours");
    let said = House::run(&house, &["doctor"]);
    tells(&said, &["kill-switch"]);
}

#[test]
fn the_reference_engine_is_not_for_production() {
    let said = House::new().run(&["--env", "production", "engine"]).expect_status(3);
    tells(&said, &["refused:", "PRODUCTION", "next:"]);
}

#[test]
fn init_sets_the_latch_up_once() {
    let house = House::new();
    let said = house.run(&["init", "--json"]).expect_status(0).json();
    assert_eq!(said["generation"], 0);
    assert_eq!(house.events("qa", "KILL_SWITCH_SET_UP").len(), 1);
    let said = house.run(&["init", "--latch", "--env", "qa"]).expect_status(0);
    tells(&said, &["generation 0", "kept as it was"]);
    stop(&house, &["--wait", "0"]).expect_status(8);
    house.run(&["init", "--force"]).expect_status(0);
    assert_eq!(order(&house), "stop", "nobody gets back to trading by setting up anew");
}

/// The code that the terminal shows.
fn code(shown: &str) -> Option<String> {
    let at = shown.rfind("Type  ")? + "Type  ".len();
    shown.get(at..at + 7).map(|code| code.replace(' ', ""))
}

#[test]
fn on_a_terminal_the_code_sends_and_what_was_typed_ahead_does_not() {
    let (house, _alpha) = trading();
    let mut screen = house.open(&["kill", "stop", "--env", "qa"], 120, 40);
    screen.keys("typed ahead\r");
    screen.shows("and Enter to STOP");
    let text = screen.shown();
    for part in ["QA", "nothing has been sent", "alpha-us", "resting orders may still fill"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let first = code(&text).expect("a code");
    assert!(first.starts_with("Q3"), "{first}");
    screen.press("Q4XXXX\r", "tries left: 2");
    let shown = code(&screen.shown()).expect("a code");
    screen.keys(&format!("{}\r", shown.to_lowercase()));
    screen.shows("1 of 1 engines confirmed");
    assert_eq!(screen.ends(), 0);
    assert_eq!(order(&house), "stop");
}

#[test]
fn an_empty_line_or_three_wrong_codes_send_nothing() {
    let house = House::qa();
    let mut screen = house.open(&["kill", "halt", "--env", "qa"], 120, 40);
    screen.press("", "and Enter to HALT");
    screen.keys("\r");
    assert_eq!(screen.ends(), 3);
    let mut screen = house.open(&["kill", "halt", "--env", "qa"], 120, 40);
    for left in ["tries left: 2", "tries left: 1", "tries left: 0"] {
        screen.shows("code >");
        screen.press("wrong\r", left);
    }
    assert_eq!(screen.ends(), 3);
    assert_eq!(order(&house), "trade");
}
