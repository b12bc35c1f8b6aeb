//! `[rotate]` and what `[[secret]]` says of a rotation: texts read into what they mean. Refuses a value in it, a program
//! that a working folder could put in another's place, and an address that would carry a value in the clear.

use super::schema::{HookTable, HttpTable, RotateTable, SecretTable};
use super::{Config, ConfigError, duration, unknown};
use jiff::SignedDuration;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::rotate::{Downtime, Generator, Hook, Retire, Stdin, WatchRule};
use quarterdeck_domain::rotation::Policy;
use std::collections::BTreeSet;
use toml::Value;
use ureq::http::Uri;

/// How long a command may take when nothing is said of it, seconds; a call half of it.
const COMMAND_WITHIN_S: u64 = 20;
const CALL_WITHIN_S: u64 = 10;
/// The longest that a hook may take: its runner's lease is kept for it.
const LONGEST_HOOK_S: i64 = 600;
/// Bounds of what is made: shorter is easily guessed.
const PASSWORD: (u32, u32) = (12, 4_096);
const BYTES: (u32, u32) = (16, 4_096);
/// The sources that are there by themselves.
const USUAL_SOURCES: [&str; 2] = [crate::watch::JOURNAL, "security"];

/// A piece of configuration that runs or calls something, left aside since its file does not count for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAside {
    /// The secret's name.
    pub name: String,
    /// The layer, where the entry names one.
    pub layer: Option<String>,
    /// `generator`, `set`, `test`, `revoke`.
    pub part: &'static str,
    /// In words: which file, and where it would count.
    pub why: String,
}

impl Config {
    /// What configuration says of a secret in this layer: an entry that names the layer comes before one that names none.
    pub fn secret_in(&self, layer: &str, name: &str) -> Option<&SecretTable> {
        let is_it = |secret: &&SecretTable| secret.name == name || secret.key.as_deref() == Some(name);
        let entries = || self.file.secret.iter().filter(is_it);
        entries()
            .find(|secret| secret.layer.as_deref() == Some(layer))
            .or_else(|| entries().find(|secret| secret.layer.is_none()))
    }

    /// How often a secret is rotated and how long both values are valid: the secret's own word, then `[rotate]`, then the
    /// environment's; a key that signs or encrypts has its own (R3.1).
    pub fn policy(&self, layer: &str, name: &str) -> Policy {
        let said = self.secret_in(layer, name);
        let environment = self.environment.unwrap_or(Environment::Qa);
        let made = said.and_then(|said| said.generator.as_ref()).and_then(|value| generator(value).ok());
        let is_key = matches!(made, Some(Generator::Fernet | Generator::Ed25519));
        let usual = if is_key { Policy::of_keys(environment) } else { Policy::of(environment) };
        let all = &self.file.rotate;
        let period = said.and_then(|said| said.period.as_deref()).or(all.period.as_deref());
        let said_grace = said.and_then(|said| said.grace.as_deref()).or(all.grace.as_deref());
        let period = period.and_then(|text| duration::parse(text).ok()).unwrap_or(usual.period);
        // Both values valid for longer than a period would make the next rotation begin in it.
        let within = |grace: SignedDuration| if grace < period { grace } else { period / 10 };
        let grace = said_grace.and_then(|text| grace(text).ok()).unwrap_or(usual.grace);
        Policy { period, grace: within(grace) }
    }

    /// The errors that lead back; nothing where that is switched off.
    pub fn watch_rule(&self) -> Option<WatchRule> {
        let table = &self.file.rotate.watch;
        let within = table.within.as_deref().and_then(|text| duration::parse(text).ok());
        let within_s = within.map_or(60, |within| within.as_secs().unsigned_abs());
        Some(WatchRule { errors: table.errors.unwrap_or(3), within_s }).filter(|rule| rule.errors > 0)
    }

    /// That all of `[rotate]` means something, with what other tables say.
    pub(super) fn check_rotate(&self) -> Result<(), ConfigError> {
        rotate(&self.file.rotate)?;
        for secret in &self.file.secret {
            self::secret(secret)?;
            let layer = secret.layer.as_deref();
            if let Some(layer) = layer.filter(|layer| !self.is_layer(layer)) {
                let known: BTreeSet<&str> = self.layer_names().collect();
                let known: Vec<&str> = known.into_iter().collect();
                return Err(wrong(format!("[[secret]] {} layer", secret.name), unknown("layer", layer, &known)));
            }
        }
        let named = self.file.audit.source.iter().map(|source| source.name.as_str());
        let known: Vec<&str> = named.chain(USUAL_SOURCES).collect();
        for source in self.file.rotate.watch.sources.iter().flatten() {
            if !known.contains(&source.as_str()) {
                return Err(wrong("[rotate.watch] sources".into(), unknown("source", source, &known)));
            }
        }
        Ok(())
    }

