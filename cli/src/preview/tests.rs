//! Whole previews in every language: what somebody reads before they sign.

mod contracts;

use sekisho_proto::statement::{
    Deny, Grant, Peering, PeeringBudget, PeeringParty, Principal, Revoke, RevokeTarget, Role,
    StreamDescriptor, Transducer, Transit,
};
use sekisho_proto::{
    Actions, Filter, Hash, PrincipalId, PrincipalKind, PublicKey, StatementBody, StreamClass,
    Suite, Timestamp,
};

use super::danger::Danger;
use super::effect::{Changed, Effect};
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-21T09:00:00Z")
}

fn grant(who: &str, actions: &str, filter: &str) -> Grant {
    Grant {
        organisation: "fujisawa".parse().unwrap(),
        grantee: who.parse().unwrap(),
        actions: actions.parse().unwrap(),
        filter: filter.parse().unwrap(),
        purpose: String::new(),
        issued: now(),
        from: now(),
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    }
}

fn park() -> Grant {
    Grant {
        purpose: "air-quality".to_owned(),
        until: Some(at("2026-12-20T00:00:00Z")),
        ..grant("park@santander", "subscribe,decrypt", "fujisawa/truck/+/air")
    }
}

fn role(member: &str) -> Role {
    Role {
        role: "role/family@fujisawa".parse().unwrap(),
        member: member.parse().unwrap(),
        issued: now(),
        until: None,
    }
}

fn background(kind: Option<PrincipalKind>) -> Background {
    Background { now: now(), kind, ..Background::default() }
}

fn changed(principal: &str, actions: &str, topics: &[&str]) -> Vec<Changed> {
    let one = |topic: &&str| Changed {
        principal: principal.parse().unwrap(),
        actions: actions.parse().unwrap(),
        topic: topic.parse().unwrap(),
    };
    topics.iter().map(one).collect()
}

fn opening(opened: Vec<Changed>) -> Option<Effect> {
    Some(Effect { opened, ..Effect::default() })
}

#[track_caller]
fn says(body: impl Into<StatementBody>, background: &Background, wanted: [&str; 3]) {
    let body = body.into();
    let said = Lang::ALL.map(|lang| Preview::of(&body, background, lang).text);
    assert_eq!(said, wanted);
}

#[track_caller]
fn warns(body: impl Into<StatementBody>, wanted: [&str; 3]) {
    let body = body.into();
    let said = Lang::ALL.map(|lang| Preview::of(&body, &background(None), lang).warnings.join("|"));
    assert_eq!(said, wanted);
}

const THREE: [&str; 3] = ["fujisawa/truck/1/air", "fujisawa/truck/2/air", "fujisawa/truck/3/air"];

#[test]
fn a_dashboard_may_read_until_a_day_and_three_topics_open() {
    let app = Background {
        effect: opening(changed("park@santander", "subscribe,decrypt", &THREE)),
        ..background(Some(PrincipalKind::App))
    };
    says(
        park(),
        &app,
        [
            "App “park” of santander can read fujisawa/truck/+/air from now on, for “air-quality”, \
             until 20 Dec 2026. They cannot look back at what came before. They cannot pass it on. \
             This also opens 3 topics they could not read before: fujisawa/truck/1/air, \
             fujisawa/truck/2/air and fujisawa/truck/3/air.",
            "La aplicación «park» de santander puede leer fujisawa/truck/+/air desde ahora, para \
             «air-quality», hasta el 20 de diciembre de 2026. No puede consultar lo anterior. No \
             puede cederlo a otros. Además abre 3 temas que antes no podía leer: \
             fujisawa/truck/1/air, fujisawa/truck/2/air y fujisawa/truck/3/air.",
            "santanderのアプリ「park」は、今から2026年12月20日まで、fujisawa/truck/+/airの閲覧ができます\
             （目的：「air-quality」）。それより前の記録は閲覧できません。他者に渡すことはできません。\
             さらに、これまで閲覧できなかったトピック3件が開かれます：fujisawa/truck/1/air、\
             fujisawa/truck/2/air、fujisawa/truck/3/air。",
        ],
    );
}

