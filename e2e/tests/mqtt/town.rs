//! A city whose node lets MQTT in, and somebody who may say and hear everything there.

use sekisho_e2e::{City, Mosquitto};

use crate::raw::{Login, login};

const ALL: &str = "fujisawa/mqtt/#";

pub(crate) async fn town() -> (City, Login) {
    let mut city = City::plan("fujisawa").await;
    city.open("mqtt");
    city.start().await;
    let meter = Mosquitto::enrol(&city, "meter", &[ALL], &[ALL]).await;
    let who = login(&city, &meter);
    (city, who)
}
