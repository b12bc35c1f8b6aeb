//! Which process group and which session a process belongs to, as /proc tells it. It asks no system call: a leader
//! outside our PID namespace is number 0 there, in a container or under a supervisor, and the library's calls take 0
//! for impossible.

/// Group and session; 0 is a leader whom we can't see (proc_pid_stat(5), fields 5 and 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) group: i32,
    pub(crate) session: i32,
}

/// The job of `process`, a number or `self`; `None` where /proc doesn't tell.
pub(crate) fn of(process: &str) -> Option<Job> {
    parse(&std::fs::read(format!("/proc/{process}/stat")).ok()?)
}

/// The program's name stands in parentheses and may hold anything, parentheses and blanks too: its end is the last.
fn parse(stat: &[u8]) -> Option<Job> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace().skip(2).map(str::parse);
    Some(Job { group: fields.next()?.ok()?, session: fields.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_leaders_out_of_sight() {
        assert_eq!(parse(b"7 (a) R (b) S 1 0 0 34816 7"), Some(Job { group: 0, session: 0 }));
        assert_eq!(parse(b"7 (sh) S 1 7 5 34816 7"), Some(Job { group: 7, session: 5 }));
        assert_eq!(parse(b"7 (sh"), None);
        assert_eq!(parse(b"7 (sh) S 1"), None);
    }

    #[test]
    fn we_see_ourselves() {
        assert!(of("self").is_some());
        assert_eq!(of("0"), None);
    }
}
