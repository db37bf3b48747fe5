//! One message of each kind, with fixed and recognisable values.

use bytes::Bytes;
use sekisho_proto::{
    AccessEntry, AccessKind, AccessRecord, Action, Actions, AdmissionBy, BootId, ContentType,
    CursorName, Envelope, Epoch, Errand, ErrandAnswer, ErrandAnswerContent, ErrandContent,
    ErrandId, ErrandOutcome, ErrandTask, Filter, Frame, GapReason, Hash, Header,
    InvitationStanding, InviteTask, KeyHeader, KeyHeaderContent, KeyHeaderId, ListedInvitation,
    LogEntry, LogName, LoginNonce, Office, Offset, OrgName, Position, PrincipalId, PrincipalKind,
    PrincipalName, PublicKey, RefusalCode, Sample, SampleBatch, SampleValue, Scope, Sequence,
    Signature, Statement, StatementIndex, StreamClass, Suite, TaskSecret, Timestamp, TokenId,
    Topic, Value,
    frame::{self, AnswerBody, ErrandStanding, Question, Which},
    statement,
};

const MICROS: i64 = 1_763_600_461_000_001;

fn org(text: &str) -> OrgName {
    text.parse().unwrap()
}

fn topic() -> Topic {
    "fujisawa/ゴミ収集車/17".parse().unwrap()
}

fn filter() -> Filter {
    "fujisawa/+/17/#".parse().unwrap()
}

fn truck() -> PrincipalName {
    "truck-17@fujisawa".parse().unwrap()
}

fn time() -> Timestamp {
    Timestamp::from_micros(MICROS)
}

fn later() -> Timestamp {
    Timestamp::from_micros(MICROS + 86_400_000_000)
}

/// Bytes that count up from a first one, so that a moved field shows.
fn counted<const COUNT: usize>(first: u8) -> [u8; COUNT] {
    let mut next = first;
    [0; COUNT].map(|_: u8| {
        let byte = next;
        next = next.wrapping_add(1);
        byte
    })
}

fn many(first: u8, count: usize) -> Bytes {
    (0..251).cycle().take(count).map(|more| first.wrapping_add(more)).collect()
}

fn signature(first: u8) -> Signature {
    Signature::new(counted(first))
}

fn publisher() -> PrincipalId {
    PrincipalId::new(counted(0x10))
}

fn boot() -> BootId {
    BootId::new(counted(0x40))
}

pub(crate) fn keys() -> Vec<PublicKey> {
    vec![PublicKey::new(counted(0)), PublicKey::new([0xff; 32])]
}

pub(crate) fn open_header() -> Header {
    Header {
        suite: Suite::Open,
        topic: "o/a".parse().unwrap(),
        publisher: publisher(),
        boot: boot(),
        sequence: Sequence::ZERO,
        time: Timestamp::EPOCH,
        epoch: Epoch::ZERO,
        key_header: None,
        previous: None,
        content_type: ContentType::parse("text/plain").unwrap(),
        sample_count: 0,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Organisation,
        attester: None,
    }
}

fn sealed_header() -> Header {
    Header {
        suite: Suite::XWingAes256Gcm,
        topic: topic(),
        publisher: publisher(),
        boot: boot(),
        sequence: Sequence::new(300),
        time: time(),
        epoch: Epoch::new(7),
        key_header: Some(KeyHeaderId::new(counted(0x60))),
        previous: Some(Hash::new(counted(0x80))),
        content_type: ContentType::samples(),
        sample_count: 64,
        flags: 1,
        expiry_s: 3600,
        scope: Scope::Federation,
        attester: None,
    }
}

