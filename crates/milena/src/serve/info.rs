use std::sync::Arc;

/// What an app says of itself: what generated documents begin with.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Info {
    /// Its title.
    pub title: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// What it is for.
    pub description: Option<Arc<str>>,
    /// Whom to ask.
    pub contact: Option<Contact>,
    /// What it may be used under.
    pub license: Option<License>,
    /// The URL of the terms of service.
    pub terms: Option<Arc<str>>,
}

impl Info {
    pub(crate) fn new(title: Arc<str>, version: Arc<str>) -> Self {
        Self { title, version, description: None, contact: None, license: None, terms: None }
    }
}

/// Whom to ask about an app.
///
/// ```
/// use milena::serve::Contact;
///
/// let contact = Contact::new("Billing").url("https://example.com/billing").email("billing@example.com");
/// assert_eq!(contact.email.as_deref(), Some("billing@example.com"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Contact {
    /// A person, or a team.
    pub name: Arc<str>,
    /// Where they can be found.
    pub url: Option<Arc<str>>,
    /// Where they can be written to.
    pub email: Option<Arc<str>>,
}

impl Contact {
    /// This person, or team.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), url: None, email: None }
    }

    /// Found here.
    #[must_use]
    pub fn url(self, url: impl Into<Arc<str>>) -> Self {
        Self { url: Some(url.into()), ..self }
    }

    /// Written to here.
    #[must_use]
    pub fn email(self, email: impl Into<Arc<str>>) -> Self {
        Self { email: Some(email.into()), ..self }
    }
}

/// What an app may be used under.
///
/// ```
/// use milena::serve::License;
///
/// let license = License::new("MIT").url("https://opensource.org/license/mit");
/// assert_eq!(&*license.name, "MIT");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct License {
    /// Its name, or its SPDX expression.
    pub name: Arc<str>,
    /// Where its text is.
    pub url: Option<Arc<str>>,
}

impl License {
    /// The license of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), url: None }
    }

    /// Whose text is here.
    #[must_use]
    pub fn url(self, url: impl Into<Arc<str>>) -> Self {
        Self { url: Some(url.into()), ..self }
    }
}
