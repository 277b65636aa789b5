use milena::{Error, Kafka, Router, each, extract::Ack, serve::Control};

async fn import(line: String, ack: Ack, control: Control) -> Result<(), Error> {
    match line.as_str() {
        "pause" => control.pause("lines").await?,
        line => println!("{line}"),
    }
    ack.done();
    Ok(())
}

pub fn app() -> Router {
    Router::new("import-app").subscribe("lines", each(import))
}

#[tokio::main]
pub async fn main() -> Result<(), Error> {
    milena::serve(Kafka::new("localhost:9092"), app()).await
}