    fn layer_names(&self) -> impl Iterator<Item = &str> {
        crate::mount::ORDER.into_iter().chain(self.file.backend.keys().map(String::as_str))
    }

    fn is_layer(&self, name: &str) -> bool {
        self.layer_names().any(|layer| layer == name)
    }
}

fn wrong(key: String, what: String) -> ConfigError {
    ConfigError::Value { key, what }
}

/// That what one `[[secret]]` says of rotation means something.
pub(super) fn secret(secret: &SecretTable) -> Result<(), ConfigError> {
    let key = |part: &str| format!("[[secret]] {} {part}", secret.name);
    let said = |part: &str, what: Result<(), String>| what.map_err(|what| wrong(key(part), what));
    said("period", secret.period.as_deref().map_or(Ok(()), |text| duration::parse(text).map(|_| ())))?;
    said("grace", secret.grace.as_deref().map_or(Ok(()), |text| grace(text).map(|_| ())))?;
    said("grace", within_the_period(secret.grace.as_deref(), secret.period.as_deref()))?;
    said("generator", secret.generator.as_ref().map_or(Ok(()), |value| generator(value).map(|_| ())))?;
    said("retire", secret.retire.as_deref().map_or(Ok(()), |text| retire(text).map(|_| ())))?;
    said("downtime", secret.downtime.as_deref().map_or(Ok(()), |text| downtime(text).map(|_| ())))?;
    for (part, table) in [("set", &secret.set), ("test", &secret.test), ("revoke", &secret.revoke)] {
        said(part, table.as_ref().map_or(Ok(()), |table| hook(table).map(|_| ())))?;
    }
    Ok(())
}

/// That `[rotate]` alone means something.
pub(super) fn rotate(table: &RotateTable) -> Result<(), ConfigError> {
    let said = |part: &str, what: Result<(), String>| what.map_err(|what| wrong(format!("[rotate{part}"), what));
    said("] period", table.period.as_deref().map_or(Ok(()), |text| duration::parse(text).map(|_| ())))?;
    said("] grace", table.grace.as_deref().map_or(Ok(()), |text| grace(text).map(|_| ())))?;
    said("] grace", within_the_period(table.grace.as_deref(), table.period.as_deref()))?;
    said("] retire", table.retire.as_deref().map_or(Ok(()), |text| retire(text).map(|_| ())))?;
    said("] confirm", table.confirm.as_deref().map_or(Ok(()), |text| confirm(text).map(|_| ())))?;
    said(".watch] within", table.watch.within.as_deref().map_or(Ok(()), |text| duration::parse(text).map(|_| ())))?;
    let many = table.watch.errors.filter(|errors| *errors > 1_000);
    said(".watch] errors", many.map_or(Ok(()), |many| Err(format!("{many} is more than 1,000; 0 switches it off"))))
}

/// A time in which both values are valid; none is `0s`.
pub(crate) fn grace(text: &str) -> Result<SignedDuration, String> {
    if text.trim() == "0s" { Ok(SignedDuration::ZERO) } else { duration::parse(text) }
}

fn within_the_period(said: Option<&str>, period: Option<&str>) -> Result<(), String> {
    let grace = said.and_then(|text| grace(text).ok());
    let period = period.and_then(|text| duration::parse(text).ok());
    match (grace, period) {
        (Some(grace), Some(period)) if grace >= period => {
            Err("it is not shorter than the period: the next rotation would begin in it".into())
        }
        _ => Ok(()),
    }
}

pub(crate) fn retire(word: &str) -> Result<Retire, String> {
    let known = [Retire::Ask, Retire::Wait, Retire::Force];
    let found = known.into_iter().find(|retire| retire.word() == word);
    found.ok_or_else(|| unknown("choice", word, &known.map(Retire::word)))
}

