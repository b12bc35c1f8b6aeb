//! Every screen of the fixed day at the sizes that matter, in ASCII and in UTF-8, held as text. Look at a change in
//! them as at a change in a picture: with one's own eyes.

mod common;

use common::{bad, demo, empty, kill, line, now, press, quiet, text, type_text};
use quarterdeck_app::{Effect, Message, Model, News, Value, update};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::overview::SecretRow;
use quarterdeck_domain::severity::Severity;

type Scene = fn(u16, u16) -> Model;

const SCENES: &[(&str, Scene)] = &[
    ("overview_quiet", quiet),
    ("overview_bad", bad),
    ("overview_demo", demo),
    ("overview_starting", |columns, rows| empty(Environment::Qa, columns, rows)),
    ("overview_no_secrets", no_secrets),
    ("overview_silent", silent),
    ("overview_unlocked", |columns, rows| after(quiet(columns, rows), "u Enter")),
    ("secrets", |columns, rows| after(quiet(columns, rows), "2 j j")),
    ("secrets_filtered", secrets_filtered),
    ("secrets_revealed", secrets_revealed),
    ("secrets_refused", secrets_refused),
    ("audit", |columns, rows| after(bad(columns, rows), "3")),
    ("audit_paused", audit_paused),
    ("audit_finding", audit_finding),
    ("audit_line", audit_line),
    ("secrets_asked", |columns, rows| after(quiet(columns, rows), "2 j j Enter")),
    ("secrets_told", secrets_told),
    ("secrets_not_told", secrets_not_told),
    ("secrets_events", secrets_events),
    ("overview_events", |columns, rows| after(secrets_events(columns, rows), "1")),
    ("backends_quiet", |columns, rows| after(quiet(columns, rows), "6 j j")),
    ("backends_open", |columns, rows| after(bad(columns, rows), "6 j Enter")),
    ("backends", |columns, rows| after(bad(columns, rows), "6 j")),
    ("help", |columns, rows| after(quiet(columns, rows), "?")),
    ("help_filtered", help_filtered),
    ("palette", |columns, rows| after(quiet(columns, rows), ":")),
    ("unlock", |columns, rows| after(quiet(columns, rows), "u")),
    ("leave", |columns, rows| after(demo(columns, rows), "q")),
    ("switch_bare", |columns, rows| kill::with(quiet(columns, rows), kill::bare())),
    ("switch_never", |columns, rows| kill::with(quiet(columns, rows), kill::never())),
    ("switch_unknown", |columns, rows| kill::with(quiet(columns, rows), kill::unknown())),
    ("switch_stopped", |columns, rows| kill::with(quiet(columns, rows), kill::stopped())),
    ("switch_stopped_alone", |columns, rows| kill::with(quiet(columns, rows), kill::stopped_alone())),
    ("switch_stopped_elsewhere", |columns, rows| after(kill::with(quiet(columns, rows), kill::stopped()), "2")),
    ("switch_bad_elsewhere", |columns, rows| after(bad(columns, rows), "6")),
    ("switch_held", |columns, rows| kill::with(quiet(columns, rows), kill::held())),
    ("switch_halting", |columns, rows| kill::with(quiet(columns, rows), kill::halting())),
    ("switch_flat", |columns, rows| kill::with(quiet(columns, rows), kill::flat())),
    ("switch_residual", |columns, rows| kill::with(quiet(columns, rows), kill::residual())),
    ("stop_arming", |columns, rows| kill::arming(quiet(columns, rows))),
    ("stop_armed", |columns, rows| kill::armed(quiet(columns, rows))),
    ("stop_armed_bad", |columns, rows| kill::typed(kill::armed(kill::bad_before(quiet(columns, rows))), "p3k7")),
    ("stop_complete", |columns, rows| kill::typed(kill::armed(bad(columns, rows)), "p4h9dw")),
    ("stop_wrong", |columns, rows| kill::typed(kill::armed(quiet(columns, rows)), "p3z")),
    ("stop_shut", |columns, rows| kill::shut(quiet(columns, rows))),
    ("stop_disarmed", stop_disarmed),
    ("stop_sending", |columns, rows| kill::fired(quiet(columns, rows), "p4h9dw", None, kill::normal())),
    ("stop_sent", |columns, rows| kill::fired(quiet(columns, rows), "p3k7qx", Some(kill::out()), kill::stopped_bad())),
    ("stop_sent_unwritten", |columns, rows| {
        kill::fired(quiet(columns, rows), "p3k7qx", Some(kill::undone()), kill::unwritten())
    }),
    ("stop_refused", |columns, rows| {
        kill::fired(quiet(columns, rows), "p3k7qx", Some(kill::refused()), kill::normal())
    }),
    ("hold", |columns, rows| {
        kill::asked(kill::with(quiet(columns, rows), kill::stopped()), "H", "waiting for the broker")
    }),
    ("release", |columns, rows| {
        kill::asked(kill::with(quiet(columns, rows), kill::free(kill::held())), "L", "the key was replaced")
    }),
    ("release_note", |columns, rows| kill::asked(kill::with(quiet(columns, rows), kill::flat()), "L", "settled")),
];

