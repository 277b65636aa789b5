use std::path::PathBuf;

/// How a client shows who it is by Kerberos (SASL's mechanism GSSAPI).
///
/// ```
/// use milena_core::transport::Gssapi;
///
/// let gssapi = Gssapi::new("kafka")
///     .principal("billing@EXAMPLE.COM")
///     .keytab("/etc/security/billing.keytab");
/// ```
///
/// With a keytab, tickets are got and renewed by `kinit`, which has to be installed; without one, the
/// tickets are used that the process finds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gssapi {
    /// The first part of the brokers' principal.
    pub service_name: String,
    /// Who the client is.
    pub principal: Option<String>,
    /// The file with the client's keys.
    pub keytab: Option<PathBuf>,
    /// What was asked for in the place of the broker's host, which cannot be had.
    pub domain_name: Option<String>,
}

impl Gssapi {
    /// Brokers whose principal begins with this name, as `kafka` in `kafka/broker-1.example.com@EXAMPLE.COM`
    /// (`sasl.kerberos.service.name`).
    pub fn new(service_name: impl Into<String>) -> Self {
        Self { service_name: service_name.into(), principal: None, keytab: None, domain_name: None }
    }

    /// Who the client is (`sasl.kerberos.principal`); by default `kafkaclient`.
    #[must_use]
    pub fn principal(self, principal: impl Into<String>) -> Self {
        Self { principal: Some(principal.into()), ..self }
    }

    /// The file with the keys of the [`principal`](Self::principal) (`sasl.kerberos.keytab`).
    #[must_use]
    pub fn keytab(self, path: impl Into<PathBuf>) -> Self {
        Self { keytab: Some(path.into()), ..self }
    }

    /// Refused when a client is made: the ticket is for the host that the broker advertises. Let the broker
    /// advertise the name that its principal has.
    #[must_use]
    #[doc(alias = "sasl_kerberos_domain_name")]
    pub fn domain_name(self, name: impl Into<String>) -> Self {
        Self { domain_name: Some(name.into()), ..self }
    }
}
