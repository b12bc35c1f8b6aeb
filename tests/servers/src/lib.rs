//! Real servers for tests, on loopback and gone with the test.
