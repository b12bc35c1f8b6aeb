//! The names in a mount, folder by folder and page by page, in the order of their bytes. Refuses to read a value: the
//! keys of the layer's own secret come without their values where the server tells them. A shadow is no secret and is not
//! listed: [`pendings`] tells what is staged.
//!
//! ```text
//! LIST ""  →  a-b  a/  c      sorted with the slash, so that going down into 'a/' where it
//!     LIST "a/"  →  x  y/     stands gives the order of the whole names
//! ```

use crate::ask::Ask;
use crate::backend::Work;
use crate::content::{all_keys, keys_of as keys_of_map};
use crate::inspect::created_at;
use crate::kv2::id;
use crate::name::{folder, is_path};
use crate::refusal::{Need, line};
use crate::settings::Kv;
use crate::staging::{Pending, is_shadow, stages};
use futures_util::future::join_all;
use quarterdeck_contract::{BackendError, Entry, ErrorKind, Page, PageRequest, Result, SecretName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Entries of a page when the caller leaves it to us, and at most.
const PAGE: usize = 1_000;
const LARGEST_PAGE: usize = 10_000;

/// How many folders are asked for beside the one that is needed.
const AT_ONCE: usize = 7;

/// The key of a layer that its second secret is for.
const PASSWORD: &str = "password";

/// What the walk through the mount gives.
struct Walked {
    names: Vec<String>,
    /// There is, or may be, more behind the last name.
    more: bool,
}

/// One page.
pub(crate) async fn list(work: &Work<'_>, page: &PageRequest) -> Result<Page> {
    let limit = if page.limit == 0 { PAGE } else { (page.limit as usize).min(LARGEST_PAGE) };
    let after = page.after.as_deref();
    let mut entries = layer(work, &page.prefix).await?;
    let under = work.mounted.under.as_str();
    for key in entries.iter_mut().filter(|_| !under.is_empty()).filter_map(|entry| entry.key.as_mut()) {
        *key = format!("{under}.{key}");
    }
    let layers: BTreeSet<String> = entries.iter().map(|entry| path_of(entry.name.as_str()).to_owned()).collect();
    let wanted = |item: &str| !is_shadow(item) && !layers.contains(item);
    let walked = walk(work, &page.prefix, after, limit, &wanted).await?;
    entries.retain(|entry| {
        let name = entry.name.as_str();
        name.starts_with(&page.prefix) && after.is_none_or(|after| name > after)
    });
    // Behind the last name of a walk that isn't at its end others may follow, so the layer's own wait there too.
    let last = walked.names.last().filter(|_| walked.more).cloned();
    let behind = |entry: &Entry| last.as_deref().is_some_and(|last| entry.name.as_str() > last);
    let held_back = entries.iter().any(&behind);
    entries.retain(|entry| !behind(entry));
    entries.extend(walked.names.iter().filter_map(|name| SecretName::parse(name)).map(Entry::named));
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let more = walked.more || held_back || entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().map(|last| last.name.as_str().to_owned()).or(last).filter(|_| more);
    if more && next.is_none() {
        // No name to go on behind: an empty page would end the listing as if it were whole.
        let what = "no name was found in the time given: too many folders, or too slow a server";
        return Err(BackendError::new(ErrorKind::Timeout, what).hint("Set 'prefix' to a folder with less in it."));
    }
    Ok(Page { entries, next })
}

fn path_of(name: &str) -> &str {
    name.split_once('#').map_or(name, |(path, _)| path)
}

/// The keys of the secret that the layer is, and of the one that its password comes from. One that is deleted or not there
/// is its own name alone: what its keys were isn't known, and nobody may take the layer for one without them.
async fn layer(work: &Work<'_>, prefix: &str) -> Result<Vec<Entry>> {
    let Some(path) = &work.mounted.layer else { return Ok(Vec::new()) };
    let may_begin = |path: &String| path.starts_with(prefix) || prefix.starts_with(path.as_str());
    if !may_begin(path) && !work.mounted.password.as_ref().is_some_and(may_begin) {
        return Ok(Vec::new());
    }
    let keys = keys_of(work, path).await?;
    let is_known = keys.is_some();
    let mut entries = keys.unwrap_or_else(|| nameless(path, None));
    let Some(password_path) = work.mounted.password.as_ref().filter(|other| *other != path) else { return Ok(entries) };
    let others = keys_of(work, password_path).await?;
    let mut others = others.unwrap_or_else(|| nameless(password_path, Some(PASSWORD)));
    let has_password = others.iter().any(|entry| entry.key.as_deref() == Some(PASSWORD));
    let taken: BTreeSet<String> = entries.iter().filter_map(|entry| entry.key.clone()).collect();
    // One secret per key: the password's own secret gives the password, the layer's gives all else.
    for entry in entries.iter_mut().filter(|entry| has_password && entry.key.as_deref() == Some(PASSWORD)) {
        entry.key = None;
    }
    for entry in &mut others {
        entry.key = entry.key.take().filter(|key| key == PASSWORD || is_known && !taken.contains(key));
    }
    entries.extend(others);
    Ok(entries)
}

/// The entry of a secret whose keys can't be told.
fn nameless(path: &str, key: Option<&str>) -> Vec<Entry> {
    let name = SecretName::parse(path);
    name.map(|name| Entry { key: key.map(str::to_owned), ..Entry::named(name) }).into_iter().collect()
}

/// A secret's keys as entries; nothing where it is deleted or not there.
async fn keys_of(work: &Work<'_>, path: &str) -> Result<Option<Vec<Entry>>> {
    let seen = match look(work, path).await {
        Err(error) if is_gone(&error) => return Ok(None),
        seen => seen?,
    };
    let entry = |key: String| {
        let name = SecretName::parse(&format!("{path}#{key}"))?;
        let version = seen.version.map(id);
        Some(Entry { key: Some(key), version, created_at: seen.created_at, ..Entry::named(name) })
    };
    Ok(Some(seen.keys.into_iter().filter_map(entry).collect()))
}

/// What can be seen of a secret without showing its values.
pub(crate) struct Seen {
    /// Dotted and sorted.
    keys: Vec<String>,
    pub(crate) version: Option<u64>,
    created_at: Option<i64>,
    /// It is one value and no map.
    pub(crate) is_plain: bool,
}

/// Looks at a secret's keys; at the secret itself where they can't be had alone.
pub(crate) async fn look(work: &Work<'_>, path: &str) -> Result<Seen> {
    let seen = |tree: &Value, version: Option<u64>, created_at| {
        let keys = all_keys(tree);
        Seen { is_plain: !keys.is_empty() && keys_of_map(tree).is_empty(), keys, version, created_at }
    };
    if work.mounted.kv == Kv::One {
        return Ok(seen(&work.kv1().read(path).await?.tree.0, None, None));
    }
    let kv = work.kv2();
    match kv.subkeys(path).await? {
        Some(answer) if answer.is_fine() => {
            let metadata = answer.data().get("metadata").unwrap_or(&Value::Null);
            let version = metadata.get("version").and_then(Value::as_u64);
            Ok(seen(answer.data().get("subkeys").unwrap_or(&Value::Null), version, created_at(metadata)))
        }
        Some(answer) => Err(kv.missing(path, None, &answer).doing(format!("reading the keys of '{path}'"))),
        None => {
            let found = kv.read(path, None).await?;
            Ok(seen(&found.tree.0, Some(found.version), None))
        }
    }
}

/// True for a secret that is deleted, destroyed or was never there.
pub(crate) fn is_gone(error: &BackendError) -> bool {
    matches!(error.kind, ErrorKind::Deleted | ErrorKind::Destroyed | ErrorKind::NotFound)
}

/// What is staged, of every secret that can be found: by its name.
pub(crate) async fn pendings(work: &Work<'_>) -> Result<Vec<(String, Pending)>> {
    let shadows = walk(work, "", None, usize::MAX, &|item| stages(item).is_some()).await?;
    if shadows.more {
        let what = "the mount is larger than could be looked through in the time given";
        return Err(BackendError::new(ErrorKind::Timeout, what).hint("Set 'prefix' to a folder with less in it."));
    }
    let settings = &work.client.settings;
    // Those that are known without a listing may lie where LIST is denied.
    let known = settings.names.iter().chain(&work.mounted.layer).chain(&work.mounted.password).map(String::as_str);
    let paths: BTreeSet<&str> = shadows.names.iter().filter_map(|shadow| stages(shadow)).chain(known).collect();
    let mut found = Vec::new();
    for path in paths {
        let pending = match work.mounted.kv {
            Kv::One => work.kv1().pending(path).await?,
            Kv::Two => work.kv2().pending(path).await?.pending,
        };
        found.extend(pending.map(|pending| (path.to_owned(), pending)));
    }
    Ok(found)
}

/// Up to `limit` names behind `after` that begin with `prefix` and are wanted.
async fn walk(
    work: &Work<'_>,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Walked> {
    let mut walked = Walked { names: Vec::new(), more: false };
    let configured = work.client.settings.prefix.as_str();
    let scope = match (prefix.starts_with(configured), configured.starts_with(prefix)) {
        (true, _) => prefix,
        (_, true) => configured,
        _ => return Ok(walked),
    };
    let start = folder(scope).to_owned();
    // Before the deadline, so that what was found still arrives.
    let soon = work.until - (work.until - Instant::now()).div_f32(4.0).min(Duration::from_millis(500));
    let wanted = |item: &str| match item.strip_suffix('/') {
        None => item.starts_with(scope) && after.is_none_or(|after| item > after) && is_wanted(item),
        Some(_) => {
            let in_scope = item.starts_with(scope) || scope.starts_with(item);
            in_scope && after.is_none_or(|after| item > after || after.starts_with(item))
        }
    };
    let mut stack = vec![start.clone()];
    let mut listed: BTreeMap<String, Result<Option<Vec<String>>>> = BTreeMap::new();
    while let Some(item) = stack.pop() {
        if !item.is_empty() && !item.ends_with('/') {
            if walked.names.len() == limit {
                walked.more = true;
                break;
            }
            walked.names.push(item);
            continue;
        }
        if !listed.contains_key(&item) {
            // The next folders too, since a page needs as many names; each answer takes the way to the server and back.
            let ahead =
                stack.iter().rev().filter(|item| item.ends_with('/')).take(AT_ONCE.min(limit - walked.names.len()));
            let folders: Vec<&String> =
                std::iter::once(&item).chain(ahead).filter(|item| !listed.contains_key(*item)).collect();
            let until = if walked.names.is_empty() { work.until } else { soon };
            let answers = join_all(folders.iter().map(|folder| keys_in(work, folder, until))).await;
            let answers: Vec<_> = folders.into_iter().cloned().zip(answers).collect();
            listed.extend(answers);
        }
        let keys = match listed.remove(&item).unwrap_or(Ok(None)) {
            Ok(Some(keys)) => keys,
            Ok(None) => known_in(work, &item, item == start).await?,
            Err(error) if error.kind == ErrorKind::Timeout && !walked.names.is_empty() => {
                walked.more = true;
                break;
            }
            Err(error) => return Err(error),
        };
        let mut items: Vec<String> =
            keys.into_iter().map(|key| format!("{item}{key}")).filter(|item| wanted(item)).collect();
        items.sort_unstable_by(|one, other| other.cmp(one));
        stack.extend(items);
    }
    Ok(walked)
}

/// The keys in a folder, those of folders with a slash; nothing where LIST is denied.
async fn keys_in(work: &Work<'_>, folder: &str, until: Instant) -> Result<Option<Vec<String>>> {
    let need = need(work, folder);
    let Some(answer) = work.client.ask_if_allowed(&Ask::list(&need.path), &need, until).await? else {
        return Ok(None);
    };
    if answer.status == 404 && (answer.has_warnings() || !answer.errors().is_empty()) || answer.status == 400 {
        let kv = work.kv2();
        return Err(kv.missing(folder, None, &answer).doing(need.doing));
    }
    let keys = answer.data().get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // What could not be read back by its name is not listed.
    let sound =
        |key: &&str| is_path(key.trim_end_matches('/')) && !key.contains('#') && !key.contains(char::is_control);
    Ok(Some(keys.iter().filter_map(Value::as_str).filter(sound).map(str::to_owned).collect()))
}

/// The keys of a folder that may not be listed, as far as they are known: configured names, and at the top the folder of
/// the layer's own secret, which may be listed all the same. At the top, with nothing known, that is an error.
async fn known_in(work: &Work<'_>, folder: &str, top: bool) -> Result<Vec<String>> {
    let names = &work.client.settings.names;
    let beside = beside(work).filter(|_| top).and_then(|beside| beside.strip_prefix(folder));
    let beside = beside.filter(|beside| !beside.is_empty());
    let known: BTreeSet<String> = names
        .iter()
        .filter_map(|name| name.strip_prefix(folder))
        .filter(|key| beside.is_none_or(|beside| !key.starts_with(beside)))
        .chain(beside)
        .map(str::to_owned)
        .collect();
    if !known.is_empty() || !top || !names.is_empty() || work.mounted.layer.is_some() {
        return Ok(known.into_iter().collect());
    }
    Err(no_list(work, folder).await)
}

/// The folder that is listed where the mount may not be: that of the layer's own secret, unless a prefix names another.
pub(crate) fn beside<'a>(work: &'a Work<'_>) -> Option<&'a str> {
    let layer = work.mounted.layer.as_deref().filter(|_| work.client.settings.prefix.is_empty())?;
    Some(folder(layer)).filter(|folder| !folder.is_empty())
}

/// Why a folder may not be listed.
pub(crate) async fn no_list(work: &Work<'_>, folder: &str) -> BackendError {
    let need = need(work, folder);
    match work.client.ask(&Ask::list(&need.path), &need, work.until).await {
        Err(mut error) => {
            if matches!(error.kind, ErrorKind::Denied { .. }) && work.client.settings.prefix.is_empty() {
                error.hint.push_str(". Or name the folder that it may list as 'prefix' in the backend's settings: ");
                error.hint.push_str("prefix = \"algo-trade/\"");
            }
            error
        }
        Ok(_) => BackendError::new(ErrorKind::Throttled, "the right to list has just changed").hint("Ask again."),
    }
}

/// What listing a folder needs.
pub(crate) fn need(work: &Work<'_>, folder: &str) -> Need {
    let path = work.mounted.api("metadata", folder);
    let grant = line(&format!("{path}*"), &["read", "list"]);
    let shown = if folder.is_empty() { &work.mounted.mount } else { folder };
    Need::new(path, "list", format!("listing '{shown}'")).granted_by(grant)
}
