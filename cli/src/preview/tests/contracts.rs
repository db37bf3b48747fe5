//! Contracts between organisations, in words.

use super::*;

fn party(name: &str) -> PeeringParty {
    PeeringParty {
        organisation: name.parse().unwrap(),
        root: Hash::new([1; 32]),
        node_key: PublicKey::new([2; 32]),
        address: format!("{name}.example:7600"),
        exports: Vec::new(),
        imports: Vec::new(),
        onward: false,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: PeeringBudget::default(),
    }
}

fn contract(left: PeeringParty, right: PeeringParty) -> Peering {
    let until = Some(at("2027-11-21T00:00:00Z"));
    Peering { parties: [left, right], purposes: Vec::new(), issued: now(), from: now(), until }
}

fn filters(texts: &[&str]) -> Vec<Filter> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn a_contract_says_what_each_side_offers_and_takes() {
    let topics = filters(&["fujisawa/truck/#", "fujisawa/tide"]);
    let fujisawa = PeeringParty { exports: topics.clone(), ..party("fujisawa") };
    let santander = PeeringParty { imports: topics, ..party("santander") };
    let purposes = vec!["air-quality".to_owned(), "research".to_owned()];
    says(
        Peering { purposes, ..contract(fujisawa.clone(), santander) },
        &background(None),
        [
            "fujisawa and santander make a contract from now on, for “air-quality” and “research”, \
             until 21 Nov 2027. fujisawa offers santander what it grants of fujisawa/truck/# and \
             fujisawa/tide. santander may not pass it on.",
            "fujisawa y santander firman un contrato desde ahora, para «air-quality» y «research», \
             hasta el 21 de noviembre de 2027. fujisawa ofrece a santander lo que conceda de \
             fujisawa/truck/# y fujisawa/tide. santander no puede cederlo a otras.",
            "fujisawaとsantanderは、今から2027年11月21日まで、契約を結びます（目的：「air-quality」「research」）。\
             fujisawaは、fujisawa/truck/#、fujisawa/tideのうち許可したものをsantanderに提供します。\
             santanderは、これを他の組織に渡すことはできません。",
        ],
    );
    let less = PeeringParty { imports: filters(&["fujisawa/tide"]), ..party("santander") };
    says(
        contract(PeeringParty { onward: true, ..fujisawa }, less),
        &background(None),
        [
            "fujisawa and santander make a contract from now on, until 21 Nov 2027. fujisawa offers \
             santander what it grants of fujisawa/truck/# and fujisawa/tide. santander takes \
             fujisawa/tide of fujisawa. santander may pass it on to its own peers.",
            "fujisawa y santander firman un contrato desde ahora, hasta el 21 de noviembre de 2027. \
             fujisawa ofrece a santander lo que conceda de fujisawa/truck/# y fujisawa/tide. \
             santander toma fujisawa/tide de fujisawa. santander puede cederlo a las organizaciones \
             asociadas con ella.",
            "fujisawaとsantanderは、今から2027年11月21日まで、契約を結びます。\
             fujisawaは、fujisawa/truck/#、fujisawa/tideのうち許可したものをsantanderに提供します。\
             santanderはfujisawaからfujisawa/tideを受け取ります。\
             santanderは、これを提携先の組織に渡すことができます。",
        ],
    );
}

fn passage() -> Peering {
    let transit = |filters| Transit {
        organisation: "fujisawa".parse().unwrap(),
        root: Hash::new([0xab; 32]),
        filters,
    };
    let kyoto = PeeringParty {
        passes_on: vec![transit(filters(&["fujisawa/truck/#"]))],
        carries_home: filters(&["santander/bus/#"]),
        ..party("kyoto")
    };
    let budget = PeeringBudget {
        bytes_per_s: Some(250_000),
        envelopes_per_s: Some(500),
        interests: Some(64),
        history_bytes_per_s: Some(1_000_000),
    };
    contract(kyoto, PeeringParty { budget, ..party("santander") })
}

#[test]
fn a_contract_says_what_comes_through_a_peer_and_how_much() {
    let root = "ab".repeat(32);
    let english = format!(
        "kyoto and santander make a contract from now on, until 21 Nov 2027. kyoto passes on to \
         santander what fujisawa states, and fujisawa/truck/#. santander knows fujisawa from then on \
         by the root {root}. kyoto carries envelopes of santander's publishers on santander/bus/# \
         home to it. santander may send kyoto at most 250000 bytes per second. santander may send \
         kyoto at most 500 envelopes per second. santander may ask kyoto for at most 64 filters at a \
         time. kyoto gives santander at most 1000000 bytes per second of what it kept."
    );
    let spanish = format!(
        "kyoto y santander firman un contrato desde ahora, hasta el 21 de noviembre de 2027. kyoto \
         cede a santander lo que declara fujisawa, y además fujisawa/truck/#. Desde entonces \
         santander conoce a fujisawa por la raíz {root}. kyoto lleva hasta santander los sobres que \
         esta publique en santander/bus/#. santander puede enviar a kyoto como máximo 250000 bytes \
         por segundo. santander puede enviar a kyoto como máximo 500 sobres por segundo. santander \
         puede pedir a kyoto como máximo 64 filtros a la vez. kyoto entrega a santander como máximo \
         1000000 bytes por segundo de lo conservado."
    );
    let japanese = format!(
        "kyotoとsantanderは、今から2027年11月21日まで、契約を結びます。\
         kyotoはsantanderに、fujisawaのステートメントとfujisawa/truck/#を渡します。\
         santanderは以後、fujisawaをルート{root}によって認識します。\
         kyotoは、santanderの発行者がsantander/bus/#に発行するものをsantanderまで運びます。\
         santanderがkyotoに送信できるのは毎秒250000バイトまでです。\
         santanderがkyotoに送信できるのは毎秒500通までです。\
         santanderがkyotoに同時に求められるフィルターは64個までです。\
         kyotoがsantanderに渡す過去の記録は毎秒1000000バイトまでです。"
    );
    says(passage(), &background(None), [&english, &spanish, &japanese]);
    let mut silent = passage();
    silent.parties[0].passes_on[0].filters.clear();
    let text = Preview::of(&silent.into(), &background(None), Lang::En).text;
    assert!(text.contains("what fujisawa states, but none of its topics."), "{text}");
}

#[test]
fn what_travels_on_and_whom_one_knows_by_a_peer_s_word_is_asked_about() {
    let fujisawa =
        PeeringParty { exports: filters(&["fujisawa/#"]), onward: true, ..party("fujisawa") };
    warns(
        contract(fujisawa, party("santander")),
        [
            "Careful: topics of fujisawa may travel on to organisations that santander chooses.",
            "Atención: los temas de fujisawa pueden llegar a organizaciones que santander elija.",
            "注意：fujisawaのトピックは、santanderが選ぶ組織にも渡り得ます。",
        ],
    );
    warns(
        passage(),
        [
            "Careful: santander takes kyoto's word for who fujisawa is. Compare the root with what \
             fujisawa itself says.",
            "Atención: santander cree a kyoto quién es fujisawa. Compare la raíz con lo que diga la \
             propia fujisawa.",
            "注意：santanderはfujisawaが誰であるかについてkyotoの言葉を信じることになります。\
             ルートをfujisawa自身の言うものと照合してください。",
        ],
    );
    warns(contract(party("kyoto"), party("santander")), ["", "", ""]);
}
