//! Two versions of the component that do the same, and know their own work from the other's.

use anyhow::{Context as _, ensure};

/// What the component says of itself, but for the last character.
const MARK: &[u8] = b"wasaga-bench-build:";

/// Another build of the same component.
///
/// # Errors
/// When it is not the component that `tests/guests` has for benchmarks.
pub(super) fn other(wasm: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut places = wasm
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == MARK);
    let (place, _) = places
        .next()
        .context("the component does not say which build it is: `tests/guests.sh bench` builds one that does")?;
    ensure!(
        places.next().is_none(),
        "the component says more than once which build it is"
    );
    let mut other = wasm.to_vec();
    let last = other
        .get_mut(place + MARK.len())
        .context("the component ends where it says which build it is")?;
    *last = if *last == b'B' { b'C' } else { b'B' };
    Ok(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_differs_in_one_byte_and_what_is_none_is_refused() {
        let wasm = b"..wasaga-bench-build:A..".to_vec();
        let other = other(&wasm).expect("another build");
        let different = wasm.iter().zip(&other).filter(|(a, b)| a != b).count();
        assert_eq!((different, other.len()), (1, wasm.len()));
        assert!(super::other(b"something else").is_err());
        assert!(super::other(b"wasaga-bench-build:").is_err());
        assert!(super::other(&[wasm.clone(), wasm].concat()).is_err());
    }
}
