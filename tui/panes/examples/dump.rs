//! Prints a frame of the fixed day as plain text: `dump 80x24 [quiet|bad|demo|empty|held|halting|flat|residual|unknown|armed] [ascii|utf8|colour] [KEYS…]`.
//! Refuses real data: it is a way to look at the panes without a terminal. A theme's name among the words chooses it.

#[path = "../tests/common/mod.rs"]
mod common;

use common::rotation;
use quarterdeck_domain::environment::Environment;

fn main() {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let word = |index: usize, other: &'static str| words.get(index).map_or(other, String::as_str);
    let (columns, rows) = word(0, "80x24").split_once('x').unwrap_or(("80", "24"));
    let size = (columns.parse().unwrap_or(80), rows.parse().unwrap_or(24));
    let mut model = match word(1, "quiet") {
        "bad" => common::bad(size.0, size.1),
        "demo" => common::demo(size.0, size.1),
        "plan" => common::planned(size.0, size.1, rotation::plan_row(rotation::plan(IBKR, "aws"))),
        "plan_plain" => common::planned(size.0, size.1, rotation::plan_row(rotation::plain(IBKR, "aws"))),
        "rotations" => rotations(common::quiet(size.0, size.1)),
        "empty" => common::empty(Environment::Qa, size.0, size.1),
        state => match rotating(state) {
            Some(row) => common::rotating(size.0, size.1, row),
            None => switched(state, common::quiet(size.0, size.1)),
        },
    };
    for keys in words.iter().skip(3).filter(|word| quarterdeck_panes::Theme::built_in(word).is_none()) {
        match keys.strip_prefix("text:") {
            Some(text) => common::type_text(&mut model, text),
            None => _ = common::press(&mut model, keys),
        }
    }
    match word(2, "ascii") {
        "colour" => print!("{}", common::coloured(&model, &theme())),
        style => print!("{}", common::text(&model, style == "ascii")),
    }
}

const IBKR: &str = "prod/trader/ibkr-api-key";

fn rotations(mut model: quarterdeck_app::Model) -> quarterdeck_app::Model {
    quarterdeck_app::update(&mut model, quarterdeck_app::News::Rotations(rotation::every()), common::now());
    model
}

/// One rotation, by how it stands.
fn rotating(state: &str) -> Option<quarterdeck_domain::rotate::RotationRow> {
    let story = match state {
        "set" => rotation::at_set(),
        "grace" => rotation::in_grace(),
        "overdue" => rotation::overdue(),
        "done" => rotation::done(),
        "back" => rotation::going_back(),
        "rolled_back" => rotation::rolled_back(),
        "failing" => rotation::failing(),
        "stuck" => rotation::stuck(),
        "unconfirmed" => rotation::unconfirmed(),
        "lost" => rotation::lost(),
        _ => return None,
    };
    Some(story.row())
}

/// The quiet day in another state of the switch.
fn switched(state: &str, model: quarterdeck_app::Model) -> quarterdeck_app::Model {
    use common::kill;
    match state {
        "stopped" => kill::with(model, kill::stopped()),
        "held" => kill::with(model, kill::held()),
        "halting" => kill::with(model, kill::halting()),
        "flat" => kill::with(model, kill::flat()),
        "residual" => kill::with(model, kill::residual()),
        "unknown" => kill::with(model, kill::unknown()),
        "never" => kill::with(model, kill::never()),
        "bare" => kill::with(model, kill::bare()),
        "armed" => kill::typed(kill::armed(model), "p3k7"),
        "armed_bad" => kill::typed(kill::armed(kill::with(model, kill::stopped_bad())), "p4"),
        "arming" => common::kill::arming(model),
        "shut" => common::kill::shut(model),
        "sending" => kill::fired(model, "p4h9dw", None, kill::normal()),
        "sent_badly" => kill::fired(model, "p3k7qx", Some(kill::undone()), kill::unwritten()),
        "refused" => kill::fired(model, "p3k7qx", Some(kill::refused()), kill::normal()),
        "hold" => kill::asked(kill::with(model, kill::stopped()), "H", "waiting for the broker"),
        "release" => kill::asked(kill::with(model, kill::free(kill::held())), "L", "the key was replaced"),
        "release4" => kill::asked(kill::with(model, kill::flat()), "L", "all is settled"),
        "sent" => kill::fired(model, "p3k7qx", Some(kill::out()), kill::stopped_bad()),
        _ => model,
    }
}

/// The theme named by the last word that names one.
fn theme() -> quarterdeck_panes::Theme {
    let mut names = std::env::args_os().filter_map(|word| word.into_string().ok());
    names
        .rfind(|name| quarterdeck_panes::Theme::built_in(name).is_some())
        .and_then(|name| quarterdeck_panes::Theme::built_in(&name))
        .unwrap_or_default()
}
