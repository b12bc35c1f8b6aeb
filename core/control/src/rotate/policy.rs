//! What environment and configuration say of one secret's rotation (R3.1). Refuses to look at anything else: no backend
//! is asked and no value read.

use crate::config::{Config, HookTable, LeftAside, SecretTable, programs, rotation};
use quarterdeck_domain::access::Class;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Downtime, Generator, Hook, Retire, WatchRule};
use quarterdeck_domain::rotation::Policy;

/// All that is ruled of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How often, and how long both values are valid.
    pub policy: Policy,
    /// How a new value comes about.
    pub generator: Generator,
    /// The generator is configured; otherwise it follows from the class.
    pub generator_is_said: bool,
    /// What kind of secret it is.
    pub class: Class,
    /// Makes a new value known.
    pub set: Option<Hook>,
    /// Tries a value.
    pub test: Option<Hook>,
    /// Makes an old value invalid.
    pub revoke: Option<Hook>,
    /// What happens to the old value while a reader still uses it.
    pub retire: Retire,
    /// Whether readers notice.
    pub downtime: Downtime,
    /// That is configured; otherwise it is zero where there is a grace.
    pub downtime_is_said: bool,
    /// The watcher begins it when it is due.
    pub scheduled: bool,
    /// The errors that lead back.
    pub watch: Option<WatchRule>,
    /// They are configured; otherwise they are the usual ones.
    pub watch_is_said: bool,
    /// That the grace is shorter than what is said, and why.
    pub cut_grace: Option<String>,
    /// An entry of configuration is about it.
    pub is_said: bool,
    /// Whose recorded confirmation is needed first.
    pub confirm: Option<Role>,
    /// What configuration says of it in a file that doesn't count, and no other file says.
    pub left_aside: Vec<LeftAside>,
}

impl Rules {
    /// What is ruled of this secret. Configuration was checked when it was loaded.
    pub fn of(config: &Config, target: &Target) -> Self {
        let empty = None;
        let said = config.secret_in(&target.layer, &target.name);
        let hook = |pick: fn(&SecretTable) -> &Option<HookTable>| {
            said.map_or(&empty, pick).as_ref().and_then(|table| rotation::hook(table).ok())
        };
        let (set, test, revoke) = (hook(|said| &said.set), hook(|said| &said.test), hook(|said| &said.revoke));
        let class = class(config, said, &target.name);
        let generator = said.and_then(|said| said.generator.as_ref()).and_then(|value| rotation::generator(value).ok());
        let policy = config.policy(&target.layer, &target.name);
        let downtime = said.and_then(|said| said.downtime.as_deref()).and_then(|word| rotation::downtime(word).ok());
        let rule = &config.file.rotate.watch;
        Self {
            generator_is_said: generator.is_some(),
            generator: generator.unwrap_or_else(|| usual(class)),
            class,
            retire: retire(config, said),
            downtime_is_said: downtime.is_some(),
            // Without a grace there is no time in which both are valid, whatever is said.
            downtime: if policy.grace.is_zero() { Downtime::Brief } else { downtime.unwrap_or(Downtime::Zero) },
            scheduled: said.and_then(|said| said.scheduled).unwrap_or(false),
            watch: config.watch_rule(),
            watch_is_said: rule.errors.is_some() || rule.within.is_some() || rule.sources.is_some(),
            cut_grace: config.cut_grace(&target.layer, &target.name),
            is_said: said.is_some(),
            confirm: confirm(config),
            left_aside: left_aside(config, said, target),
            policy,
            set,
            test,
            revoke,
        }
    }

    /// What of its programs can't be run by this user: the part and why.
    pub(super) fn absent(&self) -> Vec<String> {
        let hooks = [("set", &self.set), ("test", &self.test), ("revoke", &self.revoke)];
        let hooks = hooks.into_iter().filter_map(|(part, hook)| Some((part, programs::of_hook(hook.as_ref()?)?)));
        let made = programs::of_generator(&self.generator).map(|words| ("generator", words));
        let why = |(part, words)| Some(format!("'{part}': {}", programs::why_not(words)?));
        made.into_iter().chain(hooks).filter_map(why).collect()
    }
}

fn retire(config: &Config, said: Option<&SecretTable>) -> Retire {
    let own = said.and_then(|said| said.retire.as_deref()).or(config.file.rotate.retire.as_deref());
    own.and_then(|word| rotation::retire(word).ok()).unwrap_or(match config.environment {
        Some(Environment::Production | Environment::Demo) => Retire::Ask,
        Some(Environment::Qa | Environment::Paper) | None => Retire::Wait,
    })
}

/// Paper's alone: QA is self-service, and Production needs signatures (R2.3).
fn confirm(config: &Config) -> Option<Role> {
    let role = || config.file.rotate.confirm.as_deref().and_then(|word| rotation::confirm(word).ok());
    (config.environment == Some(Environment::Paper)).then(|| role().unwrap_or(Role::Trader))
}

fn class(config: &Config, said: Option<&SecretTable>, name: &str) -> Class {
    let own = said.and_then(|said| Class::parse(said.class.as_deref()?));
    own.or_else(|| config.classes().get(name).copied()).unwrap_or_else(|| Class::of(name))
}