#[test]
fn history_is_told_as_far_as_it_goes() {
    let all = Grant {
        actions: "subscribe,history,decrypt,discover".parse().unwrap(),
        until: Some(at("2027-01-01T01:05:00Z")),
        ..park()
    };
    says(
        all.clone(),
        &background(None),
        [
            "“park” of santander can read fujisawa/truck/+/air from now on, for “air-quality”, \
             until 1 Jan 2027 at 01:05 UTC. They can look back at everything that is still kept. \
             They cannot pass it on.",
            "«park» de santander puede leer fujisawa/truck/+/air desde ahora, para «air-quality», \
             hasta el 1 de enero de 2027 a la 1:05 UTC. Puede consultar todo lo que aún se \
             conserva. No puede cederlo a otros.",
            "santanderの「park」は、今から2027年1月1日1時5分（UTC）まで、fujisawa/truck/+/airの閲覧ができます\
             （目的：「air-quality」）。保存されている過去の記録もすべて閲覧できます。\
             他者に渡すことはできません。",
        ],
    );
    let since = Grant { history_from: Some(at("2026-11-01T00:00:00Z")), until: None, ..all };
    says(
        Grant { purpose: String::new(), from: at("2026-12-01T14:30:00Z"), ..since },
        &background(Some(PrincipalKind::Person)),
        [
            "Person “park” of santander can read fujisawa/truck/+/air from 1 Dec 2026 at 14:30 UTC, \
             until it is revoked. They can look back at what was received since 1 Nov 2026. They \
             cannot pass it on.",
            "La persona «park» de santander puede leer fujisawa/truck/+/air desde el 1 de diciembre \
             de 2026 a las 14:30 UTC, hasta que se revoque. Puede consultar lo recibido desde el 1 \
             de noviembre de 2026. No puede cederlo a otros.",
            "santanderの利用者「park」は、2026年12月1日14時30分（UTC）から取り消されるまで、\
             fujisawa/truck/+/airの閲覧ができます。2026年11月1日以降に受信された記録も閲覧できます。\
             他者に渡すことはできません。",
        ],
    );
}

#[test]
fn whoever_may_receive_and_not_open_is_told_so() {
    says(
        grant("replayer@fujisawa", "subscribe,history", "fujisawa/truck/#"),
        &background(Some(PrincipalKind::Bridge)),
        [
            "Bridge “replayer” of fujisawa can receive but not open fujisawa/truck/# from now on, \
             until it is revoked. They can look back at everything that is still kept. They cannot \
             pass it on.",
            "El puente «replayer» de fujisawa puede recibir sin abrir fujisawa/truck/# desde ahora, \
             hasta que se revoque. Puede consultar todo lo que aún se conserva. No puede cederlo a \
             otros.",
            "fujisawaのブリッジ「replayer」は、今から取り消されるまで、fujisawa/truck/#の受信（開封は不可）\
             ができます。保存されている過去の記録もすべて閲覧できます。他者に渡すことはできません。",
        ],
    );
    says(
        grant("lab@fujisawa", "decrypt", "fujisawa/tide"),
        &background(None),
        [
            "“lab” of fujisawa can open fujisawa/tide from now on, until it is revoked. They cannot \
             pass it on.",
            "«lab» de fujisawa puede abrir fujisawa/tide desde ahora, hasta que se revoque. No \
             puede cederlo a otros.",
            "fujisawaの「lab」は、今から取り消されるまで、fujisawa/tideの開封ができます。\
             他者に渡すことはできません。",
        ],
    );
    says(
        grant("lab@fujisawa", "history,decrypt", "fujisawa/tide"),
        &background(None),
        [
            "“lab” of fujisawa can look back at fujisawa/tide from now on, until it is revoked. \
             They can look back at everything that is still kept. They cannot pass it on.",
            "«lab» de fujisawa puede consultar el historial de fujisawa/tide desde ahora, hasta que \
             se revoque. Puede consultar todo lo que aún se conserva. No puede cederlo a otros.",
            "fujisawaの「lab」は、今から取り消されるまで、fujisawa/tideの履歴の閲覧ができます。\
             保存されている過去の記録もすべて閲覧できます。他者に渡すことはできません。",
        ],
    );
}

