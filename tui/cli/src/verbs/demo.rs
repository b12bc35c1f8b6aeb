//! `demo`: a live sandbox in a temporary folder. Every part is real: a Fernet file, the environment, a YAML file, the
//! journal, a kill-switch with two reference engines, and an audit file that they and another process write. Refuses to
//! read anything of yours and to outlive the cockpit; what is ordered in it holds in its folder alone.

mod companion;

use crate::args::{Common, Demo};
use crate::cockpit;
use crate::output::{self, Outcome, Trouble};
use companion::Companion;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_control::config::{FILE_NAME, Wanted};
use quarterdeck_control::installation::random_id;
use quarterdeck_control::open::{Opening, open};
use quarterdeck_control::serve::Control;
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_control::watch::Nudges;
use quarterdeck_control::{Expected, Value};
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::{Actor, Detail, Event, EventId, Status};
use quarterdeck_domain::person::{Person, Role, Who};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

pub(crate) use companion::{companion, engine};

/// How a demo's folder is named; the companion removes no other.
const PREFIX: &str = "quarterdeck-demo-";

/// What the demo's Fernet file holds: name, value, age in hours, who stored it.
const SECRETS: &[(&str, &str, i64, &str)] = &[
    ("demo/trader/ibkr-api-key", "demo-ibkr-7QX2-not-a-real-key", 27 * 24 + 20, "carol"),
    ("demo/rds/password", "demo-rds-not-a-real-password", 21 * 24 + 7, "carol"),
    ("demo/pagerduty/token", "demo-pagerduty-not-a-real-token", 6 * 24, "dan"),
    ("demo/tls/private-key", "demo-tls-not-a-real-key", 31 * 24 + 2, "carol"),
    ("broker.host", "127.0.0.1", 12 * 24 + 1, "carol"),
    ("broker.password", "demo-broker-not-a-real-password", 19 * 24 + 2, "carol"),
    ("broker.port", "4002", 12 * 24 + 1, "carol"),
    ("slack.webhook", "https://hooks.example.invalid/demo", 16 * 24 + 20, "dan"),
];

/// How a new value of each comes about when it is rotated; all else as configuration would have it.
const MADE: &[(&str, &str)] = &[
    ("demo/tls/private-key", "ed25519"),
    ("demo/rds/password", "password:32"),
    ("demo/pagerduty/token", "hex:20"),
    ("broker.password", "password:24"),
];

/// Runs the demo.
pub(crate) fn run(verb: &Demo, common: &Common) -> Outcome {
    let role = Role::parse(&verb.role).filter(|role| *role != Role::Service).ok_or_else(|| {
        Trouble::usage(format!(
            "'{}' can't sit before a demo\n  next:  --as trader, devops, qa or governance",
            output::one_line(&verb.role)
        ))
    })?;
    if common.env.is_some() {
        return Err(Trouble::usage("a demo is an environment of its own\n  next:  leave '--env' out"));
    }
    let folder = std::env::temp_dir().join(random_id(PREFIX.trim_end_matches('-'), 12));
    // From here on somebody clears up, however this process ends: before there is anything to clear up.
    let mut companion = Companion::start(&folder, verb.keep)?;
    sandbox(&folder)?;
    let nudges = Arc::new(Nudges::default());
    let heard = nudges.clone();
    let opening = Opening {
        needs_environment: true,
        look_only: common.readonly.then(|| "--readonly was given".to_owned()),
        on_change: Some(Arc::new(move |layer, status| heard.heard(layer, status))),
        ..Opening::default()
    };
    let surroundings = surroundings(&folder, role)?;
    let control = open(surroundings, Wanted::Demo, &opening)?;
    furnish(&control)?;
    control.switch("cockpit").map_or(Ok(()), |switch| switch.set_up())?;
    companion.begin()?;
    let outcome = cockpit::run(control, nudges, common);
    companion.finish();
    if verb.keep {
        output::text(&format!("kept: {}", folder.display()));
    } else {
        // Gone already, unless somebody killed the companion.
        companion::remove(&folder);
    }
    outcome
}

fn sandbox(folder: &Path) -> Result<(), Trouble> {
    DirBuilder::new().mode(0o700).create(folder).map_err(|error| {
        Trouble::failed(format!(
            "{}: {error}\n  while: making the demo's folder\n  next:  make the folder writable, or set TMPDIR",
            folder.display()
        ))
    })
}

