//! Any message of the protocol, for property tests.

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*, sample::select};
use sekisho_proto::{
    Action, Actions, BootId, ContentType, CursorName, Envelope, Epoch, Filter, Frame, GapReason,
    Grantee, Hash, Header, KeyHeader, KeyHeaderContent, KeyHeaderId, Offset, OrgName, Position,
    PrincipalId, PrincipalKind, PrincipalName, PublicKey, RefusalCode, RoleName, Sample,
    SampleValue, Scope, Sequence, Signature, Statement, StatementIndex, StreamClass, Suite,
    Timestamp, TokenId, Topic, Value, frame, statement,
};

use crate::{channels, errands, logs};

pub(crate) fn bytes(count: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), count).prop_map(Bytes::from)
}

pub(crate) fn some_bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..64).prop_map(Bytes::from)
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    "[ -~ぁ-ん]{0,12}"
}

pub(crate) fn org() -> impl Strategy<Value = OrgName> {
    "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?".prop_map(|text| text.parse().unwrap())
}

pub(crate) fn principal_name() -> impl Strategy<Value = PrincipalName> {
    ("[a-z0-9][a-z0-9._-]{0,8}", org())
        .prop_map(|(name, org)| PrincipalName::new(&name, &org).unwrap())
}

fn grantee() -> impl Strategy<Value = Grantee> {
    prop_oneof![principal_name().prop_map(Grantee::from), org().prop_map(Grantee::from)]
}

/// Whom an organisation's own rights may be for.
fn grantee_of(org: &OrgName) -> impl Strategy<Value = Grantee> + use<> {
    prop_oneof![grantee(), role_of(org).prop_map(Grantee::from)]
}

pub(crate) fn role_of(org: &OrgName) -> impl Strategy<Value = RoleName> + use<> {
    let org = org.clone();
    "[a-z0-9][a-z0-9._-]{0,8}".prop_map(move |name| RoleName::new(&name, &org).unwrap())
}

fn levels() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,6}(/([a-z0-9]{1,6}|%|%25|ゴ)){0,4}"
}

pub(crate) fn topic_of(org: &OrgName) -> impl Strategy<Value = Topic> + use<> {
    let org = org.clone();
    levels().prop_map(move |levels| format!("{org}/{levels}").parse().unwrap())
}

pub(crate) fn topic() -> impl Strategy<Value = Topic> {
    org().prop_flat_map(|org| topic_of(&org))
}

fn filter_of(org: &OrgName) -> impl Strategy<Value = Filter> + use<> {
    let org = org.clone();
    "([a-z0-9]{1,6}|\\+)(/([a-z]{1,6}|\\+)){0,4}(/#)?|#"
        .prop_map(move |levels| format!("{org}/{levels}").parse().unwrap())
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    org().prop_flat_map(|org| filter_of(&org))
}

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(0), any::<i64>()].prop_map(Timestamp::from_micros)
}

macro_rules! fixed {
    ($($name:ident $type:ident $count:literal,)+) => {
        $(
            pub(crate) fn $name() -> impl Strategy<Value = $type> {
                any::<[u8; $count]>().prop_map($type::new)
            }
        )+
    };
}

pub(crate) fn signature() -> impl Strategy<Value = Signature> {
    vec(any::<u8>(), 64).prop_map(|bytes| Signature::try_from(bytes.as_slice()).unwrap())
}

fixed! {
    principal_id PrincipalId 32,
    public_key PublicKey 32,
    boot BootId 16,
    key_header_id KeyHeaderId 16,
    token_id TokenId 16,
    hash Hash 32,
}

pub(crate) fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..3u64, any::<u64>()]
}

fn sealing() -> impl Strategy<Value = Suite> {
    select(&Suite::ALL[1..])
}