#[test]
fn a_device_publishes_at_a_rate() {
    let truck = grant("truck-17@fujisawa", "publish", "fujisawa/truck/17/#");
    says(
        Grant { rate_per_s: Some(50), ..truck.clone() },
        &background(Some(PrincipalKind::Device)),
        [
            "Device “truck-17” of fujisawa can publish to fujisawa/truck/17/# from now on, until it \
             is revoked. They can send at most 50 envelopes per second. They cannot pass it on.",
            "El dispositivo «truck-17» de fujisawa puede publicar en fujisawa/truck/17/# desde \
             ahora, hasta que se revoque. Puede enviar como máximo 50 sobres por segundo. No puede \
             cederlo a otros.",
            "fujisawaのデバイス「truck-17」は、今から取り消されるまで、fujisawa/truck/17/#への発行ができます。\
             送信できるのは毎秒50通までです。他者に渡すことはできません。",
        ],
    );
    let once = Grant { rate_per_s: Some(1), ..truck };
    let said =
        Lang::ALL.map(|lang| Preview::of(&once.clone().into(), &background(None), lang).text);
    assert!(said[0].contains("1 envelope per"), "{}", said[0]);
    assert!(said[1].contains("1 sobre por"), "{}", said[1]);
}

#[test]
fn everything_for_everybody_is_told_with_every_warning() {
    let wide = Grant {
        onward: true,
        ..grant("*@santander", "publish,discover,grant,bridge,administer", "fujisawa/#")
    };
    says(
        wide.clone(),
        &background(None),
        [
            "Everybody of santander can publish to, find, grant others rights to, bridge and \
             administer fujisawa/# from now on, until it is revoked. They can grant it to others, \
             never more than they hold, and their organisation can pass it on to its own peers.",
            "Cualquiera de santander puede publicar en, encontrar, conceder a otros derechos sobre, \
             hacer de puente para y administrar fujisawa/# desde ahora, hasta que se revoque. Puede \
             concederlo a otros, nunca más de lo que tiene, y su organización puede cederlo a las \
             que estén asociadas con ella.",
            "santanderに属する全員は、今から取り消されるまで、fujisawa/#について、発行、検索、\
             他者への権限の付与、他システムとの中継、管理ができます。自らの権限の範囲内で、\
             他者にも許可できます。その組織は、これを提携先の組織に渡すことができます。",
        ],
    );
    warns(
        wide,
        [
            "Careful: this is about every topic of fujisawa, also of those to come.\
             |Careful: this is for everybody of santander, whoever joins there.\
             |Careful: they can grant others what they may do here.\
             |Careful: they can make statements about these topics.\
             |Careful: their organisation can pass it on.",
            "Atención: se trata de todos los temas de fujisawa, también de los futuros.\
             |Atención: vale para cualquiera de santander, también para quien se una después.\
             |Atención: podrá conceder a otros lo que aquí se le permite.\
             |Atención: podrá hacer declaraciones sobre estos temas.\
             |Atención: su organización podrá cederlo.",
            "注意：今後のものも含め、fujisawaのすべてのトピックが対象です。\
             |注意：今後加わる者も含め、santanderに属する全員が対象です。\
             |注意：ここで許可されたことを他者にも許可できます。\
             |注意：これらのトピックについて宣言できます。\
             |注意：その組織は、これを他の組織に渡すことができます。",
        ],
    );
    warns(
        grant("park@santander", "subscribe", "fujisawa/+/#"),
        [
            "Careful: this is about every topic of fujisawa, also of those to come.",
            "Atención: se trata de todos los temas de fujisawa, también de los futuros.",
            "注意：今後のものも含め、fujisawaのすべてのトピックが対象です。",
        ],
    );
    warns(
        grant("park@santander", "subscribe,history", "fujisawa/truck/#"),
        [
            "Careful: this includes everything kept so far.",
            "Atención: incluye todo lo conservado hasta ahora.",
            "注意：これまでに保存されたものすべてを含みます。",
        ],
    );
}

