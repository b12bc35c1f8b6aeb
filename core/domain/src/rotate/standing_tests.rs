//! States and grace under every clock.
