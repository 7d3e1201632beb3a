//! What the host derives from the key that lies beside its cache: values that nobody outside can
//! guess, and that are the same after a restart.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Sets the host's key apart from other uses of the cache's. Shorter than anything that the cache
/// signs with it.
const LABEL: &[u8] = b"wasaga host key 1";

/// A key that stays as long as the cache's directory.
#[derive(Clone)]
pub(crate) struct HostKey([u8; 32]);

impl HostKey {
    /// The one that belongs to a cache's key.
    pub(crate) fn of(cache_key: &[u8]) -> Self {
        Self(mac(cache_key, &[LABEL]))
    }

    /// What belongs to these parts, for one purpose only.
    pub(crate) fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let key = mac(&self.0, &[purpose.as_bytes()]);
        mac(&key, parts)
    }
}

/// Each part with its length before it, so that no two lists of parts are the same message.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_parts_are_kept_apart() {
        let key = HostKey::of(&[7; 64]);
        let a = key.derive("one", &[b"ab", b"c"]);
        assert_eq!(a, HostKey::of(&[7; 64]).derive("one", &[b"ab", b"c"]));
        assert_ne!(a, key.derive("one", &[b"a", b"bc"]));
        assert_ne!(a, key.derive("two", &[b"ab", b"c"]));
        assert_ne!(a, HostKey::of(&[8; 64]).derive("one", &[b"ab", b"c"]));
    }
}
