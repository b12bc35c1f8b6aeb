//! From configuration, policy and one look at the backend to a plan. Refuses to read a value and to call anything that
//! writes: a dry run and a start make the very same plan, held together by its digest.

use super::policy::Rules;
use super::words;
use crate::failure::Failure;
use crate::mount::Mount;
use crate::serve::Control;
use jiff::Timestamp;
use quarterdeck_contract::{Capability, ErrorKind, Inspection, SecretName, Stage, VersionId, VersionInfo};
use quarterdeck_domain::access::Class;
use quarterdeck_domain::decide::Decision;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::request::{Request, Target};
use quarterdeck_domain::rotate::{Downtime, Generator, Limits, Plan, PlanRow, Rotation, unit};
use quarterdeck_domain::sanitise;
use quarterdeck_domain::state::State;
use sha2::{Digest as _, Sha256};

/// How the name of a value ends that Vault keeps aside for a rotation.
const SHADOWS: [&str; 2] = [".quarterdeck-pending", ".quarterdeck-previous"];

/// What the one look at the backend told.
struct Seen<'a> {
    kind: &'a str,
    layer: &'a str,
    can_stage: bool,
    found: Inspection,
    /// Why it could not be asked.
    unasked: Option<String>,
    /// The keys of a secret that may be a map; `None` where nobody has to ask.
    keys: Option<Result<Vec<String>, String>>,
    /// An audit source besides our own is tailed.
    has_ears: bool,
}

pub(super) fn plan(control: &Control, target: &Target) -> Result<PlanRow, Failure> {
    control.permit(&Request::PlanRotation { target: target.clone() })?;
    let mount = control.mount(&target.layer)?;
    let name = SecretName::parse(&target.name).ok_or_else(|| Failure::Senseless {
        what: format!("'{}' is no secret's name", sanitise::line(&target.name, 80)),
        next: "A name has no control characters and at most 1,024 bytes.".into(),
    })?;
    let seen = Seen { has_ears: crate::watch::sources(control).len() > 1, ..look(mount, &name)? };
    // Whose the staged value is that was seen: it may have been begun a moment ago. A journal that can't be read is told
    // by who writes.
    let _ = control.journal.catch_up();
    let rules = Rules::of(&control.config, target);
    let (reasons, approval) = permission(control, target);
    let state = control.state();
    let row = work_out(control.config.environment, target, &rules, &seen, &state, quarterdeck_clock::utc());
    let (mut hinders, mut warnings) = ([reasons, row.hinders].concat(), row.warnings);
    // Whoever begins it carries it on here, but for what is confirmed first: another host's programs are not seen.
    match row.plan.confirm {
        None => hinders.extend(rules.absent()),
        Some(_) => warnings.extend(rules.absent()),
    }
    Ok(PlanRow { hinders, warnings, approval, ..row })
}

/// One look. What is not there has no plan; what can't be asked has one that can't be begun.
fn look<'a>(mount: &'a Mount, name: &SecretName) -> Result<Seen<'a>, Failure> {
    let told = |error| Failure::of_backend(&mount.layer, error).told();
    let (found, unasked) = match mount.backend().inspect(name, mount.call()) {
        Ok(found) => (found, None),
        Err(error) if error.kind == ErrorKind::NotFound => return Err(Failure::of_backend(&mount.layer, error)),
        Err(error) => {
            let told = told(error);
            let what = format!("{} can't be asked: {}. {}", mount.layer, told.what, told.next);
            (Inspection::of(name.clone()), Some(what.trim_end().to_owned()))
        }
    };
    // The file tells of each name whether it is a map; elsewhere a name without a key may be one.
    let is_none = mount.kind == "fernet" && found.metadata.get("type").is_none_or(|kind| kind != "object");
    let keys = if unasked.is_some() || is_none || name.as_str().contains('#') {
        None
    } else {
        match mount.backend().keys(name, mount.call()) {
            Err(error) if error.kind == ErrorKind::Unsupported => None,
            keys => Some(keys.map_err(|error| told(error).what)),
        }
    };
    let can_stage = !mount.is_missing() && mount.backend().describe().can(Capability::Staging);
    Ok(Seen { kind: &mount.kind, layer: &mount.layer, can_stage, found, unasked, keys, has_ears: false })
}