/// A world in which nothing of the user's is to be seen.
fn surroundings(folder: &Path, role: Role) -> Result<Surroundings, Trouble> {
    let own = Surroundings::of_this_process();
    let work = folder.join("work");
    DirBuilder::new().mode(0o700).create(&work)?;
    let user = own.user.clone();
    private(
        &work.join("config.yaml"),
        "broker:\n  paper: true\ndata:\n  feed_host: feed.example.invalid\n  feed_token: demo-in-plain-text\n",
    )?;
    // The person's own file: what a rotation does counts from nowhere below it.
    let own_files = folder.join("config/quarterdeck");
    DirBuilder::new().recursive(true).mode(0o700).create(&own_files)?;
    private(&own_files.join(FILE_NAME), &configuration(folder, &user, role))?;
    let vars = BTreeMap::from([
        ("HOME".into(), folder.as_os_str().to_owned()),
        ("XDG_STATE_HOME".into(), folder.join("state").into_os_string()),
        ("XDG_CONFIG_HOME".into(), folder.join("config").into_os_string()),
        ("XDG_DATA_HOME".into(), folder.join("data").into_os_string()),
        ("DP_SECRETS_ENCRYPTION_KEY".into(), key(folder)?.into()),
        ("DP_BROKER__HOST".into(), "127.0.0.1".into()),
        ("DP_IBKR__CLIENT_ID".into(), "1".into()),
    ]);
    Ok(Surroundings { vars, cwd: work, etc: folder.join("etc"), ..own })
}

/// The demo's own Fernet key: random, and gone with the folder.
fn key(folder: &Path) -> Result<String, Trouble> {
    let bare = Surroundings {
        vars: BTreeMap::from([
            ("XDG_STATE_HOME".into(), folder.join("making").into_os_string()),
            ("HOME".into(), folder.as_os_str().to_owned()),
        ]),
        cwd: folder.to_owned(),
        etc: folder.join("etc"),
        ..Surroundings::of_this_process()
    };
    let control = open(bare, Wanted::Demo, &Opening { besides: Some("fernet"), ..Opening::default() })?;
    let made = control.serve(quarterdeck_domain::request::Request::GenerateKey.into())?;
    let quarterdeck_control::serve::Done::Key(key) = made else {
        return Err(Trouble::failed("the plugin gave no key"));
    };
    drop(control);
    std::fs::remove_dir_all(folder.join("making"))?;
    Ok(String::from_utf8_lossy(key.expose()).into_owned())
}

fn configuration(folder: &Path, user: &str, role: Role) -> String {
    let text = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    format!(
        "[[person]]\nname = {user}\nunix = {user}\nrole = {role}\n\n\
         [desk]\nphone = \"+1 203 555 0142 (a made-up number)\"\n\n\
         [backend.fernet]\npath = {file}\n\n[backend.yaml]\npath = {yaml}\n\n\
         [[audit.source]]\nname = \"orders\"\npath = {orders}\nevery = \"30s\"\n\n\
         [rotate]\ngrace = \"1m\"\nretire = \"wait\"\n\n{secrets}",
        user = text(Person::of_unix(user).as_str()),
        role = text(role.name()),
        yaml = text(&folder.join("work/config.yaml").to_string_lossy()),
        file = text(&folder.join("work/.secrets/encrypted_secrets.bin").to_string_lossy()),
        orders = text(&folder.join("orders.jsonl").to_string_lossy()),
        secrets = MADE
            .iter()
            .map(|(name, made)| format!("[[secret]]\nname = {name:?}\ngenerator = {made:?}\nperiod = \"30d\"\n\n"))
            .collect::<String>(),
    )
}

fn private(file: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(text.as_bytes())
}

/// Stores the demo's secrets through the real backend, and gives each a history: its record is dated back, which only a
/// sandbox's own furnishing may do.
fn furnish(control: &Control) -> Result<(), Trouble> {
    let mount = control.mount("fernet")?;
    let now = Timestamp::now();
    let mut history = Vec::new();
    for (name, value, hours, by) in SECRETS {
        let parsed = quarterdeck_control::SecretName::parse(name).ok_or_else(|| Trouble::failed("a bad name"))?;
        let version = mount
            .backend()
            .write(&parsed, Value::text(value), &Expected::Absent, mount.call())
            .map_err(|error| Trouble::failed(error.to_string()))?;
        let at = now - SignedDuration::from_hours(*hours);
        history.push((at, written(control, at, name, by, Some(version.0))));
    }
    history.sort_by_key(|(at, _)| *at);
    let events = history.into_iter().map(|(_, event)| event).collect();
    control.journal.append(events).map_err(|error| Trouble::failed(error.to_string()))?;
    Ok(())
}

fn written(control: &Control, at: Timestamp, name: &str, by: &str, version: Option<String>) -> Event {
    let who = Who { person: Person::of_unix(by), role: Some(Role::Devops), session: control.who.session.clone() };
    let ids = EventId { event: random_id("evt", 16), request: random_id("req", 12) };
    Event::new(EventKind::SecretWrite, at, ids, Actor::person(&who), control.config.environment)
        .on(format!("secret://fernet/{name}"))
        .came_out(Status::Success, Some(4), None)
        .with(Detail::Secret {
            layer: "fernet".into(),
            name: name.into(),
            purpose: "demo history".into(),
            version,
            fingerprint: None,
            note: None,
        })
}