pub(crate) fn envelopes() -> Vec<(&'static str, Envelope)> {
    let extreme = Header {
        sequence: Sequence::MAX,
        time: Timestamp::MIN,
        epoch: Epoch::MAX,
        sample_count: u32::MAX,
        flags: 0xffff,
        expiry_s: u32::MAX,
        ..sealed_header()
    };
    let attested = Header {
        flags: Header::FLAG_RETAIN | (1 << Header::QUALITY_SHIFT),
        attester: Some(PrincipalId::new(counted(0x70))),
        ..open_header()
    };
    [
        ("open", open_header(), &b"body"[..]),
        ("attested", attested, &b"21.5"[..]),
        ("sealed", sealed_header(), &[0xa5; 48]),
        ("extreme", extreme, &[]),
    ]
    .into_iter()
    .map(|(name, header, body)| {
        let envelope = Envelope::assemble(header.encode(), body.to_vec(), signature(0xc0));
        (name, envelope.unwrap())
    })
    .collect()
}

pub(crate) fn key_headers() -> Vec<(&'static str, KeyHeader)> {
    [("x25519", Suite::X25519ChaCha20Poly1305), ("x-wing", Suite::XWingAes256Gcm)]
        .into_iter()
        .map(|(name, suite)| {
            let content = KeyHeaderContent {
                suite,
                topic: topic(),
                epoch: Epoch::new(7),
                publisher: publisher(),
                boot: boot(),
                encapsulation: many(0x20, suite.encapsulation_bytes().unwrap()),
                commitment: counted(0xa0),
            };
            (name, KeyHeader::assemble(content.encode(), signature(0xc0)).unwrap())
        })
        .collect()
}

pub(crate) fn sample_batches() -> Vec<(&'static str, SampleBatch)> {
    let value = |transducer: &str, unit: &str, value| SampleValue {
        transducer: transducer.parse().unwrap(),
        unit: unit.parse().unwrap(),
        value,
    };
    let at = |micros, values| Sample { time: Timestamp::from_micros(MICROS + micros), values };
    let kinds = [
        at(
            0,
            vec![
                value("pm2_5", "ug/m3", Value::Float(12.5)),
                value("count", "", Value::Integer(-3)),
            ],
        ),
        at(10_000, vec![value("note", "", Value::Text("坂".to_owned()))]),
        at(
            5_000,
            vec![
                value("pm2_5", "ug/m3", Value::Float(-0.0)),
                value("on", "", Value::Boolean(true)),
            ],
        ),
        at(
            5_000,
            vec![
                value("pm2_5", "ug/m3", Value::Integer(1)),
                value("raw", "", Value::Blob(vec![0, 255])),
            ],
        ),
    ];
    let nan = [at(0, vec![value("x", "", Value::Float(f64::from_bits(0x7ff8_0000_dead_beef)))])];
    let holes: Vec<_> = (0..11)
        .map(|number| {
            let values = if number % 2 == 0 {
                vec![]
            } else {
                vec![value("x", "m", Value::Integer(number))]
            };
            at(number * 10_000, values)
        })
        .collect();
    [("kinds", &kinds[..]), ("nan", &nan), ("holes", &holes)]
        .into_iter()
        .map(|(name, samples)| (name, SampleBatch::from_samples(samples).unwrap()))
        .collect()
}

fn rights() -> [statement::StatementBody; 4] {
    let grant = statement::Grant {
        organisation: org("fujisawa"),
        grantee: "*@santander".parse().unwrap(),
        actions: Actions::of(&[Action::Subscribe, Action::History, Action::Decrypt]),
        filter: filter(),
        purpose: "air quality research".to_owned(),
        issued: time(),
        from: time(),
        until: Some(later()),
        history_from: Some(Timestamp::EPOCH),
        onward: true,
        rate_per_s: Some(100),
    };
    let deny = statement::Deny {
        organisation: org("fujisawa"),
        grantee: "truck-17@fujisawa".parse().unwrap(),
        actions: Actions::ALL,
        filter: filter(),
        reason: "stolen".to_owned(),
        issued: time(),
    };
    let revoke = |target| statement::Revoke {
        organisation: org("fujisawa"),
        target,
        reason: "stolen".to_owned(),
        issued: time(),
    };
    [
        grant.into(),
        deny.into(),
        revoke(statement::RevokeTarget::Statement(Hash::new(counted(0x80)))).into(),
        revoke(statement::RevokeTarget::Principal(publisher())).into(),
    ]
}