/// The plan of what was seen and ruled.
fn work_out(
    environment: Option<Environment>,
    target: &Target,
    rules: &Rules,
    seen: &Seen<'_>,
    state: &State,
    now: Timestamp,
) -> PlanRow {
    let live = state.live_rotation(&target.layer, &target.name);
    let from = current(&seen.found);
    let plan = sealed(
        environment,
        Plan {
            target: target.clone(),
            from: from.map(|from| from.0.clone()).unwrap_or_default(),
            generator: rules.generator.clone(),
            set: rules.set.clone(),
            test: rules.test.clone(),
            revoke: rules.revoke.clone(),
            grace_s: rules.policy.grace.as_secs().unsigned_abs(),
            downtime: rules.downtime,
            retire: rules.retire,
            watch: rules.watch,
            confirm: rules.confirm,
            limits: Limits::default(),
            digest: String::new(),
        },
    );
    let mut hinders: Vec<String> = match &seen.unasked {
        Some(unasked) => vec![unasked.clone()],
        None => gone(&seen.found, from).into_iter().collect(),
    };
    hinders.extend(backend_hinders(seen));
    let of_a_map = map_hinder(seen);
    // A command may well make a map anew, as a whole.
    let makes_maps = matches!(rules.generator, Generator::Command { .. });
    hinders.extend(of_a_map.clone().filter(|_| !makes_maps));
    if hinders.is_empty() {
        hinders.extend(unsaid_generator(rules, target));
    }
    // What can't be rotated as it stands has no steps.
    let is_possible = hinders.is_empty();
    hinders.extend(foreign(state, live, &seen.found, now));
    hinders.extend(rules.left_aside.iter().map(|left| format!("'{}' is configured and {}", left.part, left.why)));
    let ground = words::Ground { kind: seen.kind, layer: seen.layer, is_kv1: is_kv1(seen), has_ears: seen.has_ears };
    let mut warnings = if is_possible { warnings(rules, &plan, &ground) } else { Vec::new() };
    if of_a_map.is_some() && makes_maps {
        warnings.push("it holds several secrets: what the command makes replaces all of them".into());
    }
    if let Some(Err(what)) = &seen.keys {
        warnings.push(format!("whether it holds several secrets is not known: {what}"));
    }
    warnings.extend(words::remarks(&plan, &ground));
    let steps = plan.steps().into_iter().filter(|_| is_possible);
    PlanRow {
        steps: steps.map(|step| (step, words::step(step, &plan, &ground))).collect(),
        warnings,
        hinders,
        approval: None,
        live: live.map(|live| (live.number, live.by.clone())),
        readers: Vec::new(),
        plan,
    }
}

/// The plan with its digest: over all that will be carried out, and where.
fn sealed(environment: Option<Environment>, plan: Plan) -> Plan {
    let plan = Plan { digest: String::new(), ..plan };
    // A plan is texts, numbers and words: it can always be written.
    let text = serde_json::to_string(&plan).unwrap_or_default();
    let place = environment.map_or("none", Environment::name);
    let digest = Sha256::digest(format!("quarterdeck rotation plan 1\n{place}\n{text}\n"));
    Plan { digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(), ..plan }
}

/// Why the one who asks may not begin it, and whose signature it needs. Nothing is recorded: nothing was asked for yet.
fn permission(control: &Control, target: &Target) -> (Vec<String>, Option<String>) {
    let in_production = control.config.environment == Some(Environment::Production);
    let signed = || "a rotation in PRODUCTION needs a signed approval by governance, which can't be given yet".into();
    let request = Request::Rotate { target: target.clone() };
    match control.decision(&request, control.look_only().as_deref()) {
        Decision::NeedsApproval { why, .. } => (Vec::new(), Some(why)),
        Decision::Refuse(reasons) => (reasons, in_production.then(signed)),
        Decision::Permit | Decision::Crossed { .. } => (Vec::new(), in_production.then(signed)),
    }
}

/// What readers get now.
fn current(found: &Inspection) -> Option<&VersionId> {
    let is_there = |version: &&VersionInfo| !version.deleted && !version.destroyed;
    let staged = found.versions.iter().find(|version| version.stage == Some(Stage::Current));
    let first = || found.versions.iter().find(|version| version.stage.is_none());
    staged.or_else(first).filter(is_there).map(|version| &version.id)
}

fn gone(found: &Inspection, from: Option<&VersionId>) -> Option<String> {
    let name = sanitise::line(unit(found.name.as_str()), 240);
    let deleted = found.facts.iter().any(|(label, _)| label == "deleted");
    let newest = found.versions.iter().find(|version| version.stage != Some(Stage::Pending));
    match newest {
        Some(version) if version.destroyed => {
            Some(format!("its newest version {} is destroyed: set it anew with 'secrets set {name}'", version.id))
        }
        Some(version) if version.deleted => {
            Some(format!("its newest version {} is deleted: 'secrets restore {name}' brings it back", version.id))
        }
        _ if deleted => Some(format!("it is deleted: 'secrets restore {name}' brings it back")),
        _ if from.is_none() => Some(format!("it has no value yet: 'secrets set {name}' stores the first one")),
        _ => None,
    }
}

