//! A house for a test: a home, a working folder, a machine's configuration and an environment of its own, with the real
//! program in it. Refuses to let anything of the person who runs the tests in, and to touch anything outside.
#![allow(dead_code, reason = "each suite uses its part")]

pub(crate) mod installed;
pub(crate) mod journal;
pub(crate) mod processes;
pub(crate) mod screen;
pub(crate) mod scrub;
pub(crate) mod trading;
pub(crate) mod transcript;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Tests wait for events; this bounds what a slow and busy machine may take for one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One temporary world.
pub(crate) struct House {
    root: TempDir,
    vars: BTreeMap<String, String>,
    program: PathBuf,
}

/// What a program said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

impl House {
    /// An empty one: no configuration, no environment chosen.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("house-").tempdir().expect("a temporary folder");
        let at = |name: &str| root.path().join(name).to_str().expect("a plain path").to_owned();
        for folder in ["home", "work", "etc", "tmp"] {
            std::fs::create_dir(at(folder)).expect("a folder");
            mode(Path::new(&at(folder)), 0o700);
        }
        let program = installed::program();
        let beside = program.parent().expect("it is in a folder").display().to_string();
        let vars = [
            ("HOME", at("home")),
            ("TMPDIR", at("tmp")),
            ("QUARTERDECK_ETC", at("etc")),
            ("PATH", format!("{beside}:/usr/local/bin:/usr/bin:/bin")),
            ("LANG", "C.UTF-8".into()),
            ("TERM", "xterm-256color".into()),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value)).into();
        Self { root, vars, program }
    }

    /// One that `init` has set up for QA.
    pub(crate) fn qa() -> Self {
        let house = Self::new();
        house.run(&["init"]).expect_status(0);
        house
    }

    /// One with a Fernet file under a key in the environment, as the guide sets it up, in this environment.
    pub(crate) fn guide(environment: &str) -> Self {
        let mut house = Self::new();
        let key = house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
        house.set_var("DP_SECRETS_ENCRYPTION_KEY", &key);
        house.set_var("DP_ENVIRONMENT", environment);
        house
    }

    /// Adds to the environment of what is started from now on.
    pub(crate) fn set_var(&mut self, name: &str, value: &str) {
        self.vars.insert(name.to_owned(), value.to_owned());
    }

    /// Takes out of it.
    pub(crate) fn drop_var(&mut self, name: &str) {
        self.vars.remove(name);
    }

    pub(crate) fn vars(&self) -> &BTreeMap<String, String> {
        &self.vars
    }

    /// The whole house.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The working folder.
    pub(crate) fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// The program that is run.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Runs another copy of the program from now on.
    pub(crate) fn use_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// The state of an environment.
    pub(crate) fn state(&self, environment: &str) -> PathBuf {
        self.path("home/.local/state/quarterdeck").join(environment)
    }

    /// Writes a private file, and its folders.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).expect("a file");
        file.write_all(text.as_ref()).expect("room on the disk");
        path
    }

    /// Writes the working folder's configuration.
    pub(crate) fn configure(&self, text: &str) {
        self.write("work/quarterdeck.toml", text);
    }

    /// A command with this house around it; nothing else gets in.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.vars).current_dir(self.work()).stdin(Stdio::null());
        command
    }

    /// Runs the program.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        let mut command = self.command(&self.program);
        Said::of(command.args(words))
    }

    /// Runs the program with this on its standard input.
    pub(crate) fn feed(&self, words: &[&str], input: &[u8]) -> Said {
        let mut command = self.command(&self.program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_vec();
        // From a thread, or two full pipes would wait for each other. A program that reads nothing breaks the pipe.
        let feeder = std::thread::spawn(move || _ = stdin.write_all(&input));
        let output = child.wait_with_output().expect("it ends");
        feeder.join().expect("the feeder ends");
        Said::from(output)
    }

    /// Runs a line in a shell, in which `quarterdeck` is this program.
    pub(crate) fn shell(&self, line: &str) -> Said {
        Said::of(self.command(Path::new("/bin/sh")).arg("-c").arg(line))
    }

    /// The user who runs the tests, as the program calls it.
    pub(crate) fn user(&self) -> String {
        let said = self.run(&["--env", "qa", "whoami", "--json"]).expect_status(0);
        said.json()["unix_user"].as_str().expect("a user").to_owned()
    }
}

impl Said {
    fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("the program starts"))
    }

    /// Itself, when it ended so.
    #[track_caller]
    pub(crate) fn expect_status(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The last line of standard output.
    #[track_caller]
    pub(crate) fn last_line(&self) -> String {
        self.stdout.lines().last().unwrap_or_else(|| panic!("nothing was said: {self:?}")).to_owned()
    }

    /// Standard output as data.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

impl From<std::process::Output> for Said {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            // As a shell tells it: 128 and the signal.
            status: output.status.code().unwrap_or_else(|| {
                128 + std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or_default()
            }),
        }
    }
}

/// Sets the permission bits of a path.
pub(crate) fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("our own file");
}

/// True when root runs the tests: only then can a test have a root-owned `/etc`.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