fn identities() -> [statement::StatementBody; 4] {
    let root = statement::OrgRoot {
        organisation: org("fujisawa"),
        keys: keys(),
        threshold: 2,
        issued: time(),
    };
    let issuer = statement::Issuer {
        name: "administrator@fujisawa".parse().unwrap(),
        public_key: PublicKey::new(counted(0x30)),
        issued: time(),
        until: None,
    };
    let principal = statement::Principal {
        name: truck(),
        kind: PrincipalKind::Device,
        public_key: PublicKey::new(counted(0x30)),
        kem_suite: Suite::X25519Aes256Gcm,
        kem_public_key: many(0x50, 32),
        issued: time(),
        until: Some(later()),
        attested: false,
    };
    let keyless = statement::Principal {
        name: "meter@fujisawa".parse().unwrap(),
        public_key: PublicKey::new(counted(0x31)),
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        until: None,
        attested: true,
        ..principal.clone()
    };
    [root.into(), issuer.into(), principal.into(), keyless.into()]
}

fn stream() -> statement::StreamDescriptor {
    statement::StreamDescriptor {
        organisation: org("fujisawa"),
        topic: topic(),
        device_type: "garbage truck".to_owned(),
        title: "17号車".to_owned(),
        class: StreamClass::Restricted,
        mobile: true,
        location: Some(statement::Location { latitude_e7: 353_390_000, longitude_e7: -1 }),
        retention_s: Some(0),
        transducers: vec![statement::Transducer {
            name: "pm2_5".parse().unwrap(),
            title: "PM2.5".to_owned(),
            unit: "ug/m3".parse().unwrap(),
            minimum: "0".to_owned(),
            maximum: "1e3".to_owned(),
            resolution: "0.1".to_owned(),
            accuracy: String::new(),
        }],
        issued: time(),
    }
}

fn keys_of_epochs() -> [statement::StatementBody; 2] {
    let epoch = statement::EpochAnnounce {
        organisation: org("fujisawa"),
        tree: filter(),
        epoch: Epoch::new(7),
        suite: Suite::X25519Aes256Gcm,
        public_key: many(0x50, 32),
        issued: time(),
        not_before: time(),
        not_after: later(),
        min_epoch: Epoch::new(6),
    };
    let grant = statement::KeyGrant {
        organisation: org("fujisawa"),
        tree: filter(),
        epoch: Epoch::new(7),
        suite: Suite::X25519Aes256Gcm,
        reader: publisher(),
        purpose: "dashboard".to_owned(),
        encapsulation: many(0x20, 32),
        sealed_seed: many(0x70, 48),
        issued: time(),
    };
    [epoch.into(), grant.into()]
}

fn peering() -> statement::Peering {
    let party = |own: &str, other: &str, first| statement::PeeringParty {
        organisation: org(own),
        root: Hash::new(counted(first)),
        node_key: PublicKey::new(counted(first)),
        address: format!("{own}.example:7443"),
        exports: vec![Filter::everything(&org(own))],
        imports: vec![Filter::everything(&org(other))],
        onward: first == 1,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: statement::PeeringBudget {
            bytes_per_s: (first == 2).then_some(1_000_000),
            ..statement::PeeringBudget::default()
        },
    };
    statement::Peering {
        parties: [party("fujisawa", "santander", 1), party("santander", "fujisawa", 2)],
        purposes: vec!["research".to_owned(), "calidad del aire".to_owned()],
        issued: time(),
        from: time(),
        until: None,
    }
}

