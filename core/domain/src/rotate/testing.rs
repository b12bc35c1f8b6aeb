//! What the tests of rotations share. Refuses to be a test.