#[test]
fn what_is_harmless_is_signed_without_a_warning() {
    let harmless = [
        StatementBody::from(park()),
        grant("*@fujisawa", "subscribe", "fujisawa/truck/#").into(),
        Grant { history_from: Some(now()), ..grant("a@b", "history", "fujisawa/tide") }.into(),
        role("hanako@fujisawa").into(),
        role("*@fujisawa").into(),
    ];
    for body in harmless {
        assert_eq!(dangers(&body), [], "{body:?}");
    }
    assert_eq!(
        dangers(&role("*@santander").into()),
        [Danger::Everybody("santander".parse().unwrap())]
    );
}

#[test]
fn a_role_is_granted_to_and_given() {
    let opened = [
        changed("hanako@fujisawa", "subscribe,history,decrypt", &THREE[..1]),
        changed("jiro@fujisawa", "subscribe,history,decrypt", &THREE[..1]),
    ];
    says(
        grant("role/family@fujisawa", "subscribe,decrypt", "fujisawa/truck/1/air"),
        &Background { effect: opening(opened.concat()), ..background(None) },
        [
            "Whoever has the role “family” of fujisawa can read fujisawa/truck/1/air from now on, \
             until it is revoked. They cannot look back at what came before. They cannot pass it \
             on. This also opens 1 topic to 2 principals who could not read it before: \
             fujisawa/truck/1/air.",
            "Quien tenga el rol «family» de fujisawa puede leer fujisawa/truck/1/air desde ahora, \
             hasta que se revoque. No puede consultar lo anterior. No puede cederlo a otros. Además \
             abre 1 tema que 2 participantes antes no podían leer: fujisawa/truck/1/air.",
            "fujisawaの役割「family」を持つ者は、今から取り消されるまで、fujisawa/truck/1/airの閲覧ができます。\
             それより前の記録は閲覧できません。他者に渡すことはできません。さらに、\
             2者がこれまで閲覧できなかったトピック1件が開かれます：fujisawa/truck/1/air。",
        ],
    );
    let until = Role { until: Some(at("2026-12-20T00:00:00Z")), ..role("hanako@fujisawa") };
    says(
        until,
        &Background { effect: Some(Effect::default()), ..background(Some(PrincipalKind::Person)) },
        [
            "Person “hanako” of fujisawa has the role “family” of fujisawa from now on, until 20 \
             Dec 2026. On the topics known today it changes nothing.",
            "La persona «hanako» de fujisawa tiene el rol «family» de fujisawa desde ahora, hasta \
             el 20 de diciembre de 2026. En los temas que hoy se conocen no cambia nada.",
            "fujisawaの利用者「hanako」は、今から2026年12月20日まで、fujisawaの役割「family」を持ちます。\
             現在知られているトピックについては何も変わりません。",
        ],
    );
    says(
        role("*@santander"),
        &background(None),
        [
            "Everybody of santander has the role “family” of fujisawa from now on, until it is \
             revoked.",
            "Cualquiera de santander tiene el rol «family» de fujisawa desde ahora, hasta que se \
             revoque.",
            "santanderに属する全員は、今から取り消されるまで、fujisawaの役割「family」を持ちます。",
        ],
    );
}

fn deny(actions: &str) -> Deny {
    Deny {
        organisation: "fujisawa".parse().unwrap(),
        grantee: "truck-17@fujisawa".parse().unwrap(),
        actions: actions.parse().unwrap(),
        filter: "fujisawa/truck/17/#".parse().unwrap(),
        reason: "sensor broken".to_owned(),
        issued: now(),
    }
}

