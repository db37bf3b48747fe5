use std::time::Duration;

use sekisho::JoinToken;
use sekisho_policy::Policy;
use sekisho_proto::{PrincipalKind, Suite};
use sekisho_seal::{SeededEntropy, SignInSide, StrictVerifier, enrolment_proof, seal_sign_in};
use tempfile::TempDir;

use super::*;
use crate::{
    enrolment::{
        Offer, Standing,
        tests::{offer, office},
    },
    fixture::{at, genesis, identity, name, root, signed},
    openid::OpenIdProvider,
};

struct Scene {
    _folder: TempDir,
    enrolments: Enrolments,
    desk: Desk,
    token: JoinToken,
}

fn scene(approval: Approval) -> Scene {
    let (folder, enrolments) = office();
    let is_person = matches!(approval, Approval::OpenId(_));
    let kind = if is_person { PrincipalKind::Person } else { PrincipalKind::Device };
    let offer = Offer { kind, approval, ..offer() };
    let token = enrolments.invite(offer, at(0), &mut SeededEntropy::new(1)).unwrap();
    let desk = Desk::open(enrolments.clone()).unwrap();
    Scene { _folder: folder, enrolments, desk, token }
}

/// What somebody with these keys sends who has the token.
fn request(token: &JoinToken, keys: &str) -> Request {
    let keys = identity(keys);
    let kem_public_key = keys.kem().public_key().to_bytes();
    let claim = EnrolmentClaim {
        token: token.id,
        name: &token.name,
        public_key: keys.public_key(),
        kem_suite: keys.kem().suite(),
        kem_public_key: &kem_public_key,
    };
    Request {
        token: token.id,
        public_key: keys.public_key(),
        kem_suite: keys.kem().suite(),
        proof: enrolment_proof(token.secret.expose(), &claim),
        kem_public_key,
        sign_in: Vec::new(),
    }
}

fn refusal(verdict: Verdict) -> String {
    match verdict {
        Verdict::Refuse(why) => why,
        Verdict::Admit(_) | Verdict::Wait | Verdict::Identify(..) => {
            panic!("wanted a refusal, found {verdict:?}")
        }
    }
}

fn admitted(verdict: Verdict) -> Admission {
    match verdict {
        Verdict::Admit(admission) => admission,
        Verdict::Refuse(_) | Verdict::Wait | Verdict::Identify(..) => {
            panic!("wanted an admission, found {verdict:?}")
        }
    }
}

impl Scene {
    fn judge(&mut self, keys: &str, now: Timestamp) -> Verdict {
        let request = request(&self.token, keys);
        self.desk.judge(&request, now).unwrap()
    }

    fn standing(&self, now: Timestamp) -> Standing {
        self.enrolments.list(now).unwrap()[0].standing
    }
}

#[test]
fn who_holds_the_secret_is_admitted_with_the_rights_that_were_promised() {
    let mut scene = scene(Approval::Matching);
    let admission = admitted(scene.judge("truck", at(10)));
    let own = name("steward@fujisawa").organisation().clone();
    let mut policy = Policy::new(own, root("fujisawa").body_hash());
    for statement in genesis("fujisawa") {
        policy.apply(&statement, at(5), &StrictVerifier).unwrap();
    }
    for body in admission.statements {
        let statement = signed(body, &["steward@fujisawa"]);
        policy.apply(&statement, at(11), &StrictVerifier).unwrap();
    }
    let id = identity("truck").id();
    let record = policy.principal(&id).unwrap();
    assert_eq!(record.name, scene.token.name);
    assert_eq!(record.kind, PrincipalKind::Device);
    assert_eq!(record.kem_suite, Suite::X25519Aes256Gcm);
    let may =
        |action, topic: &str| policy.permit(action, id, &topic.parse().unwrap(), at(12)).is_ok();
    assert!(may(Action::Publish, "fujisawa/truck/17/air"));
    assert!(!may(Action::Publish, "fujisawa/truck/18/air"));
    assert!(!may(Action::Subscribe, "fujisawa/truck/17/air"));
    for action in [Action::Subscribe, Action::Decrypt, Action::Discover, Action::History] {
        assert!(may(action, "fujisawa/park/3/noise"), "{action}");
    }
    assert!(!may(Action::Publish, "fujisawa/park/3/noise"));
    assert!(!may(Action::Grant, "fujisawa/park/3/noise"));
    assert!(!may(Action::Administer, "fujisawa/truck/17/air"));
}

#[test]
fn the_principal_comes_last_and_the_same_request_gives_the_same_statements() {
    let mut scene = scene(Approval::Matching);
    let first = admitted(scene.judge("truck", at(10)));
    assert!(matches!(first.statements.last(), Some(StatementBody::Principal(_))));
    assert_eq!(first.statements.len(), 4);
    scene.desk = Desk::open(scene.enrolments.clone()).unwrap();
    assert_eq!(admitted(scene.judge("truck", at(20))), first);
    let much_later = at(100_000);
    assert_eq!(admitted(scene.judge("truck", much_later)), first);
}

