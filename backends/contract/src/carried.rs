//! The trait on top of whatever carries a [`Request`] away and a [`Reply`] back. Refuses to know how it travels, and
//! to believe the other side: an answer of the wrong shape is an error, never a panic.

use crate::*;

/// Something behind which a backend stands: a loaded library, a child process.
///
/// Whoever carries is a [`SecretsBackend`] by that alone.
pub trait Carrier: Send + Sync {
    /// What the backend said of itself when it was made. No I/O.
    fn description(&self) -> Description;

    /// Carries one request over and waits for its reply, at most for as long as the request says.
    fn carry(&self, request: Request) -> Reply;
}

impl<C: Carrier> SecretsBackend for C {
    fn describe(&self) -> Description {
        self.description()
    }

    fn health(&self, call: Call) -> Result<Health> {
        match ask(self, Operation::Health, None, call)? {
            (Answer::Health(health), None) => Ok(health),
            other => Err(misshapen("health", &other)),
        }
    }

    fn list(&self, page: &PageRequest, call: Call) -> Result<Page> {
        match ask(self, Operation::List(page.clone()), None, call)? {
            (Answer::Page(page), None) => Ok(page),
            other => Err(misshapen("list", &other)),
        }
    }

    fn inspect(&self, name: &SecretName, call: Call) -> Result<Inspection> {
        match ask(self, Operation::Inspect { name: name.clone() }, None, call)? {
            (Answer::Inspection(inspection), None) => Ok(inspection),
            other => Err(misshapen("inspect", &other)),
        }
    }

    fn keys(&self, name: &SecretName, call: Call) -> Result<Vec<String>> {
        match ask(self, Operation::Keys { name: name.clone() }, None, call)? {
            (Answer::Keys(keys), None) => Ok(keys),
            other => Err(misshapen("keys", &other)),
        }
    }

    fn read(&self, name: &SecretName, version: Option<&VersionId>, call: Call) -> Result<Reading> {
        let operation = Operation::Read { name: name.clone(), version: version.cloned() };
        match ask(self, operation, None, call)? {
            (Answer::Reading { kind, version }, Some(bytes)) => Ok(Reading { value: Value { kind, bytes }, version }),
            other => Err(misshapen("read", &other)),
        }
    }

    fn write(&self, name: &SecretName, value: Value, expected: &Expected, call: Call) -> Result<VersionId> {
        let operation = Operation::Write { name: name.clone(), kind: value.kind, expected: expected.clone() };
        version(ask(self, operation, Some(value.bytes), call)?, "write")
    }

    fn stage(&self, name: &SecretName, value: Value, rotation: &str, call: Call) -> Result<VersionId> {
        let operation = Operation::Stage { name: name.clone(), kind: value.kind, rotation: rotation.to_owned() };
        version(ask(self, operation, Some(value.bytes), call)?, "stage")
    }

    fn promote(&self, name: &SecretName, version: &VersionId, from: &VersionId, call: Call) -> Result<VersionId> {
        let operation = Operation::Promote { name: name.clone(), version: version.clone(), from: from.clone() };
        self::version(ask(self, operation, None, call)?, "promote")
    }

    fn unstage(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        let operation = Operation::Unstage { name: name.clone(), version: version.clone() };
        done(ask(self, operation, None, call)?, "unstage")
    }

    fn retire(&self, name: &SecretName, version: &VersionId, current: &VersionId, call: Call) -> Result<()> {
        let operation = Operation::Retire { name: name.clone(), version: version.clone(), current: current.clone() };
        done(ask(self, operation, None, call)?, "retire")
    }

    fn delete(&self, name: &SecretName, expected: &Expected, call: Call) -> Result<()> {
        let operation = Operation::Delete { name: name.clone(), expected: expected.clone() };
        done(ask(self, operation, None, call)?, "delete")
    }

    fn remove_version(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        let operation = Operation::RemoveVersion { name: name.clone(), version: version.clone() };
        done(ask(self, operation, None, call)?, "remove version")
    }