pub(crate) fn downtime(word: &str) -> Result<Downtime, String> {
    match word {
        "zero" => Ok(Downtime::Zero),
        "brief" => Ok(Downtime::Brief),
        _ => Err(unknown("choice", word, &["zero", "brief"])),
    }
}

/// A role that has hands: `service` is for programs.
pub(crate) fn confirm(word: &str) -> Result<Role, String> {
    let known = Role::ALL.into_iter().filter(|role| *role != Role::Service);
    let names: Vec<&str> = known.map(Role::name).collect();
    let role = Role::parse(word).filter(|role| names.contains(&role.name()));
    role.ok_or_else(|| unknown("role that can confirm", word, &names))
}

/// The words of generators.
const GENERATORS: [&str; 8] = ["password", "hex", "base64", "base64url", "fernet", "ed25519", "uuid", "typed"];

/// `password:32`, `hex:32`, `typed`, `{ command = ["…"] }`.
pub(crate) fn generator(value: &Value) -> Result<Generator, String> {
    match value {
        Value::String(text) => named_generator(text),
        Value::Table(table) => {
            if let Some(other) = table.keys().find(|key| *key != "command") {
                return Err(format!("there is no key '{other}' here; it is {{ command = [\"…\"] }}"));
            }
            let words = table.get("command").and_then(Value::as_array).into_iter().flatten();
            let words: Option<Vec<String>> = words.map(|word| word.as_str().map(str::to_owned)).collect();
            Ok(Generator::Command { words: command(words.ok_or("a command is a list of texts")?)? })
        }
        _ => Err("it is a text, such as \"password:32\", or { command = [\"…\"] }".into()),
    }
}

fn named_generator(text: &str) -> Result<Generator, String> {
    let (word, rest) = text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)));
    let bytes = |rest: Option<&str>| count(word, rest.unwrap_or("32"), BYTES, "bytes");
    match (word, rest) {
        ("password", rest) => {
            let (length, signs) = rest.unwrap_or("32").split_once(':').unwrap_or((rest.unwrap_or("32"), ""));
            let length = count(word, length, PASSWORD, "characters")?;
            let mut seen = BTreeSet::new();
            match signs.chars().find(|sign| !sign.is_ascii_punctuation() || !seen.insert(*sign)) {
                Some(sign) => {
                    Err(format!("'{}' is no sign, or stands twice: they are ASCII punctuation", sign.escape_default()))
                }
                None => Ok(Generator::Password { length, signs: signs.to_owned(), each: true }),
            }
        }
        ("hex", rest) => Ok(Generator::Hex { bytes: bytes(rest)? }),
        ("base64", rest) => Ok(Generator::Base64 { bytes: bytes(rest)?, url: false }),
        ("base64url", rest) => Ok(Generator::Base64 { bytes: bytes(rest)?, url: true }),
        ("fernet", None) => Ok(Generator::Fernet),
        ("ed25519", None) => Ok(Generator::Ed25519),
        ("uuid", None) => Ok(Generator::Uuid),
        ("typed", None) => Ok(Generator::Typed),
        (known, Some(_)) if GENERATORS.contains(&known) => Err(format!("'{known}' has no length: write \"{known}\"")),
        (other, _) => Err(unknown("generator", other, &GENERATORS)),
    }
}

fn count(word: &str, text: &str, (least, most): (u32, u32), what: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| (least..=most).contains(count));
    count.ok_or_else(|| format!("'{word}:{text}': it has {least} to {most} {what}. Write \"{word}:32\""))
}

