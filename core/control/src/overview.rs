//! From what was observed and what the journal knows to the rows that everybody sees. Refuses I/O but a look at this
//! host's boot clock, by which grace counts: observations, state, policy and time in; rows out.

use crate::config::Config;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_contract::{BackendError, Entry};
use quarterdeck_domain::boundary::Boundary;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::Moment;
use quarterdeck_domain::layers::{Key, LayerKeys, resolve};
use quarterdeck_domain::overview::SecretRow;
use quarterdeck_domain::rotate::Rotation;
use quarterdeck_domain::rotation::{self, Age, SecretState};
use quarterdeck_domain::state::{State, Written};
use std::collections::{BTreeMap, BTreeSet};

/// What one layer's listing gave, last time it was asked.
#[derive(Debug, Clone, Default)]
pub struct LayerListing {
    /// The layer's name: its backend instance.
    pub layer: String,
    /// The kind of backend: `fernet`.
    pub kind: String,
    /// It can be written.
    pub writable: bool,
    /// The last good listing.
    pub entries: Vec<Entry>,
    /// Names in it whose newest version was deleted, and can be restored.
    pub deleted: BTreeSet<String>,
    /// The secrets that the layer is made of and whose keys nobody can tell now, with what those keys are under.
    pub untold: Vec<(String, String)>,
    /// Why it can't be read now, if it can't.
    pub error: Option<BackendError>,
}

/// The rows, worst and soonest due first. `layers` stand highest first.
pub fn secret_rows(layers: &[LayerListing], state: &State, config: &Config, now: Timestamp) -> Vec<SecretRow> {
    rows_at(layers, state, config, &Moment { utc: now, ..quarterdeck_clock::moment() })
}

fn rows_at(layers: &[LayerListing], state: &State, config: &Config, now: &Moment) -> Vec<SecretRow> {
    let boundary = config.boundary();
    let leaves: Vec<Vec<Leaf<'_>>> = layers.iter().map(|layer| leaves(layer, config, &boundary)).collect();
    let keys = |leaves: &Vec<Leaf<'_>>| leaves.iter().map(|leaf| leaf.key.clone()).collect();
    let keyed =
        layers.iter().zip(&leaves).map(|(layer, leaves)| LayerKeys { layer: layer.layer.clone(), keys: keys(leaves) });
    let by_name: Vec<BTreeMap<&str, &Entry>> =
        leaves.iter().map(|leaves| leaves.iter().map(|leaf| (leaf.key.name.as_str(), leaf.entry)).collect()).collect();
    let mut rows: Vec<SecretRow> = resolve(&keyed.collect::<Vec<_>>())
        .into_iter()
        .filter_map(|won| {
            let at = layers.iter().position(|layer| layer.layer == won.layer)?;
            let entry = by_name[at].get(won.name.as_str())?;
            let mut row = row(&layers[at], &won.name, entry, state, config, now);
            row.shadows = won.shadows;
            row.hidden = won.hidden;
            row.warnings.extend(hidden_by(&layers[..at]));
            row.warnings.extend(layers[..at].iter().filter_map(|layer| untold_by(layer, &won.key)));
            Some(row)
        })
        .collect();
    rows.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name)));
    rows
}

/// What a layer has for one key.
struct Leaf<'a> {
    key: Key,
    entry: &'a Entry,
}