fn stop_disarmed(columns: u16, rows: u16) -> Model {
    let mut model = kill::armed(quiet(columns, rows));
    update(&mut model, News::Tick, now() + jiff::SignedDuration::from_secs(21));
    model
}

const SIZES: [(u16, u16); 4] = [(80, 24), (160, 48), (40, 10), (30, 4)];

fn after(mut model: Model, keys: &str) -> Model {
    press(&mut model, keys);
    model
}

fn no_secrets(columns: u16, rows: u16) -> Model {
    let mut model = empty(Environment::Paper, columns, rows);
    update(&mut model, News::Secrets(Vec::new()), now());
    update(&mut model, News::Backends(Vec::new()), now());
    model
}

fn silent(columns: u16, rows: u16) -> Model {
    let mut model = quiet(columns, rows);
    update(&mut model, News::Tick, common::at("2026-05-04T14:05:27Z"));
    model
}

fn secrets_filtered(columns: u16, rows: u16) -> Model {
    let mut model = after(quiet(columns, rows), "2 /");
    type_text(&mut model, "prod/t");
    model
}

/// The vault's answer, beside the secret it is of.
fn secrets_told(columns: u16, rows: u16) -> Model {
    let mut model = after(quiet(columns, rows), "2 j j Enter");
    update(&mut model, News::Inspected(Box::new(common::told())), now());
    model
}

fn secrets_not_told(columns: u16, rows: u16) -> Model {
    let mut model = after(quiet(columns, rows), "2 j j Enter");
    let mut told = common::told();
    told.versions.clear();
    let what = "denied: the token may not 'read' secret/metadata/algo-trade/broker";
    let next = "add to its policy: path \"secret/metadata/algo-trade/*\" { capabilities = [\"read\", \"list\"] }";
    told.error = Some((what.into(), next.into()));
    update(&mut model, News::Inspected(Box::new(told)), now());
    model
}

/// AWS rotates one by itself, somebody made another version of one, and one was deleted there.
fn secrets_events(columns: u16, rows: u16) -> Model {
    let mut model = quiet(columns, rows);
    let mut rows = common::secrets();
    let hours = jiff::SignedDuration::from_hours;
    rows[1].rotates_at = Some(now() + hours(300));
    rows[2].changed_at = Some(now() - jiff::SignedDuration::from_secs(190));
    rows[3].deletes_at = Some(now() + hours(150));
    update(&mut model, News::Secrets(rows), now());
    after(model, "2 G k k k k k")
}