#[test]
fn a_token_is_good_for_one_key() {
    let mut scene = scene(Approval::Matching);
    admitted(scene.judge("truck", at(10)));
    assert!(refusal(scene.judge("thief", at(11))).contains("another key"));
    scene.desk.done(scene.token.id).unwrap();
    for keys in ["truck", "thief"] {
        assert!(refusal(scene.judge(keys, at(12))).contains("one that was used"));
    }
    let Standing::Used(claimant) = scene.standing(at(13)) else { panic!() };
    assert_eq!(claimant.id, identity("truck").id());
}

#[test]
fn a_token_ends() {
    let mut scene = scene(Approval::Matching);
    assert!(refusal(scene.judge("truck", at(3_600))).contains("it ended at"));
    admitted(scene.judge("truck", at(3_599)));
}

#[test]
fn a_token_of_somebody_else_is_refused() {
    let mut scene = scene(Approval::Matching);
    scene.token.id = TokenId::new([9; 16]);
    assert!(refusal(scene.judge("truck", at(10))).contains("not made here"));
}

#[test]
fn no_part_of_a_claim_can_be_changed() {
    let mut scene = scene(Approval::Matching);
    let honest = request(&scene.token, "truck");
    let thief = request(&scene.token, "thief");
    let mut wrong_secret = scene.token.clone();
    wrong_secret.secret = sekisho::JoinSecret::new([1; 32]);
    let mut wrong_name = scene.token.clone();
    wrong_name.name = name("truck-18@fujisawa");
    let forged = [
        Request { public_key: thief.public_key, ..honest.clone() },
        Request { kem_public_key: thief.kem_public_key.clone(), ..honest.clone() },
        Request { kem_suite: Suite::X25519ChaCha20Poly1305, ..honest.clone() },
        Request { kem_suite: Suite::Open, kem_public_key: Vec::new(), ..honest.clone() },
        Request { proof: [0; 32], ..honest.clone() },
        request(&wrong_secret, "truck"),
        request(&wrong_name, "truck"),
    ];
    for request in forged {
        let verdict = scene.desk.judge(&request, at(10)).unwrap();
        assert!(refusal(verdict).contains("wanted a proof"), "{request:?}");
    }
    assert_eq!(scene.standing(at(10)), Standing::Open);
    let verdict = scene.desk.judge(&honest, at(10)).unwrap();
    admitted(verdict);
}

#[test]
fn by_hand_a_newcomer_waits_until_its_key_is_approved() {
    let mut scene = scene(Approval::ByHand);
    assert_eq!(scene.judge("truck", at(10)), Verdict::Wait);
    assert_eq!(scene.judge("truck", at(11)), Verdict::Wait);
    let Standing::Waiting(claimant) = scene.standing(at(12)) else { panic!() };
    assert_eq!(claimant, Claimant { id: identity("truck").id(), since: at(10) });
    let approved = scene.enrolments.approve(&scene.token.name, claimant.id, at(20)).unwrap();
    assert_eq!(approved, claimant);
    admitted(scene.judge("truck", at(21)));
    scene.desk.done(scene.token.id).unwrap();
    assert!(matches!(scene.standing(at(22)), Standing::Used(_)));
}

#[test]
fn a_thief_that_comes_after_the_approval_is_refused() {
    let mut scene = scene(Approval::ByHand);
    assert_eq!(scene.judge("truck", at(10)), Verdict::Wait);
    scene.enrolments.approve(&scene.token.name, identity("truck").id(), at(20)).unwrap();
    assert!(refusal(scene.judge("thief", at(21))).contains("another key"));
    admitted(scene.judge("truck", at(22)));
}

#[test]
fn the_key_that_waits_last_is_the_one_that_is_shown() {
    let mut scene = scene(Approval::ByHand);
    assert_eq!(scene.judge("thief", at(10)), Verdict::Wait);
    assert_eq!(scene.judge("truck", at(11)), Verdict::Wait);
    let Standing::Waiting(claimant) = scene.standing(at(12)) else { panic!() };
    assert_eq!(claimant.id, identity("truck").id());
    let seen = identity("thief").id();
    scene.enrolments.approve(&scene.token.name, seen, at(13)).unwrap_err();
    let seen = claimant.id;
    scene.enrolments.approve(&scene.token.name, seen, at(13)).unwrap();
}

