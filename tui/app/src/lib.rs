//! The screen as a pure function: model, update, keys.
