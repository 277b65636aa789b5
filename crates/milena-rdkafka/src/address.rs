use crate::error::config;
use milena_core::error::Error;

const DEFAULT_PORT: u16 = 9092;

/// The addresses of a list, as librdkafka takes them: `host:port`, with commas between them.
pub(crate) fn brokers(list: &str) -> Result<String, Error> {
    let list = list.strip_prefix("kafka://").map_or(list, |rest| rest.trim_end_matches('/'));
    // Asked of the whole, because a password can have a comma in it.
    if list.contains('@') {
        let why = "it has a user; `sasl.username` and `sasl.password` are options";
        return Err(refuse(list, why));
    }
    if list.is_empty() {
        return Err(config("could not find a broker: the list of addresses is empty".into()));
    }
    let brokers: Result<Vec<_>, _> = list.split(',').map(broker).collect();
    Ok(brokers?.join(","))
}

/// The addresses of a URL, `kafka://host:port,host:port`.
pub(crate) fn brokers_of_url(url: &str) -> Result<String, Error> {
    match url.strip_prefix("kafka://") {
        None => Err(refuse(url, "it does not begin with `kafka://`")),
        Some("" | "/") => Err(refuse(url, "it names no broker")),
        Some(_) => brokers(url),
    }
}

fn broker(address: &str) -> Result<String, Error> {
    let refuse = |why| Err(refuse(address, why));
    if address.contains("://") {
        return refuse("it is a URL, and only the whole list can begin with `kafka://`");
    }
    let (host, port) = match split(address) {
        Some((host, Some(port))) => (host, port.parse().ok().filter(|port| *port > 0)),
        Some((host, None)) => (host, Some(DEFAULT_PORT)),
        None => return refuse("an IPv6 address stands in brackets, as `[::1]:9092`"),
    };
    let Some(port) = port else { return refuse("its port is not a number from 1 to 65535") };
    if host.is_empty() || host == "[]" {
        return refuse("it has no host");
    }
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if name.contains(['[', ']']) {
        return refuse("its host has a bracket, which only stand around a whole IPv6 address");
    }
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || "/?#".contains(c)) {
        return refuse("its host has a character that no host has");
    }
    Ok(format!("{host}:{port}"))
}

/// The host, in brackets if it was, and the port; `None` when it cannot be told where the host ends.
fn split(address: &str) -> Option<(&str, Option<&str>)> {
    let end = address.find(']').map_or(0, |end| end + 1);
    match address[end..].split_once(':') {
        None if end == address.len() || end == 0 => Some((address, None)),
        Some(("", port)) if end > 0 => Some((&address[..end], Some(port))),
        Some((host, port)) if end == 0 && !port.contains(':') => Some((host, Some(port))),
        _ => None,
    }
}

fn refuse(address: &str, why: &str) -> Error {
    // What stands before an `@` may be a password.
    let shown = address.rsplit_once('@').map_or(address, |(_, host)| host);
    config(format!("could not use address `{shown}`: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::often;

    #[track_caller]
    fn check(list: &str, expected: Result<&str, &str>) {
        let actual = brokers(list).map_err(|error| error.to_string());
        assert_eq!(actual.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn a_port_that_is_not_given_is_9092() {
        check("one", Ok("one:9092"));
        check("one:1,two", Ok("one:1,two:9092"));
        check("kafka://one,two:2/", Ok("one:9092,two:2"));
        check("[::1]", Ok("[::1]:9092"));
        check("[::1]:19092", Ok("[::1]:19092"));
    }

    #[test]
    fn what_is_no_address_is_named() {
        let list = "could not find a broker: the list of addresses is empty";
        let port = "could not use address `one:0`: its port is not a number from 1 to 65535";
        let host = "could not use address `:9092`: it has no host";
        let space = "could not use address ` two`: its host has a character that no host has";
        check("", Err(list));
        check("kafka://", Err(list));
        check("one:0", Err(port));
        check("one:65536", Err(&port.replace(":0", ":65536")));
        check("one:x", Err(&port.replace(":0", ":x")));
        check("one:", Err(&port.replace(":0", ":")));
        check(":9092", Err(host));
        check("one,,two", Err("could not use address ``: it has no host"));
        check("one, two", Err(space));
        check(
            "::1",
            Err("could not use address `::1`: an IPv6 address stands in brackets, as `[::1]:9092`"),
        );
        check(
            "http://one",
            Err(
                "could not use address `http://one`: it is a URL, and only the whole list can begin with `kafka://`",
            ),
        );
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        check(
            "ada:secret@one:9092",
            Err(
                "could not use address `one:9092`: it has a user; `sasl.username` and `sasl.password` are options",
            ),
        );
    }

    #[test]
    fn a_password_with_a_comma_is_not_shown_either() {
        check(
            "ada:sec,ret@one:9092",
            Err(
                "could not use address `one:9092`: it has a user; `sasl.username` and `sasl.password` are options",
            ),
        );
    }

    #[test]
    fn a_bracket_stands_around_a_whole_host() {
        for address in ["]", "a]", "[a]b]", "[[::1]]:9092"] {
            assert!(brokers(address).is_err(), "{address}");
        }
    }

    #[test]
    fn what_is_taken_is_taken_again_as_it_is() {
        const PARTS: [&str; 16] = [
            "kafka://",
            "one",
            "one:9092",
            ":1",
            "[::1]",
            "[::1]:9092",
            "[",
            "]",
            ",",
            ":",
            "/",
            "@",
            ":65536",
            ":+1",
            "::1",
            "\u{e9}",
        ];
        often(20_000, |random| {
            let list = random.text(&PARTS);
            let Ok(taken) = brokers(&list) else { return };
            assert_eq!(brokers(&taken).ok().as_ref(), Some(&taken), "{list:?}");
            for address in taken.split(',') {
                let (host, port) = address.rsplit_once(':').unwrap();
                assert!(port.parse::<u16>().unwrap() > 0, "{list:?}");
                let is_plain = !host.contains([':', '[', ']', '/', '@']);
                let is_bracketed = host.starts_with('[') && host.ends_with(']');
                assert!(!host.is_empty() && (is_plain || is_bracketed), "{list:?}");
            }
        });
    }

    #[test]
    fn a_url_has_the_scheme_kafka() {
        assert_eq!(
            brokers_of_url("kafka://one").map_err(|error| error.to_string()),
            Ok("one:9092".into())
        );
        assert!(brokers_of_url("memory://").is_err());
        assert!(brokers_of_url("one:9092").is_err());
    }
}