/// The same with everything that a contract may say.
fn peering_in_full() -> statement::Peering {
    let mut peering = peering();
    let [fujisawa, santander] = &mut peering.parties;
    fujisawa.passes_on = ["bilbao", "toulouse"]
        .map(|third| statement::Transit {
            organisation: org(third),
            root: Hash::new(counted(third.as_bytes()[0])),
            filters: (third == "toulouse")
                .then(|| Filter::everything(&org(third)))
                .into_iter()
                .collect(),
        })
        .to_vec();
    santander.carries_home = vec![Filter::parse("fujisawa/truck/#").unwrap()];
    santander.budget = statement::PeeringBudget {
        bytes_per_s: Some(1_000_000),
        envelopes_per_s: Some(20_000),
        interests: Some(64),
        history_bytes_per_s: Some(4 << 20),
    };
    peering
}

fn role() -> statement::Role {
    statement::Role {
        role: "role/family@fujisawa".parse().unwrap(),
        member: "sato@santander".parse().unwrap(),
        issued: time(),
        until: Some(later()),
    }
}

fn erasures() -> [statement::StatementBody; 2] {
    let erased = statement::Erased::Epoch {
        tree: filter(),
        epoch: Epoch::new(7),
        key: Hash::new(counted(0x40)),
    };
    [erased, statement::Erased::Subject(publisher())].map(|erased| {
        statement::Erasure {
            organisation: org("fujisawa"),
            erased,
            records: 300,
            reason: "retention".to_owned(),
            issued: time(),
        }
        .into()
    })
}

pub(crate) fn statements() -> Vec<Statement> {
    let others = [stream().into()].into_iter().chain(keys_of_epochs()).chain([peering().into()]);
    let others = others.chain([role().into()]).chain(erasures()).chain([peering_in_full().into()]);
    identities()
        .into_iter()
        .chain(rights())
        .chain(others)
        .map(|body: statement::StatementBody| {
            Statement::unsigned(body)
                .with_signature(PrincipalId::new(counted(0x90)), signature(0xc0))
                .with_signature(PrincipalId::new(counted(0x70)), signature(0xd0))
        })
        .collect()
}

fn questions() -> Vec<Question> {
    vec![
        Question::Principal(publisher()),
        Question::EpochOf(topic()),
        Question::KeyGrants { tree: filter(), epoch: Epoch::new(7) },
        Question::KeyHeader(KeyHeaderId::new(counted(0x60))),
        Question::StreamHead { topic: topic(), boot: boot() },
        Question::Who { topic: topic(), action: Action::Decrypt, at: Some(Timestamp::EPOCH) },
        Question::Why { principal: truck(), action: Action::Publish, topic: topic(), at: None },
        Question::What { principal: truck(), at: Some(time()) },
        Question::Discover { filter: filter(), after: Some(topic()), max: 500 },
        Question::Enrolments,
        Question::Peers,
        Question::Status,
        Question::RefuseEnrolment {
            token_id: TokenId::new(counted(0x20)),
            why: "not ours".to_owned(),
        },
        Question::TellEnrolment {
            token_id: TokenId::new(counted(0x20)),
            why: "sign in".to_owned(),
        },
        Question::Checkpoint { log: LogName::Access(org("fujisawa")), old_size: 300 },
        Question::Inclusion {
            log: LogName::Control(org("fujisawa")),
            which: Which::Statement(Hash::new(counted(0x30))),
            size: 301,
        },
        Question::Inclusion {
            log: LogName::Access(org("fujisawa")),
            which: Which::Index(0),
            size: 301,
        },
        Question::Diff(Bytes::from_static(b"statement")),
        Question::Erase { principal: truck(), id: Some(publisher()) },
        Question::Accesses { subject: None, from: 300, max: 100 },
        Question::Errand(Bytes::from_static(b"errand")),
        Question::Errands,
        Question::AnswerErrand(Bytes::from_static(b"answer")),
        Question::Sessions { principal: Some(truck()), from: 300, max: 100 },
        Question::Refusals { before: Some(0), max: 100 },
        Question::Refusals { before: None, max: 0 },
        Question::Epochs { after: Some(filter()), max: 100 },
        Question::Storage { filter: Some(filter()), levels: 3, after: Some(filter()), max: 100 },
    ]
}