pub(crate) fn header() -> impl Strategy<Value = Header> {
    let seal = prop_oneof![
        Just((Suite::Open, 0, None)),
        (sealing(), 1..=u64::MAX, key_header_id()).prop_map(|(suite, epoch, id)| (
            suite,
            epoch,
            Some(id)
        )),
    ];
    let place = (topic(), principal_id(), boot(), number(), time());
    let rest = (
        option::of(hash()),
        "[!-~][ -~]{0,20}",
        any::<u32>(),
        any::<u16>(),
        any::<u32>(),
        select(vec![Scope::Organisation, Scope::Federation]),
        option::of(principal_id()),
    );
    (seal, place, rest).prop_map(|(seal, place, rest)| {
        let (suite, epoch, key_header) = seal;
        let (topic, publisher, boot, sequence, time) = place;
        let (previous, content_type, sample_count, flags, expiry_s, scope, attester) = rest;
        Header {
            suite,
            topic,
            publisher,
            boot,
            sequence: Sequence::new(sequence),
            time,
            epoch: Epoch::new(epoch),
            key_header,
            previous,
            content_type: ContentType::parse(&content_type).unwrap(),
            sample_count,
            flags: flags.into(),
            expiry_s,
            scope,
            attester: attester.filter(|_| suite == Suite::Open),
        }
    })
}

pub(crate) fn envelope() -> impl Strategy<Value = Envelope> {
    (header(), some_bytes(), signature()).prop_map(|(header, body, signature)| {
        Envelope::assemble(header.encode(), body, signature).unwrap()
    })
}

pub(crate) fn key_header() -> impl Strategy<Value = KeyHeader> {
    let content = sealing().prop_flat_map(|suite| {
        let encapsulation = bytes(suite.encapsulation_bytes().unwrap());
        (topic(), 1..=u64::MAX, principal_id(), boot(), encapsulation, any::<[u8; 32]>()).prop_map(
            move |(topic, epoch, publisher, boot, encapsulation, commitment)| {
                let epoch = Epoch::new(epoch);
                KeyHeaderContent { suite, topic, epoch, publisher, boot, encapsulation, commitment }
            },
        )
    });
    (content, signature())
        .prop_map(|(content, signature)| KeyHeader::assemble(content.encode(), signature).unwrap())
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(|bits| Value::Float(f64::from_bits(bits))),
        any::<i64>().prop_map(Value::Integer),
        text().prop_map(Value::Text),
        any::<bool>().prop_map(Value::Boolean),
        vec(any::<u8>(), 0..8).prop_map(Value::Blob),
    ]
}

/// Samples of a few transducers, so that columns have holes, and units and kinds that change.
pub(crate) fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let value = ("[a-d]", "(ug/m3|Cel)?", value()).prop_map(|(transducer, unit, value)| {
        SampleValue { transducer: transducer.parse().unwrap(), unit: unit.parse().unwrap(), value }
    });
    let values = vec(value, 0..6).prop_map(|mut values| {
        let key = |value: &SampleValue| {
            (value.transducer.clone(), value.unit.clone(), value.value.kind())
        };
        values.sort_by_key(key);
        values.dedup_by_key(|value| key(value));
        values
    });
    let micros = -4_000_000_000_000_000_000..4_000_000_000_000_000_000_i64;
    let sample = (micros, values)
        .prop_map(|(micros, values)| Sample { time: Timestamp::from_micros(micros), values });
    vec(sample, 1..20)
}

fn actions() -> impl Strategy<Value = Actions> {
    (1..=255_u32).prop_map(|bits| Actions::try_from(bits).unwrap())
}

fn action() -> impl Strategy<Value = Action> {
    select(&Action::ALL[..])
}

fn kem() -> impl Strategy<Value = (Suite, Bytes)> {
    select(&Suite::ALL[..]).prop_flat_map(|suite| {
        bytes(suite.kem_public_key_bytes().unwrap_or(0)).prop_map(move |key| (suite, key))
    })
}

fn org_root() -> impl Strategy<Value = statement::OrgRoot> {
    let keys = proptest::collection::btree_set(public_key(), 1..5);
    (org(), keys, any::<u32>(), time()).prop_map(|(organisation, keys, threshold, issued)| {
        let keys: Vec<_> = keys.into_iter().collect();
        let threshold = 1 + threshold % u32::try_from(keys.len()).unwrap();
        statement::OrgRoot { organisation, keys, threshold, issued }
    })
}

fn issuer() -> impl Strategy<Value = statement::Issuer> {
    (principal_name(), public_key(), time(), option::of(time())).prop_map(
        |(name, public_key, issued, until)| statement::Issuer { name, public_key, issued, until },
    )
}

fn principal() -> impl Strategy<Value = statement::Principal> {
    let kind = select(&PrincipalKind::ALL[..]);
    let times = (time(), option::of(time()));
    (principal_name(), kind, public_key(), kem(), times, any::<bool>()).prop_map(
        |(name, kind, public_key, (kem_suite, kem_public_key), (issued, until), attested)| {
            statement::Principal {
                name,
                kind,
                public_key,
                kem_suite,
                kem_public_key,
                issued,
                until,
                attested,
            }
        },
    )
}

