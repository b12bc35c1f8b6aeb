//! The rotation screen: all of them, one plan, or one timeline. Refuses to look like anything had begun while only a
//! plan stands there.

pub(crate) mod ask;
mod list;
mod now;
mod one;
mod plan;
mod readers;
mod risks;
pub(crate) mod say;
mod sheet;
mod steps;
pub(crate) mod wanting;

use crate::pen::Pen;
use crate::worry::worries;
use quarterdeck_app::{Action, Model, Screen, Stage};
use ratatui::layout::{Position, Rect};

/// From here on steps and readers stand side by side.
const WIDE: u16 = 150;

/// Draws what the screen shows. Gives the cursor's place.
pub(crate) fn draw(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    match &model.rotations.stage {
        Stage::List => list::draw(&list::View::of(model), pen, body),
        Stage::Asked(id) => {
            sheet::draw(&plan::asked(id), 0, "", pen, body);
            Some(Position::new(body.x, body.y))
        }
        Stage::Plan { plan, sent, .. } => {
            plan::draw(&plan::View::of(model, plan, *sent, body.width), pen, body);
            Some(Position::new(body.x, body.y))
        }
        Stage::One(number) => {
            one::draw(&one::View::of(model, *number, body.width), pen, body);
            Some(Position::new(body.x, body.y))
        }
    }
}

/// True where nothing is wrong but what this screen tells in more than a sentence: the rotation that stands there, or
/// those in the overview's NOW.
pub(crate) fn says_it_all(model: &Model) -> bool {
    let told: Vec<String> = match (model.screen, model.rotations.shown()) {
        (Screen::Rotation, None) => return false,
        (Screen::Rotation, Some(row)) => {
            let want = model.rotations.want(row, model.now);
            want.map(|want| say::wants(model, row, want).what).into_iter().collect()
        }
        _ => wanting::told(model),
    };
    let worries = worries(model);
    (model.screen == Screen::Rotation || !worries.is_empty())
        && worries.iter().all(|worry| worry.short.is_none() && told.contains(&worry.what))
}

/// The key that scrolls.
fn how(model: &Model) -> String {
    format!("{} shows it", model.setup.keymap.shown(Action::HalfDown))
}
