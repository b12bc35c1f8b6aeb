//! What the plugin was told: address, mount, log-in. Refuses to guess an address, to send a token over plain HTTP where
//! that is forbidden, and to leave a certificate unchecked in Production.

use crate::name::is_path;
use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretBytes, Setting, Setup};
use reqwest::Url;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The version of a KV engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kv {
    /// Values alone.
    One,
    /// Versions, check-and-set, metadata.
    Two,
}

/// How the plugin gets its token.
pub(crate) enum Auth {
    /// A token from outside.
    Token(Option<Zeroizing<String>>),
    /// A role and its secret id, at this mount.
    AppRole { mount: String, role: String, secret: Option<Zeroizing<String>> },
    /// A user and a password, at this mount.
    Userpass { mount: String, user: String, password: Option<Zeroizing<String>> },
    /// The file that an agent keeps a token in.
    Agent(PathBuf),
}

/// All settings, checked.
pub(crate) struct Settings {
    pub(crate) address: Url,
    pub(crate) namespace: Option<String>,
    /// The mount, where it is set.
    pub(crate) mount: Option<String>,
    pub(crate) kv: Option<Kv>,
    /// The secret that the layer is, as a full path.
    pub(crate) path: Option<String>,
    /// The secret that its password comes from, as a full path.
    pub(crate) password_path: Option<String>,
    /// What the layer's keys are under in the configuration: `broker`; empty for nothing.
    pub(crate) under: String,
    /// What is browsed: names that begin with this.
    pub(crate) prefix: String,
    /// Names known where LIST is denied.
    pub(crate) names: Vec<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) verify: bool,
    pub(crate) auth: Auth,
    /// Where a token from outside came from, for people: `VAULT_TOKEN`, or a file.
    pub(crate) token_from: Option<String>,
    pub(crate) renew: bool,
}

/// What the tile shows as the target, also when the settings are wrong. Never with a user or password of the address.
pub(crate) fn target(setup: &Setup) -> String {
    let plain = |text: String| text.chars().filter(|char| !char.is_control()).collect::<String>();
    let address = match text(setup, "address", "VAULT_ADDR") {
        Some(address) => Url::parse(&address).map_or_else(|_| "a bad address".into(), |url| origin(&url)),
        None => return "no address".into(),
    };
    let place = setup.text("path").or(setup.text("mount")).unwrap_or("secret");
    let version = match kv(setup) {
        Some(Kv::One) => ", KV 1: no versions, no check-and-set",
        Some(Kv::Two) => ", KV 2",
        None => "",
    };
    plain(format!("{address} {place}{version}"))
}

/// The version as far as the settings tell: said, or by `/data/` in the path.
pub(crate) fn kv(setup: &Setup) -> Option<Kv> {
    match setup.settings.get("kv") {
        Some(Setting::Number(1)) => return Some(Kv::One),
        Some(Setting::Number(2)) => return Some(Kv::Two),
        Some(Setting::Text(text)) if text == "1" => return Some(Kv::One),
        Some(Setting::Text(text)) if text == "2" => return Some(Kv::Two),
        _ => (),
    }
    setup.text("path").is_some_and(|path| path.contains("/data/")).then_some(Kv::Two)
}

/// Scheme, host and port.
pub(crate) fn origin(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] with the setting's name, and never with its value where that could be secret.
    pub(crate) fn read(setup: &Setup) -> Result<Self> {
        let kv = match setup.settings.get("kv") {
            None => None,
            Some(_) => match kv(setup) {
                Some(kv) => Some(kv),
                None => return Err(invalid("'kv' has to be 1 or 2", "Leave it out: the mount says it itself.")),
            },
        };
        let verify = !matches!(setup.settings.get("verify"), Some(Setting::Flag(false)));
        if is_production(setup) && !verify {
            return Err(invalid(
                "'verify = false' is refused in Production: whoever sits between could read every secret",
                "Set 'ca_file' to the certificate authority of the server, and take 'verify' out.",
            ));
        }
        let names = setup.list("names").to_vec();
        if let Some(bad) = names.iter().find(|name| !is_path(name)) {
            return Err(invalid(
                format!("'{bad}' in 'names' is no path of a secret"),
                "Write it without the mount and without 'data/'.",
            ));
        }
        Ok(Self {
            address: address(setup)?,
            namespace: text(setup, "namespace", "VAULT_NAMESPACE").map(header("namespace")).transpose()?,
            mount: path(setup, "mount")?,
            kv,
            path: path(setup, "path")?,
            password_path: path(setup, "password_path")?,
            under: setup.text("under").unwrap_or_default().trim_matches('.').to_owned(),
            prefix: setup.text("prefix").unwrap_or_default().trim_start_matches('/').to_owned(),
            names,
            ca_file: text(setup, "ca_file", "VAULT_CACERT").map(PathBuf::from),
            verify,
            auth: auth(setup)?,
            token_from: setup.text("token_from").map(str::to_owned),
            renew: setup.flag("renew"),
        })
    }
}

