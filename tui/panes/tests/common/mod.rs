//! One fixed day for the panes' snapshots and for `examples/dump.rs`: the mockups' Production on a quiet day, on a bad
//! one, and the demo. Refuses real data.
#![allow(dead_code, reason = "each test uses its own part")]

pub(crate) mod kill;
#[path = "../../../app/tests/common/rotation.rs"]
pub(crate) mod rotation;

use jiff::{SignedDuration, Timestamp};
use quarterdeck_app::{Key, Model, News, Screen, Seat, SecretId, Setup, update};
use quarterdeck_domain::audit::{AuditLine, Fields, Place};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::overview::{
    BackendRow, Condition, Holder, JournalRow, SecretDetail, SecretRow, SourceRow, VersionRow,
};
use quarterdeck_domain::person::{Person, Role, Who};
use quarterdeck_domain::rotate::{PlanRow, RotationRow};
use quarterdeck_domain::rotation::{Age, Policy, due_at, state};
use quarterdeck_domain::severity::Severity;

/// The fixed now.
pub(crate) fn now() -> Timestamp {
    at("2026-05-04T14:03:27Z")
}

/// A time of the fixed day.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a fixed time")
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// An empty screen of an environment.
pub(crate) fn empty(environment: Environment, columns: u16, rows: u16) -> Model {
    let person = Person::parse("alice").expect("a plain handle");
    let who = Who { person, role: Some(Role::Trader), session: "sess-0123456789ab".into() };
    let desk = Some("+1 203 555 0142".into());
    let seat = Seat { environment, who, host: "bastion-1".into(), desk };
    let mut model = Model::new(Setup::new(seat, false), now() - SignedDuration::from_secs(600));
    update(&mut model, News::Resize { columns, rows }, now());
    update(&mut model, News::Alive, now());
    model
}

/// Presses keys by their names, separated by blanks.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<quarterdeck_app::Effect> {
    let now = model.now;
    keys.split(' ').flat_map(|key| update(model, News::Key(Key::parse(key).expect("a key")), now)).collect()
}

/// Types text.
pub(crate) fn type_text(model: &mut Model, text: &str) {
    let now = model.now;
    text.chars().for_each(|c| _ = update(model, News::Key(Key::char(c)), now));
}

fn secret(name: &str, layer: &str, version: Option<&str>, age: Age) -> SecretRow {
    let policy = match name {
        "prod/tls/private-key" | "prod/pagerduty/token" | "prod/slack/webhook" => Policy::of(Environment::Qa),
        _ => Policy::of(Environment::Production),
    };
    SecretRow {
        name: name.into(),
        backend: layer.into(),
        layer: layer.into(),
        version: version.map(str::to_owned),
        state: state(age, policy, now()),
        age,
        period: policy.period,
        due_at: due_at(age, policy),
        shadows: Vec::new(),
        hidden: Vec::new(),
        warnings: Vec::new(),
        writable: layer != "env",
        written_by: Some("carol".into()),
        last_read: Some(now() - SignedDuration::from_secs(400)),
        reads: 212,
        rotates_at: None,
        deletes_at: None,
        deleted: false,
        changed_at: None,
        rotation: None,
    }
}

/// The mockup's twelve secrets.
pub(crate) fn secrets() -> Vec<SecretRow> {
    let since = |hours: i64| Age::Since(ago(hours));
    let mut rows = vec![
        secret("prod/trader/ibkr-api-key", "aws", Some("14"), since(30 * 24 - 52)),
        secret("prod/rds/password", "aws", Some("31"), since(30 * 24 - 209)),
        secret("broker.password", "vault", Some("6"), since(30 * 24 - 262)),
        secret("prod/tls/private-key", "aws", Some("3"), since(90 * 24 - 1_467)),
        secret("prod/pagerduty/token", "fernet", Some("2"), since(90 * 24 - 1_776)),
        secret("data.feed_token", "env", None, Age::Unknown),
        secret("prod/slack/webhook", "vault", Some("9"), since(90 * 24 - 1_800)),
        secret("data.archive_key", "fernet", None, Age::AtLeastSince(ago(100))),
        secret("execution.signing_key", "vault", Some("4"), since(40)),
        secret("prod/devops/deploy-key", "aws", Some("1"), since(30)),
        secret("security.token", "vault", Some("2"), since(20)),
        secret("logging.siem_token", "yaml", None, Age::Unknown),
    ];
    rows[2].shadows = vec!["fernet".into()];
    rows[2].hidden = vec![("fernet".into(), "broker.password".into())];
    rows[11].warnings = vec!["kept in plain text in secrets.yaml".into()];
    rows[5].written_by = None;
    rows
}