fn secrets_revealed(columns: u16, rows: u16) -> Model {
    let mut model = after(demo(columns, rows), "v");
    let (name, layer) = ("prod/trader/ibkr-api-key".to_owned(), "aws".to_owned());
    let value = Value::new("hunter2-caf\u{e9}\nsecond line\u{202e}".to_owned());
    update(&mut model, News::Revealed { name, layer, value, until: jiff::Timestamp::MAX }, now());
    model
}

fn secrets_refused(columns: u16, rows: u16) -> Model {
    let mut model = after(demo(columns, rows), "v");
    let message = Message {
        what: "the role 'trader' may not read a cloud secret in DEMO".into(),
        doing: "revealing prod/trader/ibkr-api-key".into(),
        next: "ask a person with the role 'devops', or see who may with 'quarterdeck whoami'".into(),
    };
    update(&mut model, News::Refused(message), now());
    model
}

fn audit_paused(columns: u16, rows: u16) -> Model {
    let mut model = after(quiet(columns, rows), "3 =");
    let new = line("14:03:26", Severity::Critical, "beta-us", "ORDER_SUBMIT", "order ****7731", "BYPASS");
    update(&mut model, News::Lines(vec![new]), now());
    model
}

fn audit_finding(columns: u16, rows: u16) -> Model {
    let mut model = after(quiet(columns, rows), "/");
    type_text(&mut model, "rds");
    after(model, "Tab Enter N")
}

fn audit_line(columns: u16, rows: u16) -> Model {
    let mut model = after(quiet(columns, rows), "3 k k");
    let place = press(&mut model, "Enter").into_iter().find_map(|effect| match effect {
        Effect::FetchLine { place, .. } => Some(place),
        _ => None,
    });
    let lines = ["{", "  \"event\": \"COMPLIANCE_AUDIT\",", "  \"actor\": \"dan\"", "}"];
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    // Nothing is opened on a screen that is too small to act on.
    if let Some(place) = place {
        update(&mut model, News::LineDetail { place, lines }, now());
    }
    model
}

fn help_filtered(columns: u16, rows: u16) -> Model {
    let mut model = after(quiet(columns, rows), "?");
    type_text(&mut model, "reveal");
    model
}

#[test]
fn every_scene_looks_as_it_did() {
    for (name, scene) in SCENES {
        let mut page = String::new();
        for (columns, rows) in SIZES {
            for ascii in [true, false] {
                let style = if ascii { "ASCII" } else { "UTF-8" };
                let frame = text(&scene(columns, rows), ascii);
                page.push_str(&format!("{columns}x{rows} {style}\n{frame}\n"));
            }
        }
        insta::assert_snapshot!(*name, page);
    }
}

#[test]
fn in_ascii_nothing_is_above_0x7f_whatever_comes() {
    for (name, scene) in SCENES {
        let mut model = scene(100, 30);
        let foreign =
            line("14:03:26", Severity::Info, "ren\u{e9}", "K\u{ff}", "\u{65e5}\u{672c} \u{1f600}", "\u{2014}");
        update(&mut model, News::Lines(vec![foreign]), now());
        assert!(text(&model, true).is_ascii(), "{name}");
    }
}

#[test]
fn every_screen_and_dialog_names_its_environment_in_the_first_row() {
    for (name, scene) in SCENES {
        for (columns, rows) in [(80, 24), (160, 48), (40, 10), (32, 4), (20, 1)] {
            let model = scene(columns, rows);
            let title = model.setup.seat.environment.title();
            let frame = text(&model, true);
            // A dialog over a large screen has a band of three rows, with the words in the middle one.
            let band = if frame.starts_with(&"#".repeat(usize::from(columns))) { 2 } else { 1 };
            assert!(frame.lines().take(band).any(|row| row.contains(title)), "{name} {columns}x{rows}");
        }
    }
}