#[test]
fn a_deny_closes_whatever_is_granted() {
    let closed = changed("truck-17@fujisawa", "publish", &["fujisawa/truck/17/air"]);
    let effect = Some(Effect { closed, ..Effect::default() });
    says(
        deny("publish"),
        &Background { effect, ..background(Some(PrincipalKind::Device)) },
        [
            "Device “truck-17” of fujisawa cannot publish to fujisawa/truck/17/#, whatever is \
             granted, until this is revoked. Reason: “sensor broken”. This closes 1 topic they can \
             publish to today: fujisawa/truck/17/air.",
            "El dispositivo «truck-17» de fujisawa no puede publicar en fujisawa/truck/17/#, aunque \
             se le conceda, hasta que esto se revoque. Motivo: «sensor broken». Cierra 1 tema en el \
             que hoy puede publicar: fujisawa/truck/17/air.",
            "fujisawaのデバイス「truck-17」は、これが取り消されるまで、許可があっても\
             fujisawa/truck/17/#への発行ができません。理由：「sensor broken」。\
             現在発行できるトピック1件が閉じられます：fujisawa/truck/17/air。",
        ],
    );
    says(
        Deny { reason: String::new(), ..deny("publish,subscribe,history,decrypt,administer") },
        &background(None),
        [
            "“truck-17” of fujisawa cannot publish to, read or administer fujisawa/truck/17/#, \
             whatever is granted, until this is revoked. Topics are sealed in trees, with one key for \
             each tree. They get no key any more of any tree that this touches: what else is in it is \
             closed to them as well, until this is revoked.",
            "«truck-17» de fujisawa no puede publicar en, leer ni administrar fujisawa/truck/17/#, \
             aunque se le conceda, hasta que esto se revoque. Los temas se sellan por árboles, con una \
             clave para cada uno. No recibirá más claves de ningún árbol al que esto toque: también lo \
             demás que hay en él le queda cerrado, hasta que esto se revoque.",
            "fujisawaの「truck-17」は、これが取り消されるまで、許可があっても\
             fujisawa/truck/17/#について、発行、閲覧、管理ができません。\
             トピックはツリーごとに一つの鍵で封がされます。これが及ぶツリーの鍵は一切渡されなくなり、\
             取り消されるまで、そのツリーの他のトピックも開封できません。",
        ],
    );
}

#[test]
fn whoever_is_denied_a_key_is_told_to_lose_that_of_the_whole_tree() {
    let tree = [
        "Topics are sealed in trees, with one key for each tree. They get no key any more of any \
         tree that this touches: what else is in it is closed to them as well, until this is \
         revoked.",
        "Los temas se sellan por árboles, con una clave para cada uno. No recibirá más claves de \
         ningún árbol al que esto toque: también lo demás que hay en él le queda cerrado, hasta que \
         esto se revoque.",
        "トピックはツリーごとに一つの鍵で封がされます。これが及ぶツリーの鍵は一切渡されなくなり、\
         取り消されるまで、そのツリーの他のトピックも開封できません。",
    ];
    let said = |actions: &str| {
        let body = deny(actions).into();
        // It takes away: whoever is in a hurry is not asked again.
        assert_eq!(dangers(&body), []);
        Lang::ALL.map(|lang| Preview::of(&body, &background(None), lang).text)
    };
    for (text, tree) in said("decrypt").iter().zip(tree) {
        assert!(text.contains(tree), "wanted {tree}\nfound {text}");
    }
    for (text, tree) in said("publish,subscribe,history").iter().zip(tree) {
        assert!(!text.contains(tree), "{text}");
    }
}

fn revoke(target: RevokeTarget) -> Revoke {
    let organisation = "fujisawa".parse().unwrap();
    Revoke { organisation, target, reason: "stolen".to_owned(), issued: now() }
}

