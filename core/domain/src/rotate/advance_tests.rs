//! Facts that follow and facts that cannot, as data.
