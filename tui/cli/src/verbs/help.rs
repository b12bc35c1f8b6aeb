//! `help`: a verb, a word or a topic explained. Refuses to need anything.

use crate::args::{Help, Line};
use crate::errors::ERRORS;
use crate::output::{self, Outcome, Trouble};
use clap::CommandFactory;
use quarterdeck_domain::words::{WORDS, find};

const CONFIGURATION: &str = "\
Files, later wins: /etc/quarterdeck/quarterdeck.toml, ~/.config/quarterdeck/quarterdeck.toml, ./quarterdeck.toml.
In Production [person], [plugins], [layers], [secret], [rotate], [boundary], [backend], [kill_switch], [engine], [market] and
[desk] count only from /etc, owned by root. What runs or calls something never counts from the working folder's file.

  [environment]                   [[person]]                    [[secret]]
  name = \"qa\"                     name = \"alice\"                name = \"prod/trader/ibkr-api-key\"
  aliases = { uat = \"paper\" }     unix = \"alice\"                key = \"ibkr.api_key\"
                                  role = \"trader\"               period = \"30d\"
  [backend.fernet]                environments = [\"paper\"]      class = \"broker\"
  path = \"secrets.bin\"
  key_file = \"fernet.key\"         [[audit.source]]              [layers]
  every = \"30s\"                   name = \"orders\"               order = [\"env\", \"fernet\", \"yaml\"]
  within = \"5s\"                   path = \"orders.jsonl\"
                                  every = \"1m\"                  [desk]
  [backend.env]                                                 phone = \"+1 203 555 0142\"
  env_files = [\".env.local\"]      [screen]
                                  theme = \"dark\"                [plugins]
  [backend.yaml]                  ascii = false                 folders = [\"plugins\"]
  path = \"config.yaml\"

  [kill_switch]                   [[engine]]                    [market]
  folder = \"/srv/switch\"         name = \"alpha-us\"             zone = \"America/New_York\"
                                  account = \"DU0004789\"         open = \"09:30\"
                                  phone = \"+1 203 555 0142\"     close = \"16:00\"
                                                                days = [\"mon\", \"tue\"]
                                                                holidays = [\"2026-12-25\"]

  [backend.vault]                                 [backend.aws.settings]
  secret_files = { token = \"vault-token\" }        region = \"eu-west-1\"
  [backend.vault.settings]                        profile = \"desk\"
  address = \"https://vault.example.com:8200\"
  prefix = \"algo-trade/\"                          [[boundary]]
                                                  environment = \"production\"
  [plugins.pinned]                                names = [\"live/*\"]
  vault = \"5eb69edede57d572...\"

  [[secret]]                                      [rotate]
  name = \"paper/trader/ibkr-api-key\"              period = \"90d\"
  layer = \"aws\"                                   grace = \"15m\"
  grace = \"10m\"                                   retire = \"wait\"
  generator = \"typed\"                             confirm = \"trader\"
  retire = \"ask\"
  downtime = \"zero\"                               [rotate.watch]
  scheduled = false                               errors = 3
  [secret.set]                                    within = \"60s\"
  by = \"person\"                                   sources = [\"orders\"]
  tell = \"activate the new key at the portal\"
  [secret.test]                                   [secret.revoke]
  command = [\"/usr/local/bin/ibkr-login\"]         http.url = \"https://broker.example.com/key\"
  within = \"20s\"                                  http.method = \"DELETE\"
  stdin = \"value\"                                 http.header = \"Authorization\"
                                                  http.before = \"Bearer \"

Generators: password:N, password:N:SIGNS, hex:N, base64:N, base64url:N, fernet, ed25519, uuid, typed, or
{ command = [\"/usr/local/bin/make-key\"] }. Hooks: command, http, vault_token = \"https://vault:8200\", by = \"person\".
A revoke by a person has 'undo' too: how the NEW value is made invalid on the way back.
How a rotation goes: docs/rotation.md.
Settings of vault and aws: docs/vault.md, docs/aws.md.
'quarterdeck config check' names what is wrong, with its line.";

const LAYERS: &str = "\
A key is looked for in the layers from the highest to the lowest; the first that holds it wins, the others are shadowed.
  env      DP_BROKER__PASSWORD is broker.password; read-only
  vault    with DP_USE_VAULT=1 or [backend.vault]; HashiCorp Vault and OpenBao, KV version 1 and 2: docs/vault.md
  aws      with [backend.aws]; AWS Secrets Manager: docs/aws.md
  fernet   with DP_USE_ENCRYPTED_SECRETS=1 or a key in DP_SECRETS_ENCRYPTION_KEY; the encrypted file
  yaml     secrets.yaml or [backend.yaml] path; a secret found there is a warning
A layer that can't be read is an error in Production, and a loud warning elsewhere.";

const ROTATION: &str = "\
A rotation brings a new value in while the old one still works, and takes the old one away when nobody needs it any more.
  confirm > check > stage > set > test > promote > unstage > grace > retire > verify > drop; back: restore > revoke > discard
Where it stands:
  IN GRACE        old and new are both valid; 'rotate rollback' leads back
  RETIRE OVERDUE  grace is over and a reader still uses the old value; 'rotate retire' cuts it off
  ROLLED BACK     the new value failed: the old one is current
  LOST            somebody else changed the secret meanwhile: theirs stays
  STUCK           it goes no further without a person: mend it, then 'rotate resume', or 'rotate done'
What it needs once, in your own configuration: how a new value comes about.
  [[secret]]
  name = \"qa/app/webhook\"
  generator = \"password:32\"
Verbs: 'quarterdeck help rotate'. Keys and hooks: 'quarterdeck help configuration'. The whole of it: docs/rotation.md.";

/// Explains.
pub(crate) fn run(verb: &Help) -> Outcome {
    let Some(word) = verb.word.as_deref() else {
        output::text(&Line::command().render_long_help().to_string());
        output::text(
            "Topics: configuration, layers, rotation, errors, words. Any word of the screen: quarterdeck help WORD",
        );
        return Ok(0);
    };
    match word {
        "configuration" => output::text(CONFIGURATION),
        "layers" => output::text(LAYERS),
        "rotation" => output::text(ROTATION),
        "errors" => {
            let cells = ERRORS.iter().map(|error| [error.code, error.means, error.remedy].map(str::to_owned).to_vec());
            output::text(&output::table(&cells.collect::<Vec<_>>()));
        }
        "words" => {
            let cells = WORDS.iter().map(|word| vec![word.word.to_owned(), word.means.to_owned()]);
            output::text(&output::table(&cells.collect::<Vec<_>>()));
        }
        other => return explain(other),
    }
    Ok(0)
}

fn explain(word: &str) -> Outcome {
    let mut command = Line::command();
    if let Some(verb) = command.find_subcommand_mut(word) {
        output::text(&verb.render_long_help().to_string());
        return Ok(0);
    }
    if let Some(known) = find(word) {
        output::text(&format!("{}: {}", known.word, known.means));
        if !known.not.is_empty() {
            output::text(&format!("(not: {})", known.not));
        }
        return Ok(0);
    }
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let all = verbs.iter().map(String::as_str).chain(WORDS.iter().map(|word| word.word));
    let next = match quarterdeck_control::config::nearest(word, all) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "'quarterdeck help words' lists the words, 'quarterdeck help' the verbs".to_owned(),
    };
    let word = output::one_line(word);
    Err(Trouble::ending(4, format!("there is no help on '{word}'\n  next:  {next}")))
}