#[test]
fn a_revocation_says_what_ends() {
    let statement = revoke(RevokeTarget::Statement(Hash::new([0xab; 32])));
    let revoked = Background {
        revoked: Some(Box::new(park().into())),
        effect: Some(Effect {
            closed: [
                changed("park@santander", "subscribe,decrypt", &THREE),
                changed("sub@santander", "subscribe,decrypt", &THREE),
            ]
            .concat(),
            ..Effect::default()
        }),
        ..background(None)
    };
    says(
        Revoke { reason: String::new(), ..statement },
        &revoked,
        [
            "Statement abababababababab ends now, and with it all that was granted from it. It \
             said: “park” of santander can read fujisawa/truck/+/air from 21 Nov 2026 at 09:00 UTC, \
             for “air-quality”, until 20 Dec 2026. This closes 3 topics to 2 principals who can \
             read them today: fujisawa/truck/1/air, fujisawa/truck/2/air and fujisawa/truck/3/air.",
            "La declaración abababababababab termina ahora, y con ella todo lo que se concedió a \
             partir de ella. Decía: «park» de santander puede leer fujisawa/truck/+/air desde el 21 \
             de noviembre de 2026 a las 9:00 UTC, para «air-quality», hasta el 20 de diciembre de \
             2026. Cierra 3 temas que 2 participantes hoy pueden leer: fujisawa/truck/1/air, \
             fujisawa/truck/2/air y fujisawa/truck/3/air.",
            "ステートメントababababababababは直ちに終了し、それに基づいて与えられた権限もすべて終了します。\
             その内容：santanderの「park」は、2026年11月21日9時0分（UTC）から2026年12月20日まで、\
             fujisawa/truck/+/airの閲覧ができます（目的：「air-quality」）。\
             2者が現在閲覧できるトピック3件が閉じられます：fujisawa/truck/1/air、\
             fujisawa/truck/2/air、fujisawa/truck/3/air。",
        ],
    );
    let holder = Some("truck-17@fujisawa".parse().unwrap());
    let closed = changed("truck-17@fujisawa", "publish", &THREE[..2]);
    let effect = Some(Effect { closed, ..Effect::default() });
    says(
        revoke(RevokeTarget::Principal(PrincipalId::new([0xcd; 32]))),
        &Background { holder, effect, ..background(None) },
        [
            "The key cdcdcdcdcdcdcdcd of “truck-17” of fujisawa ends now, for good. Whoever holds \
             it is cut off, and comes back only with a new token. Reason: “stolen”. This closes 2 \
             topics they can publish to today: fujisawa/truck/1/air and fujisawa/truck/2/air.",
            "La clave cdcdcdcdcdcdcdcd de «truck-17» de fujisawa termina ahora y para siempre. \
             Quien la tenga queda desconectado y solo vuelve con un token nuevo. Motivo: «stolen». \
             Cierra 2 temas en los que hoy puede publicar: fujisawa/truck/1/air y \
             fujisawa/truck/2/air.",
            "fujisawaの「truck-17」の鍵cdcdcdcdcdcdcdcdは直ちに失効し、元には戻りません。\
             この鍵を持つ者は切断され、新しいトークンなしには戻れません。理由：「stolen」。\
             現在発行できるトピック2件が閉じられます：fujisawa/truck/1/air、fujisawa/truck/2/air。",
        ],
    );
}

fn tide(class: StreamClass) -> StreamDescriptor {
    StreamDescriptor {
        organisation: "fujisawa".parse().unwrap(),
        topic: "fujisawa/tide".parse().unwrap(),
        device_type: String::new(),
        title: String::new(),
        class,
        mobile: false,
        location: None,
        retention_s: None,
        transducers: Vec::new(),
        issued: now(),
    }
}

fn transducer(name: &str, unit: &str) -> Transducer {
    Transducer {
        name: name.parse().unwrap(),
        title: String::new(),
        unit: unit.parse().unwrap(),
        minimum: String::new(),
        maximum: String::new(),
        resolution: String::new(),
        accuracy: String::new(),
    }
}

