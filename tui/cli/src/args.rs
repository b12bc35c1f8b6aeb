//! What may be typed. One table of verbs; `docs/cli.md`, `--help` and the design are held to it by a test. Refuses to
//! act.

use clap::{Args, Parser, Subcommand, ValueEnum};
use quarterdeck_simulator::{DieAt, Misbehave, Rate};
use std::path::PathBuf;

/// A terminal cockpit from which a trading firm's people see and steer their secrets.
#[derive(Debug, Parser)]
#[command(name = "quarterdeck", version, disable_help_subcommand = true, after_help = AFTER)]
pub(crate) struct Line {
    /// What every verb understands.
    #[command(flatten)]
    pub common: Common,
    /// What to do; the cockpit when nothing is named.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

const AFTER: &str = "Without a verb: the cockpit. First time here: 'quarterdeck demo', then 'quarterdeck init'.\n\
Exit status: 0 done, 1 failed, 2 usage, 3 refused by policy, 4 not found, 5 backend unavailable, 6 integrity broken,\n\
7 conflict, 8 done here, not confirmed everywhere, 9 waiting for approval.";

const KILL: &str = "stop and halt need no plugin, no backend, no journal and no configuration that can be read, and --readonly \
doesn't\nhinder them. On a terminal they ask for a code; in a script they take the environment's full name:\n  \
quarterdeck kill stop --env production --confirm production\n\
Their exit status: 0 every engine confirmed, 8 not every engine confirmed, 3 refused, 1 nobody heard it.";

/// What every verb understands.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The environment: qa, paper or production.
    #[arg(long, global = true, value_name = "NAME")]
    pub env: Option<String>,
    /// Change nothing from here.
    #[arg(long, global = true)]
    pub readonly: bool,
    /// Print data for programs instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// A built-in theme (dark, light, monochrome, deuteranopia) or a file.
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Draw with ASCII alone.
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Colours: auto looks at NO_COLOR, TERM and COLORTERM.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
}

/// How many colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// As the terminal says.
    Auto,
    /// None.
    Never,
    /// The sixteen.
    #[value(name = "16")]
    Sixteen,
    /// The 256.
    #[value(name = "256")]
    TwoFiftySix,
    /// 24 bits.
    True,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// A live sandbox in a temporary folder: real parts, nothing of yours.
    Demo(Demo),
    /// Set up an environment of your own: configuration, key, folders.
    Init(Init),
    /// What is wrong here, and how to mend it.
    Doctor,
    /// The overview as text or data.
    Status(Status),
    /// Secrets: generate-key, set, get, list, search, history, diff, delete, restore, validate, rekey.
    #[command(subcommand)]
    Secrets(Secrets),
    /// Rotations: due, plan, start, status, resume, abort, rollback, retire, done, confirm, adopt.
    #[command(subcommand)]
    Rotate(Rotate),
    /// The resolved configuration: show, check.
    #[command(subcommand)]
    Config(Config),
    /// The audit: tail, query, verify, catalogue.
    #[command(subcommand)]
    Audit(Audit),
    /// Plugins: list, verify.
    #[command(subcommand)]
    Plugins(Plugins),
    /// The kill-switch: status, who, stop, halt, hold, release.
    #[command(subcommand, after_help = KILL)]
    Kill(Kill),
    /// Keeps the kill-switch's deadline and retries, without a screen.
    Watch,
    /// The reference engine: obeys the kill-switch, its orders are simulated. Not for Production.
    Engine(Box<Engine>),
    /// Who you are here, and what you may do.
    Whoami,
    /// Explains a verb, a word or a topic.
    Help(Help),
}

/// `demo`
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep the folder afterwards and say where it is.
    #[arg(long)]
    pub keep: bool,
    /// The role you play in it.
    #[arg(long = "as", default_value = "trader", value_name = "ROLE")]
    pub role: String,
}

/// `init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Write over a configuration that is there.
    #[arg(long)]
    pub force: bool,
    /// Set up the kill-switch's latch alone: in any environment, Production too.
    #[arg(long, conflicts_with = "force")]
    pub latch: bool,
}

/// `status`
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// One line.
    #[arg(long)]
    pub short: bool,
}