fn greetings() -> Vec<Frame> {
    vec![
        frame::Hello {
            version: 1,
            software: "sekisho-agent 0.1.0".to_owned(),
            organisation: org("fujisawa"),
        }
        .into(),
        frame::Welcome {
            version: 1,
            organisation: org("fujisawa"),
            principal: Some(truck()),
            policy_version: 12,
            time: time(),
            envelope_bytes_max: 65_536,
            inflight_max: 256,
        }
        .into(),
        frame::Ping { token: 1 }.into(),
        frame::Pong { token: u64::MAX }.into(),
        frame::Goodbye { code: Some(RefusalCode::Draining), why: "restart".to_owned() }.into(),
        frame::Goodbye { code: None, why: String::new() }.into(),
    ]
}

fn carrying() -> Vec<Frame> {
    let vouched = |offset| frame::Vouched { request: 1, offset, signature: signature(0xd0) }.into();
    [Some(Offset::new(300)), None].map(vouched).to_vec()
}

fn publishing() -> Vec<Frame> {
    vec![
        frame::Publish {
            request: 1,
            envelope: Bytes::from_static(b"envelope"),
            key_header: Some(Bytes::from_static(b"key header")),
        }
        .into(),
        frame::Published { request: 1, offset: Offset::new(300) }.into(),
        frame::Refused {
            request: 1,
            code: RefusalCode::SequenceGap,
            what: topic().to_string(),
            why: "wanted sequence 4, found 6".to_owned(),
            expected_sequence: Some(Sequence::new(4)),
        }
        .into(),
    ]
}

fn subscribing() -> Vec<Frame> {
    let starts = [
        frame::Start::Latest,
        frame::Start::LastValue,
        frame::Start::Offset(Offset::ZERO),
        frame::Start::Time(Timestamp::from_micros(-1)),
        frame::Start::Position(Position::new(300)),
        frame::Start::Earliest,
    ];
    let subscribes = starts.into_iter().map(|start| {
        Frame::from(frame::Subscribe {
            subscription: 1,
            filter: Filter::from(&topic()),
            start,
            cursor: Some(CursorName::parse("dashboard").unwrap()),
            credit: 1000,
        })
    });
    let others = [
        frame::Subscribed { subscription: 1, position: Position::ZERO, head: Position::new(300) }
            .into(),
        frame::Record {
            subscription: 1,
            position: Position::new(299),
            offset: Offset::new(12),
            received: time(),
            envelope: Bytes::from_static(b"envelope"),
            key_header: Some(Bytes::from_static(b"key header")),
            hops: vec![publisher()],
        }
        .into(),
        frame::Gap {
            subscription: 1,
            from_position: Position::ZERO,
            to_position: Position::new(20),
            reason: GapReason::Retention,
            topic: Some(topic()),
        }
        .into(),
        frame::Credit { subscription: 1, records: 500 }.into(),
        frame::Acknowledge { subscription: 1, position: Position::new(299) }.into(),
        frame::Unsubscribe { subscription: 1 }.into(),
    ];
    subscribes.chain(others).collect()
}

fn asking() -> Vec<Frame> {
    let answers = [
        AnswerBody::Statements(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]),
        AnswerBody::KeyHeader(Bytes::from_static(b"key header")),
        AnswerBody::ExpectedSequence(Sequence::ZERO),
        AnswerBody::Json("{}".to_owned()),
        AnswerBody::Checkpoint {
            note: "sekisho/fujisawa/control\n".to_owned(),
            consistency: vec![Hash::new(counted(0x50))],
        },
        AnswerBody::Inclusion {
            index: 300,
            entry: Bytes::from_static(b"entry"),
            path: vec![Hash::new(counted(0x50)), Hash::new(counted(0x60))],
        },
        AnswerBody::Errand(ErrandStanding::Away),
        AnswerBody::Errand(ErrandStanding::Waiting),
        AnswerBody::Errand(ErrandStanding::Answered(Bytes::from_static(b"answer"))),
        AnswerBody::Errands(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]),
    ];
    let queries =
        questions().into_iter().map(|question| frame::Query { request: 2, question }.into());
    let answers = answers.into_iter().map(|answer| frame::Answer { request: 2, answer }.into());
    queries.chain(answers).collect()
}