pub(crate) fn own_filter() -> impl Strategy<Value = (OrgName, Filter)> {
    org().prop_flat_map(|org| filter_of(&org).prop_map(move |filter| (org.clone(), filter)))
}

/// Whose topics, which of them, and for whom.
fn right() -> impl Strategy<Value = (OrgName, Filter, Grantee)> {
    own_filter().prop_flat_map(|(organisation, filter)| {
        let grantee = grantee_of(&organisation);
        (Just(organisation), Just(filter), grantee)
    })
}

fn grant() -> impl Strategy<Value = statement::Grant> {
    let times = (time(), time(), option::of(time()), option::of(time()));
    let rest = (any::<bool>(), option::of(any::<u32>()));
    (right(), actions(), text(), times, rest).prop_map(
        |((organisation, filter, grantee), actions, purpose, times, (onward, rate_per_s))| {
            let (issued, from, until, history_from) = times;
            statement::Grant {
                organisation,
                grantee,
                actions,
                filter,
                purpose,
                issued,
                from,
                until,
                history_from,
                onward,
                rate_per_s,
            }
        },
    )
}

fn deny() -> impl Strategy<Value = statement::Deny> {
    (right(), actions(), text(), time()).prop_map(
        |((organisation, filter, grantee), actions, reason, issued)| statement::Deny {
            organisation,
            grantee,
            actions,
            filter,
            reason,
            issued,
        },
    )
}

fn revoke() -> impl Strategy<Value = statement::Revoke> {
    let target = prop_oneof![
        hash().prop_map(statement::RevokeTarget::Statement),
        principal_id().prop_map(statement::RevokeTarget::Principal),
    ];
    (org(), target, text(), time()).prop_map(|(organisation, target, reason, issued)| {
        statement::Revoke { organisation, target, reason, issued }
    })
}

fn transducer() -> impl Strategy<Value = statement::Transducer> {
    let numeral = "(-?[0-9]{1,4}(\\.[0-9]{1,3})?(e-?[0-9])?)?";
    ("[a-z]{1,8}", text(), "(Cel|ug/m3)?", [numeral; 4]).prop_map(
        |(name, title, unit, numerals)| {
            let [minimum, maximum, resolution, accuracy] = numerals;
            statement::Transducer {
                name: name.parse().unwrap(),
                title,
                unit: unit.parse().unwrap(),
                minimum,
                maximum,
                resolution,
                accuracy,
            }
        },
    )
}

fn stream_descriptor() -> impl Strategy<Value = statement::StreamDescriptor> {
    let location = (-900_000_000..=900_000_000, -1_800_000_000..=1_800_000_000)
        .prop_map(|(latitude_e7, longitude_e7)| statement::Location { latitude_e7, longitude_e7 });
    let place = (any::<bool>(), option::of(location));
    let rest = (option::of(any::<u64>()), vec(transducer(), 0..4), time());
    let class = select(&StreamClass::ALL[..]);
    (topic(), text(), text(), class, place, rest).prop_map(
        |(topic, device_type, title, class, (mobile, location), rest)| {
            let (retention_s, transducers, issued) = rest;
            statement::StreamDescriptor {
                organisation: topic.organisation().clone(),
                topic,
                device_type,
                title,
                class,
                mobile,
                location,
                retention_s,
                transducers,
                issued,
            }
        },
    )
}

fn epoch_announce() -> impl Strategy<Value = statement::EpochAnnounce> {
    let key = sealing().prop_flat_map(|suite| {
        bytes(suite.kem_public_key_bytes().unwrap()).prop_map(move |key| (suite, key))
    });
    (own_filter(), 1..1000_u64, key, time(), -1000..0_i64, 1..1000_i64, any::<u64>()).prop_map(
        |((organisation, tree), epoch, (suite, public_key), issued, from, to, min_epoch)| {
            statement::EpochAnnounce {
                organisation,
                tree,
                epoch: Epoch::new(epoch),
                suite,
                public_key,
                issued,
                not_before: Timestamp::from_micros(from),
                not_after: Timestamp::from_micros(to),
                min_epoch: Epoch::new(min_epoch % epoch),
            }
        },
    )
}

