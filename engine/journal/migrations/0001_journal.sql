-- Times are milliseconds since 1970-01-01T00:00:00Z, ids 16 bytes, digests 32 bytes.

-- The head of each saga: what lists and claims need without reading its events. Rows are short, so
-- they stand in the primary key's tree themselves.
CREATE TABLE sagas (
    id         BLOB    NOT NULL PRIMARY KEY,
    seq        INTEGER NOT NULL,
    definition TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    tags       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    due_at     INTEGER,
    owner      BLOB,
    epoch      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The lists, the latest first. Each ends with the id, as every index of this table does. New sagas
-- go to the end of the first two and of their status in the others.
CREATE INDEX sagas_by_time ON sagas (created_at);
CREATE INDEX sagas_by_definition ON sagas (definition, created_at);
CREATE INDEX sagas_by_status ON sagas (status, created_at);
CREATE INDEX sagas_by_definition_and_status ON sagas (definition, status, created_at);

-- What can be claimed. A saga that somebody drives is not in it, so its appends do not touch it.
CREATE INDEX sagas_due ON sagas (due_at) WHERE due_at IS NOT NULL AND owner IS NULL;

-- How many sagas there are of each status. Counting a million rows at each scrape of the metrics
-- would cost more than keeping the count, and triggers keep it right whoever writes.
CREATE TABLE status_counts (
    status TEXT    NOT NULL PRIMARY KEY,
    sagas  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER saga_counted AFTER INSERT ON sagas BEGIN
    INSERT INTO status_counts (status, sagas) VALUES (new.status, 1)
        ON CONFLICT (status) DO UPDATE SET sagas = sagas + 1;
END;

CREATE TRIGGER saga_recounted AFTER UPDATE OF status ON sagas WHEN new.status <> old.status BEGIN
    UPDATE status_counts SET sagas = sagas - 1 WHERE status = old.status;
    INSERT INTO status_counts (status, sagas) VALUES (new.status, 1)
        ON CONFLICT (status) DO UPDATE SET sagas = sagas + 1;
END;

CREATE TRIGGER saga_uncounted AFTER DELETE ON sagas BEGIN
    UPDATE status_counts SET sagas = sagas - 1 WHERE status = old.status;
END;

-- Labels of sagas that have some, in the order of the list they filter.
CREATE TABLE tags (
    name       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    saga       BLOB    NOT NULL,
    PRIMARY KEY (name, value, created_at, saga)
) STRICT, WITHOUT ROWID;

-- The events. `body` is the event as JSON, without its place and time. Rows stand in the order in
-- which they were written: the events of a group of sagas fill few pages, where a tree by saga would
-- have to change one for each.
CREATE TABLE events (
    saga   BLOB    NOT NULL,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    format INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    PRIMARY KEY (saga, seq)
) STRICT;

-- The log lines, numbered as they were written. `body` is the line as JSON.
CREATE TABLE logs (
    number INTEGER NOT NULL PRIMARY KEY,
    saga   BLOB    NOT NULL,
    body   TEXT    NOT NULL
) STRICT;

CREATE INDEX logs_by_saga ON logs (saga);

CREATE TABLE blobs (
    digest BLOB NOT NULL PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE definitions (
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    digest     BLOB    NOT NULL,
    document   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;

CREATE TABLE components (
    name       TEXT    NOT NULL PRIMARY KEY,
    active     INTEGER,
    generation INTEGER NOT NULL DEFAULT 0,
    policy     TEXT    NOT NULL
) STRICT;

CREATE TABLE component_versions (
    name       TEXT    NOT NULL REFERENCES components (name),
    version    INTEGER NOT NULL,
    digest     BLOB    NOT NULL REFERENCES blobs (digest),
    size_bytes INTEGER NOT NULL,
    info       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, version),
    UNIQUE (name, digest)
) STRICT;