#[test]
fn who_goes_away_waits_no_longer() {
    let mut scene = scene(Approval::ByHand);
    assert_eq!(scene.judge("truck", at(10)), Verdict::Wait);
    scene.desk.keep(&BTreeSet::from([scene.token.id])).unwrap();
    assert!(matches!(scene.standing(at(11)), Standing::Waiting(_)));
    scene.desk.keep(&BTreeSet::new()).unwrap();
    assert_eq!(scene.standing(at(12)), Standing::Open);

    assert_eq!(scene.judge("truck", at(13)), Verdict::Wait);
    scene.desk = Desk::open(scene.enrolments.clone()).unwrap();
    assert_eq!(scene.standing(at(14)), Standing::Open);
    assert_eq!(scene.judge("truck", at(15)), Verdict::Wait);
    assert!(matches!(scene.standing(at(16)), Standing::Waiting(_)));
}

#[test]
fn what_was_approved_in_time_is_admitted_after_the_tokens_end() {
    let mut scene = scene(Approval::ByHand);
    assert_eq!(scene.judge("truck", at(3_599)), Verdict::Wait);
    scene.enrolments.approve(&scene.token.name, identity("truck").id(), at(3_599)).unwrap();
    admitted(scene.judge("truck", at(3_601)));
}

#[test]
fn nobody_can_be_approved_after_the_tokens_end() {
    let mut scene = scene(Approval::ByHand);
    assert_eq!(scene.judge("truck", at(10)), Verdict::Wait);
    let late = scene.token.expires.saturating_add(Duration::from_secs(1));
    scene.enrolments.approve(&scene.token.name, identity("truck").id(), late).unwrap_err();
    assert!(refusal(scene.judge("truck", late)).contains("it ended at"));
}

#[test]
fn a_token_for_one_key_admits_that_key_alone_and_at_once() {
    let wanted = Fingerprint::of(&identity("truck").id());
    let mut scene = scene(Approval::Key(wanted.clone()));
    let refused = refusal(scene.judge("thief", at(10)));
    assert!(refused.contains(&format!("wanted the key {wanted}")), "{refused}");
    assert_eq!(scene.standing(at(11)), Standing::Open);
    admitted(scene.judge("truck", at(12)));
    scene.desk.done(scene.token.id).unwrap();
    assert!(matches!(scene.standing(at(13)), Standing::Used(_)));
}

#[test]
fn a_token_for_one_key_wants_its_secret_too() {
    let wanted = Fingerprint::of(&identity("truck").id());
    let mut scene = scene(Approval::Key(wanted));
    scene.token.secret = sekisho::JoinSecret::new([1; 32]);
    assert!(refusal(scene.judge("truck", at(10))).contains("wanted a proof"));
}

#[test]
fn what_an_ended_process_left_half_done_is_found_again() {
    let mut scene = scene(Approval::Matching);
    assert!(scene.desk.unfinished(at(9)).unwrap().is_empty());
    let admission = admitted(scene.judge("truck", at(10)));
    let desk = Desk::open(scene.enrolments.clone()).unwrap();
    let found = desk.unfinished(at(100_000)).unwrap();
    let [unfinished] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((unfinished.id, unfinished.issued), (admission.id, at(10)));
    assert_eq!(unfinished.name, scene.token.name);
    scene.desk.done(scene.token.id).unwrap();
    assert!(desk.unfinished(at(100_000)).unwrap().is_empty());
}

fn subject() -> OpenIdSubject {
    let (issuer, client_id) = ("https://login.example".to_owned(), "sekisho".to_owned());
    OpenIdSubject { provider: OpenIdProvider { issuer, client_id }, subject: "42".to_owned() }
}

#[test]
fn who_has_to_sign_in_is_admitted_when_the_provider_has_said_so_and_nobody_else_then() {
    let mut scene = scene(Approval::OpenId(subject()));
    let (signed_in, other) = (request(&scene.token, "truck"), request(&scene.token, "thief"));
    for _asked_again in 0..2 {
        let verdict = scene.desk.judge(&signed_in, at(11)).unwrap();
        assert_eq!(verdict, Verdict::Identify(subject(), Way::Device));
    }
    scene.desk.identified(&signed_in);
    let verdict = scene.desk.judge(&other, at(12)).unwrap();
    assert!(matches!(verdict, Verdict::Identify(..)), "{verdict:?}");
    admitted(scene.desk.judge(&signed_in, at(12)).unwrap());
    let why = refusal(scene.desk.judge(&other, at(13)).unwrap());
    assert!(why.contains("one that another key uses"), "{why}");
}

/// What somebody who stole the secret makes of it: the same signing key, their own key for secrets.
fn swapped(token: &JoinToken, honest: &Request, thief: &str) -> Request {
    let kem_public_key = identity(thief).kem().public_key().to_bytes();
    let claim = EnrolmentClaim {
        token: token.id,
        name: &token.name,
        public_key: honest.public_key,
        kem_suite: honest.kem_suite,
        kem_public_key: &kem_public_key,
    };
    let proof = enrolment_proof(token.secret.expose(), &claim);
    Request { kem_public_key, proof, ..honest.clone() }
}