#[test]
fn only_what_differs_is_a_clocks_digits_when_a_second_passes_on_a_quiet_day() {
    let mut model = quiet(160, 48);
    // The fixed day's ages are whole hours: a second later none of them is about to step.
    let (first, second) = (common::at("2026-05-04T14:03:28Z"), common::at("2026-05-04T14:03:29Z"));
    update(&mut model, News::Alive, first);
    update(&mut model, News::Kill(Box::new(kill::beating(kill::normal(), first))), first);
    let mut later = model.clone();
    update(&mut later, News::Kill(Box::new(kill::beating(kill::normal(), second))), second);
    let (before, after) = (text(&model, false), text(&later, false));
    let changed: Vec<usize> =
        before.lines().zip(after.lines()).enumerate().filter(|(_, (a, b))| a != b).map(|(row, _)| row).collect();
    // The audit's heading tells the age of each source, which steps under ten seconds.
    let heading = before.lines().position(|row| row.contains("AUDIT")).expect("the tail has a heading");
    assert!(changed.iter().all(|row| *row == 0 || *row == heading), "{changed:?}");
}

#[test]
fn an_error_and_its_remedy_are_read_whole_on_a_small_screen() {
    let mut model = bad(80, 24);
    let mut rows = model.backends.rows.clone();
    let what = "no key fits: the key in the environment is another one, or the file was altered, while reading /srv/secrets.bin";
    rows[1].error = Some((what.into(), "Give the key the file was sealed with, alone or in a list of both.".into()));
    update(&mut model, News::Backends(rows), now());
    press(&mut model, "6 j");
    let shown = text(&model, true).split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [what, "alone or in a list of both."] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
}

#[test]
fn an_age_that_is_at_least_a_moment_is_no_age_known() {
    let mut model = quiet(80, 24);
    let mut rows = model.secrets.rows.clone();
    rows.iter_mut().for_each(|row| {
        row.state = quarterdeck_domain::rotation::SecretState::NoAgeKnown;
        row.age = quarterdeck_domain::rotation::Age::AtLeastSince(now());
    });
    update(&mut model, News::Secrets(rows), now());
    let shown = text(&model, true);
    assert!(shown.contains("no age known") && !shown.contains("over 0 d"), "{shown}");
}

#[test]
fn a_list_that_was_scrolled_says_what_is_above_and_below() {
    let mut model = quiet(80, 24);
    let one = model.secrets.rows[0].clone();
    let rows = (0..50).map(|at| SecretRow { name: format!("name-{at:02}"), ..one.clone() }).collect();
    update(&mut model, News::Secrets(rows), now());
    press(&mut model, "2 G");
    let shown = text(&model, true);
    assert!(shown.contains(" above\n"), "{shown}");
    press(&mut model, "k k k k k k k k k k k k k k k");
    let shown = text(&model, true);
    assert!(shown.contains(" above, ") && shown.contains(" below\n"), "{shown}");
}

#[test]
fn among_ten_thousand_names_the_one_that_is_typed_stands_alone_with_its_count() {
    let mut model = quiet(80, 24);
    let one = model.secrets.rows[0].clone();
    let rows =
        (0..10_000).map(|at| SecretRow { name: format!("team-{}/key-{at:05}", at % 100), ..one.clone() }).collect();
    update(&mut model, News::Secrets(rows), now());
    press(&mut model, "2");
    assert!(text(&model, true).contains("SECRETS 10000"), "{}", text(&model, true));
    press(&mut model, "/");
    type_text(&mut model, "04242 team");
    let shown = text(&model, true);
    assert!(shown.contains("1 of 10000 with '04242 team'") && shown.contains("> team-42/key-04242"), "{shown}");
}