fn backend_hinders(seen: &Seen<'_>) -> Vec<String> {
    let mut hinders = Vec::new();
    if SHADOWS.iter().any(|end| unit(seen.found.name.as_str()).ends_with(end)) {
        hinders.push("it is what a rotation keeps aside, and no secret: 'quarterdeck doctor' tells whose".into());
    }
    if !seen.can_stage {
        hinders.push(words::instead(seen.kind, seen.layer));
    }
    if let Some((_, when)) = seen.found.facts.iter().find(|(label, _)| label == words::OTHERS_SCHEDULE) {
        let when = sanitise::line(when, 120);
        hinders.push(format!("rotated by AWS, {when}: 'quarterdeck rotate adopt' takes over"));
    }
    hinders
}

/// A value that nobody asked for would be made and believed by nobody: how it comes about has to be said once. What somebody
/// else issues is typed.
fn unsaid_generator(rules: &Rules, target: &Target) -> Option<String> {
    let is_aside = rules.left_aside.iter().any(|left| left.part == "generator");
    if rules.generator_is_said || rules.generator == Generator::Typed || is_aside {
        return None;
    }
    let name = sanitise::line(&target.name, 240);
    let where_to = match rules.is_said {
        true => format!("write into its [[secret]], name = \"{name}\":"),
        false => format!("write [[secret]], name = \"{name}\" and"),
    };
    let way = "generator = \"password:32\", or \"typed\" ('quarterdeck help configuration')";
    Some(format!("nothing says how its new value comes about: {where_to} {way}"))
}

/// Staged values that the rotation under way did not make.
fn foreign(state: &State, live: Option<&Rotation>, found: &Inspection, now: Timestamp) -> Vec<String> {
    let pending = found.versions.iter().filter(|version| version.stage == Some(Stage::Pending));
    let foreign = pending.filter(|version| {
        let id = super::strays::id_of(version);
        live.is_none_or(|live| live.ids.iter().all(|known| known != id))
    });
    let told = foreign.map(|version| {
        let id = super::strays::id_of(version);
        let whose = match super::strays::owner(state, id) {
            Some(rotation) => format!("left by {}, which is over", rotation.name()),
            None => "made by nobody that this journal knows".into(),
        };
        let age = super::strays::age(version, now).map_or_else(String::new, |age| format!(", {age} old"));
        let id = sanitise::line(id, 80);
        format!("a staged value {id}{age} is in the way, {whose}: 'quarterdeck doctor' says how it is removed")
    });
    told.collect()
}

/// A secret that holds several is rotated key by key.
fn map_hinder(seen: &Seen<'_>) -> Option<String> {
    let Some(Ok(keys)) = &seen.keys else { return None };
    let first = sanitise::line(keys.first()?, 120);
    let name = sanitise::line(seen.found.name.as_str(), 240);
    let way = if seen.kind == "fernet" { '.' } else { '#' };
    let several =
        if keys.len() == 1 { "1 secret under a key".into() } else { format!("{} secrets under keys", keys.len()) };
    Some(format!("it holds {several}: name the one to rotate: {name}{way}{first}"))
}

fn is_kv1(seen: &Seen<'_>) -> bool {
    let says = |(label, text): &(String, String)| label == "versions" && text.contains("KV version 1");
    seen.kind == "vault" && seen.found.facts.iter().any(says)
}

/// What a person should know before it begins, worst first.
fn warnings(rules: &Rules, plan: &Plan, ground: &words::Ground<'_>) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    let mut warn = |warning: &str| warnings.push(warning.to_owned());
    let is_made = plan.generator != Generator::Typed;
    let issued = matches!(rules.class, Class::Broker | Class::Cloud | Class::Tls);
    if is_made && issued && plan.set.is_none() {
        warn("the new value is made here and no 'set' makes it known: whoever issues this secret will refuse it");
    } else if is_made && rules.class == Class::Database && plan.set.is_none() {
        warn("no 'set' is configured: the database is not told the new value, and will refuse it");
    }
    if plan.test.is_none() {
        warn("no test is configured: nothing proves the new value before it is promoted");
    }
    if plan.revoke.is_none() {
        warn("no revoke is configured: the old value stays valid where it is used until you revoke it");
    }
    match (plan.downtime, plan.grace_s) {
        (_, 0) if plan.revoke.is_some() => {
            warn("no grace: a reader that has not read the new value by then is refused at once");
        }
        (Downtime::Brief, _) if plan.set.is_some() => {
            warn("brief window: between set and a reader's next read the old value is refused");
        }
        (Downtime::Zero, _) if plan.set.is_some() && !rules.downtime_is_said => {
            warn("zero downtime is assumed: where only one value is valid at a time, say downtime = \"brief\"");
        }
        _ => {}
    }
    rules.cut_grace.iter().for_each(|cut| warn(&format!("grace: {cut}")));
    if !rules.generator_is_said {
        warn(&format!("no generator is configured: {}", plan.generator));
    }
    if plan.watch.is_some() && rules.watch_is_said && !ground.has_ears {
        warn("no audit source is configured: log-in errors are not heard, and silence is no proof");
    }
    warnings
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
