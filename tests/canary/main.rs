//! Values that are nowhere else in the world, put into everything that holds secrets; then everything that is written,
//! shown, said or passed on is searched for them. Refuses to look only where a leak is likely.

#[path = "../house/mod.rs"]
mod house;

mod birds;
mod elsewhere;
mod onscreen;
mod said;
mod search;
