//! What a component imports, held against what its operator grants.

use wasaga_core::{ComponentInfo, Policy};

use crate::egress::{MAX_ENTRIES, PolicyError};

/// Types of the contract: they do nothing, and every step has them.
const TYPES: &str = "wasaga:saga/types";
/// The contract's way to services.
const HTTP: &str = "wasaga:saga/http@";
/// The standard's.
const WASI_HTTP: &str = "wasi:http/outgoing-handler@";
/// Length of an entry, in bytes.
const MAX_ENTRY_BYTES: usize = 512;

/// The imports of a version that a policy does not allow, in the version's order. None where the
/// policy has no `allowed_imports`.
#[must_use]
pub fn not_granted(info: &ComponentInfo, policy: &Policy) -> Vec<String> {
    let Some(allowed) = &policy.allowed_imports else {
        return Vec::new();
    };
    let granted =
        |import: &str| name(import) == TYPES || allowed.iter().any(|entry| grants(entry, import));
    let imports = info.imports.iter().filter(|import| !granted(import));
    imports.cloned().collect()
}

/// What the author of a version should know that is all right, when its component has this policy.
///
/// Files are not worth a word: standard libraries import them whether a step uses them or not.
#[must_use]
pub fn warnings(info: &ComponentInfo, policy: &Policy) -> Vec<String> {
    let imports = |prefix: &str| {
        info.imports
            .iter()
            .find(|import| import.starts_with(prefix))
    };
    let mut warnings = Vec::new();
    if imports("wasi:sockets/").is_some() {
        warnings.push(
            "imports `wasi:sockets`: a step has no sockets, every connection fails; requests go \
             through `wasaga:saga/http` or `wasi:http`"
                .to_owned(),
        );
    }
    let http = imports(HTTP).or_else(|| imports(WASI_HTTP));
    if let Some(import) = http.filter(|_| policy.allowed_hosts.is_empty()) {
        let import = name(import);
        warnings.push(format!(
            "imports `{import}`, and the policy's allowed_hosts are empty: every request will be \
             refused until allowed_hosts names hosts"
        ));
    }
    warnings
}

/// Checks the form of `allowed_imports`.
///
/// # Errors
/// For the first entry that could never grant anything, or when there are too many.
pub(crate) fn check(policy: &Policy) -> Result<(), PolicyError> {
    let entries = policy.allowed_imports.as_deref().unwrap_or_default();
    if entries.len() > MAX_ENTRIES {
        return Err(PolicyError::TooMany {
            field: "allowed_imports",
            count: entries.len(),
        });
    }
    match entries.iter().find(|entry| !is_interface(entry)) {
        Some(entry) => {
            let shown = entry.chars().take(MAX_ENTRY_BYTES).collect();
            Err(PolicyError::Import(shown))
        }
        None => Ok(()),
    }
}

fn grants(entry: &str, import: &str) -> bool {
    if let Some(package) = entry.strip_suffix("/*") {
        return name(import).split('/').next() == Some(package);
    }
    entry == import || entry == name(import)
}

/// An interface's name, without the version.
fn name(import: &str) -> &str {
    import.split('@').next().unwrap_or(import)
}

/// Whether this is of the form `namespace:package/interface`, with a version or without, or
/// `namespace:package/*`.
fn is_interface(entry: &str) -> bool {
    let (path, version) = match entry.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (entry, None),
    };
    let Some((package, interface)) = path.split_once('/') else {
        return false;
    };
    let Some((namespace, package)) = package.split_once(':') else {
        return false;
    };
    let interface = match interface {
        "*" => version.is_none(),
        interface => is_word(interface),
    };
    entry.len() <= MAX_ENTRY_BYTES
        && is_word(namespace)
        && is_word(package)
        && interface
        && version.is_none_or(is_version)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allowed: &[&str]) -> Policy {
        let allowed = allowed.iter().map(ToString::to_string).collect();
        Policy {
            allowed_imports: Some(allowed),
            ..Policy::default()
        }
    }

    fn info(imports: &[&str]) -> ComponentInfo {
        ComponentInfo {
            imports: imports.iter().map(ToString::to_string).collect(),
            exports: Vec::new(),
        }
    }

    #[test]
    fn an_import_is_granted_by_name_by_version_or_by_package() {
        let info = info(&[
            "wasaga:saga/types@0.1.0",
            "wasaga:saga/http@0.1.0",
            "wasi:io/streams@0.2.3",
            "wasi:io/poll@0.2.3",
        ]);
        let left = |allowed: &[&str]| not_granted(&info, &policy(allowed));
        let (http, streams, poll) = (&info.imports[1], &info.imports[2], &info.imports[3]);
        assert_eq!(left(&[]), [http, streams, poll].map(Clone::clone));
        assert_eq!(left(&["wasaga:saga/http", "wasi:io/*"]), [""; 0]);
        assert_eq!(
            left(&["wasaga:saga/http@0.1.0", "wasi:io/streams@0.2.3"]),
            std::slice::from_ref(poll)
        );
        // Neither another version nor a name that only begins alike.
        let near = ["wasaga:saga/http@0.2.0", "wasi:io/stream", "wasi:i/*"];
        assert_eq!(left(&near), [http, streams, poll].map(Clone::clone));
    }

    #[test]
    fn without_allowed_imports_everything_is_granted() {
        let info = info(&["wasaga:saga/http@0.1.0"]);
        assert_eq!(not_granted(&info, &Policy::default()), [""; 0]);
    }

    #[test]
    fn what_could_never_grant_anything_is_refused() {
        let good = [
            "wasaga:saga/http",
            "wasi:io/streams@0.2.3",
            "wasi:io/*",
            "a-b:c-d/e@1.0.0-rc.1",
        ];
        assert_eq!(check(&policy(&good)), Ok(()));
        for bad in [
            "",
            "http",
            "*",
            "wasi:*",
            "wasi:io",
            "wasi:io/",
            "wasi:io/*@0.2.3",
            "wasi:io/streams@",
            "wasi:io/streams@*",
            "wasi/io:streams",
            "wasi:io/str eams",
            "wasi:io/a/b",
        ] {
            let wrong = PolicyError::Import(bad.to_owned());
            assert_eq!(check(&policy(&[bad])), Err(wrong));
        }
        let many = vec!["wasi:io/*"; MAX_ENTRIES + 1];
        assert!(matches!(
            check(&policy(&many)),
            Err(PolicyError::TooMany { .. })
        ));
    }

    #[test]
    fn requests_that_nobody_allowed_are_a_warning() {
        let open = Policy {
            allowed_hosts: vec!["example.com".to_owned()],
            ..Policy::default()
        };
        for (import, name) in [
            ("wasaga:saga/http@0.1.0", "`wasaga:saga/http`"),
            (
                "wasi:http/outgoing-handler@0.2.4",
                "`wasi:http/outgoing-handler`",
            ),
        ] {
            let info = info(&["wasaga:saga/log@0.1.0", import]);
            let said = warnings(&info, &Policy::default());
            assert!(said.len() == 1 && said[0].contains(name), "{said:?}");
            assert_eq!(warnings(&info, &open), [""; 0]);
        }
        assert_eq!(warnings(&info(&["wasaga:saga/log@0.1.0"]), &open), [""; 0]);
    }
}
