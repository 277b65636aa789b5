use std::{error::Error, fmt, iter::successors, sync::Arc};

/// Which errors are worth another call.
#[derive(Clone, Default)]
pub(super) struct Errors {
    when: Vec<Asked>,
    unless: Vec<Asked>,
}

/// Whether an error is one of those that a user told of.
type Asked = Arc<dyn Fn(&(dyn Error + 'static)) -> bool + Send + Sync>;

impl Errors {
    pub(super) fn when<E: Error + 'static>(
        &mut self,
        retry: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) {
        self.when.push(of_type(retry));
    }

    pub(super) fn unless<E: Error + 'static>(
        &mut self,
        give_up: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) {
        self.unless.push(of_type(give_up));
    }

    /// Whether this failure is worth another call; a panic has no error.
    pub(super) fn take(&self, error: Option<&(dyn Error + 'static)>) -> bool {
        let any = |asked: &[Asked]| {
            successors(error, |error| (*error).source())
                .any(|error| asked.iter().any(|asked| asked(error)))
        };
        (self.when.is_empty() || any(&self.when)) && !any(&self.unless)
    }
}

fn of_type<E: Error + 'static>(asked: impl Fn(&E) -> bool + Send + Sync + 'static) -> Asked {
    Arc::new(move |error| error.downcast_ref().is_some_and(&asked))
}

impl fmt::Debug for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errors(when: {}, unless: {})", self.when.len(), self.unless.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, ErrorKind};

    /// An error of ours, with one of another type behind it.
    #[derive(Debug)]
    struct Ours(io::Error);

    impl fmt::Display for Ours {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("ours")
        }
    }

    impl Error for Ours {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn takes(errors: &Errors, kind: ErrorKind) -> bool {
        errors.take(Some(&Ours(kind.into())))
    }

    #[test]
    fn every_error_is_taken_unless_something_is_said() {
        assert!(takes(&Errors::default(), ErrorKind::NotFound));
        assert!(Errors::default().take(None));
    }

    #[test]
    fn one_of_several_is_enough_and_it_may_be_behind_another() {
        let mut errors = Errors::default();
        errors.when(|error: &io::Error| error.kind() == ErrorKind::TimedOut);
        errors.when(|error: &Ours| error.0.kind() == ErrorKind::ConnectionReset);

        assert!(takes(&errors, ErrorKind::TimedOut));
        assert!(takes(&errors, ErrorKind::ConnectionReset));
        assert!(!takes(&errors, ErrorKind::NotFound));
        assert!(!errors.take(Some(&fmt::Error)), "an error of another type");
        assert!(!errors.take(None), "a panic");
    }

    #[test]
    fn what_is_excepted_is_not_taken_whatever_else_is_said() {
        let mut errors = Errors::default();
        errors.unless(|error: &io::Error| error.kind() == ErrorKind::NotFound);

        assert!(!takes(&errors, ErrorKind::NotFound));
        assert!(takes(&errors, ErrorKind::TimedOut));
        assert!(errors.take(None), "a panic is not of that type");

        errors.when(|_: &Ours| true);
        assert!(!takes(&errors, ErrorKind::NotFound));
        assert!(takes(&errors, ErrorKind::TimedOut));
    }
}
