//! Who a client is, and whom it trusts: from the setters of `Kafka` to options of librdkafka, and back from
//! its errors to what a person can do about them.

mod agree;
#[cfg(feature = "client-credentials")]
pub(crate) mod client_credentials;
mod explain;
mod identity;
mod pem;
mod sasl;
mod setters;
mod tokens;
mod warn;

pub(crate) use self::{
    explain::{distrust, of_options},
    identity::Identity,
    tokens::{Holder, Issued},
};

use self::{
    sasl::Sasl,
    tokens::{Pace, Tokens},
    warn::Warned,
};
use crate::error::config as refuse;
use milena_core::{
    error::Error,
    transport::{DynTokenProvider, Tls},
};
use rdkafka::ClientConfig;
use std::{fmt, sync::Arc};

/// What the setters said.
#[derive(Clone, Default)]
pub(crate) struct Security {
    tls: Option<Tls>,
    /// One, unless several were named, which is refused.
    sasl: Vec<Sasl>,
    provider: Option<Arc<dyn DynTokenProvider>>,
    pace: Pace,
    /// What the provider gave out, shared by all clients of the cluster.
    tokens: Option<Arc<Tokens>>,
    stops: bool,
    warned: Warned,
}

impl Security {
    /// Adds its options, which have to agree with those that are there.
    pub(crate) fn apply(&self, config: &mut ClientConfig) -> Result<(), Error> {
        for (option, value, setter) in self.options()? {
            agree::set(config, option, &value, setter)?;
        }
        agree::check(config, self.tokens.is_some())?;
        self.warned.look_at(config);
        Ok(())
    }

    fn renew_tokens(&mut self) {
        let tokens = self.provider.clone().map(|provider| Tokens::new(provider, self.pace));
        self.tokens = tokens.map(Arc::new);
    }

    /// Each option, its value, and the setter that it comes from.
    fn options(&self) -> Result<Vec<(&'static str, String, &'static str)>, Error> {
        if let [one, another, ..] = &*self.sasl {
            return Err(refuse(format!(
                "could not use {} and {} together: a client has one mechanism; leave one out",
                one.mechanism(),
                another.mechanism()
            )));
        }
        self.pace.validate()?;
        let (tls, sasl) = (self.tls.as_ref(), self.sasl.first());
        let protocol = match (tls, sasl) {
            (None, None) => return Ok(Vec::new()),
            (Some(_), None) => ("security.protocol", "ssl".to_owned(), "tls"),
            (None, Some(sasl)) => ("security.protocol", "sasl_plaintext".to_owned(), sasl.setter()),
            (Some(_), Some(_)) => ("security.protocol", "sasl_ssl".to_owned(), "tls"),
        };
        let mut options = vec![protocol];
        if let Some(tls) = tls {
            options
                .extend(pem::options(tls)?.into_iter().map(|(name, value)| (name, value, "tls")));
        }
        if let Some(sasl) = sasl {
            let setter = sasl.setter();
            options.extend(sasl.options()?.into_iter().map(|(name, value)| (name, value, setter)));
        }
        Ok(options)
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security").field("tls", &self.tls).field("sasl", &self.sasl).finish()
    }
}

#[cfg(test)]
mod tests;
