//! The journal in memory does what a journal has to do.

use std::sync::Arc;

use wasaga_journal::MemoryJournal;
use wasaga_journal::conformance::{Fixture, Sharing};

async fn open() -> Fixture {
    Fixture {
        journal: Arc::new(MemoryJournal::new()),
        sharing: Sharing::ManyEngines,
        keep: Box::new(()),
    }
}

wasaga_journal::conformance!(open);
