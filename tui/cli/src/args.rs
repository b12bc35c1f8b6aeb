//! What may be typed. One table of verbs; `docs/cli.md`, `--help` and the design are held to it by a test. Refuses to
//! act.

use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Secrets: generate-key, set, get, list, search, delete, validate, rekey.
    #[command(subcommand)]
    Secrets(Secrets),
    /// The resolved configuration: show, check.
    #[command(subcommand)]
    Config(Config),
    /// The audit: tail, query, verify, catalogue.
    #[command(subcommand)]
    Audit(Audit),
    /// Plugins: list, verify.
    #[command(subcommand)]
    Plugins(Plugins),
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
    },
    /// All names with their state; never a value.
    List {
        /// One layer alone.
        #[arg(long)]
        layer: Option<String>,
    },
    /// Names that contain a text, in all layers; never values.
    Search {
        /// The text.
        text: String,
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
        #[arg(long, value_name = "KEY")]
        new_key: String,
        /// The layer.
        #[arg(long, default_value = "fernet")]
        layer: String,
    },
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

/// `help`
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A verb, a word or a topic.
    pub word: Option<String>,
}