fn key_grant() -> impl Strategy<Value = statement::KeyGrant> {
    let encapsulation = prop_oneof![bytes(32), bytes(1120)];
    let key = (sealing(), encapsulation, vec(any::<u8>(), 1..=128));
    ((org(), filter()), 1..=u64::MAX, key, principal_id(), text(), time()).prop_map(
        |((organisation, tree), epoch, key, reader, purpose, issued)| {
            let (suite, encapsulation, sealed_seed) = key;
            statement::KeyGrant {
                organisation,
                tree,
                epoch: Epoch::new(epoch),
                suite,
                reader,
                purpose,
                encapsulation,
                sealed_seed: sealed_seed.into(),
                issued,
            }
        },
    )
}

fn party(own: &OrgName, other: &OrgName) -> impl Strategy<Value = statement::PeeringParty> + use<> {
    let organisation = own.clone();
    let identity = (hash(), public_key(), "[a-z]{1,8}:[0-9]{1,4}");
    let of_other = || vec(filter_of(other), 0..3);
    let filters = (vec(filter_of(own), 0..3), of_other(), of_other());
    let rest = (any::<bool>(), budget(), transits(own.clone(), other.clone()));
    (identity, filters, rest).prop_map(
        move |(
            (root, node_key, address),
            (exports, imports, carries_home),
            (onward, budget, passes_on),
        )| {
            statement::PeeringParty {
                organisation: organisation.clone(),
                root,
                node_key,
                address,
                exports,
                imports,
                onward,
                passes_on,
                carries_home,
                budget,
            }
        },
    )
}

fn budget() -> impl Strategy<Value = statement::PeeringBudget> {
    let bytes = option::of(any::<u64>());
    let counts = option::of(any::<u32>());
    (bytes.clone(), counts.clone(), counts, bytes).prop_map(
        |(bytes_per_s, envelopes_per_s, interests, history_bytes_per_s)| statement::PeeringBudget {
            bytes_per_s,
            envelopes_per_s,
            interests,
            history_bytes_per_s,
        },
    )
}

fn transits(own: OrgName, other: OrgName) -> impl Strategy<Value = Vec<statement::Transit>> {
    let transit = org().prop_flat_map(|organisation| {
        (hash(), vec(filter_of(&organisation), 0..3)).prop_map(move |(root, filters)| {
            statement::Transit { organisation: organisation.clone(), root, filters }
        })
    });
    vec(transit, 0..3).prop_map(move |mut transits| {
        transits.retain(|third| third.organisation != own && third.organisation != other);
        transits.sort_by(|one, next| one.organisation.cmp(&next.organisation));
        transits.dedup_by(|one, next| one.organisation == next.organisation);
        transits
    })
}

fn peering() -> impl Strategy<Value = statement::Peering> {
    (org(), org())
        .prop_filter("two organisations", |(left, right)| left != right)
        .prop_flat_map(|(left, right)| {
            let (left, right) = if left < right { (left, right) } else { (right, left) };
            let parties = [party(&left, &right).boxed(), party(&right, &left).boxed()];
            (parties, vec(text(), 0..3), time(), time(), option::of(time()))
        })
        .prop_map(|(parties, purposes, issued, from, until)| statement::Peering {
            parties,
            purposes,
            issued,
            from,
            until,
        })
}

pub(crate) fn statement() -> impl Strategy<Value = Statement> {
    let body = prop_oneof![
        org_root().prop_map(statement::StatementBody::from),
        issuer().prop_map(statement::StatementBody::from),
        principal().prop_map(statement::StatementBody::from),
        grant().prop_map(statement::StatementBody::from),
        deny().prop_map(statement::StatementBody::from),
        revoke().prop_map(statement::StatementBody::from),
        stream_descriptor().prop_map(statement::StatementBody::from),
        epoch_announce().prop_map(statement::StatementBody::from),
        key_grant().prop_map(statement::StatementBody::from),
        peering().prop_map(statement::StatementBody::from),
        logs::role().prop_map(statement::StatementBody::from),
        logs::erasure().prop_map(statement::StatementBody::from),
    ];
    (body, vec((principal_id(), signature()), 0..4)).prop_map(|(body, signatures)| {
        let unsigned = Statement::unsigned(body);
        signatures.into_iter().fold(unsigned, |statement, (signer, signature)| {
            statement.with_signature(signer, signature)
        })
    })
}

