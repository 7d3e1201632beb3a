-- What a component needs over its life: who changed the version that sagas take, what people say
-- about a version, versions that go, and the sagas that are bound to one.

-- The highest number that was given to a version: it is not given again when that version is gone.
ALTER TABLE components ADD COLUMN latest INTEGER NOT NULL DEFAULT 0;

UPDATE components SET latest = (
    SELECT coalesce(max(v.version), 0) FROM component_versions v WHERE v.name = components.name);

-- A version that shares its sagas with the active one, and how many of a hundred it takes: both or
-- neither.
ALTER TABLE components ADD COLUMN candidate INTEGER;
ALTER TABLE components ADD COLUMN candidate_percent INTEGER;

-- What people say about a version, as JSON.
ALTER TABLE component_versions
    ADD COLUMN description TEXT NOT NULL DEFAULT '{"note":"","labels":{}}';

-- Whether bytes are still some version's.
CREATE INDEX component_versions_by_digest ON component_versions (digest);

-- The changes of which version sagas take: the latest thousand of each component. `change` is JSON.
CREATE TABLE switches (
    component  TEXT    NOT NULL REFERENCES components (name),
    generation INTEGER NOT NULL,
    change     TEXT    NOT NULL,
    ordered_by TEXT    NOT NULL,
    reason     TEXT,
    at         INTEGER NOT NULL,
    PRIMARY KEY (component, generation)
) STRICT, WITHOUT ROWID;

-- The sagas of which a step is, or was, bound to a version, in the order of the lists. `created_at`
-- is the saga's. New ones go to the end of their version.
CREATE TABLE pins (
    component  TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    saga       BLOB    NOT NULL,
    PRIMARY KEY (component, version, created_at, saga)
) STRICT, WITHOUT ROWID;

-- The versions that events bind steps to: where the pins of a saga come from. They have no index by
-- saga, which would cost every saga a row more: a saga that goes takes its pins along by these.
CREATE VIEW bindings (saga, component, version) AS
    SELECT e.saga, json_extract(e.body, '$.component'), json_extract(e.body, '$.version')
    FROM events e
    WHERE json_extract(e.body, '$.type') = 'act_started' AND json_extract(e.body, '$.attempt') = 1
    UNION ALL
    SELECT e.saga, json_extract(p.value, '$.component'), json_extract(p.value, '$.version')
    FROM events e CROSS JOIN json_each(e.body, '$.pins') p
    WHERE json_extract(e.body, '$.type') IN ('retry_ordered', 'version_changed');

INSERT INTO pins (component, version, created_at, saga)
    SELECT DISTINCT b.component, b.version, s.created_at, s.id
    FROM bindings b CROSS JOIN sagas s ON s.id = b.saga
    ORDER BY b.component, b.version, s.created_at, s.id;

-- The sagas that are nested in others. One that completed is undone when the one around it is, and
-- needs its versions until then.
CREATE TABLE nested (
    saga   BLOB NOT NULL PRIMARY KEY,
    parent BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX nested_by_parent ON nested (parent);

INSERT INTO nested (saga, parent)
    SELECT s.id, unhex(json_extract(e.body, '$.parent.saga'), '-')
    FROM sagas s CROSS JOIN events e ON e.saga = s.id AND e.seq = 1
    WHERE json_extract(e.body, '$.parent.saga') IS NOT NULL
    ORDER BY s.id;
