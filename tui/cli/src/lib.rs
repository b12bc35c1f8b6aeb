//! The command line, and the loop that runs the screen. Refuses to know a plugin, a journal's format or a rule: every
//! verb and every key ends in a request to control.

mod args;
mod cockpit;
mod errors;
mod input;
mod keys;
mod lines;
mod output;
mod rows;
mod session;
mod switch;
mod theme;
mod verbs;

use args::{Common, Line, Verb};
use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use output::Outcome;
use quarterdeck_control::open::{Opening, open};
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_control::watch::Nudges;
use std::process::ExitCode;
use std::sync::Arc;

/// The verb that runs a plugin; only the program itself says it.
const PLUGIN_HOST: &str = "plugin-host";
/// The verb that stands beside a rotation's hook; likewise.
const HOOK_HOST: &str = "hook-host";

/// Runs the program; gives its exit status.
pub fn main() -> ExitCode {
    // Before anything else, before any thread: this process may be a plugin's or a hook's.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == PLUGIN_HOST) {
        quarterdeck_control::plugin_host();
    }
    if std::env::args_os().nth(1).is_some_and(|verb| verb == HOOK_HOST) {
        return ExitCode::from(quarterdeck_control::rotate::hooks::hook_host());
    }
    outlive_full_files();
    if let Some(code) = verbs::demo::companion().or_else(verbs::demo::engine) {
        return code;
    }
    keep_memory_private();
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => return usage(&error),
    };
    let outcome = match &line.verb {
        None => cockpit(&line.common),
        Some(verb) => run(verb, &line.common),
    };
    let (status, troubles) = match outcome {
        Ok(status) => (status, None),
        Err(trouble) => (trouble.status, Some(trouble)),
    };
    if let Some(trouble) = &troubles {
        output::trouble(trouble, line.common.json);
    }
    match output::unprinted() {
        Some(unprinted) => {
            output::trouble(&unprinted, false);
            ExitCode::from(if status == 0 { unprinted.status } else { status })
        }
        None => ExitCode::from(status),
    }
}

fn run(verb: &Verb, common: &Common) -> Outcome {
    match verb {
        Verb::Demo(demo) => verbs::demo::run(demo, common),
        Verb::Init(init) => verbs::init::run(init, common),
        Verb::Doctor => verbs::doctor::run(common),
        Verb::Status(status) => verbs::status::run(status, common),
        Verb::Secrets(secrets) => verbs::secrets::run(secrets, common),
        Verb::Rotate(rotate) => verbs::rotate::run(rotate, common),
        Verb::Config(config) => verbs::config::run(config, common),
        Verb::Audit(audit) => verbs::audit::run(audit, common),
        Verb::Plugins(plugins) => verbs::plugins::run(plugins, common),
        Verb::Kill(kill) => verbs::kill::run(kill, common),
        Verb::Watch => verbs::watch::run(common),
        Verb::Engine(engine) => verbs::engine::run(engine, common),
        Verb::Whoami => verbs::whoami::run(common),
        Verb::Help(help) => verbs::help::run(help),
    }
}

fn cockpit(common: &Common) -> Outcome {
    let nudges = Arc::new(Nudges::default());
    let heard = nudges.clone();
    let opening = Opening {
        needs_environment: true,
        watches: true,
        besides: None,
        looks: true,
        look_only: common.readonly.then(|| "--readonly was given".to_owned()),
        on_change: Some(Arc::new(move |layer, status| heard.heard(layer, status))),
    };
    let control = open(Surroundings::of_this_process(), session::wanted(common), &opening)?;
    control.config.warnings.iter().for_each(|warning| output::aside(&format!("warning: {warning}")));
    cockpit::run(control, nudges, common)
}

/// Secrets pass through this memory: no core dump, and nobody else's debugger.
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// A limit on file sizes is an error of the write that meets it, and not the end of a process that has a stop to send.
fn outlive_full_files() {
    let _ =
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(std::sync::atomic::AtomicBool::new(false)));
}

fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = unechoed(error);
    if std::env::args_os().any(|word| word == "--json") {
        output::data(&output::misread(&text));
    } else {
        output::complaint(&text);
    }
    ExitCode::from(2)
}

/// The parser's words without a word that is one too many: who forgets the quotes around a value has it in there.
fn unechoed(error: &clap::Error) -> String {
    let text = error.render().to_string();
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) if !word.starts_with('-') => text.replace(
            &format!("unexpected argument '{word}' found"),
            "there is a word too many; it may be part of a value and is not repeated here",
        ),
        _ => text,
    }
}