fn position() -> impl Strategy<Value = Position> {
    number().prop_map(Position::new)
}

fn offset() -> impl Strategy<Value = Offset> {
    number().prop_map(Offset::new)
}

fn some_key_header() -> impl Strategy<Value = Option<Bytes>> {
    option::of(vec(any::<u8>(), 1..20).prop_map(Bytes::from))
}

fn session_frame() -> impl Strategy<Value = Frame> {
    let code = || select(RefusalCode::ALL);
    let welcome = (any::<u32>(), org(), option::of(principal_name()), number(), time());
    prop_oneof![
        (any::<u32>(), text(), org()).prop_map(|(version, software, organisation)| {
            Frame::from(frame::Hello { version, software, organisation })
        }),
        (welcome, any::<u32>(), any::<u32>()).prop_map(
            |(welcome, envelope_bytes_max, inflight_max)| {
                let (version, organisation, principal, policy_version, time) = welcome;
                Frame::from(frame::Welcome {
                    version,
                    organisation,
                    principal,
                    policy_version,
                    time,
                    envelope_bytes_max,
                    inflight_max,
                })
            }
        ),
        (any::<u64>(), code(), text(), text(), option::of(number())).prop_map(
            |(request, code, what, why, expected)| {
                let expected_sequence = expected.map(Sequence::new);
                Frame::from(frame::Refused { request, code, what, why, expected_sequence })
            },
        ),
        (option::of(code()), text())
            .prop_map(|(code, why)| Frame::from(frame::Goodbye { code, why })),
        any::<u64>().prop_map(|token| Frame::from(frame::Ping { token })),
        any::<u64>().prop_map(|token| Frame::from(frame::Pong { token })),
    ]
}

fn start() -> impl Strategy<Value = frame::Start> {
    prop_oneof![
        Just(frame::Start::Latest),
        Just(frame::Start::LastValue),
        time().prop_map(frame::Start::Time),
        position().prop_map(frame::Start::Position),
        Just(frame::Start::Earliest),
    ]
}

fn subscribe() -> impl Strategy<Value = frame::Subscribe> {
    let place = prop_oneof![
        (filter(), start()),
        (topic(), offset())
            .prop_map(|(topic, offset)| (Filter::from(&topic), frame::Start::Offset(offset))),
    ];
    let cursor = "[a-z][a-z0-9._-]{0,8}".prop_map(|text| CursorName::parse(&text).unwrap());
    (any::<u32>(), place, option::of(cursor), any::<u32>()).prop_map(
        |(subscription, (filter, start), cursor, credit)| frame::Subscribe {
            subscription,
            filter,
            start,
            cursor,
            credit,
        },
    )
}

fn record() -> impl Strategy<Value = frame::Record> {
    let place = (any::<u32>(), position(), offset(), time());
    (place, some_bytes(), some_key_header(), vec(principal_id(), 0..=3)).prop_map(
        |((subscription, position, offset, received), envelope, key_header, hops)| frame::Record {
            subscription,
            position,
            offset,
            received,
            envelope,
            key_header,
            hops,
        },
    )
}

fn gap() -> impl Strategy<Value = frame::Gap> {
    (any::<u32>(), number(), number(), select(GapReason::ALL), option::of(topic())).prop_map(
        |(subscription, from, to, reason, topic)| frame::Gap {
            subscription,
            from_position: Position::new(from.min(to)),
            to_position: Position::new(from.max(to)),
            reason,
            topic,
        },
    )
}

fn record_frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        (1..=u64::MAX, some_bytes(), some_key_header()).prop_map(
            |(request, envelope, key_header)| {
                Frame::from(frame::Publish { request, envelope, key_header })
            }
        ),
        (1..=u64::MAX, offset())
            .prop_map(|(request, offset)| Frame::from(frame::Published { request, offset })),
        (1..=u64::MAX, option::of(offset()), signature()).prop_map(
            |(request, offset, signature)| {
                Frame::from(frame::Vouched { request, offset, signature })
            }
        ),
        subscribe().prop_map(Frame::from),
        (any::<u32>(), position(), position()).prop_map(|(subscription, position, head)| {
            Frame::from(frame::Subscribed { subscription, position, head })
        }),
        record().prop_map(Frame::from),
        gap().prop_map(Frame::from),
        (any::<u32>(), any::<u32>()).prop_map(|(subscription, records)| {
            Frame::from(frame::Credit { subscription, records })
        }),
        (any::<u32>(), position()).prop_map(|(subscription, position)| {
            Frame::from(frame::Acknowledge { subscription, position })
        }),
        any::<u32>().prop_map(|subscription| Frame::from(frame::Unsubscribe { subscription })),
    ]
}