/// Who or what does a step, of exactly one kind.
pub(crate) fn hook(table: &HookTable) -> Result<Hook, String> {
    let HookTable { command: words, http, vault_token, by, tell, undo, within, stdin } = table;
    let kinds = [words.is_some(), http.is_some(), vault_token.is_some(), by.is_some()];
    if kinds.iter().filter(|there| **there).count() != 1 {
        return Err("it has one of command, http, vault_token and by = \"person\"".into());
    }
    let only = |key: &str, there: bool, of: &str, right: bool| match there && !right {
        true => Err(format!("'{key}' is only for {of}")),
        false => Ok(()),
    };
    only("stdin", stdin.is_some(), "a command", words.is_some())?;
    only("tell", tell.is_some(), "by = \"person\"", by.is_some())?;
    only("undo", undo.is_some(), "by = \"person\"", by.is_some())?;
    only("within", within.is_some(), "what runs by itself: a person has the time they need", by.is_none())?;
    let within_s = |usual: u64| match within.as_deref().map(duration::parse) {
        None => Ok(usual),
        Some(Ok(within)) if within.as_secs() <= LONGEST_HOOK_S => Ok(within.as_secs().unsigned_abs()),
        Some(Ok(_)) => Err("within: a step outside takes at most 10m; a longer one is a person's".to_owned()),
        Some(Err(what)) => Err(format!("within: {what}")),
    };
    match (words, http, vault_token, by) {
        (Some(words), ..) => Ok(Hook::Command {
            words: command(words.clone())?,
            within_s: within_s(COMMAND_WITHIN_S)?,
            stdin: match stdin.as_deref() {
                None | Some("value") => Stdin::Value,
                Some("json") => Stdin::Json,
                Some(other) => return Err(unknown("choice for stdin", other, &["value", "json"])),
            },
        }),
        (_, Some(http), ..) => call(http, within_s(CALL_WITHIN_S)?),
        (_, _, Some(url), _) => {
            Ok(Hook::VaultToken { url: address("vault_token", url)?, within_s: within_s(CALL_WITHIN_S)? })
        }
        (_, _, _, Some(by)) if by != "person" => Err(unknown("choice for by", by, &["person"])),
        _ => {
            let told = tell.clone().filter(|told| !told.trim().is_empty());
            let told = told.ok_or("'tell' is missing: say what to do and where")?;
            Ok(Hook::Person {
                told: plain("tell", told)?,
                undo: undo.clone().map(|undo| plain("undo", undo)).transpose()?,
            })
        }
    }
}

/// The words of a command. A program that is found by the working folder could be anybody's.
fn command(words: Vec<String>) -> Result<Vec<String>, String> {
    let Some(program) = words.first().filter(|program| !program.trim().is_empty()) else {
        return Err("the command is empty: [\"/usr/local/bin/set-key\", \"ibkr\"]".into());
    };
    if program.contains('/') && !program.starts_with('/') {
        return Err(format!(
            "'{}' depends on the working folder: name the program by its whole path",
            program.escape_debug()
        ));
    }
    words.into_iter().map(|word| plain("command", word)).collect()
}

fn plain(key: &str, text: String) -> Result<String, String> {
    match text.chars().any(char::is_control) || text.len() > 4_096 {
        true => Err(format!("{key}: it has control characters, or more than 4,096 bytes")),
        false => Ok(text),
    }
}

fn call(http: &HttpTable, within_s: u64) -> Result<Hook, String> {
    const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
    let usual = if http.header.is_some() { "GET" } else { "POST" };
    let method = http.method.as_deref().unwrap_or(usual);
    if !METHODS.contains(&method) {
        return Err(unknown("method", method, &METHODS));
    }
    let is_header = |name: &String| {
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=64).contains(&name.len()) && name.chars().all(fine)
    };
    match &http.header {
        None if method == "GET" => return Err("a GET has no body: 'header' names where the value stands".into()),
        None if http.before.is_some() => return Err("'before' stands in a header: name it with 'header'".into()),
        Some(name) if !is_header(name) => return Err(format!("'{}' is no header's name", name.escape_debug())),
        _ => {}
    }
    Ok(Hook::Http {
        method: method.to_owned(),
        url: address("http url", &http.url)?,
        header: http.header.clone(),
        before: plain("before", http.before.clone().unwrap_or_default())?,
        within_s,
    })
}