fn backend(name: &str, target: &str, isolation: &str, latency: u64, summary: &str) -> BackendRow {
    BackendRow {
        name: name.into(),
        kind: name.into(),
        target: target.into(),
        isolation: isolation.into(),
        condition: Condition::Ok,
        summary: summary.into(),
        latency_us: Some(latency),
        history_us: (0..24).map(|i| latency + latency * (i % 5) / 4).collect(),
        answered_at: Some(now() - SignedDuration::from_secs(4)),
        every: SignedDuration::from_secs(10),
        facts: vec![("account".into(), "****2210".into()), ("token".into(), "..9c1e, 41 min left".into())],
        warnings: Vec::new(),
        error: None,
        names: Some(7),
        plugin_version: "0.1.0".into(),
        plugin_sha256: "9f2c41d07be3a5528812aa0b7cde4410".into(),
        restarts: 0,
        stderr_tail: vec!["connected in 12 ms".into(), "lease renewed".into()],
        confinement: "1 folder, port 443, no exec".into(),
        unconfined: Vec::new(),
        expires_at: None,
    }
}

/// The mockup's four backends: the vault's token ends within the hour, and the kernel can't confine all of aws.
pub(crate) fn backends() -> Vec<BackendRow> {
    let mut rows = vec![
        backend("env", "this process", "child 4119", 20, "7 names"),
        backend(
            "vault",
            "https://vault.internal:8200",
            "child 4121",
            1_900,
            "secret/algo-trade, token ..9c1e 41 min left",
        ),
        backend("aws", "eu-west-1", "child 4122", 41_000, "acct ****2210 eu-west-1"),
        backend("fernet", ".secrets/encrypted_secrets.bin", "child 4120", 600, "file 0600, 7 names"),
    ];
    let facts = |facts: &[(&str, &str)]| -> Vec<(String, String)> {
        facts.iter().map(|(label, text)| ((*label).to_owned(), (*text).to_owned())).collect()
    };
    rows[0].facts = Vec::new();
    rows[3].facts = Vec::new();
    rows[1].facts = facts(&[
        ("namespace", "trading"),
        ("mount", "secret, KV version 2"),
        ("token", "quarterdeck-ro, accessor ..9c1e"),
        ("policies", "default, quarterdeck-read"),
    ]);
    rows[1].expires_at = Some(now() + SignedDuration::from_secs(2_500));
    rows[2].facts = facts(&[("account", "****2210"), ("region", "eu-west-1"), ("role", "quarterdeck-ro")]);
    rows[2].confinement = "2 folders, no exec".into();
    rows[2].unconfined = vec!["TCP ports: Landlock here is older than version 4".into()];
    rows[2].expires_at = Some(now() + SignedDuration::from_secs(6 * 3_600 + 1_200));
    rows
}

/// What the vault tells of `broker.password`.
pub(crate) fn told() -> SecretDetail {
    let version = |id: &str, stage: &'static str, labels: &[&str], hours: i64, gone: &'static str| VersionRow {
        id: id.into(),
        stage,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        age: Age::Since(ago(hours)),
        gone,
    };
    let holder = |layer: &str, name: &str, version: Option<&str>, age: Age| Holder {
        layer: layer.into(),
        name: name.into(),
        version: version.map(str::to_owned),
        age,
    };
    SecretDetail {
        name: "broker.password".into(),
        layer: "vault".into(),
        versions: vec![
            version("9e107d9d-372b-4d6f-8f5c-2f1a9f2c41d0", "pending", &["AWSPENDING"], 0, ""),
            version("6", "current", &["AWSCURRENT"], 30 * 24 - 262, ""),
            version("5", "previous", &["AWSPREVIOUS"], 2_000, ""),
            version("4", "", &[], 4_000, "deleted"),
            version("3", "", &[], 5_000, "destroyed"),
        ],
        holders: vec![
            holder("vault", "algo-trade/broker#password", Some("6"), Age::Since(ago(30 * 24 - 262))),
            holder("fernet", "broker.password", None, Age::AtLeastSince(ago(100))),
        ],
        labels: vec![("owner".into(), "desk-us".into()), ("ticket".into(), "OPS-4711".into())],
        facts: vec![("kind".into(), "map with 1 key".into())],
        asked_at: now(),
        error: None,
    }
}