/// A layer's leaves: `[[secret]]` says which key a name is, else the backend does, else the name is the key. A key inside a
/// secret that configuration ties is a leaf of its own beside the secret.
fn leaves<'a>(layer: &'a LayerListing, config: &Config, boundary: &Boundary) -> Vec<Leaf<'a>> {
    let tied: BTreeMap<&str, &str> =
        config.file.secret.iter().filter_map(|secret| Some((secret.name.as_str(), secret.key.as_deref()?))).collect();
    let ours = |name: &str| boundary.crossed(&layer.layer, name, config.environment).is_none();
    let of = |name: &str, key: &str, entry: &'a Entry| Leaf { key: Key { key: key.into(), name: name.into() }, entry };
    let (known, named): (Vec<_>, Vec<_>) = layer
        .entries
        .iter()
        .map(|entry| (entry, tied.get(entry.name.as_str()).copied().or(entry.key.as_deref())))
        .partition(|(_, key)| key.is_some());
    let inside = tied.iter().filter_map(|(name, key)| {
        let (secret, _) = name.split_once('#').filter(|_| !matches!(layer.kind.as_str(), "env" | "yaml"))?;
        let entry = layer.entries.iter().find(|entry| entry.name.as_str() == secret)?;
        layer.entries.iter().all(|entry| entry.name.as_str() != *name).then(|| of(name, key, entry))
    });
    // Of two leaves of one key the later one counts: the one that somebody said is that key.
    let mut leaves: Vec<Leaf<'a>> =
        named.into_iter().map(|(entry, _)| of(entry.name.as_str(), entry.name.as_str(), entry)).collect();
    leaves.extend(known.into_iter().filter_map(|(entry, key)| Some(of(entry.name.as_str(), key?, entry))));
    leaves.extend(inside);
    leaves.retain(|leaf| ours(&leaf.key.name));
    leaves
}

/// Worst state first, then what is due first; what has no date comes after what has one.
fn order(row: &SecretRow) -> (SecretState, Timestamp) {
    // What was deleted has readers that fail, unless it was meant.
    let state = if row.deleted { row.state.min(SecretState::Lost) } else { row.state };
    (state, row.due_at.unwrap_or(Timestamp::MAX))
}

/// How many names the layers hold that belong to another environment, and are shown there alone.
pub fn elsewhere<'a>(
    layers: impl IntoIterator<Item = &'a LayerListing>,
    boundary: &Boundary,
    here: Option<Environment>,
) -> Vec<(Environment, usize)> {
    let mut counts: Vec<(Environment, usize)> = Vec::new();
    let names = layers.into_iter().flat_map(|layer| layer.entries.iter().map(|entry| (&layer.layer, &entry.name)));
    for owner in names.filter_map(|(layer, name)| boundary.crossed(layer, name.as_str(), here)) {
        match counts.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, count)) => *count += 1,
            None => counts.push((owner, 1)),
        }
    }
    counts
}

/// A layer above that can't be read may hold the same key.
fn hidden_by(above: &[LayerListing]) -> Option<String> {
    let broken: Vec<&str> = above.iter().filter(|layer| layer.error.is_some()).map(|l| l.layer.as_str()).collect();
    (!broken.is_empty()).then(|| format!("{} can't be read and may override it", broken.join(", ")))
}

/// A layer above is made of a secret that is gone, and the key may have been in it.
fn untold_by(layer: &LayerListing, key: &str) -> Option<String> {
    let may_hold = |under: &str| match key.strip_prefix(under) {
        _ if key.contains(['/', '#']) => false,
        Some(rest) => under.is_empty() || rest.starts_with('.'),
        None => false,
    };
    let (secret, _) = layer.untold.iter().find(|(_, under)| may_hold(under))?;
    Some(format!("the keys of {secret} in {} are not known and may override it", layer.layer))
}