#[test]
fn a_description_says_who_can_open_it() {
    let full = StreamDescriptor {
        device_type: "weather".to_owned(),
        title: "Truck 17".to_owned(),
        mobile: true,
        retention_s: Some(30 * 86_400),
        transducers: vec![transducer("pm2_5", "ug/m3"), transducer("inclination", "deg")],
        ..tide(StreamClass::Restricted)
    };
    says(
        full,
        &background(None),
        [
            "fujisawa/tide is restricted: it is sealed, and only those who were granted that can \
             open it. It comes from a device of the type “weather” called “Truck 17” that moves. It \
             carries pm2_5 in ug/m3 and inclination in deg. Its records are kept for 30 days.",
            "fujisawa/tide es restringido: va sellado y solo lo puede abrir quien tenga permiso \
             para ello. Procede de un dispositivo de tipo «weather» llamado «Truck 17» que se \
             mueve. Lleva pm2_5 en ug/m3 e inclination en deg. Sus registros se conservan 30 días.",
            "fujisawa/tideは制限付きデータです。封がされ、許可された者だけが開封できます。種類「weather」、\
             名称「Truck 17」の移動するデバイスが送信します。測定項目はpm2_5（ug/m3）、\
             inclination（deg）です。記録は30日間保存されます。",
        ],
    );
    let bare = vec![transducer("level", "m"), transducer("state", "")];
    let said = |transducers| {
        let body = StreamDescriptor { transducers, ..tide(StreamClass::Open) }.into();
        Lang::ALL.map(|lang| Preview::of(&body, &background(None), lang).text)
    };
    let wanted = [
        "It carries level in m and state.",
        "Lleva level en m y state.",
        "測定項目はlevel（m）、stateです。",
    ];
    for (said, wanted) in said(bare).iter().zip(wanted) {
        assert!(said.ends_with(wanted), "wanted the end {wanted}\nfound {said}");
    }
    says(
        StreamDescriptor { retention_s: Some(86_400), ..tide(StreamClass::Open) },
        &background(None),
        [
            "fujisawa/tide is open: signed but not sealed. Every node that carries it can read it, \
             and everybody who may receive it. Its records are kept for 1 day.",
            "fujisawa/tide es abierto: va firmado pero no sellado. Lo puede leer cada nodo que lo \
             lleva y todo el que pueda recibirlo. Sus registros se conservan 1 día.",
            "fujisawa/tideは公開データです。署名されますが封はされません。中継するすべてのノードと、\
             受信を許可されたすべての者が読めます。記録は1日間保存されます。",
        ],
    );
    says(
        StreamDescriptor { mobile: true, ..tide(StreamClass::Personal) },
        &background(None),
        [
            "fujisawa/tide is personal: it is about people, it is sealed, and only those who were \
             granted that can open it. It comes from a device that moves.",
            "fujisawa/tide es personal: trata de personas, va sellado y solo lo puede abrir quien \
             tenga permiso para ello. Procede de un dispositivo que se mueve.",
            "fujisawa/tideは個人に関するデータです。封がされ、許可された者だけが開封できます。\
             移動するデバイスが送信します。",
        ],
    );
}

#[test]
fn of_many_topics_the_first_are_named_and_the_others_counted() {
    let topics: Vec<String> = (1..=12).map(|truck| format!("fujisawa/t{truck:02}/air")).collect();
    let all: Vec<&str> = topics.iter().map(String::as_str).collect();
    let told = |topics: &[&str]| {
        let effect = opening(changed("park@santander", "publish", topics));
        let background = Background { effect, ..background(None) };
        Lang::ALL.map(|lang| {
            let text = Preview::of(&park().into(), &background, lang).text;
            let named = text.rsplit(['：', ':']).next().unwrap_or_default();
            named.trim().to_owned()
        })
    };
    let named = "fujisawa/t01/air, fujisawa/t02/air, fujisawa/t03/air, fujisawa/t04/air, \
                 fujisawa/t05/air";
    let japanese = named.replace(", ", "、");
    assert_eq!(
        told(&all),
        [
            format!("{named} and 7 others."),
            format!("{named} y 7 más."),
            format!("{japanese}、ほか7件。")
        ]
    );
    assert_eq!(
        told(&all[..6]),
        [
            format!("{named} and 1 other."),
            format!("{named} y 1 más."),
            format!("{japanese}、ほか1件。")
        ]
    );
}

