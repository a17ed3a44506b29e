//! Connection service files: `[name]` and lines of `parameter=value`.

use std::path::{Path, PathBuf};

use super::config::Environment;
use super::conninfo::Parameter;
use super::{Error, Result};

/// The parameters of a service: from PGSERVICEFILE or `~/.pg_service.conf`, else from `$PGSYSCONFDIR/pg_service.conf`.
pub(super) fn read(service: &str, environment: &Environment) -> Result<Vec<Parameter>> {
    let of_user = environment
        .get("PGSERVICEFILE")
        .map(PathBuf::from)
        .or_else(|| environment.home.as_ref().map(|home| home.join(".pg_service.conf")));
    let of_system =
        environment.get("PGSYSCONFDIR").map(|directory| Path::new(directory).join("pg_service.conf"));
    for path in [of_user, of_system].into_iter().flatten() {
        if !path.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Error::Usage(format!("cannot read the service file {}: {error}", path.display()))
        })?;
        if let Some(parameters) = parse(&text, service, &path)? {
            return Ok(parameters);
        }
    }
    Err(Error::Usage(format!(
        "there is no definition of service \"{service}\" in ~/.pg_service.conf, PGSERVICEFILE or PGSYSCONFDIR"
    )))
}

fn parse(text: &str, service: &str, path: &Path) -> Result<Option<Vec<Parameter>>> {
    let mut found: Option<Vec<Parameter>> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if section.strip_suffix(']') == Some(service) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(parameters) = &mut found else {
            continue;
        };
        match line.split_once('=') {
            Some((name, value)) if name != "service" => parameters
                .push(Parameter { name: name.trim_end().to_owned(), value: value.trim_start().to_owned() }),
            _ => {
                return Err(Error::Usage(format!(
                    "syntax error in the service file {}, line {}",
                    path.display(),
                    number + 1
                )));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text = "host=ignored\n[a]\nhost=1\nport = 2\n[b]\nbroken line\n";
        let parameters = parse(text, "a", Path::new("f")).unwrap().unwrap();
        let pairs: Vec<_> = parameters.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect();
        assert_eq!(pairs, [("host", "1"), ("port", "2")]);
        assert!(parse(text, "c", Path::new("f")).unwrap().is_none());
        let message = match parse(text, "b", Path::new("f")) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("accepted"),
        };
        assert!(message.contains("line 6"), "{message}");
    }
}
