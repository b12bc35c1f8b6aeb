//! The verbs, told three times: by the program, by its `--help`, by `docs/cli.md`. Refuses a verb that one of them
//! leaves out, or makes up.

use crate::house::House;
use quarterdeck_contract::ErrorKind;
use std::collections::BTreeSet;
use std::path::Path;

/// The verbs that `--help` lists under a verb, and what each does.
fn explained(house: &House, words: &[&str]) -> Vec<(String, String)> {
    let text = house.run(&[words, &["--help"]].concat()).expect_status(0).stdout;
    let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let parted = listed.map(|line| line.trim().split_once("  ").expect("a verb and what it does"));
    parted.map(|(verb, does)| (verb.to_owned(), does.trim().to_owned())).collect()
}

/// The verbs that `--help` lists under a verb.
fn helped(house: &House, words: &[&str]) -> Vec<String> {
    explained(house, words).into_iter().map(|(verb, _)| verb).collect()
}

/// Every verb as one types it, `status`, `secrets get`, in the order of the help, and what it does.
fn table(house: &House) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (verb, does) in explained(house, &[]) {
        let below = explained(house, &[&verb]);
        if below.is_empty() {
            all.push((verb, does));
        } else {
            all.extend(below.into_iter().map(|(word, does)| (format!("{verb} {word}"), does)));
        }
    }
    all
}

/// Every verb as one types it: `status`, `secrets get`.
fn verbs(house: &House) -> BTreeSet<String> {
    table(house).into_iter().map(|(verb, _)| verb).collect()
}

/// A page of this repository.
fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the table under this header.
fn rows<'a>(page: &'a str, header: &str) -> Vec<&'a str> {
    page.lines().skip_while(|line| *line != header).skip(2).take_while(|line| line.starts_with('|')).collect()
}

#[test]
fn the_pages_table_is_the_helps() {
    let wanted: Vec<String> = table(&House::new())
        .into_iter()
        .map(|(verb, does)| {
            let does = does.split(" [alias").next().expect("something");
            let (first, rest) = does.split_at(1);
            format!("| `{verb}` | {}{rest} |", first.to_lowercase())
        })
        .collect();
    let page = page("cli.md");
    let found = rows(&page, "| verb | what |");
    assert!(found == wanted, "docs/cli.md has to say:\n{}", wanted.join("\n"));
}

#[test]
fn the_page_of_errors_is_the_helps() {
    let listed = House::new().run(&["help", "errors"]).expect_status(0).stdout;
    let wanted: Vec<String> = listed
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
            format!("| `{}` | {} | {} |", cells[0], cells[1], cells[2])
        })
        .collect();
    let page = page("errors.md");
    let found = rows(&page, "| `error_code` | what it says | what to do |");
    assert!(found == wanted, "docs/errors.md has to say:\n{}", wanted.join("\n"));
    for kind in every_kind() {
        assert!(wanted.iter().any(|row| row.starts_with(&format!("| `{}` |", kind.code()))), "{}", kind.code());
    }
}

/// One of each: a kind that is added and left out here doesn't compile.
fn every_kind() -> Vec<ErrorKind> {
    use ErrorKind::*;
    let all = vec![
        NotFound,
        Denied { missing: String::new(), grant: String::new() },
        Expired,
        Sealed,
        Conflict { current: None },
        Deleted,
        Destroyed,
        WrongVersion,
        Unreachable,
        Tls,
        Timeout,
        Throttled,
        AuditBlocked,
        Uninitialised,
        TooLarge,
        OutcomeUnknown,
        Invalid,
        Unsupported,
        Gone,
        Panicked,
    ];
    let known = |kind: &ErrorKind| match kind {
        NotFound | Denied { .. } | Expired | Sealed | Conflict { .. } | Deleted | Destroyed | WrongVersion => true,
        Unreachable | Tls | Timeout | Throttled | AuditBlocked | Uninitialised | TooLarge | OutcomeUnknown => true,
        Invalid | Unsupported | Gone | Panicked => true,
    };
    assert!(all.iter().all(known));
    all
}

#[test]
fn help_lists_the_verbs_of_the_design_as_far_as_they_are_built() {
    let wanted = [
        "audit catalogue",
        "audit query",
        "audit tail",
        "audit verify",
        "config check",
        "config show",
        "demo",
        "doctor",
        "engine",
        "help",
        "init",
        "kill halt",
        "kill hold",
        "kill release",
        "kill status",
        "kill stop",
        "kill who",
        "plugins list",
        "plugins verify",
        "rotate abort",
        "rotate adopt",
        "rotate confirm",
        "rotate done",
        "rotate due",
        "rotate plan",
        "rotate resume",
        "rotate retire",
        "rotate rollback",
        "rotate start",
        "rotate status",
        "secrets delete",
        "secrets diff",
        "secrets generate-key",
        "secrets get",
        "secrets history",
        "secrets list",
        "secrets rekey",
        "secrets restore",
        "secrets search",
        "secrets set",
        "secrets validate",
        "status",
        "watch",
        "whoami",
    ];
    assert_eq!(verbs(&House::new()).into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn the_page_names_the_same_verbs_as_the_help() {
    let page = page("cli.md");
    let verbs = verbs(&House::new());
    // In the page a verb is code and follows the program's name.
    let told: BTreeSet<&str> =
        page.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("quarterdeck ")).collect();
    for verb in &verbs {
        assert!(told.iter().any(|told| begins(told, verb)), "docs/cli.md leaves out '{verb}'");
    }
    let groups: BTreeSet<&str> = verbs.iter().filter_map(|verb| Some(verb.split_once(' ')?.0)).collect();
    for told in told.iter().filter(|told| told.starts_with(|c: char| c.is_ascii_lowercase())) {
        let known = verbs.iter().any(|verb| begins(told, verb)) || groups.contains(told);
        assert!(known, "docs/cli.md tells of 'quarterdeck {told}', which there isn't");
    }
}

/// `secrets get NAME` begins with `secrets get`, and `secrets getter` doesn't.
fn begins(line: &str, verb: &str) -> bool {
    line.strip_prefix(verb).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[test]
fn every_verb_explains_itself_in_two_ways() {
    let house = House::new();
    for verb in helped(&house, &[]) {
        let long = house.run(&[&verb, "--help"]).expect_status(0);
        assert!(long.stdout.contains("Usage:") && long.stderr.is_empty(), "{verb}: {long:?}");
        assert!(house.run(&["help", &verb]).expect_status(0).stdout.contains("Usage:"), "{verb}");
    }
}

#[test]
fn the_guides_name_for_rekey_is_its_alias() {
    let house = House::new();
    let by_both = ["rekey", "rotate-key"].map(|verb| house.run(&["secrets", verb, "--help"]).expect_status(0).stdout);
    assert_eq!(by_both[0], by_both[1]);
}

#[test]
fn help_names_every_exit_status() {
    let text = House::new().run(&["--help"]).expect_status(0).stdout.replace('\n', " ");
    let meant = [
        "0 done",
        "1 failed",
        "2 usage",
        "3 refused by policy",
        "4 not found",
        "5 backend unavailable",
        "6 integrity broken",
        "7 conflict",
        "8 done here, not confirmed everywhere",
        "9 waiting for approval",
    ];
    for status in meant {
        assert!(text.contains(status), "{status}");
    }
}

#[test]
fn every_word_of_the_screen_is_explained() {
    let house = House::new();
    for word in ["secret", "grace", "masked / reveal", "layer", "journal"] {
        let word = word.split(" / ").next().expect("a word");
        assert!(house.run(&["help", word]).status == 0, "{word}");
    }
}
