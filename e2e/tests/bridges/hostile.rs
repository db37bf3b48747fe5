//! Names and values that are made to break something: they arrive as what they are, and nowhere else.

use sekisho::{Topic, Value};
use sekisho_e2e::{City, sekisho};
use sekisho_sensinact::name;
use serde_json::json;

use crate::broker::Mosquitto;
use crate::consumer::{Attachment, Consumer};
use crate::town::{Town, ago};

/// Texts that end something elsewhere.
const TEXTS: [&str; 5] = [
    "\"}]},{\"records\":[{\"provider\":\"fujisawa--truck--18\",\"value\":1}]}",
    "<script>alert(1)</script>",
    "${svc}/${context.topic}",
    "'; DROP TABLE providers; --",
    "\u{1F69B}\u{0000}\n\t\\u0000",
];

#[tokio::test]
async fn hostile_names_and_values_stay_where_they_belong() {
    let Some(broker) = Mosquitto::start().await else { return };
    let town = Town::found(City::plan("fujisawa").await).await;
    let config = town.configure(&broker.settings(), "");
    let bridge = town.start(&config);
    let topics = vec!["#".to_owned()];
    let attachment = Attachment { port: broker.plain().port(), tls: false, login: None, topics };
    let consumer = Consumer::start(attachment);
    let places = [
        "fujisawa/truck/%24SYS/admin",
        "fujisawa/truck/a--b/data",
        "fujisawa/truck/x${x} \"'<b>/Ärger 園",
        "fujisawa/truck/..a%25/admin--friendlyName",
    ];
    for (number, place) in places.iter().enumerate() {
        let device = town.device(&format!("hostile-{number}"), place).await;
        let texts =
            TEXTS.iter().zip(["../../admin/location", "friendlyName", "${svc}", "a b\"c", "value"]);
        let values: Vec<(&str, Value)> =
            texts.map(|(text, name)| (name, Value::Text((*text).to_owned()))).collect();
        device.say(ago(5), &values).await;
        let (provider, service) = name::of_topic(&Topic::parse(place).unwrap(), 3);
        for (name, value) in &values {
            let Value::Text(text) = value else { continue };
            let resource = name::of_transducer(&name.parse().unwrap());
            let held =
                consumer.holds(&format!("{provider}/{service}/{resource}"), json!(text)).await;
            assert_eq!(held.class, "String");
        }
        consumer.holds(&format!("{provider}/admin/friendlyName"), json!(place)).await;
    }
    consumer.look(|seen| {
        assert_eq!(seen.last.len(), places.len());
        assert_eq!(seen.twin.errors, Vec::<String>::new());
        let services = seen.twin.resources.keys().filter(|name| name.contains("/admin/"));
        assert!(services.clone().all(|name| name.ends_with("/admin/friendlyName")));
        assert!(!seen.twin.resources.keys().any(|name| name.contains("truck--18")));
    });
    drop(bridge);
}

#[tokio::test]
async fn a_configuration_is_judged_before_it_is_run() {
    let town = Town::found(City::plan("fujisawa").await).await;
    let plain = "address = \"127.0.0.1:1\"\nplaintext = true\n";
    let config = town.configure(plain, "");
    let config = config.to_str().unwrap();
    let check = ["bridge", "sensinact", "--check", "--config", config];
    let said = sekisho(&check).await.done();
    assert!(said.contains("fujisawa/truck/# fujisawa/home/#"), "{said}");
    let far = "address = \"broker.example:1883\"\nplaintext = true\ntopic = \"a/+\"\n";
    let config = town.configure(far, "");
    let said = sekisho(&["bridge", "sensinact", "--config", config.to_str().unwrap()]).await;
    said.clone().failed(4, "mqtt.plaintext: wanted false");
    said.failed(4, "mqtt.topic: wanted an MQTT topic");
    let config = town.configure(plain, "loop = true\n");
    let said = sekisho(&["bridge", "sensinact", "--config", config.to_str().unwrap()]).await;
    said.failed(4, "unknown field `loop`");
}
