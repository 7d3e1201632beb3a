//! Compiled components on disk.
//!
//! Loading one runs its native code, so only files that this engine wrote are loaded: each carries
//! a MAC under a key that lies beside them, in a directory that nobody else can read.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wasaga_core::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine;
use crate::keys::HostKey;

const KEY_FILE: &str = "key";
/// A whole block of the hash, as HMAC takes it.
const KEY_BYTES: usize = 64;
const MAC_BYTES: usize = 32;
const EXTENSION: &str = "compiled";
/// Extension of a file that is being written.
const UNFINISHED: &str = "new";

/// The directory of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
    /// What of wasmtime, its settings and this machine the code depends on.
    compatibility: u64,
    max_bytes: u64,
}

impl Cache {
    /// Opens the directory, and makes it and its key when they are not there.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn open(dir: &Path, engine: &Engine, max_bytes: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
        remove_leftovers(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            key: key(&dir.join(KEY_FILE))?,
            compatibility: engine::compatibility(engine),
            max_bytes,
        })
    }

    /// What else the host derives from the cache's key.
    pub(crate) fn host_key(&self) -> HostKey {
        HostKey::of(&self.key)
    }

    /// Loads what was compiled of the upload with this digest. Whatever is wrong with the file, it
    /// is as if there were none.
    pub(crate) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let file = fs::read(self.path(digest)).ok()?;
        let (mac, code) = file.split_at_checked(MAC_BYTES)?;
        if self.mac(digest, code).verify_slice(mac).is_err() {
            tracing::warn!(%digest, "a compiled component was changed on disk: compiling it again");
            return None;
        }
        // SAFETY: `deserialize` needs bytes that wasmtime's compiler made. The MAC says that a process
        // with the key wrote them, and only this function's counterpart `keep` signs.
        let component = unsafe { Component::deserialize(engine, code) };
        let component = component
            .map_err(
                |error| tracing::warn!(%digest, "a compiled component is of no use: {error:#}"),
            )
            .ok()?;
        self.touch(digest);
        Some(component)
    }

    /// Makes it the last to go: many uploads shall not push out what is in use.
    fn touch(&self, digest: Digest) {
        let touched =
            fs::File::open(self.path(digest)).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::debug!(%digest, "the file of a compiled component keeps its age: {error}");
        }
    }

    /// Loads what the compiler has just made of the upload with this digest, and keeps it. A cache
    /// that cannot be written costs time and nothing else.
    ///
    /// # Errors
    /// When the engine does not take it: nothing is kept then.
    pub(crate) fn keep(
        &self,
        engine: &Engine,
        digest: Digest,
        code: &[u8],
    ) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` needs bytes that wasmtime's compiler made. They come from it, in this
        // process or in one of the same build that this one started and that alone wrote to the pipe.
        let component = unsafe { Component::deserialize(engine, code) }?;
        let stored = self
            .make_room(code.len() as u64)
            .and_then(|()| self.write(digest, code));
        if let Err(error) = stored {
            tracing::warn!(%digest, "a compiled component is not kept: {error}");
        }
        Ok(component)
    }

    /// Writes the file whole or not at all.
    fn write(&self, digest: Digest, code: &[u8]) -> io::Result<()> {
        // Several hosts of a process may share the directory.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .dir
            .join(format!("{}-{number}.{UNFINISHED}", std::process::id()));
        let mac = self.mac(digest, code).finalize().into_bytes();
        let written = private(&temporary).and_then(|mut file| {
            // Held until the file has its name: it says that somebody is at it.
            file.lock()?;
            file.write_all(&mac)?;
            file.write_all(code)?;
            fs::rename(&temporary, self.path(digest))
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes files until so many more bytes fit, first those that were not used for longest.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for path in files_with(&self.dir, EXTENSION)? {
            if let Ok(metadata) = fs::metadata(&path) {
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((used, metadata.len(), path));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in files {
            if total.saturating_add(bytes) <= self.max_bytes {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }

    fn mac(&self, digest: Digest, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(digest.as_bytes());
        mac.update(&self.compatibility.to_be_bytes());
        mac.update(code);
        mac
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!(
            "{}-{:016x}.{EXTENSION}",
            digest.hex(),
            self.compatibility
        ))
    }
}

/// Removes what processes that came to a sudden end were writing. What one still writes is locked.
fn remove_leftovers(dir: &Path) -> io::Result<()> {
    for path in files_with(dir, UNFINISHED)? {
        // It may have got its name by now.
        if let Ok(file) = fs::File::open(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

fn files_with(dir: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Reads the key, or makes one.
fn key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    match fs::File::open(path).and_then(|mut file| file.read_exact(&mut key)) {
        Ok(()) => Ok(key),
        // Without the old key its files are not believed any more, and made again.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
            ) =>
        {
            rand::fill(&mut key);
            private(path)?.write_all(&key)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// A file that only this user can read.
fn private(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_is_removed_at_start_and_what_is_being_written_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str| dir.path().join(name);
        fs::write(file("1-0.new"), "half").expect("written");
        fs::write(file("other.compiled"), "whole").expect("written");
        let busy = private(&file("1-1.new")).expect("made");
        busy.lock().expect("locked");

        let open = || Cache::open(dir.path(), &Engine::default(), 1_000).expect("opened");
        open();
        assert!(!file("1-0.new").exists());
        assert!(file("1-1.new").exists());
        assert!(file("other.compiled").exists());

        drop(busy);
        open();
        assert!(!file("1-1.new").exists());
    }

    #[test]
    fn what_was_loaded_last_is_the_last_to_go() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = Engine::default();
        let wasm = wat::parse_str("(component)").expect("a component");
        let code = engine.precompile_component(&wasm).expect("code");
        let room = 2 * (code.len() + MAC_BYTES) as u64 + 1;
        let cache = Cache::open(dir.path(), &engine, room).expect("opened");
        let [used, idle, new] = ["used", "idle", "new"].map(|name| Digest::of(name.as_bytes()));
        for (digest, age_s) in [(used, 200), (idle, 100)] {
            cache.keep(&engine, digest, &code).expect("kept");
            let file = fs::File::open(cache.path(digest)).expect("a file");
            let written = SystemTime::now() - std::time::Duration::from_secs(age_s);
            file.set_modified(written).expect("it is older");
        }
        assert!(cache.load(&engine, used).is_some());
        cache.keep(&engine, new, &code).expect("kept");
        let left = [used, idle, new].map(|digest| cache.path(digest).exists());
        assert_eq!(left, [true, false, true]);
    }
}
