//! Connection strings as libpq writes them: `key=value` pairs and `postgres://` URIs. Pure.
//!
//! The rules are those of "Connection Strings" in the libpq chapter of the PostgreSQL manual.

use super::{Error, Result};

/// One parameter as it was written. The value may be a secret: no Debug.
pub(super) struct Parameter {
    pub name: String,
    pub value: String,
}

impl Parameter {
    fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// True if `-d` holds a connection string and not a database name: libpq's rule.
pub(super) fn is_connection_string(text: &str) -> bool {
    uri_body(text).is_some() || text.contains('=')
}

/// The parameters of a connection string, in the order written. A later one overrides an earlier one.
pub(super) fn parse(text: &str) -> Result<Vec<Parameter>> {
    match uri_body(text) {
        Some(body) => parse_uri(body),
        None => parse_pairs(text),
    }
}

fn uri_body(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// A message about a connection string. It must never quote a value: that may be the password.
fn malformed(what: &str) -> Error {
    Error::Usage(format!("malformed connection string: {what}"))
}

fn parse_pairs(text: &str) -> Result<Vec<Parameter>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('=') else {
            return Err(malformed("a word is not followed by \"=\""));
        };
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(malformed(
                "a word is not followed by \"=\"; values that contain spaces need single quotes",
            ));
        }
        let (value, after) = pair_value(name, after.trim_start())?;
        parameters.push(Parameter::new(name, value));
        rest = after.trim_start();
    }
    Ok(parameters)
}

fn pair_value<'a>(name: &str, text: &'a str) -> Result<(String, &'a str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            space if !quoted && space.is_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted {
        return Err(malformed(&format!("the quoted value of \"{name}\" does not end")));
    }
    Ok((value, ""))
}

/// What follows `postgres://`: `[user[:password]@][host[:port]][,...][/dbname][?name=value[&...]]`.
fn parse_uri(body: &str) -> Result<Vec<Parameter>> {
    let mut parameters = Vec::new();
    let authority_end = body.find(['/', '?']).unwrap_or(body.len());
    // A socket directory as host is written %2Fdirectory, so the first slash always ends the authority.
    let (authority, rest) = body.split_at(authority_end);
    let hosts = match authority.rsplit_once('@') {
        Some((login, hosts)) => {
            let (user, password) = match login.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (login, None),
            };
            if !user.is_empty() {
                parameters.push(Parameter::new("user", decode(user)?));
            }
            if let Some(password) = password {
                parameters.push(Parameter::new("password", decode(password)?));
            }
            hosts
        }
        None => authority,
    };
    parse_hosts(hosts, &mut parameters)?;
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, query),
        None => (rest, ""),
    };
    let database = path.strip_prefix('/').unwrap_or(path);
    if !database.is_empty() {
        parameters.push(Parameter::new("dbname", decode(database)?));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| malformed("a query parameter of the URI has no \"=\""))?;
        let (name, value) = (decode(name)?, decode(value)?);
        // What JDBC writes, and libpq understands in a URI.
        if name == "ssl" && value == "true" {
            parameters.push(Parameter::new("sslmode", "require"));
        } else {
            parameters.push(Parameter { name, value });
        }
    }
    Ok(parameters)
}

fn parse_hosts(text: &str, parameters: &mut Vec<Parameter>) -> Result<()> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for part in text.split(',') {
        let (host, port) = if let Some(bracketed) = part.strip_prefix('[') {
            let (address, after) = bracketed
                .split_once(']')
                .ok_or_else(|| malformed("the IPv6 address of the URI lacks its \"]\""))?;
            let port = match after.strip_prefix(':') {
                Some(port) => port,
                None if after.is_empty() => "",
                None => {
                    return Err(malformed("after \"]\" only \":port\" may follow in a URI"));
                }
            };
            (address, port)
        } else {
            part.split_once(':').unwrap_or((part, ""))
        };
        hosts.push(decode(host)?);
        ports.push(decode(port)?);
    }
    if hosts.iter().any(|host| !host.is_empty()) {
        parameters.push(Parameter::new("host", hosts.join(",")));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        parameters.push(Parameter::new("port", ports.join(",")));
    }
    Ok(())
}

fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digits = after
            .get(..2)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match digits {
            None => {
                return Err(malformed(
                    "\"%\" in a URI needs two hexadecimal digits after it; a percent sign itself is %25",
                ));
            }
            Some(0) => return Err(malformed("%00 is not allowed in a URI")),
            Some(byte) => bytes.push(byte),
        }
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| malformed("the decoded URI is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().map(|parameter| (parameter.name, parameter.value)).collect()
    }

    fn expect(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        assert_eq!(pairs(text), expected, "{text}");
    }

    fn refuse(text: &str) -> String {
        match parse(text) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{text} was accepted"),
        }
    }

    #[test]
    fn names_and_strings_are_told_apart() {
        assert!(!is_connection_string("sales"));
        assert!(!is_connection_string("http://x"));
        assert!(is_connection_string("host=x"));
        assert!(is_connection_string("postgres://"));
        assert!(is_connection_string("postgresql://x/y"));
    }

    #[test]
    fn pairs_follow_libpq_quoting() {
        expect("", &[]);
        expect("host=a port=5", &[("host", "a"), ("port", "5")]);
        expect("  host = 'a b'  user='it'", &[("host", "a b"), ("user", "it")]);
        expect(r"user='it\'s \\ x' dbname=a\ b", &[("user", r"it's \ x"), ("dbname", "a b")]);
        expect("options='-c x=1' dbname=''", &[("options", "-c x=1"), ("dbname", "")]);
        expect("host=a host=b", &[("host", "a"), ("host", "b")]);
    }

    #[test]
    fn malformed_pairs_are_refused_without_quoting_values() {
        for text in ["host", "host=a port", "host=a b c=d", "=x", "password='top secret"] {
            assert!(!refuse(text).contains("secret"), "{text}");
        }
    }

    #[test]
    fn uris_are_taken_apart() {
        expect("postgresql://", &[]);
        expect("postgres://h", &[("host", "h")]);
        expect("postgres:///d", &[("dbname", "d")]);
        expect(
            "postgresql://u:p%40%2F@h:5433/d?sslmode=require&application_name=a%20b",
            &[
                ("user", "u"),
                ("password", "p@/"),
                ("host", "h"),
                ("port", "5433"),
                ("dbname", "d"),
                ("sslmode", "require"),
                ("application_name", "a b"),
            ],
        );
        expect("postgres://a:1,b,[::1]:3/d", &[("host", "a,b,::1"), ("port", "1,,3"), ("dbname", "d")]);
        expect("postgres://%2Frun%2Fpg:5433/d", &[("host", "/run/pg"), ("port", "5433"), ("dbname", "d")]);
        expect(
            "postgres:///d?host=/run/pg&ssl=true",
            &[("dbname", "d"), ("host", "/run/pg"), ("sslmode", "require")],
        );
        expect("postgres://u@h?", &[("user", "u"), ("host", "h")]);
    }

    #[test]
    fn malformed_uris_are_refused() {
        refuse("postgres://u%zz@h");
        refuse("postgres://u%4");
        refuse("postgres://u%00@h");
        refuse("postgres://[::1/d");
        refuse("postgres://[::1]x/d");
        refuse("postgres://h/d?sslmode");
        refuse("postgres://%ff%fe@h");
    }
}
