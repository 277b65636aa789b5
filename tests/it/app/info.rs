use milena::{
    App, Memory, Router, each,
    serve::{Contact, License},
};

async fn bill() {}

#[test]
fn what_was_said_of_an_app_can_be_read_back() {
    let app = App::new("Billing", "1.4.0")
        .description("Makes invoices.")
        .contact(Contact::new("Ada").url("https://example.com").email("ada@example.com"))
        .license(License::new("MIT").url("https://opensource.org/license/mit"))
        .terms("https://example.com/terms");

    let info = app.info();
    assert_eq!((&*info.title, &*info.version), ("Billing", "1.4.0"));
    assert_eq!(info.description.as_deref(), Some("Makes invoices."));
    let contact = info.contact.as_ref().unwrap();
    assert_eq!(&*contact.name, "Ada");
    assert_eq!(contact.url.as_deref(), Some("https://example.com"));
    assert_eq!(contact.email.as_deref(), Some("ada@example.com"));
    assert_eq!(info.license, Some(License::new("MIT").url("https://opensource.org/license/mit")));
    assert_eq!(info.terms.as_deref(), Some("https://example.com/terms"));
}

#[test]
fn what_was_not_said_of_an_app_is_not_made_up() {
    let app = App::new("Billing", "1.4.0");

    assert_eq!((&app.info().description, &app.info().contact), (&None, &None));
    assert_eq!((&app.info().license, &app.info().terms), (&None, &None));
}

#[test]
fn an_app_tells_of_its_clusters_groups_and_topics() {
    let app = App::new("Billing", "1.4.0")
        .cluster("eu", Memory::new())
        .cluster("us", Memory::new())
        .router(Router::new("billing").subscribe(["orders", "refunds"], each(bill)))
        .router_on("us", Router::new("billing").subscribe("orders", each(bill).title("Bills")));

    let clusters: Vec<_> = app.clusters().collect();
    assert_eq!((clusters[0].name, clusters[0].is_default), ("eu", true));
    assert_eq!((clusters[1].name, clusters[1].is_default), ("us", false));
    let [eu] = &*clusters[0].operations else { panic!("one subscription on eu") };
    assert_eq!((eu.group, eu.topics.names().len()), ("billing", 2));
    let [us] = &*clusters[1].operations else { panic!("one subscription on us") };
    assert_eq!((&*us.topics.names()[0], us.operation.title.as_deref()), ("orders", Some("Bills")));
    let all: Vec<_> = app.operations().map(|(cluster, it)| (cluster, it.group)).collect();
    assert_eq!(all, [("eu", "billing"), ("us", "billing")]);
}