fn logging() -> Vec<Frame> {
    vec![
        frame::State { request: 3, statements: vec![Bytes::from_static(b"statement")] }.into(),
        frame::Stated { request: 3, indices: vec![StatementIndex::new(9)] }.into(),
        frame::Follow {
            subscription: 4,
            organisation: org("santander"),
            from: StatementIndex::new(9),
        }
        .into(),
        frame::Statements {
            subscription: 4,
            organisation: org("santander"),
            first: StatementIndex::new(9),
            statements: vec![frame::FollowedStatement {
                statement: Bytes::from_static(b"statement"),
                received: time(),
            }],
        }
        .into(),
        frame::Enrol {
            version: 1,
            token_id: TokenId::new(counted(0x20)),
            public_key: PublicKey::new(counted(0x30)),
            kem_suite: Suite::X25519Aes256Gcm,
            kem_public_key: many(0x50, 32),
            proof: counted(0x80),
            sign_in: Bytes::new(),
        }
        .into(),
        frame::Enrol {
            version: 1,
            token_id: TokenId::new(counted(0x20)),
            public_key: PublicKey::new(counted(0x30)),
            kem_suite: Suite::X25519Aes256Gcm,
            kem_public_key: many(0x50, 32),
            proof: counted(0x80),
            sign_in: many(0xa0, 64),
        }
        .into(),
        frame::Enrolling {
            state: frame::EnrolmentState::Admitted,
            why: String::new(),
            statements: vec![Bytes::from_static(b"root")],
        }
        .into(),
        frame::Checkpoint {
            subscription: 4,
            note: "sekisho/fujisawa/access\n".to_owned(),
            old_size: 300,
            consistency: vec![Hash::new(counted(0x50))],
        }
        .into(),
        frame::Cosigned {
            subscription: 4,
            log: LogName::Access(org("fujisawa")),
            size: 301,
            signature: Some("\u{2014} sekisho/santander/node AAAA".to_owned()),
        }
        .into(),
    ]
}

fn channels() -> Vec<Frame> {
    let nonce = LoginNonce::new(counted(0x10));
    let login = |certificate| frame::Login {
        public_key: PublicKey::new(counted(0x30)),
        nonce: LoginNonce::new(counted(0x20)),
        certificate,
        signature: signature(0x80),
    };
    vec![
        frame::Challenge { nonce }.into(),
        login(Some(Hash::new(counted(0x50)))).into(),
        login(None).into(),
        frame::Proven {
            public_key: PublicKey::new(counted(0x40)),
            certificate: Hash::new(counted(0x50)),
            signature: signature(0x90),
        }
        .into(),
        frame::Ended { subscription: 1, code: None, what: String::new(), why: String::new() }
            .into(),
        frame::Ended {
            subscription: 1,
            code: Some(RefusalCode::NotPermitted),
            what: "filter".to_owned(),
            why: "wanted a grant, found none".to_owned(),
        }
        .into(),
    ]
}

pub(crate) fn entries() -> Vec<(&'static str, Vec<u8>)> {
    let logged = LogEntry { received: time(), statement: Bytes::from_static(b"statement") };
    let access = AccessEntry {
        kind: AccessKind::History,
        hour: AccessEntry::hour_of(time()),
        commitment: Hash::new(counted(0x40)),
    };
    let record = AccessRecord {
        kind: AccessKind::History,
        subject: truck(),
        id: publisher(),
        topics: Some(filter()),
        from: Some(Position::ZERO),
        to: Some(Position::new(300)),
        epoch: Some(Epoch::new(7)),
        purpose: "research".to_owned(),
        time: time(),
    };
    vec![
        ("log-entry", logged.encode()),
        ("access-entry", access.encode()),
        ("access-record", record.encode()),
    ]
}