/// One line of the audit.
pub(crate) fn line(
    time: &str,
    severity: Severity,
    actor: &str,
    kind: &str,
    resource: &str,
    outcome: &str,
) -> AuditLine {
    let at = Some(at(&format!("2026-05-04T{time}Z")));
    let place = Place { file: 1, offset: 4_096, length: 512 };
    AuditLine::new("journal".into(), at, severity, place, &Fields { actor, kind, resource, outcome })
}

/// The mockup's lines, and as many before them as `before`.
pub(crate) fn lines(before: usize) -> Vec<AuditLine> {
    use Severity::{Info, Major, Minor};
    let first = line("09:12:27", Major, "vault", "BACKEND_DOWN", "backend://vault", "503, last read 09:12:20Z");
    let routine = (0..before).map(|i| {
        let time = format!("12:{:02}:{:02}", i / 60 % 60, i % 60);
        line(&time, Info, "alpha-us", "SECRET_READ", "prod/trader/ibkr-api-key", "ok 38 ms")
    });
    let mut lines: Vec<AuditLine> = [first].into_iter().chain(routine).collect();
    lines.extend([
        line("13:58:40", Info, "alpha-us", "SECRET_READ", "prod/trader/ibkr-api-key", "ok 38 ms"),
        line("14:00:11", Info, "gamma-eu", "SECRET_READ", "prod/rds/password", "ok 41 ms"),
        line("14:01:02", Info, "alice", "LOGIN_SUCCESS", "session ..9f2c", "ok"),
        line("14:01:40", Minor, "dan", "COMPLIANCE_AUDIT", "access report, May", "ok"),
        line("14:02:55", Info, "watch-1", "VERSION_CHECK", "12 secrets, 0 new versions", "ok 0.4 s"),
        line("14:03:20", Info, "alpha-us", "SECRET_READ", "prod/trader/ibkr-api-key", "ok 38 ms"),
    ]);
    lines
}

fn source(name: &str, seconds: i64) -> SourceRow {
    SourceRow {
        name: name.into(),
        heard_at: Some(now() - SignedDuration::from_secs(seconds)),
        every: Some(SignedDuration::from_secs(60)),
        trouble: None,
        lines: 900,
    }
}

/// Production on the mockup's quiet day.
pub(crate) fn quiet(columns: u16, rows: u16) -> Model {
    let mut model = empty(Environment::Production, columns, rows);
    fill(&mut model);
    model
}

/// The demo as it opens.
pub(crate) fn demo(columns: u16, rows: u16) -> Model {
    let mut model = empty(Environment::Demo, columns, rows);
    fill(&mut model);
    model
}

fn fill(model: &mut Model) {
    let journal = JournalRow { seq: 48_231, verified: 48_231, broken: None };
    let news = [
        News::Secrets(secrets()),
        News::Backends(backends()),
        News::Journal(journal),
        News::Kill(Box::new(kill::normal())),
        News::Sources(vec![source("journal", 0), source("orders.jsonl", 7), source("vault-audit", 33)]),
        News::Lines(lines(40)),
    ];
    news.into_iter().for_each(|news| _ = update(model, news, now()));
}

