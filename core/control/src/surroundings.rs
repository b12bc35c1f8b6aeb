//! What the process was started with, read once. Refuses to be read again later: everything below takes it as an
//! argument, so that a test can say what the world is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Environment, folders and identity of this process.
#[derive(Clone)]
pub struct Surroundings {
    /// The environment's entries. Some are secrets: there is no Debug.
    pub vars: BTreeMap<OsString, OsString>,
    /// The working folder.
    pub cwd: PathBuf,
    /// This program's file.
    pub executable: PathBuf,
    /// The Unix user's name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// This process.
    pub pid: u32,
    /// Where the machine's own configuration lies; `/etc/quarterdeck` outside tests.
    pub etc: PathBuf,
}

impl Surroundings {
    /// Reads them from the process.
    pub fn of_this_process() -> Self {
        let vars: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        // A release build knows one place: a variable must not make the machine's own file go away.
        let elsewhere = vars.get(std::ffi::OsStr::new("QUARTERDECK_ETC")).filter(|_| cfg!(debug_assertions));
        let etc = elsewhere.map_or_else(|| PathBuf::from("/etc/quarterdeck"), PathBuf::from);
        Self {
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            executable: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("quarterdeck")),
            user: user_name(&vars),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid: std::process::id(),
            vars,
            etc,
        }
    }

    /// An entry as text; `None` when it is absent, empty or not UTF-8.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(std::ffi::OsStr::new(name))?.to_str().filter(|text| !text.is_empty())
    }

    /// A switch as the documents write them: `1`, `true`, `yes`, `on`.
    pub fn switched_on(&self, name: &str) -> bool {
        matches!(self.var(name).map(str::to_ascii_lowercase).as_deref(), Some("1" | "true" | "yes" | "on"))
    }

    /// A switch that is there and says no.
    pub fn switched_off(&self, name: &str) -> bool {
        matches!(self.var(name).map(str::to_ascii_lowercase).as_deref(), Some("0" | "false" | "no" | "off"))
    }

    /// The user's home folder; `/` when nothing tells.
    pub fn home(&self) -> PathBuf {
        self.var("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from)
    }

    /// `$XDG_CONFIG_HOME/quarterdeck`
    pub fn config_home(&self) -> PathBuf {
        self.var("XDG_CONFIG_HOME").map_or_else(|| self.home().join(".config"), PathBuf::from).join("quarterdeck")
    }

    /// `$XDG_STATE_HOME/quarterdeck`
    pub fn state_home(&self) -> PathBuf {
        self.var("XDG_STATE_HOME").map_or_else(|| self.home().join(".local/state"), PathBuf::from).join("quarterdeck")
    }

    /// `$XDG_DATA_HOME/quarterdeck`
    pub fn data_home(&self) -> PathBuf {
        self.var("XDG_DATA_HOME").map_or_else(|| self.home().join(".local/share"), PathBuf::from).join("quarterdeck")
    }

    /// The machine's folder of states, `/var/lib/quarterdeck`: what several users share. A release build knows one place, as
    /// it does for the machine's configuration.
    pub fn var_lib(&self) -> PathBuf {
        let elsewhere = self.var("QUARTERDECK_VAR").filter(|_| cfg!(debug_assertions));
        elsewhere.map_or_else(|| PathBuf::from("/var/lib/quarterdeck"), PathBuf::from)
    }

    /// All entries, values as bytes: a plugin's manifest says which of them it is handed.
    pub fn entries(&self) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
        self.vars.iter().filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.clone().into_vec())))
    }

    /// The address the log-in came from, as `SSH_CONNECTION` says: forgeable, for the log only.
    pub fn client_address(&self) -> Option<String> {
        let first = self.var("SSH_CONNECTION")?.split_whitespace().next()?;
        first.parse::<std::net::IpAddr>().ok().map(|address| address.to_string())
    }
}

/// The name of the effective user: the passwd entry of the uid. `$USER` is only asked when there is no entry, since
/// anybody can set it.
fn user_name(vars: &BTreeMap<OsString, OsString>) -> String {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f.get(2) == Some(&uid.as_str()));
    match entry.and_then(|fields| fields.first().map(|name| (*name).to_owned())) {
        Some(name) => name,
        None => vars
            .get(std::ffi::OsStr::new("USER"))
            .and_then(|name| name.to_str())
            .map_or_else(|| format!("uid-{uid}"), str::to_owned),
    }
}
