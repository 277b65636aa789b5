//! Whether what was set by hand and what the setters say go together, and whether this build can do it.

use crate::error::config as refuse;
use milena_core::{error::Error, transport::config::is_secret};
use rdkafka::ClientConfig;

/// Names for the same option.
const ALIASES: [(&str, &str); 1] = [("sasl.mechanisms", "sasl.mechanism")];

/// Sets an option that comes from a setter.
pub(super) fn set(
    config: &mut ClientConfig,
    option: &str,
    value: &str,
    setter: &str,
) -> Result<(), Error> {
    let by_hand = get(config, option);
    if by_hand.is_some_and(|by_hand| !by_hand.eq_ignore_ascii_case(value)) {
        let values = match by_hand {
            Some(by_hand) if !is_secret(option) => {
                format!("it was set to `{by_hand}`, and `Kafka::{setter}` says `{value}`")
            }
            _ => format!("it was set to another value than `Kafka::{setter}` says"),
        };
        return Err(refuse(format!("could not use option `{option}`: {values}; leave one out")));
    }
    if let Some((_, alias)) = ALIASES.iter().find(|(name, _)| *name == option) {
        config.remove(alias);
    }
    config.set(option, value);
    Ok(())
}

/// The value of an option, by any of its names.
pub(super) fn get<'a>(config: &'a ClientConfig, option: &str) -> Option<&'a str> {
    let alias = ALIASES.iter().find(|(name, _)| *name == option).map(|(_, alias)| alias);
    config.get(option).or_else(|| config.get(alias?))
}

/// The protocol, in small letters.
pub(super) fn protocol(config: &ClientConfig) -> String {
    config.get("security.protocol").unwrap_or("plaintext").to_ascii_lowercase()
}

/// The mechanism, if there is one.
pub(super) fn mechanism(config: &ClientConfig) -> Option<String> {
    let is_asked = protocol(config).starts_with("sasl");
    is_asked.then(|| get(config, "sasl.mechanisms").unwrap_or("GSSAPI").to_ascii_uppercase())
}

/// Whether this build can do what is asked for, and somebody gives out tokens.
pub(super) fn check(config: &ClientConfig, has_tokens: bool) -> Result<(), Error> {
    let (protocol, mechanism) = (protocol(config), mechanism(config));
    if protocol.ends_with("ssl") {
        can("TLS", "ssl", "tls")?;
    }
    match mechanism.as_deref() {
        Some("GSSAPI") => can("GSSAPI", "sasl_gssapi", "gssapi"),
        Some(scram @ ("SCRAM-SHA-256" | "SCRAM-SHA-512")) => can(scram, "sasl_scram", "tls"),
        Some("OAUTHBEARER") => {
            can("OAUTHBEARER", "sasl_oauthbearer", "tls")?;
            let unsecured = config.get("enable.sasl.oauthbearer.unsecure.jwt") == Some("true");
            match has_tokens || unsecured {
                true => Ok(()),
                false => Err(refuse(
                    "could not use OAUTHBEARER: nobody gives out tokens; name a provider with \
                     `Kafka::oauth` or `Kafka::client_credentials`"
                        .into(),
                )),
            }
        }
        _ => Ok(()),
    }
}

fn can(what: &str, ability: &str, feature: &str) -> Result<(), Error> {
    let abilities = ClientConfig::new()
        .create_native_config()
        .and_then(|native| native.get("builtin.features"))
        .unwrap_or_default();
    match abilities.split(',').any(|has| has == ability) {
        true => Ok(()),
        false => Err(refuse(format!(
            "could not use {what}: it is not in this build; switch on the feature `{feature}`"
        ))),
    }
}