#[test]
fn a_sign_in_lets_in_the_keys_that_it_was_for_and_no_others_with_the_same_signing_key() {
    let mut scene = scene(Approval::OpenId(subject()));
    let signed_in = request(&scene.token, "truck");
    let swapped = swapped(&scene.token, &signed_in, "thief");
    scene.desk.identified(&signed_in);
    let verdict = scene.desk.judge(&swapped, at(12)).unwrap();
    assert!(matches!(verdict, Verdict::Identify(..)), "{verdict:?}");
    admitted(scene.desk.judge(&signed_in, at(12)).unwrap());
    let why = refusal(scene.desk.judge(&swapped, at(13)).unwrap());
    assert!(why.contains("the keys that were let in"), "{why}");
    admitted(scene.desk.judge(&signed_in, at(14)).unwrap());
}

/// The same from a page, which says something that only the steward can read.
fn page_request(token: &JoinToken, keys: &str, said: &[u8]) -> Request {
    let request = request(token, keys);
    let claim = EnrolmentClaim {
        token: token.id,
        name: &token.name,
        public_key: request.public_key,
        kem_suite: request.kem_suite,
        kem_public_key: &request.kem_public_key,
    };
    let said = (SignInSide::Newcomer, said);
    let secret = token.secret.expose();
    let sign_in = seal_sign_in(secret, &claim, said, &mut SeededEntropy::new(7)).unwrap();
    Request { sign_in, ..request }
}

#[test]
fn a_page_signs_in_for_itself_with_a_nonce_of_its_own_key() {
    let mut scene = scene(Approval::OpenId(subject()));
    let asking = page_request(&scene.token, "truck", b"");
    let verdict = scene.desk.judge(&asking, at(11)).unwrap();
    assert_eq!(verdict, Verdict::Identify(subject(), Way::Page));
    let words = scene.desk.seal_offer(&asking, b"where").unwrap().unwrap();
    assert!(words.starts_with("sign in on this page: ") && !words.contains("where"), "{words}");

    let nonce_of = |verdict| match verdict {
        Verdict::Identify(_, Way::Token { id_token, nonce }) => {
            assert_eq!(id_token, "a.b.c");
            nonce
        }
        other
        @ (Verdict::Admit(_) | Verdict::Wait | Verdict::Identify(..) | Verdict::Refuse(_)) => {
            panic!("wanted a token to be judged, found {other:?}")
        }
    };
    let back = page_request(&scene.token, "truck", b"a.b.c");
    let stolen = page_request(&scene.token, "thief", b"a.b.c");
    let own = nonce_of(scene.desk.judge(&back, at(12)).unwrap());
    let thiefs = nonce_of(scene.desk.judge(&stolen, at(12)).unwrap());
    assert_ne!(own, thiefs);
    assert!(!own.contains('=') && own.len() == 43, "{own}");
}

#[test]
fn what_a_node_puts_into_the_mouth_of_a_page_is_refused() {
    let mut scene = scene(Approval::OpenId(subject()));
    let back = page_request(&scene.token, "truck", b"a.b.c");
    let other = page_request(&scene.token, "thief", b"a.b.c");
    for sign_in in [vec![0; 64], vec![1], other.sign_in, back.sign_in[..47].to_vec()] {
        let why = refusal(scene.desk.judge(&Request { sign_in, ..back.clone() }, at(11)).unwrap());
        assert!(why.contains("wanted what was sealed with the token's secret"), "{why}");
    }
}

#[test]
fn an_invitation_that_wants_a_sign_in_is_for_a_person_and_names_a_provider_that_can_be_asked() {
    let (_folder, enrolments) = office();
    let invite = |kind, wanted: OpenIdSubject| {
        let offer = Offer { kind, approval: Approval::OpenId(wanted), ..offer() };
        enrolments
            .invite(offer, at(0), &mut SeededEntropy::new(1))
            .map_err(|error| error.to_string())
    };
    invite(PrincipalKind::Person, subject()).unwrap();
    let error = invite(PrincipalKind::Device, subject()).unwrap_err();
    assert!(error.contains("kind: wanted a person to sign in, found device"), "{error}");
    let mut plain = subject();
    plain.provider.issuer = "http://login.example".to_owned();
    let error = invite(PrincipalKind::Person, plain).unwrap_err();
    assert!(error.contains("wanted an https address"), "{error}");
    let nobody = OpenIdSubject { subject: String::new(), ..subject() };
    let error = invite(PrincipalKind::Person, nobody).unwrap_err();
    assert!(error.contains("subject: wanted 1 to 255 bytes"), "{error}");
}
