//! What the file must not hold, or loses when somebody writes over it: staged values that nobody reads yet, old ones that
//! are kept for the way back, and what a rotation made current. Refuses to stand in the file's way: without it, and when it
//! can't be opened, the file is read and written as ever.
//!
//! It is a file beside ours, one Fernet token a line: the same text sealed with each key that may be the file's own when it
//! is read next. While the file is sealed anew there are two, so that either opens it, and else one.

use crate::disk::{self, MAX_PLAINTEXT, Place, failed};
use crate::json::{self, Json};
use crate::key::Key;
use crate::store::now;
use crate::token;
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Ending of its name.
pub(crate) const ENDING: &str = ".quarterdeck";

/// In its text: a secrets file sealed with the same key is no sidecar.
const FORMAT: &str = "quarterdeck staging 1";

/// All of it, by the secrets' names.
#[derive(Default)]
pub(crate) struct Sidecar {
    pub(crate) names: BTreeMap<String, Kept>,
}

/// What is kept of one secret.
#[derive(Default)]
pub(crate) struct Kept {
    /// A rotation's value that nobody reads: not yet, or no more since it was taken back.
    pub(crate) pending: Option<Made>,
    /// A rotation's value that was made current, until the rotation is over. Whoever writes the file by hand takes it out
    /// of the file, and it has to be read still, to be revoked where it is used.
    pub(crate) promoted: Option<Made>,
    /// Values that were current; one that is current (again) is left over from a promotion that was cut short.
    pub(crate) previous: Vec<Previous>,
}

/// What a rotation made.
pub(crate) struct Made {
    pub(crate) rotation: String,
    pub(crate) value: Json,
    /// Unix seconds.
    pub(crate) made_at: u64,
    /// Its promotion began: where it is current, that is why.
    pub(crate) offered: bool,
}

pub(crate) struct Previous {
    pub(crate) value: Json,
    /// Unix seconds.
    pub(crate) kept_at: u64,
}

impl Kept {
    pub(crate) fn is_empty(&self) -> bool {
        self.values().next().is_none()
    }

    /// Each value in it.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Json> {
        self.made().map(|made| &made.value).chain(self.previous.iter().map(|previous| &previous.value))
    }

    /// What a rotation made, pending or promoted.
    pub(crate) fn of(&self, rotation: &str) -> Option<&Made> {
        self.made().find(|made| made.rotation == rotation)
    }

    fn made(&self) -> impl Iterator<Item = &Made> {
        self.pending.iter().chain(&self.promoted)
    }
}

impl Sidecar {
    /// Where it is.
    pub(crate) fn path(place: &Place) -> PathBuf {
        place.beside(ENDING)
    }

    /// Opens it with any of the keys; one that is not there holds nothing.
    pub(crate) fn open(place: &Place, keys: &[Key]) -> Result<Self> {
        let path = Self::path(place);
        let Some(bytes) = disk::read_own(&path, 2)? else { return Ok(Self::default()) };
        let lines = bytes.token.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let opened = lines.filter_map(|line| token::open(keys, line, None).ok()).next();
        let wrong = |what: &str| {
            BackendError::new(ErrorKind::Invalid, format!("{} {what}", path.display()))
                .doing("reading staged and old values")
                .hint(
                    "Give the key it was sealed with, in a list 'new,old', or put a copy of it back. Where no rotation \
                     is under way, remove it: it holds no current value.",
                )
        };
        let Some(opened) = opened else {
            return Err(wrong("doesn't open: another key sealed it, or it was altered or cut short"));
        };
        let tree = json::parse(&opened.plaintext).ok();
        tree.and_then(Self::from_json).ok_or_else(|| wrong("opens, and is not what this program writes there"))
    }