/// Production on a bad day: the vault is sealed, a source is stale, secrets can't be read.
pub(crate) fn bad(columns: u16, rows: u16) -> Model {
    let mut model = quiet(columns, rows);
    let mut backends = backends();
    backends[1].condition = Condition::Down { code: "SEALED".into(), since: now() - SignedDuration::from_secs(149) };
    backends[1].error = Some(("503, try 7 in 8 s".into(), "unseal the vault with three key holders".into()));
    backends[2].expires_at = Some(now() + SignedDuration::from_secs(552));
    backends[3].answered_at = Some(now() - SignedDuration::from_secs(95));
    let mut secrets = secrets();
    for row in secrets.iter_mut().filter(|row| row.layer == "vault") {
        row.state = quarterdeck_domain::rotation::SecretState::Unreadable;
    }
    let mut orders = source("orders.jsonl", 7);
    orders.heard_at = Some(now() - SignedDuration::from_secs(900));
    let lines = vec![
        line(
            "14:03:25",
            Severity::Critical,
            "beta-us",
            "ORDER_SUBMIT",
            "order ****7731",
            "BYPASS, 22 s after the stop",
        ),
        line("14:03:26", Severity::Minor, "vault", "BACKEND_RETRY", "try 6", "503 sealed, next in 9 s"),
    ];
    let news = [
        News::Kill(Box::new(kill::stopped_bad())),
        News::Backends(backends),
        News::Secrets(secrets),
        News::Sources(vec![source("journal", 0), orders, source("vault-audit", 33)]),
        News::Lines(lines),
    ];
    news.into_iter().for_each(|news| _ = update(&mut model, news, now()));
    model
}

/// The quiet day with one rotation, opened; somebody watches.
pub(crate) fn rotating(columns: u16, rows: u16, row: RotationRow) -> Model {
    let mut model = quiet(columns, rows);
    update(&mut model, News::Rotations(vec![row]), now());
    press(&mut model, "u Enter 7 Enter");
    model
}

/// A plan as it stands on the screen, not locked.
pub(crate) fn planned(columns: u16, rows: u16, plan: PlanRow) -> Model {
    let mut model = quiet(columns, rows);
    press(&mut model, "u Enter R");
    let id = SecretId { name: "prod/trader/ibkr-api-key".into(), layer: "aws".into() };
    update(&mut model, News::Planned { id, plan: Box::new(plan) }, now());
    model
}

/// Goes to a screen.
pub(crate) fn on(mut model: Model, screen: Screen) -> Model {
    let key = match screen {
        Screen::Overview => "1",
        Screen::Secrets => "2",
        Screen::Audit => "3",
        Screen::Backends => "6",
        Screen::Rotation => "7",
    };
    press(&mut model, key);
    model
}

/// The frame as text, one line a row, without blanks at the ends.
pub(crate) fn text(model: &Model, ascii: bool) -> String {
    use quarterdeck_panes::{Options, Theme, draw_frame};
    let area = ratatui::layout::Rect::new(0, 0, model.size.columns, model.size.rows);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    draw_frame(model, &Theme::default(), Options { ascii }, area, &mut buffer);
    (0..area.height).map(|y| row_text(&buffer, y).trim_end().to_owned() + "\n").collect()
}

/// One row of a buffer; the second half of a wide character is not repeated.
pub(crate) fn row_text(buffer: &ratatui::buffer::Buffer, y: u16) -> String {
    let mut text = String::new();
    let mut skip = 0;
    for x in 0..buffer.area.width {
        let Some(cell) = buffer.cell((x, y)) else { continue };
        if skip > 0 {
            skip -= 1;
            continue;
        }
        skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
        text.push_str(cell.symbol());
    }
    text
}

/// The frame with its colours, for a terminal.
pub(crate) fn coloured(model: &Model, theme: &quarterdeck_panes::Theme) -> String {
    use ratatui::style::{Color, Modifier};
    let area = ratatui::layout::Rect::new(0, 0, model.size.columns, model.size.rows);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    quarterdeck_panes::draw_frame(model, theme, quarterdeck_panes::Options::default(), area, &mut buffer);
    let mut out = String::new();
    for y in 0..area.height {
        if y > 0 {
            out.push_str("\r\n");
        }
        for x in 0..area.width {
            let Some(cell) = buffer.cell((x, y)) else { continue };
            out.push_str("\u{1b}[0");
            if let Color::Rgb(red, green, blue) = cell.fg {
                out.push_str(&format!(";38;2;{red};{green};{blue}"));
            }
            if let Color::Rgb(red, green, blue) = cell.bg {
                out.push_str(&format!(";48;2;{red};{green};{blue}"));
            }
            for (modifier, code) in [(Modifier::BOLD, ";1"), (Modifier::REVERSED, ";7"), (Modifier::UNDERLINED, ";4")] {
                if cell.modifier.contains(modifier) {
                    out.push_str(code);
                }
            }
            out.push('m');
            out.push_str(cell.symbol());
        }
    }
    out + "\u{1b}[0m"
}