    fn restore(&self, name: &SecretName, call: Call) -> Result<VersionId> {
        version(ask(self, Operation::Restore { name: name.clone() }, None, call)?, "restore")
    }

    fn extra(&self, extra: &Extra, secret: Option<SecretBytes>, call: Call) -> Result<ExtraReply> {
        match ask(self, Operation::Extra(extra.clone()), secret, call)? {
            (Answer::Extra { results }, secret) => Ok(ExtraReply { results, secret }),
            other => Err(misshapen("extra", &other)),
        }
    }
}

/// An answer with its secret bytes.
type Answered = (Answer, Option<SecretBytes>);

fn ask(carrier: &impl Carrier, operation: Operation, secret: Option<SecretBytes>, call: Call) -> Result<Answered> {
    let reply = carrier.carry(Request { operation, secret, within: call.within });
    Ok((reply.answer?, reply.secret))
}

fn version(answered: Answered, operation: &str) -> Result<VersionId> {
    match answered {
        (Answer::Version(version), None) => Ok(version),
        other => Err(misshapen(operation, &other)),
    }
}

fn done(answered: Answered, operation: &str) -> Result<()> {
    match answered {
        (Answer::Done, None) => Ok(()),
        other => Err(misshapen(operation, &other)),
    }
}

/// Names the shape of the answer and nothing of its content.
fn misshapen(operation: &str, (answer, secret): &Answered) -> BackendError {
    let shape = match answer {
        Answer::Description(_) => "a description",
        Answer::Health(_) => "a health",
        Answer::Page(_) => "a page",
        Answer::Inspection(_) => "an inspection",
        Answer::Keys(_) => "keys",
        Answer::Reading { .. } => "a reading",
        Answer::Version(_) => "a version",
        Answer::Done => "'done'",
        Answer::Extra { .. } => "an extra's results",
    };
    let with = if secret.is_some() { "with" } else { "without" };
    BackendError::new(ErrorKind::Invalid, format!("the plugin answered '{operation}' with {shape} {with} secret bytes"))
        .doing(format!("carrying '{operation}' to a plugin"))
        .hint("The plugin is faulty; build it again against this program's version.")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may")]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Answers everything with the same answer.
    struct Parrot(Answer, bool);

    impl Carrier for Parrot {
        fn description(&self) -> Description {
            Description { backend: "parrot".into(), target: String::new(), capabilities: vec![], extras: vec![] }
        }

        fn carry(&self, _: Request) -> Reply {
            Reply { answer: Ok(self.0.clone()), secret: self.1.then(|| SecretBytes::from("canary")) }
        }
    }

    const CALL: Call = Call { within: Duration::from_secs(1) };

    #[test]
    fn the_right_shape_passes_through() {
        let name = SecretName::parse("a").unwrap();
        let reading = Parrot(Answer::Reading { kind: Kind::Text, version: None }, true).read(&name, None, CALL);
        assert_eq!(reading.unwrap().value, Value::text("canary"));
        assert_eq!(Parrot(Answer::Keys(vec!["k".into()]), false).keys(&name, CALL).unwrap(), ["k"]);
    }

    #[test]
    fn an_answer_of_the_wrong_shape_is_invalid_and_shows_nothing() {
        let name = SecretName::parse("a").unwrap();
        for parrot in [Parrot(Answer::Done, true), Parrot(Answer::Reading { kind: Kind::Text, version: None }, false)] {
            let errors = [
                parrot.health(CALL).unwrap_err(),
                parrot.list(&PageRequest::default(), CALL).unwrap_err(),
                parrot.inspect(&name, CALL).unwrap_err(),
                parrot.keys(&name, CALL).unwrap_err(),
                parrot.read(&name, None, CALL).unwrap_err(),
                parrot.write(&name, Value::text("v"), &Expected::Anything, CALL).unwrap_err(),
                parrot.delete(&name, &Expected::Anything, CALL).unwrap_err(),
                parrot.extra(&Extra { operation: "x".into(), arguments: Default::default() }, None, CALL).unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind, ErrorKind::Invalid);
                assert!(!format!("{error} {error:?}").contains("canary"));
            }
        }
    }
}