fn address(setup: &Setup) -> Result<Url> {
    let Some(text) = text(setup, "address", "VAULT_ADDR") else {
        return Err(invalid(
            "there is no address",
            "Set VAULT_ADDR, or 'address' in the backend's settings, to https://HOST:8200.",
        ));
    };
    let bad = |what: &str| Err(invalid(format!("the address {what}"), "Write it as https://HOST:8200."));
    let Ok(url) = Url::parse(&text) else { return bad("is no URL") };
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return bad("is no https:// or http:// URL with a host");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return bad("holds more than a host, a port and a path");
    }
    if url.scheme() == "http" && setup.flag("enforce_https") {
        return Err(invalid(
            format!("the address is {}, and HTTPS is enforced: the token would be readable on the way", origin(&url)),
            match settings_come_first(setup) {
                true => {
                    "Set 'address' in the backend's settings to https://…: it comes before VAULT_ADDR here. A server with a certificate authority of its own needs 'ca_file' too."
                }
                false => {
                    "Set VAULT_ADDR, which comes before 'address' in the backend's settings, to https://…. A server with a certificate authority of its own needs 'ca_file' too."
                }
            },
        ));
    }
    Ok(url)
}

/// True where the variables that mean a setting come after it: in Production, and for a second instance of the plugin.
fn settings_come_first(setup: &Setup) -> bool {
    is_production(setup) || !matches!(setup.instance.as_str(), "" | "vault")
}

fn is_production(setup: &Setup) -> bool {
    setup.text("environment").is_some_and(|name| name.eq_ignore_ascii_case("production"))
}

fn auth(setup: &Setup) -> Result<Auth> {
    let mount = |usual: &str| setup.text("auth_mount").unwrap_or(usual).trim_matches('/').to_owned();
    let needed = |name: &'static str, how: &str| {
        let value = setup.text(name).map(str::trim).filter(|value| !value.is_empty() && is_path(value));
        value.map(str::to_owned).ok_or_else(|| {
            invalid(format!("the log-in by {how} needs '{name}'"), format!("Set '{name}' in the backend's settings."))
        })
    };
    match setup.text("auth").unwrap_or("token") {
        "token" => {
            let token =
                secret(setup, "token")?.map_or_else(|| secret(setup, "VAULT_TOKEN"), |token| Ok(Some(token)))?;
            Ok(Auth::Token(token.map(|token| checked(token, "the token")).transpose()?))
        }
        "approle" => {
            let role = needed("role_id", "AppRole")?;
            Ok(Auth::AppRole { mount: mount("approle"), role, secret: secret(setup, "secret_id")? })
        }
        "userpass" => {
            let user = needed("username", "user and password")?;
            Ok(Auth::Userpass { mount: mount("userpass"), user, password: secret(setup, "password")? })
        }
        "agent" => match setup.text("token_file").filter(|file| !file.is_empty()) {
            Some(file) => Ok(Auth::Agent(file.into())),
            None => Err(invalid("the log-in by an agent needs 'token_file'", "Set it to the agent's sink file.")),
        },
        _ => Err(invalid("'auth' is none of the known log-ins", "Use token, approle, userpass or agent.")),
    }
}

/// A token may only hold what fits into a header: else it was copied with something else.
pub(crate) fn checked(token: Zeroizing<String>, what: &str) -> Result<Zeroizing<String>> {
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(token),
        false => Err(invalid(
            format!("{what} is empty or holds characters that no token has"),
            "Copy it again, without quotation marks.",
        )),
    }
}

