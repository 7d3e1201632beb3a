//! Definitions: applying, reading, and keeping them parsed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use wasaga_core::{Definition, Name};
use wasaga_journal::{DefinitionVersion, Journal, JournalError, Made, Page, PageRequest};

use crate::catalog::Components;
use crate::clock;
use crate::error::{ApplyError, ReadError};

/// The definitions of a coordinator.
pub struct Definitions {
    journal: Arc<dyn Journal>,
    components: Arc<Components>,
    cache: Mutex<Cache>,
    max_parsed: usize,
}

/// Definitions by name and version; without a version, the latest.
type Nested = HashMap<(Name, Option<u32>), Arc<Definition>>;

/// Most definitions that are looked at when a definition nests others.
const MAX_NESTED: usize = 1_000;

/// What a new definition may refer to.
struct Known<'a> {
    components: &'a Components,
    definitions: &'a Nested,
}

impl wasaga_core::definition::Known for Known<'_> {
    fn component(&self, name: &Name) -> bool {
        self.components.exists(name)
    }

    fn definition(&self, name: &Name, version: Option<u32>) -> Option<Arc<Definition>> {
        self.definitions.get(&(name.clone(), version)).cloned()
    }
}

/// The definitions that a document, checked or not, refers to: every object with a field `saga` may
/// be a nested saga.
fn referred(document: &Value) -> Vec<(Name, Option<u32>)> {
    match document {
        Value::Array(items) => items.iter().flat_map(referred).collect(),
        Value::Object(fields) => {
            let name = fields.get("saga").and_then(Value::as_str);
            let version = fields.get("version").and_then(Value::as_u64);
            let own = name.and_then(|name| {
                Some((
                    Name::new(name).ok()?,
                    version.and_then(|version| u32::try_from(version).ok()),
                ))
            });
            own.into_iter()
                .chain(fields.values().flat_map(referred))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[derive(Default)]
struct Cache {
    /// Latest version by name, for the names that were asked for.
    latest: HashMap<Name, u32>,
    parsed: HashMap<(Name, u32), Arc<Definition>>,
}

impl Definitions {
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        components: Arc<Components>,
        max_parsed: usize,
    ) -> Self {
        Self {
            journal,
            components,
            cache: Mutex::default(),
            max_parsed,
        }
    }

    /// Checks a definition whole and stores it as a new version; one that says the same as the
    /// latest is that version.
    ///
    /// # Errors
    /// When it has problems: all of them. Nothing was stored then.
    pub async fn apply(
        &self,
        name: &Name,
        document: &Value,
    ) -> Result<(DefinitionVersion, Made), ApplyError> {
        let nested = self.nested(document).await?;
        let known = Known {
            components: &self.components,
            definitions: &nested,
        };
        let definition = Definition::check(name, document, &known)?;
        let (version, made) = self
            .journal
            .put_definition(name, definition.digest(), document, clock::now())
            .await?;
        let mut cache = self.lock();
        let latest = cache.latest.entry(name.clone()).or_default();
        *latest = (*latest).max(version.version);
        self.keep(&mut cache, name, version.version, Arc::new(definition));
        Ok((version, made))
    }

    /// The definitions that a document refers to, and those that they refer to.
    async fn nested(&self, document: &Value) -> Result<Nested, ApplyError> {
        let mut found = Nested::new();
        let mut open = referred(document);
        while let Some((name, version)) = open.pop() {
            if found.len() == MAX_NESTED || found.contains_key(&(name.clone(), version)) {
                continue;
            }
            let definition = match self.for_start(&name, version).await {
                Ok(found) => found.map(|(_, definition)| definition),
                Err(ReadError::Journal(error)) => return Err(error.into()),
                // What cannot be read cannot be nested.
                Err(ReadError::Fold(_) | ReadError::Definition { .. }) => None,
            };
            if let Some(definition) = definition {
                let within = definition.nested();
                open.extend(within.map(|nested| (nested.definition.clone(), nested.version)));
                found.insert((name, version), definition);
            }
        }
        Ok(found)
    }

    /// A version of a definition, the latest when none is named.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn get(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Result<Option<DefinitionVersion>, JournalError> {
        self.journal.definition(name, version).await
    }

    /// The latest version of each definition, by name.
    ///
    /// # Errors
    /// When the store does not answer, or the cursor is none of this list.
    pub async fn list(&self, page: PageRequest) -> Result<Page<DefinitionVersion>, JournalError> {
        self.journal.definitions(page).await
    }

    /// The version that a new saga executes.
    pub(crate) async fn for_start(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Result<Option<(u32, Arc<Definition>)>, ReadError> {
        let wanted = version.or_else(|| self.lock().latest.get(name).copied());
        if let Some(version) = wanted
            && let Some(definition) = self.cached(name, version)
        {
            return Ok(Some((version, definition)));
        }
        let Some(stored) = self.journal.definition(name, wanted).await? else {
            return Ok(None);
        };
        let definition = self.parse(&stored)?;
        let mut cache = self.lock();
        if version.is_none() {
            // A later one may have been applied meanwhile.
            let latest = cache.latest.entry(name.clone()).or_default();
            *latest = (*latest).max(stored.version);
        }
        self.keep(&mut cache, name, stored.version, Arc::clone(&definition));
        Ok(Some((stored.version, definition)))
    }

    /// The version that a saga executes already.
    pub(crate) async fn parsed(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Arc<Definition>, ReadError> {
        match self.for_start(name, Some(version)).await? {
            Some((_, definition)) => Ok(definition),
            None => Err(ReadError::Definition {
                name: name.clone(),
                version,
                reason: "it is not in the store".to_owned(),
            }),
        }
    }

    fn parse(&self, stored: &DefinitionVersion) -> Result<Arc<Definition>, ReadError> {
        Definition::parse(&stored.name, &stored.document)
            .map(Arc::new)
            .map_err(|invalid| ReadError::Definition {
                name: stored.name.clone(),
                version: stored.version,
                reason: invalid.to_string(),
            })
    }

    fn cached(&self, name: &Name, version: u32) -> Option<Arc<Definition>> {
        self.lock().parsed.get(&(name.clone(), version)).cloned()
    }

    fn keep(&self, cache: &mut Cache, name: &Name, version: u32, definition: Arc<Definition>) {
        if cache.parsed.len() >= self.max_parsed {
            // Which one goes hardly matters: one that is missed is parsed again.
            let victim = cache.parsed.keys().next().cloned();
            victim.map(|key| cache.parsed.remove(&key));
        }
        cache.parsed.insert((name.clone(), version), definition);
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