#[test]
fn a_refusal_names_what_is_missing_and_the_line_that_grants_it() {
    let mut model = quiet(80, 24);
    let mut rows = model.backends.rows.clone();
    let line = "path \"secret/metadata/*\" { capabilities = [\"list\"] }";
    rows[1].condition = quarterdeck_domain::overview::Condition::Down { code: "DENIED".into(), since: now() };
    rows[1].error = Some(("denied: listing secret/".into(), "Somebody who may has to allow it.".into()));
    rows[1].facts.insert(0, ("missing".into(), "list".into()));
    rows[1].facts.insert(1, ("grant".into(), line.into()));
    update(&mut model, News::Backends(rows), now());
    press(&mut model, "6 j");
    let shown = text(&model, true);
    assert!(shown.contains("DENIED") && shown.contains(&format!("grant        {line}")), "{shown}");
    assert_eq!(shown.matches("grant ").count(), 1, "{shown}");
}

#[test]
fn nothing_is_called_not_stored_while_a_layer_cant_be_read() {
    for (columns, rows) in [(80, 24), (160, 48)] {
        let mut model = bad(columns, rows);
        update(&mut model, News::Secrets(Vec::new()), now());
        press(&mut model, "2");
        let shown = text(&model, true);
        assert!(!shown.contains("No secret yet") && !shown.contains("SECRETS 0"), "{shown}");
        assert!(shown.contains("No secret can be shown: vault can't be read."), "{shown}");
        assert!(shown.contains("unseal the vault with three key holders"), "{shown}");
    }
}

#[test]
fn a_secret_that_may_be_a_map_is_changed_by_its_key() {
    let mut model = quiet(160, 48);
    let mut rows = model.secrets.rows.clone();
    rows.truncate(2);
    (rows[0].name, rows[1].name) = ("algo-trade/feed".into(), "algo-trade/broker#password".into());
    update(&mut model, News::Secrets(rows), now());
    press(&mut model, "2 g");
    let shown = text(&model, true);
    assert!(shown.contains("quarterdeck secrets set algo-trade/feed#KEY"), "{shown}");
    press(&mut model, "j");
    let shown = text(&model, true);
    assert!(shown.contains("quarterdeck secrets set algo-trade/broker#password\n"), "{shown}");
}

#[test]
fn row_3_names_what_failed_and_what_it_was_on_at_80_columns() {
    let failed = |resource: &str| {
        let mut model = quiet(80, 24);
        let new = line("14:03:06", Severity::Major, "root", "SECRET_WRITE", resource, "FAILED 41 ms");
        update(&mut model, News::Lines(vec![new]), now());
        text(&model, true).lines().nth(2).expect("row 3").to_owned()
    };
    assert_eq!(failed("db"), "! MAJOR 14:03:06 root SECRET_WRITE FAILED: db 41 ms. 3 then W shows it.");
    assert_eq!(
        failed("algo-trade/broker#password"),
        "! MAJOR 14:03:06 root SECRET_WRITE FAILED: ..broker#password. 3 then W shows it."
    );
}

#[test]
fn a_major_line_is_put_away_by_esc_by_going_to_it_and_one_of_what_is_over_by_a_minute() {
    let written = |actor: &str| {
        let mut model = quiet(80, 24);
        let new = line("14:03:26", Severity::Major, actor, "SECRET_WRITE", "db", "FAILED");
        update(&mut model, News::Lines(vec![new]), now());
        model
    };
    let says = |model: &Model| text(model, true).lines().nth(2).expect("row 3").starts_with("! MAJOR");
    for keys in ["Esc", "3 W"] {
        let mut model = written("root");
        assert!(says(&model));
        press(&mut model, keys);
        assert!(!says(&model), "{keys}");
        let new = line("14:03:27", Severity::Major, "root", "SECRET_WRITE", "db", "FAILED");
        update(&mut model, News::Lines(vec![new]), now());
        assert!(says(&model), "a new one is news");
    }
    for (actor, kind, stands) in
        [("root", "SECRET_WRITE", true), ("alice", "SECRET_WRITE", false), ("quarterdeck", "BACKEND_DOWN", false)]
    {
        let mut model = quiet(80, 24);
        let new = line("14:03:26", Severity::Major, actor, kind, "vault", "FAILED");
        update(&mut model, News::Lines(vec![new]), now());
        assert!(says(&model), "{actor}");
        update(&mut model, News::Alive, now() + jiff::SignedDuration::from_secs(60));
        let told = quarterdeck_panes::worries(&model).iter().any(|worry| worry.what.starts_with("MAJOR"));
        assert_eq!(told, stands, "{actor}");
    }
}