/// Where nothing is configured: what somebody else issues is typed, since a made-up one would be refused there.
fn usual(class: Class) -> Generator {
    match class {
        Class::Broker | Class::Cloud | Class::Tls => Generator::Typed,
        Class::Database | Class::Other => Generator::Password { length: 32, signs: String::new(), each: true },
    }
}

fn left_aside(config: &Config, said: Option<&SecretTable>, target: &Target) -> Vec<LeftAside> {
    let is_its =
        |left: &&LeftAside| left.name == target.name && left.layer.as_ref().is_none_or(|layer| *layer == target.layer);
    let is_there = |part: &str| {
        said.is_some_and(|said| match part {
            "generator" => said.generator.is_some(),
            "set" => said.set.is_some(),
            "test" => said.test.is_some(),
            _ => said.revoke.is_some(),
        })
    };
    config.left_aside.iter().filter(is_its).filter(|left| !is_there(left.part)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn config(environment: Environment, text: &str) -> Config {
        Config { environment: Some(environment), file: toml::from_str(text).expect("valid"), ..Config::default() }
    }

    fn rules(environment: Environment, text: &str, name: &str) -> Rules {
        Rules::of(&config(environment, text), &Target { layer: "fernet".into(), name: name.into() })
    }

    #[test]
    fn the_environment_rules_where_nothing_is_said() {
        let qa = rules(Environment::Qa, "", "plain");
        assert_eq!((qa.policy.grace, qa.confirm, qa.retire), (SignedDuration::ZERO, None, Retire::Wait));
        let paper = rules(Environment::Paper, "", "plain");
        assert_eq!((paper.policy.grace.as_mins(), paper.confirm), (15, Some(Role::Trader)));
        let production = rules(Environment::Production, "", "plain");
        assert_eq!(
            (production.policy.period.as_hours(), production.retire, production.confirm),
            (720, Retire::Ask, None)
        );
        assert_eq!(qa.watch, Some(WatchRule { errors: 3, within_s: 60 }));
    }

    #[test]
    fn the_secrets_own_word_comes_before_the_environments() {
        let text = "[rotate]\nperiod='10d'\ngrace='1m'\nretire='force'\nconfirm='governance'\n[rotate.watch]\nerrors=0\n\
                    [[secret]]\nname='a'\nperiod='5d'\nretire='ask'\nscheduled=true\n[[secret]]\nname='k'\ngenerator='ed25519'\n";
        let a = rules(Environment::Paper, text, "a");
        assert_eq!((a.policy.period.as_hours(), a.policy.grace.as_mins(), a.retire), (120, 1, Retire::Ask));
        assert_eq!((a.confirm, a.watch, a.scheduled), (Some(Role::Governance), None, true));
        let other = rules(Environment::Paper, text, "b");
        assert_eq!((other.policy.period.as_hours(), other.retire, other.scheduled), (240, Retire::Force, false));
        assert_eq!(rules(Environment::Qa, text, "a").confirm, None, "QA is self-service");
        let key = rules(Environment::Production, "[[secret]]\nname='k'\ngenerator='ed25519'\n", "k");
        assert_eq!((key.policy.period.as_hours() / 24, key.policy.grace.as_mins()), (90, 15));
        let short = rules(Environment::Paper, "[[secret]]\nname='a'\nperiod='10m'\n", "a");
        assert_eq!(short.policy.grace.as_secs(), 60, "never as long as its period");
    }

    #[test]
    fn what_somebody_else_issues_is_typed() {
        assert_eq!(rules(Environment::Qa, "", "qa/ibkr/key").generator, Generator::Typed);
        assert_eq!(rules(Environment::Qa, "", "tls.key").generator, Generator::Typed);
        assert!(matches!(rules(Environment::Qa, "", "db.password").generator, Generator::Password { length: 32, .. }));
        let said = rules(Environment::Qa, "[[secret]]\nname='x'\nclass='broker'\n", "x");
        assert_eq!((said.generator, said.generator_is_said), (Generator::Typed, false));
    }

    #[test]
    fn no_grace_is_a_brief_window_whatever_is_said() {
        let text = "[[secret]]\nname='a'\nrevoke={by='person',tell='x'}\n";
        assert_eq!(rules(Environment::Qa, text, "a").downtime, Downtime::Brief);
        assert_eq!(rules(Environment::Paper, text, "a").downtime, Downtime::Zero);
        assert_eq!(rules(Environment::Qa, "", "a").downtime, Downtime::Brief);
        let said = "[[secret]]\nname='a'\ndowntime='zero'\n";
        assert_eq!(rules(Environment::Qa, said, "a").downtime, Downtime::Brief);
    }

    #[test]
    fn what_was_left_aside_hinders_only_what_nobody_else_says() {
        let left = |part| LeftAside { name: "a".into(), layer: None, part, why: "of f was left aside".into() };
        let mut config = config(Environment::Qa, "[[secret]]\nname='a'\nset={by='person',tell='x'}\n");
        config.left_aside = vec![left("set"), left("test")];
        let rules = Rules::of(&config, &Target { layer: "aws".into(), name: "a".into() });
        assert_eq!(rules.left_aside, [left("test")]);
    }
}
