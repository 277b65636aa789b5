//! The headers that Milena reads and writes, by the names that FastStream gives them.

/// The format of the value, such as `application/json`.
pub const CONTENT_TYPE: &str = "content-type";
/// What a record, what came of it, and the answer to it have in common.
pub const CORRELATION_ID: &str = "correlation_id";
/// The topic in which an answer is asked for.
pub const REPLY_TO: &str = "reply_to";
/// The partition of that topic; Milena's own.
pub const REPLY_PARTITION: &str = "reply_partition";
/// `true` when failures are asked for as answers, too; Milena's own.
pub const REPLY_ERRORS: &str = "reply_errors";
/// On an answer that is an error; Milena's own.
pub const ERROR: &str = "milena-error";