fn row(layer: &LayerListing, name: &str, entry: &Entry, state: &State, config: &Config, now: &Moment) -> SecretRow {
    let known = state.secret(&layer.layer, name);
    // A map that was stored as a whole made every key in it.
    let above = name.match_indices('.').rev().map(|(at, _)| &name[..at]);
    let mut histories = known.into_iter().chain(above.filter_map(|up| state.secret(&layer.layer, up)));
    let changed_at = state.version(&layer.layer, name).filter(|known| !known.ours).map(|known| known.at);
    // What somebody else stored since is not what was stored through us.
    let written = histories.find_map(|history| history.written.as_ref());
    // A key that was stored made the map's version.
    let keys = format!("{}#", State::key(&layer.layer, name));
    let inside = state.secrets.range(keys.clone()..).take_while(|(key, _)| key.starts_with(&keys));
    let inside = inside.filter_map(|(_, history)| history.written.as_ref());
    let written = written.into_iter().chain(inside).max_by_key(|written| written.at);
    let written = written.filter(|written| changed_at.is_none_or(|at| at < written.at));
    let is_another = |written: &Written| {
        written.version.is_some() && entry.version.as_ref().map(|v| &v.0) != written.version.as_ref()
    };
    let written = written.filter(|written| entry.created_at.is_none() || name.contains('#') || !is_another(written));
    let is_named =
        |deleted: &str| deleted == name || name.strip_prefix(deleted).is_some_and(|key| key.starts_with('#'));
    let deleted = entry.deletes_at.is_some() || layer.deleted.iter().any(|deleted| is_named(deleted));
    let age = age(entry, written.map(|written| written.at), changed_at);
    let policy = config.policy(&layer.layer, name);
    let by_age = rotation::state(age, policy, now.utc);
    let told = rotation(state, &layer.layer, name, now);
    let by_rotation = told.and_then(|rotation| rotation.state(now));
    let mut warnings = Vec::new();
    if layer.kind == "yaml" {
        warnings.push("kept in plain text in a YAML file: move it with 'secrets set'".to_owned());
    }
    SecretRow {
        name: name.to_owned(),
        backend: layer.kind.clone(),
        layer: layer.layer.clone(),
        version: entry.version.as_ref().map(|version| version.0.clone()),
        state: if layer.error.is_some() {
            SecretState::Unreadable
        } else {
            by_rotation.map_or(by_age, |state| state.min(by_age))
        },
        age,
        period: policy.period,
        due_at: rotation::due_at(age, policy).filter(|_| !deleted),
        shadows: Vec::new(),
        hidden: Vec::new(),
        warnings,
        writable: layer.writable,
        written_by: written.map(|written| written.by.clone()),
        last_read: known.and_then(|history| history.last_read),
        reads: known.map_or(0, |history| history.reads),
        rotates_at: entry.rotates_at.and_then(|at| Timestamp::from_second(at).ok()),
        deletes_at: entry.deletes_at.and_then(|at| Timestamp::from_second(at).ok()),
        deleted,
        changed_at,
        rotation: told.map(Rotation::words),
    }
}

/// The rotation that a row tells of: one that is under way, or whose end still gives the state.
fn rotation<'a>(state: &'a State, layer: &str, name: &str, now: &Moment) -> Option<&'a Rotation> {
    let last = state.last_rotation(layer, name)?;
    // What was stored since is another value than the one that it was about.
    let (ended, written) = (last.ended.map(|(_, at)| at), state.secret(layer, name).and_then(|it| it.written.as_ref()));
    let is_old = ended.zip(written).is_some_and(|(ended, written)| written.at > ended);
    (last.is_live() || !is_old && last.state(now).is_some()).then_some(last)
}

/// The journal's word first; then the backend's; else a lower bound: the backend's, or when a change was seen; else
/// unknown.
fn age(entry: &Entry, written: Option<Timestamp>, changed: Option<Timestamp>) -> Age {
    let second = |unix: i64| Timestamp::from_second(unix).ok();
    if let Some(at) = written.or(entry.created_at.and_then(second)) {
        return Age::Since(at);
    }
    entry.not_after.and_then(second).or(changed).map_or(Age::Unknown, Age::AtLeastSince)
}

