use milena::{
    Router, each,
    error::BoxError,
    extract::{Codec, Coded},
};

struct Csv;

impl Codec<String> for Csv {
    const CONTENT_TYPE: &'static str = "text/csv";

    fn decode(bytes: &[u8]) -> Result<String, BoxError> {
        Ok(str::from_utf8(bytes)?.to_owned())
    }

    fn encode(line: &String) -> Result<Vec<u8>, BoxError> {
        Ok(line.clone().into_bytes())
    }
}

async fn handler(_: Coded<u64, Csv>) {}

fn main() {
    let _: Router = Router::new("group").subscribe("topic", each(handler));
}
