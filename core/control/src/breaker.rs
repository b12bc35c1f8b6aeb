//! Spares a backend that does not answer: after three failures in a row only its health is asked, and everything else is
//! told the error that stands. Refuses to answer for a backend: what is held back is an error, never "there is no such
//! secret", so nothing is looked for below it that would not have been looked for anyway.

use quarterdeck_contract::{BackendError, Carrier, Description, ErrorKind, Operation, Reply, Request};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many failures in a row open it.
const MOST: u32 = 3;

/// How a layer did in its last calls.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    run: Mutex<Run>,
    /// How long the error stands without being asked again.
    stands: Duration,
}

/// A run of failures.
#[derive(Debug, Default)]
struct Run {
    failures: u32,
    last: Option<(Instant, BackendError)>,
}

impl Breaker {
    /// A closed one; an error stands for as long as it is from one probe to the next.
    pub(crate) fn new(stands: Duration) -> Self {
        Self { run: Mutex::default(), stands }
    }

    /// Closes it for one try: a person asked.
    pub(crate) fn forgive(&self) {
        let mut run = self.lock();
        run.failures = run.failures.min(MOST - 1);
    }

    /// The error that a call is told in the place of being made. Where the last try is too long ago one call goes
    /// through, and the others wait for what it brings.
    fn held_back(&self, now: Instant) -> Option<BackendError> {
        let mut run = self.lock();
        if run.failures < MOST {
            return None;
        }
        let (at, error) = run.last.as_mut()?;
        let ago = now.saturating_duration_since(*at);
        if ago >= self.stands {
            *at = now;
            return None;
        }
        let mut error = error.clone();
        let again =
            format!("It failed {} s ago and is asked again by itself; 'r' on the screen asks it now.", ago.as_secs());
        error.hint = if error.hint.is_empty() { again } else { format!("{} {again}", error.hint) };
        Some(error)
    }

    /// What a call came to.
    fn came(&self, probe: bool, error: Option<&BackendError>, now: Instant) {
        let mut run = self.lock();
        match error {
            // Also a missing secret and a stale write are answers.
            None => *run = Run::default(),
            Some(error) if is_of_the_backend(&error.kind, probe) => {
                run.failures = run.failures.saturating_add(1);
                run.last = Some((now, error.clone()));
            }
            Some(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True where the next call would fail as this one did, whatever it asks for. A process that is gone is its host's own
/// to spare; a write whose outcome nobody knows must be read back.
pub(crate) fn is_of_the_backend(kind: &ErrorKind, probe: bool) -> bool {
    match kind {
        ErrorKind::Gone => false,
        ErrorKind::Unreachable
        | ErrorKind::Timeout
        | ErrorKind::Tls
        | ErrorKind::Sealed
        | ErrorKind::Uninitialised
        | ErrorKind::Expired
        | ErrorKind::Throttled
        | ErrorKind::AuditBlocked => true,
        _ => probe,
    }
}

/// A backend behind its breaker.
pub(crate) struct Guarded {
    backend: Arc<dyn Carrier>,
    breaker: Arc<Breaker>,
}

impl Guarded {
    /// Puts the breaker before it.
    pub(crate) fn new(backend: Arc<dyn Carrier>, breaker: Arc<Breaker>) -> Self {
        Self { backend, breaker }
    }
}

impl Carrier for Guarded {
    fn description(&self) -> Description {
        self.backend.description()
    }

    fn carry(&self, request: Request) -> Reply {
        let probe = matches!(request.operation, Operation::Health);
        if !probe && let Some(error) = self.breaker.held_back(Instant::now()) {
            return Reply { answer: Err(error), secret: None };
        }
        let reply = self.backend.carry(request);
        self.breaker.came(probe, reply.answer.as_ref().err(), Instant::now());
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_contract::{Answer, Call, SecretName, SecretsBackend};
    use std::sync::atomic::{AtomicUsize, Ordering};

    const POLL: Duration = Duration::from_secs(30);

    fn error(kind: ErrorKind) -> BackendError {
        BackendError::new(kind, "it says no").hint("Mend it.")
    }

    #[test]
    fn three_failures_in_a_row_open_it_and_one_answer_closes_it() {
        let (breaker, start) = (Breaker::new(POLL), Instant::now());
        let fails = |kind| breaker.came(false, Some(&error(kind)), start);
        fails(ErrorKind::Unreachable);
        fails(ErrorKind::Timeout);
        assert_eq!(breaker.held_back(start), None);
        fails(ErrorKind::NotFound);
        assert_eq!(breaker.held_back(start), None, "an answer about a secret is no failure of the backend");
        fails(ErrorKind::Timeout);
        let told = breaker.held_back(start + Duration::from_secs(12)).expect("open");
        assert_eq!(told.kind, ErrorKind::Timeout);
        assert!(told.hint.starts_with("Mend it. It failed 12 s ago"), "{}", told.hint);
        breaker.came(true, None, start);
        assert_eq!(breaker.held_back(start), None);
    }

    #[test]
    fn an_old_error_lets_one_through_and_a_person_one_try() {
        let (breaker, start) = (Breaker::new(POLL), Instant::now());
        let fails = |at| breaker.came(true, Some(&error(ErrorKind::Sealed)), at);
        (0..5).for_each(|_| fails(start));
        let late = start + POLL;
        assert_eq!(breaker.held_back(late), None, "nobody probed for a poll");
        assert!(breaker.held_back(late).is_some(), "the others wait for that one");
        breaker.forgive();
        assert_eq!(breaker.held_back(late), None);
        fails(late);
        assert!(breaker.held_back(late).is_some(), "one failure opens it again");
    }

    #[test]
    fn what_a_probe_is_refused_counts_and_a_secret_s_refusal_does_not() {
        let denied = || error(ErrorKind::Denied { missing: "read".into(), grant: String::new() });
        for (probe, kind, opens) in
            [(true, denied().kind, true), (false, denied().kind, false), (true, ErrorKind::Gone, false)]
        {
            let (breaker, now) = (Breaker::new(POLL), Instant::now());
            (0..3).for_each(|_| breaker.came(probe, Some(&error(kind.clone())), now));
            assert_eq!(breaker.held_back(now).is_some(), opens, "{probe} {kind:?}");
        }
    }

    /// Counts what reaches it, and fails.
    struct Dead(AtomicUsize);

    impl Carrier for Dead {
        fn description(&self) -> Description {
            Description { backend: "dead".into(), target: String::new(), capabilities: vec![], extras: vec![] }
        }

        fn carry(&self, _: Request) -> Reply {
            self.0.fetch_add(1, Ordering::Relaxed);
            let answer: Result<Answer, BackendError> = Err(error(ErrorKind::Unreachable));
            Reply { answer, secret: None }
        }
    }

    #[test]
    fn a_hundred_reads_of_a_dead_backend_are_three_and_its_health_is_always_asked() {
        let (dead, breaker) = (Arc::new(Dead(AtomicUsize::new(0))), Arc::new(Breaker::new(POLL)));
        let (guarded, call) = (Guarded::new(dead.clone(), breaker), Call { within: POLL });
        let name = SecretName::parse("a").expect("a name");
        for _ in 0..100 {
            assert_eq!(guarded.read(&name, None, call).expect_err("dead").kind, ErrorKind::Unreachable);
        }
        assert_eq!(dead.0.load(Ordering::Relaxed), 3);
        (0..5).for_each(|_| _ = guarded.health(call));
        assert_eq!(dead.0.load(Ordering::Relaxed), 8);
    }
}
