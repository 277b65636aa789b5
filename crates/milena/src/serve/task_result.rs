use milena_core::error::BoxError;

/// What a lifespan and a background task may end with: `()`, a `Result` of it with any error, or nothing,
/// because they never end by themselves.
#[diagnostic::on_unimplemented(
    message = "a task cannot end with `{Self}`",
    label = "the future ends with `{Self}`",
    note = "lifespans and background tasks return `()`, or `Result<(), E>` with any error"
)]
pub trait TaskResult: Send + 'static {
    /// How the task ended.
    ///
    /// # Errors
    ///
    /// The task's own.
    fn into_result(self) -> Result<(), BoxError>;
}

impl TaskResult for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError> + Send + 'static> TaskResult for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

impl TaskResult for <fn() -> ! as never::Returns>::Value {
    fn into_result(self) -> Result<(), BoxError> {
        self
    }
}

/// Gives the type of a loop without an end a name, which the language has for functions only.
mod never {
    pub trait Returns {
        type Value;
    }

    impl<T> Returns for fn() -> T {
        type Value = T;
    }
}