#[test]
fn what_is_deleted_says_so_and_how_to_have_it_back_and_is_due_for_nobody() {
    let mut model = quiet(160, 48);
    let mut rows = model.secrets.rows.clone();
    rows.truncate(1);
    rows[0].name = "new".into();
    rows[0].version = Some("9e107d9d-372b-4d6f-8f5c-2f1a8b41e388".into());
    rows[0].state = quarterdeck_domain::rotation::SecretState::Overdue;
    rows[0].changed_at = Some(now());
    rows[0].deleted = true;
    update(&mut model, News::Secrets(rows), now());
    press(&mut model, "2 g");
    let shown = text(&model, true);
    for wanted in ["..8b41e388", "DELETED: not due while it is", "there; quarterdeck secrets restore new --layer aws"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    for no in ["CHANGED", "overdue", "OVERDUE"] {
        assert!(!shown.contains(no), "{no}: {shown}");
    }
}

#[test]
fn what_is_selected_keeps_the_mark_that_it_wants_a_person() {
    let mut model = bad(80, 24);
    press(&mut model, "6 j");
    assert!(text(&model, true).lines().any(|row| row.starts_with(">!vault")), "{}", text(&model, true));
    press(&mut model, "2 g");
    assert!(text(&model, true).lines().any(|row| row.starts_with(">!")), "{}", text(&model, true));
}

#[test]
fn a_backend_says_each_thing_once_and_whole() {
    let mut model = quiet(80, 24);
    let mut rows = model.backends.rows.clone();
    let since = now() - jiff::SignedDuration::from_secs(5);
    rows[1].condition = quarterdeck_domain::overview::Condition::Down { code: "UNREACHABLE".into(), since };
    rows[1].every = jiff::SignedDuration::from_secs(3);
    rows[1].facts = vec![("token".into(), "token".into())];
    rows[1].summary = "KV 2 secret, 8 names at its top".into();
    rows[1].expires_at = Some(since);
    rows[1].warnings = vec!["its credential ends at 2026-05-04T14:03:22Z: renew it or log in anew".into()];
    update(&mut model, News::Backends(rows), now());
    press(&mut model, "6 j Enter");
    let shown = text(&model, true);
    for wanted in ["asked every 3 s", "names        KV 2 secret, 8 names at its top"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    for no in ["token        token", "its credential ends"] {
        assert!(!shown.contains(no), "{no}: {shown}");
    }
    press(&mut model, "h");
    assert!(text(&model, true).contains("UNREACHABLE <10 s "), "{}", text(&model, true));
}

#[test]
fn a_token_is_amber_within_the_hour_red_within_ten_minutes_and_then_expired() {
    for (seconds, says, worry) in [
        (7_200, "2 h 00 m", false),
        (3_599, "59 min", false),
        (599, "9:59", true),
        (0, "EXPIRED", true),
        (-60, "EXPIRED", true),
    ] {
        let mut model = quiet(80, 24);
        let mut rows = model.backends.rows.clone();
        rows[1].expires_at = Some(now() + jiff::SignedDuration::from_secs(seconds));
        update(&mut model, News::Backends(rows), now());
        press(&mut model, "6 j");
        let shown = text(&model, true);
        let row = shown.lines().find(|row| row.starts_with("> vault")).expect("the vault's row");
        assert!(row.contains(&format!(" {says} ")), "{seconds}: {shown}");
        assert_eq!(shown.contains("VAULT TOKEN"), worry, "{seconds}: {shown}");
    }
}
