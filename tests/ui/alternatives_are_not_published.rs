use milena::{Record, Router, each};

async fn one() -> String {
    String::new()
}
async fn other() {}

fn main() {
    let both = each(one).publish_to("ones").when(|record: &Record| record.key().is_some()).or(each(other));
    let _: Router = Router::new("group").subscribe("topic", both.publish_to("others"));
}
