use super::{
    Holder, Security, agree, explain,
    tokens::{Enrolled, Tokens},
};
use milena_core::error::Error;
use rdkafka::{ClientConfig, error::RDKafkaErrorCode as Code};
use std::sync::{Arc, Weak};

/// Who a client is to its brokers.
#[derive(Default)]
pub(crate) struct Identity {
    mechanism: Option<String>,
    tokens: Option<Arc<Tokens>>,
    enrolled: Option<Enrolled>,
    /// Whether a refusal is the end.
    pub(crate) stops: bool,
}

impl Identity {
    pub(crate) fn new(security: &Security, config: &ClientConfig) -> Self {
        let mechanism = agree::mechanism(config);
        let speaks = mechanism.as_deref() == Some("OAUTHBEARER");
        Self {
            tokens: security.tokens.clone().filter(|_| speaks),
            mechanism,
            enrolled: None,
            stops: security.stops,
        }
    }

    /// Has the client supplied with tokens, if that is how it shows who it is.
    pub(crate) fn enroll<C: Holder + 'static>(&mut self, client: &Arc<C>) -> Result<(), Error> {
        if let Some(tokens) = &self.tokens {
            let client: Weak<C> = Arc::downgrade(client);
            self.enrolled = Some(tokens.enroll(client)?);
        }
        Ok(())
    }

    /// The error of a client, if it is about who it is, or whom it trusts. Of a certificate that it does not
    /// trust, `distrust` is why.
    pub(crate) fn explain(
        &self,
        (code, reason): (Code, &str),
        distrust: Option<&str>,
    ) -> Option<Error> {
        if let Some(missing) = explain::of_tokens(code, reason) {
            let kind = self.tokens.as_ref().and_then(|tokens| tokens.failure());
            return Some(explain::no_token(kind, missing));
        }
        let error = explain::explain(self.mechanism.as_deref(), (code, reason), distrust)?;
        if let Some(tokens) = &self.tokens {
            tokens.doubt();
        }
        Some(error)
    }
}