/// An address that a value may go to: by https, or no further than this machine. It holds no secret itself: it is shown
/// and written down.
fn address(key: &str, text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|_| format!("{key}: '{}' is no address", text.escape_debug()))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => {}
        Some("http") if here => {}
        Some("http") => return Err(format!("{key}: a value goes to another host by https alone")),
        _ => return Err(format!("{key}: it begins with https://")),
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(format!("{key}: no credential stands in an address: it is written down"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_domain::rotate::Step;

    fn made(text: &str) -> Result<Generator, String> {
        generator(&Value::String(text.into()))
    }

    fn hooked(text: &str) -> Result<Hook, String> {
        hook(&toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())?)
    }

    #[test]
    fn generators_are_read_and_what_is_easily_guessed_is_refused() {
        let password = |length, signs: &str| Generator::Password { length, signs: signs.into(), each: true };
        assert_eq!(made("password"), Ok(password(32, "")));
        assert_eq!(made("password:20:!%:#"), Ok(password(20, "!%:#")));
        assert_eq!(made("hex:16"), Ok(Generator::Hex { bytes: 16 }));
        assert_eq!(made("base64:48"), Ok(Generator::Base64 { bytes: 48, url: false }));
        assert_eq!(made("base64url"), Ok(Generator::Base64 { bytes: 32, url: true }));
        assert_eq!(made("fernet"), Ok(Generator::Fernet));
        assert_eq!(made("typed"), Ok(Generator::Typed));
        for (text, says) in [
            ("password:8", "12 to 4096 characters"),
            ("password:32:aé", "is no sign"),
            ("password:32:!!", "stands twice"),
            ("hex:4", "16 to 4096 bytes"),
            ("hex:99999999999", "16 to 4096"),
            ("uuid:4", "has no length"),
            ("pasword:32", "did you mean 'password'"),
            ("", "there is no generator"),
        ] {
            let said = made(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
        let table = |text: &str| generator(&text.parse::<toml::Table>().expect("TOML")["g"]);
        assert_eq!(table("g={command=['/x','y']}"), Ok(Generator::Command { words: vec!["/x".into(), "y".into()] }));
        for wrong in ["g={command=[]}", "g={comand=['/x']}", "g=7", "g={command=[1]}", "g={command=['./x']}"] {
            assert!(table(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hook_is_of_one_kind_and_its_keys_are_its_own() {
        let set = hooked("command=['set-key','ibkr']\nwithin='30s'\nstdin='json'").expect("a command");
        assert_eq!(set.within_s(), Some(30));
        assert!(matches!(set, Hook::Command { stdin: Stdin::Json, .. }));
        assert_eq!(
            hooked("by='person'\ntell='make a key'"),
            Ok(Hook::Person { told: "make a key".into(), undo: None })
        );
        let undo = hooked("by='person'\ntell='revoke the old key'\nundo='revoke the new key'").expect("a person");
        assert_eq!(undo.told(Step::Retire, "2", "1"), "revoke the old key");
        assert!(undo.told(Step::Revoke, "2", "1").ends_with("stays: revoke the new key"));
        let call = hooked("http={url='https://x/y',header='Authorization',before='Bearer '}").expect("a call");
        assert_eq!((call.to_string(), call.within_s()), ("GET https://x/y".into(), Some(10)));
        assert!(hooked("vault_token='http://127.0.0.1:8200'").is_ok());
        for (text, says) in [
            ("", "one of command"),
            ("by='person'\ncommand=['/x']", "one of command"),
            ("by='persn'\ntell='x'", "did you mean 'person'"),
            ("by='person'", "'tell' is missing"),
            ("command=['/x']\nundo='x'", "'undo' is only for by"),
            ("by='person'\ntell='x'\nwithin='5s'", "'within' is only"),
            ("vault_token='https://x'\nstdin='json'", "'stdin' is only for a command"),
            ("command=['/x']\nstdin='jsn'", "did you mean 'json'"),
            ("command=['/x']\nwithin='5'", "the unit is missing"),
            ("command=['/x']\nwithin='11m'", "at most 10m"),
            ("command=['bin/x']", "depends on the working folder"),
            ("command=[\"/x\\n\"]", "control characters"),
            ("http={url='http://broker.example/x',header='A'}", "by https alone"),
            ("http={url='https://me:pw@x/',header='A'}", "no credential stands in an address"),
            ("http={url='ftp://x',header='A'}", "begins with https"),
            ("http={url='https://x',method='GET'}", "a GET has no body"),
            ("http={url='https://x',method='PATHC',header='A'}", "there is no method"),
            ("http={url='https://x',header='A: b'}", "no header's name"),
            ("http={url='https://x',before='b'}", "name it with 'header'"),
        ] {
            let said = hooked(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn words_are_read_and_the_nearest_is_named() {
        assert_eq!(retire("ask"), Ok(Retire::Ask));
        assert!(retire("forse").expect_err("wrong").contains("did you mean 'force'"));
        assert_eq!(downtime("brief"), Ok(Downtime::Brief));
        assert_eq!(confirm("Governance"), Ok(Role::Governance));
        assert!(confirm("service").is_err(), "it has no hands");
        assert_eq!(grace("0s"), Ok(SignedDuration::ZERO));
        assert!(grace("0").is_err());
    }
}