/// `secrets …`
#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Make a Fernet key; the last line is the bare key.
    GenerateKey,
    /// Store a value, from standard input, a prompt, or (seen by others) the command line.
    Set {
        /// The name: `broker.password`.
        name: String,
        /// The value; leave it out to be asked or to pipe it in.
        value: Option<String>,
        /// The layer to store it in.
        #[arg(long)]
        layer: Option<String>,
        /// Store it as JSON: a number, a list, a map.
        #[arg(long = "as-json")]
        as_json: bool,
        /// Only if this version is the current one.
        #[arg(long, value_name = "VERSION")]
        if_version: Option<String>,
    },
    /// Print a value.
    Get {
        /// The name.
        name: String,
        /// One layer alone.
        #[arg(long)]
        layer: Option<String>,
        /// This version and not the current one: 'secrets history' lists them.
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
    },
    /// All names with their state; never a value.
    List {
        /// One layer alone.
        #[arg(long)]
        layer: Option<String>,
    },
    /// Names that contain every word, in all layers; never a value.
    Search {
        /// The words.
        #[arg(required = true)]
        words: Vec<String>,
    },
    /// Versions of a secret, and which layer wins over which; never a value.
    History {
        /// The name.
        name: String,
        /// One layer alone.
        #[arg(long)]
        layer: Option<String>,
    },
    /// Which keys differ between two versions; never a value.
    Diff {
        /// The name.
        name: String,
        /// The one version.
        #[arg(value_name = "VERSION")]
        one: String,
        /// The other.
        #[arg(value_name = "VERSION")]
        other: String,
        /// One layer alone.
        #[arg(long)]
        layer: Option<String>,
    },
    /// Bring back what was deleted, while its backend keeps it.
    Restore {
        /// The name.
        name: String,
        /// The layer.
        #[arg(long)]
        layer: Option<String>,
    },
    /// Remove a secret.
    Delete {
        /// The name.
        name: String,
        /// The layer.
        #[arg(long)]
        layer: Option<String>,
        /// Only if this version is the current one.
        #[arg(long, value_name = "VERSION")]
        if_version: Option<String>,
    },
    /// Open the encrypted file and check it.
    Validate {
        /// The layer.
        #[arg(long, default_value = "fernet")]
        layer: String,
    },
    /// Seal the Fernet file with a new key.
    #[command(visible_alias = "rotate-key")]
    Rekey {
        /// The new key; `-` reads it from standard input.
        // One key in 64 begins with a hyphen.
        #[arg(long, value_name = "KEY", allow_hyphen_values = true, required_unless_present = "drop")]
        new_key: Option<String>,
        /// The .env file that holds the key: the new one is added before the file is sealed, the old one dropped after.
        #[arg(long, value_name = "FILE")]
        update_env: Option<PathBuf>,
        /// Finish with a list of keys: seal with its first key and drop the others.
        #[arg(long, conflicts_with = "new_key")]
        drop: bool,
        /// The layer.
        #[arg(long, default_value = "fernet")]
        layer: String,
    },
}

/// `rotate …`
#[derive(Debug, Subcommand)]
pub(crate) enum Rotate {
    /// What is due, what comes next, and who may begin it.
    Due,
    /// What a rotation would do, step by step; changes nothing.
    Plan {
        /// The secret.
        name: String,
        /// The layer.
        #[arg(long)]
        layer: Option<String>,
    },
    /// Begin a rotation, and carry it on.
    Start {
        /// The secret.
        name: String,
        /// The layer.
        #[arg(long)]
        layer: Option<String>,
        /// Only print the plan that would be carried out; exit as 'plan' does.
        #[arg(long)]
        dry_run: bool,
        /// Only if this is still the plan: the digest that 'plan' printed, or its beginning.
        #[arg(long, value_name = "DIGEST")]
        plan: Option<String>,
        /// Why.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// Stay until it is over, though a watcher would go on.
        #[arg(long)]
        stay: bool,
    },
    /// What is under way and what came of the last ones.
    Status {
        /// One of them: 'R-27', or the secret's name.
        rotation: Option<String>,
    },
    /// Carry one on: take over what nobody carries, try again what is stuck.
    Resume {
        /// Which: 'R-27', or the secret's name.
        rotation: String,
    },
    /// Give one up before the new value is promoted; the new value is revoked.
    Abort(Steering),
    /// Back to the old value while both are valid; the new one is revoked.
    Rollback(Steering),
    /// Retire the old value now, though a reader still uses it.
    Retire(Steering),
    /// Say of a step that is a person's that it is done, or that it went wrong.
    Done {
        /// Which: 'R-27', or the secret's name.
        rotation: String,
        /// It did not work.
        #[arg(long)]
        failed: bool,
        /// What a record should say of it; never a value.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Confirm what somebody else asked for (Paper); recorded, not signed.
    Confirm {
        /// Which: 'R-27', or the secret's name.
        rotation: String,
    },
    /// Switch a backend's own schedule off: the secret is rotated from here.
    Adopt {
        /// The secret.
        name: String,
        /// The layer.
        #[arg(long)]
        layer: Option<String>,
    },
}

/// What asks something of a rotation.
#[derive(Debug, Args)]
pub(crate) struct Steering {
    /// Which: 'R-27', or the secret's name.
    pub rotation: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// `config …`
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Every key with the layer it comes from; values masked.
    Show,
    /// Whether the files can be read and make sense.
    Check,
}

/// `audit …`
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// The newest lines, and more as they come.
    Tail {
        /// Go on until ^C.
        #[arg(long, short)]
        follow: bool,
        /// How many lines to begin with.
        #[arg(long, short = 'n', default_value_t = 20)]
        lines: usize,
        /// Only lines for which this holds: `severity>=MAJOR and actor=alice`.
        #[arg(long, value_name = "FILTER")]
        filter: Option<String>,
    },
    /// All lines that a filter finds.
    Query {
        /// The filter.
        filter: String,
    },
    /// Check the journal's chain; exit 6 and the line when it is broken.
    Verify {
        /// A journal's folder; this environment's when it is left out.
        folder: Option<PathBuf>,
    },
    /// Every type of event: tier, severity, meaning.
    Catalogue,
}

