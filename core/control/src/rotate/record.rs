//! A fact into the journal, only where it can follow what stands there: asked and written under the journal's lock.
//! Refuses to write what can't be.