fn question() -> impl Strategy<Value = frame::Question> {
    use frame::Question;
    prop_oneof![
        principal_id().prop_map(Question::Principal),
        topic().prop_map(Question::EpochOf),
        (filter(), number())
            .prop_map(|(tree, epoch)| Question::KeyGrants { tree, epoch: Epoch::new(epoch) }),
        key_header_id().prop_map(Question::KeyHeader),
        (topic(), boot()).prop_map(|(topic, boot)| Question::StreamHead { topic, boot }),
        (topic(), action(), option::of(time())).prop_map(|(topic, action, at)| Question::Who {
            topic,
            action,
            at
        }),
        (principal_name(), action(), topic(), option::of(time())).prop_map(
            |(principal, action, topic, at)| Question::Why { principal, action, topic, at }
        ),
        (principal_name(), option::of(time()))
            .prop_map(|(principal, at)| Question::What { principal, at }),
        (filter(), option::of(topic()), any::<u32>())
            .prop_map(|(filter, after, max)| Question::Discover { filter, after, max }),
        select(vec![Question::Enrolments, Question::Peers, Question::Status]),
        (token_id(), text())
            .prop_map(|(token_id, why)| Question::RefuseEnrolment { token_id, why }),
        (token_id(), text()).prop_map(|(token_id, why)| Question::TellEnrolment { token_id, why }),
        logs::question(),
        errands::question(),
    ]
}

fn answer() -> impl Strategy<Value = frame::AnswerBody> {
    use frame::AnswerBody;
    prop_oneof![
        vec(some_bytes(), 0..4).prop_map(AnswerBody::Statements),
        some_bytes().prop_map(AnswerBody::KeyHeader),
        number().prop_map(|next| AnswerBody::ExpectedSequence(Sequence::new(next))),
        text().prop_map(AnswerBody::Json),
        logs::answer(),
        errands::answer(),
    ]
}

fn enrol() -> impl Strategy<Value = frame::Enrol> {
    (any::<u32>(), token_id(), public_key(), kem(), any::<[u8; 32]>(), some_bytes()).prop_map(
        |(version, token_id, public_key, (kem_suite, kem_public_key), proof, sign_in)| {
            frame::Enrol {
                version,
                token_id,
                public_key,
                kem_suite,
                kem_public_key,
                proof,
                sign_in,
            }
        },
    )
}

fn log_frame() -> impl Strategy<Value = Frame> {
    let logged = (some_bytes(), time())
        .prop_map(|(statement, received)| frame::FollowedStatement { statement, received });
    let states = select(vec![
        frame::EnrolmentState::Waiting,
        frame::EnrolmentState::Admitted,
        frame::EnrolmentState::Refused,
    ]);
    prop_oneof![
        (1..=u64::MAX, question())
            .prop_map(|(request, question)| Frame::from(frame::Query { request, question })),
        (1..=u64::MAX, answer())
            .prop_map(|(request, answer)| Frame::from(frame::Answer { request, answer })),
        (1..=u64::MAX, vec(some_bytes(), 1..4))
            .prop_map(|(request, statements)| Frame::from(frame::State { request, statements })),
        (1..=u64::MAX, vec(number().prop_map(StatementIndex::new), 1..4))
            .prop_map(|(request, indices)| Frame::from(frame::Stated { request, indices })),
        logs::frame(),
        (any::<u32>(), org(), number()).prop_map(|(subscription, organisation, from)| {
            let from = StatementIndex::new(from);
            Frame::from(frame::Follow { subscription, organisation, from })
        }),
        (any::<u32>(), org(), number(), vec(logged, 0..4)).prop_map(
            |(subscription, organisation, first, statements)| {
                let first = StatementIndex::new(first);
                Frame::from(frame::Statements { subscription, organisation, first, statements })
            },
        ),
        enrol().prop_map(Frame::from),
        (states, text(), vec(some_bytes(), 0..4)).prop_map(|(state, why, statements)| {
            Frame::from(frame::Enrolling { state, why, statements })
        }),
    ]
}

pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![session_frame(), record_frame(), log_frame(), channels::frame()]
}