/// `plugins …`
#[derive(Debug, Subcommand)]
pub(crate) enum Plugins {
    /// What was found, where, and how it is run.
    List,
    /// Whether each would be loaded, and if not, why.
    Verify,
}

/// `kill …`
#[derive(Debug, Subcommand)]
pub(crate) enum Kill {
    /// What counts, since when, by whom, and what each engine says.
    Status,
    /// Who can stop trading, and who can hold, and from where.
    Who,
    /// Level 3: no new orders. Becomes level 4 by itself after 5:00, unless held.
    Stop(Firing),
    /// Level 4: no new orders, cancel resting ones, close positions.
    Halt(Firing),
    /// Keep level 3 and cancel only the automatic level 4.
    Hold {
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Back to trading.
    Release {
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// What happened and what was done about it: needed after level 4.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// Release though this engine is not proven flat; once for each.
        #[arg(long, value_name = "ENGINE")]
        without: Vec<String>,
        /// Wait so long for the engines to trade again; 0 waits for none.
        #[arg(long, value_name = "SECONDS", default_value_t = 5)]
        wait: u64,
    },
}

/// `kill stop`, `kill halt`
#[derive(Debug, Args)]
pub(crate) struct Firing {
    /// Where nobody can type a code (a script, a runbook): the environment's full name.
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Option<String>,
    /// Why; can also be given later, in the cockpit.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Wait so long for the engines' answers; 0 waits for none.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub wait: u64,
}

/// `engine`
#[derive(Debug, Args)]
pub(crate) struct Engine {
    /// Its name: letters, digits, `-`, `_`, `.`.
    #[arg(long, default_value = "simulator")]
    pub name: String,
    /// The account; only its last four characters are ever told.
    #[arg(long, default_value = "SIM00001")]
    pub account: String,
    /// The folder above `latch` and `engines`; the kill-switch's own place when it is left out.
    #[arg(long, value_name = "FOLDER")]
    pub base: Option<PathBuf>,
    /// The simulated venue's folder, which outlives the engine; below your state folder when it is left out.
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Write each order as an audit line into this file.
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// Orders in a time: `2/s`, `12/min`, `0/s` for none.
    #[arg(long, default_value = "12/min")]
    pub rate: Rate,
    /// The same seed gives the same orders.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Orders that rest at a new venue.
    #[arg(long, value_name = "NUMBER", default_value_t = 12)]
    pub orders: u64,
    /// Instruments with a position at a new venue.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    pub positions: u64,
    /// While stopped, a resting order fills each time so many seconds have passed; 0 for never.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub fills_every: u64,
    /// How it goes wrong: late:SECONDS, silent, dead, liar, keeps-orders, rejects-cancel, unsynced, venue-down, says-flat,
    /// market-shut:HH:MM; once for each.
    #[arg(long, value_name = "HOW")]
    pub misbehave: Vec<Misbehave>,
    /// A file with more such words, read each second.
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
    /// Where it kills itself: received, blocked, cancelling:N, cancelled, closing:N, closed:N, flat.
    #[arg(long, value_name = "STEP")]
    pub die_at: Option<DieAt>,
    /// End when standard input closes.
    #[arg(long)]
    pub with_parent: bool,
    /// Tell each order and each duty on standard output.
    #[arg(long)]
    pub verbose: bool,
}

/// `help`
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A verb, a word or a topic.
    pub word: Option<String>,
}
