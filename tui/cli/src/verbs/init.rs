//! `init`: an environment of one's own in one step. Refuses to write over anything without `--force`, and never touches
//! an encrypted file that is there.

use crate::args::{Common, Init};
use crate::output::{self, Outcome, Trouble};
use crate::session::{Needs, session};
use crate::switch::{sit, text};
use quarterdeck_control::config::FILE_NAME;
use quarterdeck_control::open::need_home;
use quarterdeck_control::serve::Done;
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::request::Request;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Sets up.
pub(crate) fn run(verb: &Init, common: &Common) -> Outcome {
    let surroundings = Surroundings::of_this_process();
    if verb.latch {
        return latch_alone(common);
    }
    need_home(&surroundings)?;
    let name = common.env.as_deref().or_else(|| surroundings.var("DP_ENVIRONMENT")).unwrap_or("qa");
    let environment = Environment::parse(name, &BTreeMap::new())
        .map_err(|error| Trouble::usage(format!("{error}\n  next:  quarterdeck init --env qa")))?;
    if environment == Environment::Production {
        return Err(Trouble::usage(
            "Production is not set up from a user's account: its roles and policy count only from a root-owned /etc/quarterdeck/quarterdeck.toml\n  next:  see docs/production.md; 'quarterdeck init --env qa' for a first look",
        ));
    }
    let home = surroundings.config_home();
    let config = home.join(FILE_NAME);
    if config.exists() && !verb.force {
        // Configured before there was a kill-switch, or by hand.
        if sit(common, "init").is_ok_and(|seat| seat.switch.look().record.is_none()) {
            return latch_alone(common);
        }
        return Err(Trouble::ending(
            7,
            format!(
                "{} is there already\n  while: setting up {}\n  next:  edit it, or write over it with --force (the encrypted file and its key stay)",
                config.display(),
                environment.title()
            ),
        ));
    }
    let private = |folder: &Path| {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|why| unmade(folder, &why))
    };
    private(&home)?;
    let data = surroundings.data_home().join(environment.name());
    private(&data)?;
    let (key, file) = (home.join(format!("{}.fernet.key", environment.name())), data.join("secrets.bin"));
    let fresh = !key.exists();
    if fresh {
        let control = session(
            &crate::args::Common { env: Some(name.to_owned()), ..common.clone() },
            Needs { environment: false, layer: Some("fernet"), looks: false },
        )?;
        let Done::Key(made) = control.serve(Request::GenerateKey.into())? else {
            return Err(Trouble::failed("the plugin gave no key"));
        };
        write(OpenOptions::new().create_new(true), &key, &[made.expose(), b"\n"])?;
    }
    let text = configuration(environment, &surroundings.user, &key, &file);
    write(OpenOptions::new().create(true).truncate(true), &config, &[text.as_bytes()])?;
    let latch = latch(&Common { env: Some(environment.name().to_owned()), ..common.clone() })?;
    if common.json {
        output::data(&json!({
            "environment": environment.name(), "config": config, "key_file": key, "made_key": fresh, "file": file,
            "latch": latch.place, "generation": latch.generation,
        }));
        return Ok(0);
    }
    output::text(&format!("{} is set up for {}:", environment.title(), surroundings.user));
    output::text(&format!("  configuration   {}", config.display()));
    output::text(&format!("  key (0600)      {}{}", key.display(), if fresh { "" } else { ", kept as it was" }));
    output::text(&format!("  encrypted file  {}, made by the first 'set'", file.display()));
    output::text(&format!("  kill-switch     {}", latch.told()));
    output::text("next:\n  quarterdeck secrets set broker.password\n  quarterdeck");
    Ok(0)
}

/// `--latch`: for an environment that was set up by hand, Production among them.
fn latch_alone(common: &Common) -> Outcome {
    let latch = latch(common)?;
    if common.json {
        output::data(&json!({
            "environment": latch.environment.name(), "latch": latch.place, "generation": latch.generation,
        }));
    } else {
        output::text(&format!("{}: {}", latch.environment.title(), latch.told()));
    }
    Ok(0)
}

