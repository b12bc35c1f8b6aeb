//! The tail's thread: waits for something to happen, reads, delivers. Refuses to set a timer while nothing happens, and
//! to deliver more often than a screen can follow.

use super::follow::Follower;
use super::watch::Watch;
use super::{Source, TailNews, TailOptions};
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::overview::SourceRow;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lines in one delivery, over all sources.
const BATCH: usize = 20_000;

pub(super) struct Run {
    watch: Watch,
    followers: Vec<Follower>,
    options: TailOptions,
    stop: Arc<OwnedFd>,
    told: Vec<SourceRow>,
}

impl Run {
    pub(super) fn new(sources: Vec<Source>, options: TailOptions, stop: Arc<OwnedFd>) -> io::Result<Self> {
        let follow = |(user, source)| Follower::new(user, source, options.first_lines);
        let followers = sources.into_iter().enumerate().map(follow).collect();
        Ok(Self { watch: Watch::new()?, followers, options, stop, told: Vec::new() })
    }

    pub(super) fn run(mut self, mut deliver: impl FnMut(TailNews)) {
        deliver(self.first_screen());
        let mut pace = Pace::new(Instant::now());
        loop {
            let stirred = self.followers.iter().any(|follower| follower.stirred);
            let wait = pace.wait(Instant::now());
            let go_on = match (stirred, wait) {
                (false, _) => self.sleep(true, None),
                (true, Some(wait)) => self.sleep(false, Some(wait)),
                (true, None) => self.sleep(false, Some(Duration::ZERO)),
            };
            if !go_on || self.listen().is_err() {
                return;
            }
            let stirred = self.followers.iter().any(|follower| follower.stirred);
            if !stirred || pace.wait(Instant::now()).is_some() {
                continue;
            }
            if let Some(news) = self.look() {
                pace.spend(Instant::now());
                deliver(news);
            }
        }
    }

    fn first_screen(&mut self) -> TailNews {
        let mut lines = Vec::new();
        for follower in &mut self.followers {
            let mut own = Vec::new();
            follower.first_screen(&mut self.watch, &mut own);
            lines.push(own);
        }
        self.told = self.rows();
        TailNews { lines: by_time(lines), sources: self.told.clone() }
    }

    /// Reads what is new; `None` when it was nothing.
    fn look(&mut self) -> Option<TailNews> {
        let now = (self.options.clock)();
        let share = BATCH / self.followers.len().max(1);
        let mut lines = Vec::new();
        for follower in self.followers.iter_mut().filter(|follower| follower.stirred) {
            follower.look(&mut self.watch, share, Some(now), &mut lines);
        }
        let sources = self.rows();
        if lines.is_empty() && sources == self.told {
            return None;
        }
        self.told.clone_from(&sources);
        Some(TailNews { lines, sources })
    }

    fn rows(&self) -> Vec<SourceRow> {
        self.followers.iter().map(Follower::row).collect()
    }

    fn listen(&mut self) -> io::Result<()> {
        let followers = &mut self.followers;
        self.watch.drain(|users, heard| {
            for user in users {
                if let Some(follower) = followers.get_mut(*user) {
                    follower.hear(&heard);
                }
            }
        })
    }

    /// False when the tail is to end.
    fn sleep(&self, for_events: bool, at_most: Option<Duration>) -> bool {
        let mut fds = [PollFd::new(&*self.stop, PollFlags::IN), PollFd::new(self.watch.descriptor(), PollFlags::IN)];
        let waited = if for_events { fds.as_mut_slice() } else { fds.split_at_mut(1).0 };
        // A span that is too long for the system is as good as none.
        let limit = at_most.and_then(|span| Timespec::try_from(span).ok());
        match poll(waited, limit.as_ref()) {
            Ok(_) => waited.first().is_some_and(|stop| stop.revents().is_empty()),
            Err(rustix::io::Errno::INTR) => true,
            Err(_) => false,
        }
    }
}

/// Merges the first screens by the events' own time. A line that tells none stays behind the one before it.
fn by_time(sources: Vec<Vec<AuditLine>>) -> Vec<AuditLine> {
    let mut lines = Vec::new();
    for source in sources {
        let mut last = None;
        for line in source {
            last = last.max(line.at);
            lines.push((last, line));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Twenty deliveries may come at once, then twenty a second: a single line is never held up, a flood is bundled.
#[derive(Debug)]
struct Pace {
    /// When the store would be full.
    full_at: Instant,
}

impl Pace {
    const STORE: Duration = Duration::from_secs(1);
    const COST: Duration = Duration::from_millis(50);

    fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// How long until a delivery may be made.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let missing = self.full_at.saturating_duration_since(now) + Self::COST;
        missing.checked_sub(Self::STORE).filter(|wait| !wait.is_zero())
    }

    fn spend(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + Self::COST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_at_once_then_one_every_fiftieth_of_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for _ in 0..20 {
            assert_eq!(pace.wait(start), None);
            pace.spend(start);
        }
        assert_eq!(pace.wait(start), Some(Duration::from_millis(50)));
        assert_eq!(pace.wait(start + Duration::from_millis(50)), None);
        assert_eq!(pace.wait(start + Duration::from_secs(5)), None);
    }
}
