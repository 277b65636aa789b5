use super::{check, defaults::ALIASES, guarantees, refused};
use crate::error::Error;
use std::{collections::BTreeMap, fmt, time::Duration};

/// Options in the order in which they were set, and what was asked for that cannot be had.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Options {
    set: Vec<(String, String)>,
    refused: Vec<(&'static str, &'static str)>,
}

/// Milena's own, which no client of Kafka knows.
pub(super) const EXCLUDE_INTERNAL_TOPICS: &str = "exclude.internal.topics";

impl Options {
    pub(super) fn set(&mut self, option: impl Into<String>, value: impl Into<String>) {
        self.set.push((option.into(), value.into()));
    }

    /// In whole milliseconds; what is shorter than one is one.
    pub(super) fn set_millis(&mut self, option: &str, time: Duration) {
        self.set(option, time.as_nanos().div_ceil(1_000_000).to_string());
    }

    /// Has the configuration refused when it is validated.
    pub(super) fn refuse(&mut self, option: &'static str, why: &'static str) {
        self.refused.push((option, why));
    }

    /// These, with the others set behind them.
    pub(super) fn and(mut self, others: &Self) -> Self {
        self.set.extend_from_slice(&others.set);
        self.refused.extend_from_slice(&others.refused);
        self
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.set.iter().map(|(option, value)| (option.as_str(), value.as_str()))
    }

    pub(super) fn get(&self, option: &str) -> Option<&str> {
        let option = canonical(option);
        self.iter().rev().find(|(name, _)| canonical(name) == option).map(|(_, value)| value)
    }

    /// By one name each, over these defaults.
    pub(super) fn over(
        &self,
        defaults: impl Iterator<Item = (&'static str, &'static str)>,
    ) -> BTreeMap<&str, &str> {
        let defaults = defaults.map(|default: (&str, &str)| default);
        let all = defaults.chain(self.iter()).map(|(option, value)| (canonical(option), value));
        all.filter(|(option, _)| *option != EXCLUDE_INTERNAL_TOPICS).collect()
    }

    /// Checks each option on its own.
    pub(super) fn validate(&self) -> Result<(), Error> {
        if let Some((option, why)) = self.refused.first() {
            return Err(refused(option, why));
        }
        for (option, value) in self.iter() {
            guarantees::check(option, value)?;
            check::value(option, value)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .iter()
            .map(|(option, value)| (option, if is_secret(option) { "..." } else { value }));
        f.debug_map().entries(shown).finish()
    }
}

/// The one name that stands for all names of an option.
pub(super) fn canonical(option: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == option).map_or(option, |(_, canonical)| canonical)
}

/// Whether the value of the option is a secret, or has one in it, and is never to be shown.
pub fn is_secret(option: &str) -> bool {
    const PARTS: [&str; 6] =
        ["password", "passphrase", "token", "key", "secret", "oauthbearer.config"];
    PARTS.iter().any(|part| option.contains(part))
}