/// The latch as it stands after setting up.
struct Latch {
    environment: Environment,
    place: String,
    generation: Option<u64>,
    trading: String,
    made: bool,
}

impl Latch {
    fn told(&self) -> String {
        let generation =
            self.generation.map_or_else(|| "no generation".to_owned(), |number| format!("generation {number}"));
        let kept = if self.made { "" } else { ", kept as it was" };
        format!("{}, {generation}, {}{kept}", self.place, self.trading)
    }
}

/// Sets the kill-switch up where there is none yet: generation 0, trading is normal. What is there stays.
fn latch(common: &Common) -> Result<Latch, Trouble> {
    let seat = sit(common, "init")?;
    let made = seat.switch.look().record.is_none();
    if made {
        seat.switch.set_up()?;
    }
    let row = seat.switch.look();
    Ok(Latch {
        environment: seat.environment,
        generation: row.record.as_ref().map(|record| record.generation),
        trading: text::trading(&row),
        place: row.latch_place,
        made,
    })
}

/// Writes a file that is its owner's alone.
fn write(how: &mut OpenOptions, file: &Path, parts: &[&[u8]]) -> Result<(), Trouble> {
    let written = how.write(true).mode(0o600).open(file).and_then(|mut out| {
        parts.iter().try_for_each(|part| out.write_all(part))?;
        out.sync_all()
    });
    written.map_err(|why| unmade(file, &why))
}

fn unmade(place: &Path, why: &std::io::Error) -> Trouble {
    Trouble::failed(format!(
        "{} can't be made: {why}\n  while: setting up your own folders\n  next:  check HOME and the owner and mode of the folders on the way",
        place.display()
    ))
}

fn configuration(environment: Environment, user: &str, key: &Path, file: &Path) -> String {
    let quoted = |text: &str| toml_string(text);
    format!(
        "# Written by 'quarterdeck init'. 'quarterdeck help configuration' lists all keys.\n\
         [environment]\nname = {}\n\n{}\n\
         [backend.fernet]\npath = {}\nkey_file = {}\n\n\
         # Another program's audit file, tailed beside the journal:\n\
         # [[audit.source]]\n# name = \"orders\"\n# path = \"/var/log/orders.jsonl\"\n# every = \"1m\"\n\n\
         # Whom to call when a screen can't help, and the engines with their own numbers:\n\
         # [desk]\n# phone = \"+1 203 555 0142\"\n\
         # [[engine]]\n# name = \"alpha-us\"\n# phone = \"+1 203 555 0143\"\n\
         # The market's hours, and where the kill-switch lies: 'quarterdeck help configuration'.\n\
         # [market]\n# [kill_switch]\n",
        quoted(environment.name()),
        person(environment, user),
        quoted(&file.to_string_lossy()),
        quoted(&key.to_string_lossy()),
    )
}

/// Who sets up QA may do everything there, and needs no role for it; elsewhere somebody has to be able to stop trading.
fn person(environment: Environment, user: &str) -> String {
    let who =
        "# Who is who: name stands in the journal, unix is the login, role is one of trader, devops, qa, governance.\n";
    let (about, mark) = match environment {
        Environment::Qa => {
            ("# In QA whoever has no role may do everything; a role takes away what is not its own.\n", "# ")
        }
        _ => ("", ""),
    };
    let name = toml_string(quarterdeck_domain::person::Person::of_unix(user).as_str());
    let unix = toml_string(user);
    let lines =
        ["[[person]]".to_owned(), format!("name = {name}"), format!("unix = {unix}"), "role = \"trader\"".to_owned()];
    let lines: String = lines.iter().map(|line| format!("{mark}{line}\n")).collect();
    format!("{who}{about}{lines}")
}

/// A TOML basic string; JSON's escapes are TOML's.
fn toml_string(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
