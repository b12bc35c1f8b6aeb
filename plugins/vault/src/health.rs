//! Whether the layer can be read, by reading it: `/sys/health` says 200 also where the audit log is full and nothing
//! works. Refuses to show more of a token than its accessor's last letters.

use crate::ask::Ask;
use crate::backend::Work;
use crate::listing::{beside, is_gone, look, need, no_list};
use crate::name::folder;
use crate::refusal::Need;
use crate::session::{Held, is_unknown};
use crate::settings::{Kv, origin};
use quarterdeck_contract::{ErrorKind, Health, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vaultrs::api::token::requests::LookupTokenSelfRequest;

/// A token that ends sooner, and that nobody here renews, is a warning.
const SOON: Duration = Duration::from_secs(3600);

/// One health check: who we are, then a real read.
pub(crate) async fn health(work: &Work<'_>) -> Result<Health> {
    let client = work.client;
    let need = Need::new("auth/token/lookup-self", "read", "looking whether it can be read");
    let (looked_up, held) = client.exchange(&LookupTokenSelfRequest {}, &need, work.until).await?;
    let mut health = Health { summary: String::new(), facts: Vec::new(), warnings: Vec::new(), expires_at: None };
    match looked_up.status {
        200 => held.learn(looked_up.data()),
        403 if !is_unknown(&looked_up) => health
            .warnings
            .push("the token may not look itself up, so its end is not known: give it the policy 'default'".into()),
        _ => return Err(client.why(&looked_up, &held, &need, work.until).await),
    }
    let read = read(work, &mut health.warnings).await?;
    let version = server_version(work).await;
    facts(work, &mut health, looked_up.data(), &held, version);
    let kv = if work.mounted.kv == Kv::One { "KV 1" } else { "KV 2" };
    health.summary = format!("{kv} {}, {read}", work.mounted.mount);
    Ok(health)
}

/// The real read: of the layer's secret, else of the listing, else of the first known name.
async fn read(work: &Work<'_>, warnings: &mut Vec<String>) -> Result<String> {
    let client = work.client;
    if let Some(path) = &work.mounted.layer {
        let read = read_layer(work, path, warnings).await?;
        if let Some(password) = work.mounted.password.as_ref().filter(|password| *password != path) {
            read_layer(work, password, warnings).await?;
        }
        if work.client.settings.path.as_ref().is_some_and(|set| work.mounted.kv == Kv::Two && !set.contains("/data/")) {
            warnings.push("the path has no '/data/' and the mount is KV 2: other programs need it there".into());
        }
        warnings.extend(hidden(work).await?);
        return Ok(format!("{path} {read}"));
    }
    let prefix = folder(&client.settings.prefix);
    let need = need(work, prefix);
    if let Some(answer) = client.ask_if_allowed(&Ask::list(&need.path), &need, work.until).await? {
        if !answer.is_fine() && (answer.has_warnings() || !answer.errors().is_empty()) {
            let kv = work.kv2();
            return Err(kv.missing(prefix, None, &answer).doing(need.doing));
        }
        return Ok(if prefix.is_empty() { "all of it".into() } else { prefix.into() });
    }
    let Some(name) = client.settings.names.first() else {
        return Err(no_list(work, prefix).await);
    };
    warnings.push(format!("LIST is denied: only the {} configured names are shown", client.settings.names.len()));
    match look(work, name).await {
        Ok(seen) => Ok(format!("{name} {}", shown(seen.version))),
        // The server answered, and for the other names too.
        Err(error) if is_gone(&error) => {
            warnings.push(format!("of the configured names {name} is gone: {}", error.what));
            Ok(format!("{name} is gone"))
        }
        Err(error) => Err(error),
    }
}

/// A warning where neither the mount nor the folder of the layer's secret may be listed.
async fn hidden(work: &Work<'_>) -> Result<Option<String>> {
    let settings = &work.client.settings;
    let folders: BTreeSet<&str> = std::iter::once(folder(&settings.prefix)).chain(beside(work)).collect();
    for folder in &folders {
        let need = need(work, folder);
        if work.client.ask_if_allowed(&Ask::list(&need.path), &need, work.until).await?.is_some() {
            return Ok(None);
        }
    }
    let folders: Vec<String> = folders.iter().map(|folder| work.mounted.api("metadata", folder)).collect();
    let known = match settings.names.len() {
        0 => String::new(),
        number => format!(" and the {number} configured names"),
    };
    Ok(Some(format!(
        "LIST is denied on {}: of the mount only the layer's own secret{known} can be shown; to see more, set 'prefix' to \
         a folder that the token may list",
        folders.join(" and on ")
    )))
}

/// The layer's own secret: that it is gone is a warning, since the rest of the mount is there.
async fn read_layer(work: &Work<'_>, path: &str, warnings: &mut Vec<String>) -> Result<String> {
    let (is, next) = match look(work, path).await {
        Ok(seen) => {
            if seen.is_plain {
                warnings.push(format!(
                    "the layer's secret {path} is one plain value and has no keys: 'quarterdeck secrets history {path}' \
                     shows the versions before it"
                ));
            }
            return Ok(shown(seen.version));
        }
        Err(error) if is_gone(&error) => match error.kind {
            ErrorKind::Deleted => ("deleted", format!("restore it with 'quarterdeck secrets restore {path}'")),
            ErrorKind::Destroyed => ("destroyed", format!("write it anew with 'quarterdeck secrets set {path}#KEY'")),
            _ => (
                "not there",
                format!("write it with 'quarterdeck secrets set {path}#KEY', or name another one (DP_VAULT_PATH)"),
            ),
        },
        Err(error) => return Err(error),
    };
    warnings.push(format!("the layer's secret {path} is {is}: {next}"));
    Ok(format!("is {is}"))
}

fn shown(version: Option<u64>) -> String {
    version.map_or_else(|| "readable".into(), |version| format!("v{version}"))
}

async fn server_version(work: &Work<'_>) -> Option<String> {
    let wire = work.client.wire().ok()?;
    let answer = wire.send(&Ask::get("sys/health"), None, &work.client.calls, work.until).await.ok()?;
    answer.whole()?.get("version")?.as_str().map(str::to_owned)
}

fn facts(work: &Work<'_>, health: &mut Health, token: &Value, held: &Held, version: Option<String>) {
    let settings = &work.client.settings;
    let mut facts: Vec<(&str, String)> = vec![("address", origin(&settings.address))];
    facts.extend(version.map(|version| ("server", version)));
    facts.extend(settings.namespace.clone().map(|namespace| ("namespace", namespace)));
    let said = if work.mounted.asked { "" } else { " (by the settings: the mount may not be asked)" };
    let kv = if work.mounted.kv == Kv::One { "1: no versions, no check-and-set" } else { "2" };
    facts.push(("mount", work.mounted.mount.clone()));
    facts.push(("KV version", format!("{kv}{said}")));
    facts.push(("log-in", work.client.session.way()));
    let text = |name: &str| token.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    // A token that nobody gave a name is called 'token'.
    facts.extend(text("display_name").filter(|name| *name != "token").map(|name| ("token", name.to_owned())));
    facts.extend(text("accessor").map(|accessor| ("accessor", format!("..{}", last_four(accessor)))));
    let policies: Vec<&str> =
        token.get("policies").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if !policies.is_empty() {
        facts.push(("policies", policies.join(", ")));
    }
    if policies.contains(&"root") {
        health.warnings.push("the token is a root token, which may do everything: use one with a policy".into());
    }
    match held.life() {
        Some(life) => {
            facts.push(("token ends in", span(life.left())));
            let ends = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + life.left();
            health.expires_at = i64::try_from(ends.as_secs()).ok();
            if life.left() < SOON && !work.client.session.renews() {
                health.warnings.push(format!("the token ends in {} and is not renewed here", span(life.left())));
            }
        }
        None if token.get("ttl").is_some() => facts.push(("token ends in", "never".into())),
        None => (),
    }
    if !settings.verify {
        health.warnings.push("the server's certificate is not checked ('verify = false')".into());
    }
    let loopback = matches!(settings.address.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if settings.address.scheme() == "http" && !loopback {
        health.warnings.push("the address is plain HTTP: token and secrets are readable on the way".into());
    }
    facts.push(("calls in the last hour", work.client.calls.last_hour().to_string()));
    health.facts = facts.into_iter().map(|(label, text)| (label.to_owned(), text)).collect();
}

fn last_four(accessor: &str) -> String {
    let letters: Vec<char> = accessor.chars().collect();
    letters[letters.len().saturating_sub(4)..].iter().collect()
}

/// A time in its two largest units: `3 d 4 h`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        86_400.. => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
        3600.. => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        60.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}
