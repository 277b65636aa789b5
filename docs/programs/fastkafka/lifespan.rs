use milena::{
    App, Batch, Json, Kafka, Router, batch, error::BoxError, extract::Extension, serve::Running,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{process::ExitCode, sync::Arc};

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Iris {
    pub petal: f64,
}

struct Model {
    split: f64,
}

async fn model(running: Running) -> Result<(), BoxError> {
    running.provide(Arc::new(Model { split: 2.5 }));
    running.until_end().await;
    println!("the model is put away");
    Ok(())
}

async fn predict(
    Batch(irises): Batch<Json<Iris>>,
    Extension(model): Extension<Arc<Model>>,
) -> Vec<Json<String>> {
    let species = |Json(iris): Json<Iris>| {
        let name = if iris.petal < model.split { "setosa" } else { "virginica" };
        Json(name.to_owned())
    };
    irises.into_iter().map(species).collect()
}

pub fn app() -> App {
    let predict = batch(predict).max_records(100).publish_to("predictions");
    App::new("Irises", "1.0.0")
        .cluster("localhost", Kafka::new("localhost:9092"))
        .router(Router::new("irises").subscribe("input_data", predict))
        .lifespan(model)
}

#[tokio::main]
pub async fn main() -> ExitCode {
    app().run().await
}