/// How often a backend is asked when configuration says nothing.
pub const EVERY: SignedDuration = SignedDuration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_contract::{ErrorKind, SecretName};
    use quarterdeck_domain::state::SecretHistory;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a test's own timestamp")
    }

    fn config(environment: Environment) -> Config {
        Config { environment: Some(environment), ..Config::default() }
    }

    fn layer(name: &str, keys: &[(&str, Option<i64>)]) -> LayerListing {
        let entry = |(name, not_after): &(&str, Option<i64>)| Entry {
            not_after: *not_after,
            ..Entry::named(SecretName::parse(name).expect("a name"))
        };
        LayerListing {
            layer: name.into(),
            kind: name.into(),
            entries: keys.iter().map(entry).collect(),
            ..LayerListing::default()
        }
    }

    #[test]
    fn the_journals_time_comes_before_the_tokens_and_none_is_invented() {
        let token = at("2026-01-10T00:00:00Z").as_second();
        let layers = [layer("fernet", &[("a", Some(token)), ("b", Some(token))]), layer("env", &[("c", None)])];
        let mut state = State::default();
        let written = Written { at: at("2026-01-01T00:00:00Z"), by: "carol".into(), version: None, fingerprint: None };
        state.secrets.insert(State::key("fernet", "a"), SecretHistory { written: Some(written), ..Default::default() });
        let rows = secret_rows(&layers, &state, &config(Environment::Production), at("2026-01-15T00:00:00Z"));
        let told: Vec<_> = rows.iter().map(|r| (r.name.as_str(), r.state, r.due_at.is_some())).collect();
        assert_eq!(
            told,
            [
                ("b", SecretState::NoAgeKnown, false),
                ("c", SecretState::NoAgeKnown, false),
                ("a", SecretState::Ok, true),
            ]
        );
        assert_eq!(rows[2].written_by.as_deref(), Some("carol"));
    }

    #[test]
    fn an_unreadable_layer_keeps_its_names_and_warns_the_layers_below() {
        let mut above = layer("vault", &[("x", None)]);
        above.error = Some(BackendError::new(ErrorKind::Sealed, "sealed"));
        let rows = secret_rows(
            &[above, layer("fernet", &[("y", None)])],
            &State::default(),
            &config(Environment::Qa),
            at("2026-01-15T00:00:00Z"),
        );
        assert_eq!((rows[0].name.as_str(), rows[0].state), ("x", SecretState::Unreadable));
        assert!(rows[1].warnings.iter().any(|warning| warning.contains("vault")), "{:?}", rows[1].warnings);
    }

    #[test]
    fn a_key_that_was_stored_counts_for_its_map_and_a_gone_secret_is_warned_of() {
        let now = at("2026-01-15T00:00:00Z");
        let mut state = State::default();
        let written = Written { at: now, by: "carol".into(), version: None, fingerprint: None };
        let history = SecretHistory { written: Some(written), ..SecretHistory::default() };
        state.secrets.insert(State::key("vault", "desk/tls#cert"), history);
        let mut vault = layer("vault", &[("desk/tls", None), ("desk/tlsx", None)]);
        vault.untold = vec![("desk/broker".into(), "broker".into())];
        let below = layer("fernet", &[("broker.host", None), ("brokers", None)]);
        let rows = secret_rows(&[vault, below], &state, &config(Environment::Qa), now);
        let row = |name: &str| rows.iter().find(|row| row.name == name).expect("its row");
        assert_eq!((row("desk/tls").age, row("desk/tlsx").age), (Age::Since(now), Age::Unknown));
        assert_eq!(row("broker.host").warnings, ["the keys of desk/broker in vault are not known and may override it"]);
        assert!(row("brokers").warnings.is_empty());
    }

    #[test]
    fn a_key_is_one_whether_configuration_or_the_backend_says_so() {
        let mut vault = layer("vault", &[("desk/broker#password", None), ("desk/api", None), ("host", None)]);
        vault.entries[0].key = Some("password".into());
        let tied = "[[secret]]\nname='desk/api#token'\nkey='api.token'\n[[secret]]\nname='gone#x'\nkey='gone'\n";
        let config = Config { file: toml::from_str(tied).expect("valid"), ..config(Environment::Qa) };
        let env = layer("env", &[("password", None)]);
        let below = layer("fernet", &[("password", None), ("api.token", None), ("host", None)]);
        let rows = secret_rows(&[env, vault, below], &State::default(), &config, at("2026-01-15T00:00:00Z"));
        let told: Vec<_> =
            rows.iter().map(|row| (row.name.as_str(), row.layer.as_str(), row.shadows.join("+"))).collect();
        let wanted = [
            ("desk/api", "vault", ""),
            ("desk/api#token", "vault", "fernet"),
            ("host", "vault", "fernet"),
            ("password", "env", "vault+fernet"),
        ];
        assert_eq!(told, wanted.map(|(name, layer, shadows)| (name, layer, shadows.to_owned())));
        assert!(rows[3].hidden.contains(&("vault".to_owned(), "desk/broker#password".to_owned())));
    }

    #[test]
    fn what_another_environment_owns_is_not_listed() {
        let layers = [layer("fernet", &[("prod/trader/key", None), ("paper/trader/key", None), ("plain", None)])];
        let rows = secret_rows(&layers, &State::default(), &config(Environment::Paper), at("2026-01-15T00:00:00Z"));
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["paper/trader/key", "plain"]);
        assert_eq!(elsewhere(&layers, &Boundary::default(), Some(Environment::Paper)), [(Environment::Production, 1)]);
        assert_eq!(elsewhere(&layers, &Boundary::default(), None), []);
    }

    #[test]
    fn a_rotation_gives_its_secret_a_state_and_the_worst_stands_first() {
        use quarterdeck_domain::catalogue::EventKind;
        use quarterdeck_domain::event::{Actor, Detail, Event, EventId};
        use quarterdeck_domain::kill::Deadline;
        use quarterdeck_domain::rotate::{Downtime, Fact, Generator, Lease, Limits, Plan, Retire};
        let now = Moment { utc: at("2026-01-15T00:00:00Z"), boot_ns: 0, boot_id: "b".into() };
        let plan = Plan {
            target: quarterdeck_domain::request::Target { layer: "aws".into(), name: "b".into() },
            from: "1".into(),
            generator: Generator::Uuid,
            set: None,
            test: None,
            revoke: None,
            grace_s: 0,
            downtime: Downtime::Zero,
            retire: Retire::Ask,
            watch: None,
            confirm: None,
            limits: Limits::default(),
            digest: String::new(),
        };
        let planned =
            Fact::Planned { id: "u".into(), plan: Box::new(plan), by: "carol".into(), why: String::new(), lease: None };
        let mut state = State::default();
        let mut tell = |fact: Fact| {
            let id = EventId { event: "evt-0".into(), request: "req-0".into() };
            let detail = Detail::Rotation { number: 1, runner: Some("p".into()), fact: Box::new(fact) };
            let event = Event::new(EventKind::RotationPlanned, now.utc, id, Actor::system("s"), None).with(detail);
            state.fold(&event);
            let layers = [layer("aws", &[("a", None), ("b", None)])];
            rows_at(&layers, &state, &config(Environment::Qa), &now)
        };
        let rows = tell(planned);
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.state, row.rotation.as_deref())).collect();
        let none = SecretState::NoAgeKnown;
        assert_eq!(told, [("a", none, None), ("b", none, Some("R-1 check"))]);
        let (runner, host, program) = ("p".into(), "h".into(), "watch".into());
        let until = Deadline::after(&now, SignedDuration::from_secs(30));
        tell(Fact::Taken { lease: Lease { runner, host, program, pid: 1, until } });
        let rows = tell(Fact::Lost { found: "9".into() });
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.state, row.rotation.as_deref())).collect();
        assert_eq!(told, [("b", SecretState::Lost, Some("R-1 end")), ("a", none, None)]);
    }
}