/// A secret setting as trimmed text: files and pipes end in a newline.
fn secret(setup: &Setup, name: &str) -> Result<Option<Zeroizing<String>>> {
    let Some(bytes) = setup.secrets.get(name).map(SecretBytes::expose) else { return Ok(None) };
    match std::str::from_utf8(bytes.trim_ascii()) {
        Ok("") => Ok(None),
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(_) => Err(invalid(format!("'{name}' is no text"), "Look at where it comes from.")),
    }
}

/// A plain setting, else the environment entry that the program handed over.
fn text(setup: &Setup, name: &str, variable: &str) -> Option<String> {
    let set = setup.text(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    set.or_else(|| secret(setup, variable).ok().flatten().map(|text| text.to_string()))
}

/// A path without slashes at its ends.
fn path(setup: &Setup, name: &str) -> Result<Option<String>> {
    let Some(text) = setup.text(name).map(|text| text.trim().trim_matches('/')).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match is_path(text) {
        true => Ok(Some(text.to_owned())),
        false => Err(invalid(format!("'{name}' is no path"), "Write it as secret/data/algo-trade/broker.")),
    }
}

fn header(name: &'static str) -> impl Fn(String) -> Result<String> {
    move |text| match text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text),
        false => {
            Err(invalid(format!("'{name}' holds characters that none has"), "Look for quotation marks and blanks."))
        }
    }
}

fn invalid(what: impl Into<String>, hint: impl Into<String>) -> BackendError {
    BackendError::new(ErrorKind::Invalid, what).doing("reading the settings").hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Setup {
        let text = |text: &str| match text {
            "true" | "false" => Setting::Flag(text == "true"),
            _ => Setting::Text(text.to_owned()),
        };
        Setup {
            instance: "vault".into(),
            settings: settings.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect(),
            secrets: secrets.iter().map(|(name, value)| ((*name).to_owned(), SecretBytes::from(*value))).collect(),
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        let address = ("address", "https://vault:8200");
        let cases: [(&[(&str, &str)], &str); 12] = [
            (&[], "VAULT_ADDR"),
            (&[("address", "vault:8200")], "https://HOST:8200"),
            (&[("address", "ftp://x")], "https://HOST:8200"),
            (&[("address", "https://u:p@x")], "https://HOST:8200"),
            (&[("address", "http://x"), ("enforce_https", "true")], "HTTPS is enforced"),
            (&[address, ("verify", "false"), ("environment", "production")], "Production"),
            (&[address, ("kv", "3")], "'kv'"),
            (&[address, ("path", "secret/data/../x")], "'path'"),
            (&[address, ("auth", "approle")], "'role_id'"),
            (&[address, ("auth", "userpass")], "'username'"),
            (&[address, ("auth", "agent")], "'token_file'"),
            (&[address, ("auth", "magic")], "'auth'"),
        ];
        for (settings, expected) in cases {
            let error = Settings::read(&setup(settings, &[])).map(|_| ()).expect_err(expected);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_token_is_trimmed_and_never_shown() {
        let base = [("address", "https://vault:8200")];
        let read = Settings::read(&setup(&base, &[("token", "canary-token\n")])).map_err(|error| error.to_string());
        assert!(matches!(read.map(|settings| settings.auth), Ok(Auth::Token(Some(token))) if *token == "canary-token"));
        for bad in ["canary token", "\"canary\u{e9}\""] {
            let error = Settings::read(&setup(&base, &[("VAULT_TOKEN", bad)])).map(|_| ()).expect_err("refused");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn an_address_without_tls_is_mended_where_it_counts() {
        let hint = |environment| {
            let settings = [("address", "http://vault:8200"), ("enforce_https", "true"), ("environment", environment)];
            Settings::read(&setup(&settings, &[])).map(drop).expect_err("refused").hint
        };
        assert!(hint("production").starts_with("Set 'address' in the backend's settings"), "{}", hint("production"));
        assert!(hint("qa").starts_with("Set VAULT_ADDR"), "{}", hint("qa"));
    }

    #[test]
    fn the_target_shows_no_password_of_the_address() {
        let shown = target(&setup(&[("address", "https://u:canary@vault:8200/x"), ("path", "secret/data/a/b")], &[]));
        assert_eq!(shown, "https://vault:8200 secret/data/a/b, KV 2");
        assert_eq!(target(&setup(&[], &[])), "no address");
    }
}
