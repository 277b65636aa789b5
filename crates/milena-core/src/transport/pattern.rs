use crate::error::{Error, ErrorKind};
use regex::Regex;
use std::{fmt, sync::Arc};

/// A regular expression for the names of topics, which matches a name as a whole.
///
/// `{name}` stands for a part of the name that is captured: `logs.{level}` matches `logs.info`, with
/// `level` = `info`. Other captures are written as in the [`regex`] crate.
///
/// ```
/// use milena_core::transport::Pattern;
///
/// # fn main() -> Result<(), milena_core::Error> {
/// let pattern = Pattern::new(r"logs\.{level}")?;
/// assert!(pattern.is_match("logs.info"));
/// assert!(!pattern.is_match("all.logs.info"));
/// assert_eq!(pattern.captures("logs.info").unwrap().get("level"), Some("info"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    /// What stands before what the expression is for.
    prefix: Arc<str>,
    regex: Regex,
}

/// The parts of a topic's name that a [`Pattern`] captured, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Captures(Vec<(Option<Box<str>>, Box<str>)>);

impl Pattern {
    /// The pattern of this regular expression.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when it is none.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, Error> {
        let text = text.into();
        let refuse = |error: regex::Error| {
            let message = format!("could not use pattern `{text}`: {error}");
            Error::new(ErrorKind::Config, message).with_source(error)
        };
        let named = Regex::new(r"\{([A-Za-z_][A-Za-z0-9_]*)\}").map_err(refuse)?;
        let expression = named.replace_all(&text, "(?<$1>.+)");
        // By itself, as a bracket too many would close the one that stands around it here.
        Regex::new(&expression).map_err(refuse)?;
        let regex = Regex::new(&format!("^(?:{expression})$")).map_err(refuse)?;
        Ok(Self { text, prefix: Arc::default(), regex })
    }

    /// Whether the name of a topic matches as a whole.
    pub fn is_match(&self, topic: &str) -> bool {
        topic.strip_prefix(&*self.prefix).is_some_and(|rest| self.regex.is_match(rest))
    }

    /// The same pattern for topics whose names begin with `prefix`, which is no expression.
    #[must_use]
    pub fn prefixed(self, prefix: &str) -> Self {
        Self {
            text: format!("{}{}", regex::escape(prefix), self.text).into(),
            prefix: format!("{prefix}{}", self.prefix).into(),
            regex: self.regex,
        }
    }

    /// What is captured of the name, if it matches.
    pub fn captures(&self, topic: &str) -> Option<Captures> {
        let found = self.regex.captures(topic.strip_prefix(&*self.prefix)?)?;
        let parts = self.regex.capture_names().zip(found.iter()).skip(1);
        let part = |(name, part): (Option<&str>, Option<regex::Match<'_>>)| {
            Some((name.map(Into::into), part?.as_str().into()))
        };
        Some(Captures(parts.filter_map(part).collect()))
    }

    /// As it was written, behind its prefix.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Captures {
    /// The part of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(of, _)| *of == Some(name)).map(|(_, part)| part)
    }

    /// All parts, with their names where they have one, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.0.iter().map(|(name, part)| (name.as_deref(), &**part))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_only() {
        let pattern = Pattern::new("orders|refunds").unwrap();

        assert!(pattern.is_match("refunds"));
        assert!(!pattern.is_match("refunds.dead"));
        assert!(!pattern.is_match("all.orders"));
    }

    #[test]
    fn a_prefix_stands_before_every_alternative_and_is_no_expression() {
        let pattern = Pattern::new("^orders|refunds$").unwrap().prefixed("b.").prefixed("eu.");

        assert!(pattern.is_match("eu.b.orders") && pattern.is_match("eu.b.refunds"));
        assert!(!pattern.is_match("refunds") && !pattern.is_match("euxb.orders"));
        assert_eq!(pattern.as_str(), r"eu\.b\.^orders|refunds$");
        let captures = Pattern::new("{level}").unwrap().prefixed("logs.").captures("logs.info");
        assert_eq!(captures.unwrap().get("level"), Some("info"));
    }

    #[test]
    fn repetitions_are_no_captures() {
        let pattern = Pattern::new(r"year-\d{4}-{month}-(\d{1,2})").unwrap();
        let captures = pattern.captures("year-2026-nov-21").unwrap();

        assert_eq!(captures.iter().collect::<Vec<_>>(), [(Some("month"), "nov"), (None, "21")]);
    }

    #[test]
    fn two_captures_of_a_name_are_refused() {
        let error = Pattern::new("{level}.{level}").unwrap_err().to_string();

        assert!(error.contains("`{level}.{level}`") && error.contains("duplicate"), "{error}");
    }

    #[test]
    fn a_bracket_too_many_is_refused() {
        for text in ["orders)|(refunds", ")("] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_by_name() {
        let error = Pattern::new("orders(").unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with("could not use pattern `orders(`: "), "{error}");
    }
}