pub(crate) fn errand() -> Errand {
    let content = ErrandContent {
        organisation: org("fujisawa"),
        id: ErrandId::new(counted(0x10)),
        asker: publisher(),
        steward: PrincipalId::new(counted(0x70)),
        issued: time(),
        until: Timestamp::from_micros(MICROS + 600_000_000),
        encapsulation: many(0, 1120),
        sealed: many(7, 99),
    };
    Errand::assemble(content.encode(), signature(0xa0)).unwrap()
}

pub(crate) fn errand_answer() -> ErrandAnswer {
    let asked = errand();
    let content = ErrandAnswerContent {
        organisation: org("fujisawa"),
        errand: asked.content().id,
        hash: asked.hash(),
        asker: publisher(),
        steward: PrincipalId::new(counted(0x70)),
        issued: time(),
        encapsulation: many(0, 32),
        sealed: many(7, 60),
    };
    ErrandAnswer::assemble(content.encode(), signature(0xb0)).unwrap()
}

pub(crate) fn tasks() -> Vec<ErrandTask> {
    let token_id = TokenId::new(counted(0x20));
    let invite = InviteTask {
        token_id,
        secret: TaskSecret::new(counted(0x30)),
        name: truck(),
        kind: PrincipalKind::Device,
        publish: vec![filter()],
        read: Vec::new(),
        minutes: 60,
        approval: AdmissionBy::Fingerprint("0123456789abcdef".to_owned()),
        replace: true,
        office: Office::None,
    };
    let person = InviteTask {
        name: "sato@fujisawa".parse().unwrap(),
        kind: PrincipalKind::Person,
        publish: Vec::new(),
        read: vec![filter(), filter()],
        approval: AdmissionBy::OpenId {
            issuer: "https://login.example".to_owned(),
            client: "sekisho".to_owned(),
            subject: "佐藤".to_owned(),
        },
        replace: false,
        office: Office::Administrator,
        ..invite.clone()
    };
    let by = |approval| {
        let task = InviteTask { approval, ..invite.clone() };
        ErrandTask::Invite(Box::new(task))
    };
    vec![
        ErrandTask::Invite(Box::new(invite.clone())),
        ErrandTask::Invite(Box::new(person)),
        by(AdmissionBy::Hand),
        by(AdmissionBy::Token),
        ErrandTask::Invitations { after: Some(token_id), max: 100, pending: true },
        ErrandTask::Invitations { after: None, max: 1, pending: false },
        ErrandTask::Approve { token_id, key: publisher() },
        ErrandTask::Withdraw { token_id, reason: "失くした".to_owned() },
        ErrandTask::Countersign(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]),
    ]
}

pub(crate) fn outcomes() -> Vec<ErrandOutcome> {
    let listed = ListedInvitation {
        token_id: TokenId::new(counted(0x20)),
        name: truck(),
        kind: PrincipalKind::Device,
        publish: vec![filter()],
        read: vec![filter()],
        standing: InvitationStanding::Waiting,
        claimant: Some((publisher(), Timestamp::EPOCH)),
        created: time(),
        expires: later(),
        approval: 1,
        replace: true,
        office: Office::Administrator,
        invited_by: Some(truck()),
    };
    let open = ListedInvitation {
        standing: InvitationStanding::Open,
        claimant: None,
        replace: false,
        office: Office::None,
        invited_by: None,
        ..listed.clone()
    };
    vec![
        ErrandOutcome::Refused {
            code: RefusalCode::NotPermitted,
            what: "errand".to_owned(),
            why: "wanted the right to administer".to_owned(),
        },
        ErrandOutcome::Invited { expires: later(), joined_before: true },
        ErrandOutcome::Invitations { invitations: vec![listed, open], is_last: true },
        ErrandOutcome::Approved { name: truck(), key: publisher() },
        ErrandOutcome::Withdrawn { name: truck() },
        ErrandOutcome::Countersigned(vec![Bytes::from_static(b"one")]),
    ]
}

pub(crate) fn frames() -> Vec<Frame> {
    [greetings(), publishing(), subscribing(), asking(), logging(), carrying(), channels()].concat()
}