    /// Puts it in its place, sealed with each of these keys; takes it away when it holds nothing.
    pub(crate) fn put(&mut self, place: &Place, keys: &[&Key]) -> Result<()> {
        self.names.retain(|_, kept| !kept.is_empty());
        let path = Self::path(place);
        if self.names.is_empty() {
            place.sweep();
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&error, "removing", &path)),
                Err(_) => Ok(()),
                Ok(()) => {
                    crate::point("sidecar removed");
                    place.sync_folder()
                }
            };
        }
        let text = self.text();
        if text.len() > MAX_PLAINTEXT {
            return Err(disk::too_large(&path));
        }
        let mut lines = String::new();
        for (at, key) in keys.iter().enumerate() {
            if keys[..at].contains(key) {
                continue;
            }
            let mut iv = [0; 16];
            token::random(&mut iv)?;
            lines.push_str(&token::seal(key, now(), iv, &text));
            lines.push('\n');
        }
        let new = place.write_new(lines.as_bytes())?;
        crate::point("sidecar written");
        place.rename(&new, &path)
    }

    /// Bytes of its text.
    pub(crate) fn size(&self) -> usize {
        self.text().len()
    }

    /// What is kept of a secret, by the name that the file has for it; where the file has it no more, dots inside keys may
    /// be left unescaped.
    pub(crate) fn find(&self, name: &str) -> Option<(&String, &Kept)> {
        let bare = |name: &str| name.replace('\\', "");
        self.names.get_key_value(name).or_else(|| self.names.iter().find(|(other, _)| bare(other) == bare(name)))
    }

    fn text(&self) -> Zeroizing<Vec<u8>> {
        let names = self.names.iter().map(|(name, kept)| (name.clone(), kept.to_json())).collect();
        json::object_to_python(&object([("format", text(FORMAT)), ("names", Json::Object(names))]))
    }

    fn from_json(tree: Json) -> Option<Self> {
        let mut top = fields(tree)?;
        if taken_text(&mut top, "format")? != FORMAT {
            return None;
        }
        let names = fields(top.remove("names")?)?;
        let names = names.into_iter().map(|(name, kept)| Some((name, Kept::from_json(kept)?)));
        Some(Self { names: names.collect::<Option<_>>()? })
    }
}

impl Kept {
    fn to_json(&self) -> Json {
        let mut kept = BTreeMap::new();
        for (word, made) in [("pending", &self.pending), ("promoted", &self.promoted)] {
            kept.extend(made.as_ref().map(|made| (word.to_owned(), made.to_json())));
        }
        let previous = self.previous.iter().map(|Previous { value, kept_at }| {
            Json::Object(object([("value", value.duplicate()), ("kept_at", number(*kept_at))]))
        });
        kept.insert("previous".to_owned(), Json::List(previous.collect()));
        Json::Object(kept)
    }

    fn from_json(tree: Json) -> Option<Self> {
        let mut kept = fields(tree)?;
        let (pending, promoted) = (kept.remove("pending"), kept.remove("promoted"));
        let Json::List(previous) = kept.remove("previous")? else { return None };
        let previous = previous.into_iter().map(|one| {
            let mut one = fields(one)?;
            Some(Previous { value: one.remove("value")?, kept_at: taken_number(&mut one, "kept_at")? })
        });
        // What is there and wrong is wrong altogether.
        Some(Self {
            pending: pending.map_or(Some(None), |pending| Made::from_json(pending).map(Some))?,
            promoted: promoted.map_or(Some(None), |promoted| Made::from_json(promoted).map(Some))?,
            previous: previous.collect::<Option<_>>()?,
        })
    }
}

impl Made {
    fn to_json(&self) -> Json {
        let Self { rotation, value, made_at, offered } = self;
        Json::Object(object([
            ("rotation", text(rotation)),
            ("value", value.duplicate()),
            ("made_at", number(*made_at)),
            ("offered", Json::Bool(*offered)),
        ]))
    }

    fn from_json(tree: Json) -> Option<Self> {
        let mut made = fields(tree)?;
        let (rotation, made_at) = (taken_text(&mut made, "rotation")?, taken_number(&mut made, "made_at")?);
        let Json::Bool(offered) = made.remove("offered")? else { return None };
        Some(Self { rotation, offered, value: made.remove("value")?, made_at })
    }
}

fn object<const N: usize>(fields: [(&str, Json); N]) -> BTreeMap<String, Json> {
    fields.map(|(name, value)| (name.to_owned(), value)).into()
}

fn text(text: &str) -> Json {
    Json::Text(Zeroizing::new(text.to_owned()))
}

fn number(number: u64) -> Json {
    Json::Number(Zeroizing::new(number.to_string()))
}

fn fields(tree: Json) -> Option<BTreeMap<String, Json>> {
    match tree {
        Json::Object(map) => Some(map),
        _ => None,
    }
}

fn taken_text(map: &mut BTreeMap<String, Json>, name: &str) -> Option<String> {
    match map.remove(name)? {
        Json::Text(mut text) => Some(std::mem::take(&mut *text)),
        _ => None,
    }
}

fn taken_number(map: &mut BTreeMap<String, Json>, name: &str) -> Option<u64> {
    match map.remove(name)? {
        Json::Number(digits) => digits.parse().ok(),
        _ => None,
    }
}
