//! All that the server tells of a secret without its value. Refuses to read the value where metadata or keys may be had.

use crate::answer::Answer;
use crate::kv2::{Kv2, deletion, id, is_past};
use crate::staging::{Pending, staged_id};
use futures_util::future::join;
use quarterdeck_contract::{BackendError, ErrorKind, Inspection, Result, SecretName, Stage, VersionInfo};
use serde_json::Value;
use vaultrs::api::kv2::requests::{ReadSecretMetadataRequest, ReadSecretRequest};

/// Versions and metadata, and what is staged before them.
pub(crate) async fn inspect(kv: &Kv2<'_>, name: &SecretName, path: &str) -> Result<Inspection> {
    let (known, shadow) = join(of_secret(kv, name, path), kv.pending(path)).await;
    let mut known = known?;
    match shadow {
        Ok(shadow) => known.versions.splice(0..0, shadow.pending.map(pending)).for_each(drop),
        // A policy for this one path alone.
        Err(BackendError { kind: ErrorKind::Denied { missing, .. }, .. }) => {
            known.facts.push(("pending".into(), format!("not known without {missing}")));
        }
        Err(error) => return Err(error),
    }
    Ok(known)
}

fn pending(pending: Pending) -> VersionInfo {
    let id = staged_id(&pending.rotation);
    let (stage, rotation) = (Some(Stage::Pending), Some(pending.rotation));
    VersionInfo { stage, rotation, created_at: pending.made_at, ..VersionInfo::of(id) }
}

/// By the metadata, else by the keys, else by the secret itself, which tell the newest alone.
async fn of_secret(kv: &Kv2<'_>, name: &SecretName, path: &str) -> Result<Inspection> {
    let request = ReadSecretMetadataRequest { mount: kv.mounted.mount.clone(), path: path.to_owned() };
    let doing = format!("inspecting '{path}'");
    let need = kv.need("metadata", path, "read", doing.clone());
    if let Some(answer) = kv.client.ask_if_allowed(&request, &need, kv.until).await? {
        let versions = versions(answer.data());
        return match answer.is_fine() && !versions.is_empty() {
            true => Ok(of_metadata(name, versions, answer.data())),
            false => Err(kv.missing(path, None, &answer).doing(doing)),
        };
    }
    let (answer, from) = match kv.subkeys(path).await? {
        Some(answer) => (answer, "keys"),
        None => {
            let request = ReadSecretRequest { mount: kv.mounted.mount.clone(), path: path.to_owned(), version: None };
            (kv.client.ask(&request, &need, kv.until).await?, "the secret itself")
        }
    };
    match answer.data().pointer("/metadata/version").and_then(Value::as_u64) {
        Some(number) => Ok(of_newest(name, number, &answer, from)),
        None => Err(kv.missing(path, None, &answer).doing(doing)),
    }
}

fn of_metadata(name: &SecretName, versions: Vec<VersionInfo>, data: &Value) -> Inspection {
    let mut facts = Vec::new();
    let mut fact = |label: &str, text: Option<String>| facts.extend(text.map(|text| (label.to_owned(), text)));
    let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| data.get(name).and_then(Value::as_u64).filter(|number| *number > 0);
    fact("updated", text("updated_time").map(|time| to_the_second(&time)));
    fact("versions kept", number("max_versions").map(|number| number.to_string()));
    fact("oldest version", number("oldest_version").map(|number| number.to_string()));
    fact("versions end after", text("delete_version_after").filter(|after| after != "0s"));
    let current = number("current_version").and_then(|number| data.pointer(&format!("/versions/{number}")));
    fact(
        "current version ends",
        current.filter(|version| !is_past(version)).and_then(deletion).map(|at| format!("{at:.0}")),
    );
    let required = data.get("cas_required").and_then(Value::as_bool) == Some(true);
    fact("check-and-set", required.then(|| "required by the secret".to_owned()));
    Inspection { versions, metadata: labels(data.get("custom_metadata")), facts, ..Inspection::of(name.clone()) }
}

/// RFC 3339 without the nine digits that nobody reads.
fn to_the_second(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(second, _)| format!("{second}Z"))
}

fn of_newest(name: &SecretName, number: u64, answer: &Answer, from: &str) -> Inspection {
    let metadata = answer.data().get("metadata").unwrap_or(&Value::Null);
    let note = format!("the newest alone, from {from}: the metadata may not be read");
    Inspection {
        versions: vec![version(number, metadata, number)],
        metadata: labels(metadata.get("custom_metadata")),
        facts: vec![("versions".into(), note)],
        ..Inspection::of(name.clone())
    }
}

/// Newest first.
fn versions(data: &Value) -> Vec<VersionInfo> {
    let current = data.get("current_version").and_then(Value::as_u64).unwrap_or_default();
    let listed = data.get("versions").and_then(Value::as_object);
    let mut versions: Vec<(u64, VersionInfo)> = listed
        .into_iter()
        .flatten()
        .filter_map(|(number, metadata)| number.parse().ok().map(|number| (number, version(number, metadata, current))))
        .collect();
    versions.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    versions.into_iter().map(|(_, version)| version).collect()
}

fn version(number: u64, metadata: &Value, current: u64) -> VersionInfo {
    let destroyed = metadata.get("destroyed").and_then(Value::as_bool) == Some(true);
    let deleted = is_past(metadata);
    VersionInfo {
        stage: (number == current && !deleted && !destroyed).then_some(Stage::Current),
        created_at: created_at(metadata),
        deleted,
        destroyed,
        ..VersionInfo::of(id(number))
    }
}

/// When a version was made, Unix seconds.
pub(crate) fn created_at(metadata: &Value) -> Option<i64> {
    let made: jiff::Timestamp = metadata.get("created_time")?.as_str()?.parse().ok()?;
    Some(made.as_second())
}

fn labels(custom: Option<&Value>) -> std::collections::BTreeMap<String, String> {
    let pairs = custom.and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deletion_in_the_future_is_none() {
        let data = json!({
            "current_version": 3,
            "versions": {
                "1": { "created_time": "2026-01-01T00:00:00Z", "deletion_time": "2026-01-02T00:00:00Z", "destroyed": false },
                "2": { "created_time": "2026-01-01T00:00:00Z", "deletion_time": "", "destroyed": true },
                "3": { "created_time": "2026-01-01T00:00:01.5Z", "deletion_time": "2999-01-01T00:00:00Z", "destroyed": false },
            }
        });
        let found: Vec<_> = versions(&data)
            .into_iter()
            .map(|version| (version.id.0, version.stage, version.deleted, version.destroyed))
            .collect();
        let expected = [("3", Some(Stage::Current), false, false), ("2", None, false, true), ("1", None, true, false)];
        assert_eq!(found, expected.map(|(id, stage, deleted, destroyed)| (id.to_owned(), stage, deleted, destroyed)));
        assert_eq!(versions(&data)[0].created_at, Some(1_767_225_601));
    }
}