#[test]
fn what_changes_is_told_deed_by_deed() {
    let mut opened = changed("park@santander", "subscribe,history,decrypt,discover", &THREE[..1]);
    opened.extend(changed("park@santander", "history", &THREE[1..2]));
    opened.extend(changed("park@santander", "publish", &THREE[2..]));
    let effect = opening(opened);
    let background = Background { effect, ..background(None) };
    let said = Lang::ALL.map(|lang| Preview::of(&park().into(), &background, lang).text);
    let wanted = [
        "They cannot pass it on. This also opens 1 topic they could not read before: \
         fujisawa/truck/1/air. This also opens 1 topic they could not look back at before: \
         fujisawa/truck/2/air. This also opens 1 topic they could not publish to before: \
         fujisawa/truck/3/air.",
        "No puede cederlo a otros. Además abre 1 tema que antes no podía leer: \
         fujisawa/truck/1/air. Además abre 1 tema cuyo historial antes no podía consultar: \
         fujisawa/truck/2/air. Además abre 1 tema en el que antes no podía publicar: \
         fujisawa/truck/3/air.",
        "他者に渡すことはできません。さらに、これまで閲覧できなかったトピック1件が開かれます：\
         fujisawa/truck/1/air。さらに、これまで履歴を閲覧できなかったトピック1件が開かれます：\
         fujisawa/truck/2/air。さらに、これまで発行できなかったトピック1件が開かれます：\
         fujisawa/truck/3/air。",
    ];
    for (said, wanted) in said.iter().zip(wanted) {
        assert!(said.ends_with(wanted), "wanted the end {wanted}\nfound {said}");
    }
}

#[test]
fn no_statement_and_no_kind_of_principal_is_without_words() {
    let kinds = PrincipalKind::ALL.map(Some).into_iter().chain([None]);
    let each = |kind| Actions::ALL.iter().map(move |action| (kind, action.name()));
    for (kind, actions) in kinds.flat_map(each) {
        for who in ["a@fujisawa", "*@fujisawa", "role/family@fujisawa"] {
            let granted = grant(who, actions, "fujisawa/tide").into();
            let denied = Deny { grantee: who.parse().unwrap(), ..deny(actions) }.into();
            for body in [granted, denied] {
                for lang in Lang::ALL {
                    let text = Preview::of(&body, &background(kind), lang).text;
                    let holes = ["  ", " ,", "、、", "«»", "“”", "「」", "?"];
                    assert!(!holes.iter().any(|hole| text.contains(hole)), "{text}");
                    assert!(text.ends_with(['.', '。']), "{text}");
                }
            }
        }
    }
    let other = Principal {
        name: "a@fujisawa".parse().unwrap(),
        kind: PrincipalKind::Person,
        public_key: PublicKey::new([1; 32]),
        kem_suite: Suite::Open,
        kem_public_key: Vec::new().into(),
        issued: now(),
        until: None,
        attested: false,
    };
    let keyless = Principal { kind: PrincipalKind::Device, attested: true, ..other.clone() };
    says(
        keyless,
        &background(None),
        [
            "Device “a” of fujisawa keeps no key: it comes with a user name and a password, and the \
             node of fujisawa signs in its place. What it publishes is not sealed: every node that \
             carries it can read it, and whoever controls the node of fujisawa can make it up.",
            "El dispositivo «a» de fujisawa no guarda ninguna clave: entra con un nombre de usuario y \
             una contraseña, y el nodo de fujisawa firma en su lugar. Lo que publica no va sellado: \
             lo puede leer cada nodo que lo lleva, y quien controle el nodo de fujisawa puede \
             inventarlo.",
            "fujisawaのデバイス「a」は鍵を持たず、ユーザー名とパスワードで接続し、\
             fujisawaのノードが代わりに署名します。発行するデータには封がされません。\
             中継するすべてのノードが読むことができ、fujisawaのノードを支配する者は偽造できます。",
        ],
    );
    says(
        other,
        &background(None),
        [
            "This is a statement of the kind “principal”.",
            "Es una declaración de la clase «principal».",
            "これは種類「principal」のステートメントです。",
        ],
    );
}
