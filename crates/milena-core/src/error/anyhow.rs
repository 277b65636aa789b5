use super::BoxError;
use std::any::Any;

/// The error of a handler, in a box that can be asked for its type.
///
/// An `anyhow::Error` that is boxed by `into` hides the type of what is in it.
pub(crate) fn boxed<E: Into<BoxError> + 'static>(error: E) -> BoxError {
    let mut error = Some(error);
    let any = (&mut error as &mut dyn Any).downcast_mut::<Option<anyhow::Error>>();
    match (any.and_then(Option::take), error) {
        (Some(error), _) => error.reallocate_into_boxed_dyn_error_without_backtrace(),
        (None, Some(error)) => error.into(),
        (None, None) => "an error that was not there".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[test]
    fn an_error_in_anyhow_keeps_its_type() {
        let error: anyhow::Error = fmt::Error.into();

        assert!(boxed(error).is::<fmt::Error>());
        assert!(boxed(fmt::Error).is::<fmt::Error>());
        assert!(boxed::<BoxError>(fmt::Error.into()).is::<fmt::Error>());
    }

    #[test]
    fn a_context_of_anyhow_stands_before_the_error() {
        let error = anyhow::Error::from(fmt::Error).context("while writing");

        let boxed = boxed(error);

        assert_eq!(boxed.to_string(), "while writing");
        assert!(boxed.source().unwrap().is::<fmt::Error>());
    }
}
