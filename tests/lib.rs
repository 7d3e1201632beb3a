//! Integration tests of Wasaga: they drive a real server process over HTTP, with real components
//! and real services. See `suite/main.rs`.
