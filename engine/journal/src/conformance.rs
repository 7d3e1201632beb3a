//! What every journal has to do, as tests that any implementation runs.
