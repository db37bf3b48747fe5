//! Why a statement is not applied: which statement, what was wanted, what was found.

use sekisho_proto::{
    DecodeError, Epoch, Filter, Hash, OrgName, PrincipalId, PrincipalName, PublicKey, RefusalCode,
    RoleName, StatementKind, Timestamp,
};

use crate::Missing;

/// A statement that cannot be applied. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StatementError {
    /// It does not decode to what it says.
    #[error("{} statement: fields that could not be read back", .kind.name())]
    Malformed {
        /// The statement's kind.
        kind: StatementKind,
        /// What the decoder found.
        source: DecodeError,
    },
    /// The organisation's root statement was not applied before.
    #[error("{} statement of {organisation}: wanted its org-root statement first, found none", .kind.name())]
    UnknownOrganisation {
        /// The statement's kind.
        kind: StatementKind,
        /// Whose root is missing.
        organisation: OrgName,
    },
    /// Nobody trusted vouches for the organisation's root yet.
    #[error("{} statement of {organisation}: wanted a pin or peering for its root, found none", .kind.name())]
    NotPinned {
        /// The statement's kind.
        kind: StatementKind,
        /// Whose root it is.
        organisation: OrgName,
    },
    /// More organisations or issuers wait for a peering than are kept.
    #[error("{organisation}: wanted at most {limit} statements before a peering, found more")]
    TooManyNotPinned {
        /// Who states them.
        organisation: OrgName,
        /// The limit.
        limit: usize,
    },
    /// The root is not the one that is pinned, known, or named.
    #[error("root of {organisation}: wanted {}, found {}", .wanted.short(), .found.short())]
    RootMismatch {
        /// Whose root.
        organisation: OrgName,
        /// The fingerprint that is trusted.
        wanted: Hash,
        /// The fingerprint that was found.
        found: Hash,
    },
    /// A signature by a key that no statement in force names.
    #[error("{} statement: wanted a signer in force, found {}: {why}", .kind.name(), .signer.short())]
    UnknownSigner {
        /// The statement's kind.
        kind: StatementKind,
        /// The signer.
        signer: PrincipalId,
        /// Why the signer is none.
        why: Missing,
    },
    /// A signature that is not the signer's.
    #[error("{} statement: wanted a signature by {}, found another's", .kind.name(), .signer.short())]
    BadSignature {
        /// The statement's kind.
        kind: StatementKind,
        /// The signer.
        signer: PrincipalId,
    },
    /// A key that can be forged for.
    #[error("{} statement: wanted a key of full order, found {key}", .kind.name())]
    WeakKey {
        /// The statement's kind.
        kind: StatementKind,
        /// The key.
        key: PublicKey,
    },
    /// Fewer distinct root keys signed than the organisation wants.
    #[error("{} statement of {organisation}: wanted {wanted} root signatures, found {found}", .kind.name())]
    Threshold {
        /// The statement's kind.
        kind: StatementKind,
        /// Whose root.
        organisation: OrgName,
        /// The threshold.
        wanted: usize,
        /// Distinct keys that signed.
        found: usize,
    },
    /// A peering that one party has not signed.
    #[error("peering statement: wanted a signature by an issuer of {organisation}, found none")]
    MissingSignature {
        /// Who has not signed.
        organisation: OrgName,
    },
    /// None of the signers may state this.
    #[error("{} statement of {organisation}: wanted a signature by {wanted}, found none", .kind.name())]
    NotAuthorised {
        /// The statement's kind.
        kind: StatementKind,
        /// In whose control log.
        organisation: OrgName,
        /// Whose signature would do.
        wanted: &'static str,
    },
    /// A grant of more than its grantor holds.
    #[error("grant by {grantor}: wanted {wanted} in a grant to the grantor, found none with it")]
    Exceeds {
        /// Who would hand it on.
        grantor: PrincipalName,
        /// What the nearest grant lacks.
        wanted: &'static str,
    },
    /// A role that its maker would have itself.
    #[error("role statement: wanted {member} to be given {role} by somebody else, found itself")]
    OwnRole {
        /// Who would take the role.
        member: PrincipalName,
        /// Which.
        role: RoleName,
    },
    /// A key of another organisation's topics for somebody else's principal.
    #[error("key-grant statement of {tree}: wanted a reader of {organisation}, found {}", .reader.short())]
    NotOwnReader {
        /// The topic tree.
        tree: Filter,
        /// Who hands the key on.
        organisation: OrgName,
        /// To whom.
        reader: PrincipalId,
    },
    /// A key of an epoch whose seed was destroyed.
    #[error("key-grant statement: wanted an epoch of {tree} that is kept, found {epoch}, erased by {}", .erasure.short())]
    EpochErased {
        /// The topic tree.
        tree: Filter,
        /// The epoch.
        epoch: Epoch,
        /// The receipt's id.
        erasure: Hash,
    },
    /// A receipt for a key that was not announced.
    #[error("erasure statement: wanted the key {} of epoch {epoch} of {tree}, found {}", .wanted.map_or_else(|| "announced for it, of which there is none,".to_owned(), |key| key.short().to_string()), .found.short())]
    OtherEpochKey {
        /// The topic tree.
        tree: Filter,
        /// The epoch.
        epoch: Epoch,
        /// SHA-256 of the public key that was announced, if one was.
        wanted: Option<Hash>,
        /// What was found.
        found: Hash,
    },
    /// A receipt for a key that is in use.
    #[error(
        "erasure statement: wanted an epoch of {tree} that was over at {received}, found {epoch}, until {until}"
    )]
    EpochInUse {
        /// The topic tree.
        tree: Filter,
        /// The epoch.
        epoch: Epoch,
        /// When the statement was received.
        received: Timestamp,
        /// When the epoch ends.
        until: Timestamp,
    },
    /// A grant to oneself.
    #[error("grant by {grantor}: wanted another grantee, found the grantor")]
    SelfGrant {
        /// Who would grant itself something.
        grantor: PrincipalName,
    },
    /// A deny stands against the grantor.
    #[error("grant by {grantor}: wanted no deny of it against the grantor, found {}", .deny.short())]
    GrantorDenied {
        /// Who would hand it on.
        grantor: PrincipalName,
        /// The deny's id.
        deny: Hash,
    },
    /// A period that ends before it begins.
    #[error("{} statement: wanted an end after {from}, found {until}", .kind.name())]
    EmptyPeriod {
        /// The statement's kind.
        kind: StatementKind,
        /// When it begins.
        from: Timestamp,
        /// When it ends.
        until: Timestamp,
    },
    /// Signed in the future.
    #[error("{} statement: wanted a time of issue not after {received}, found {issued}", .kind.name())]
    ClockAhead {
        /// The statement's kind.
        kind: StatementKind,
        /// When it was received.
        received: Timestamp,
        /// When it says it was issued.
        issued: Timestamp,
    },
    /// The key is somebody else's.
    #[error("key {}: wanted {name}, found that it is {holder}'s", .id.short())]
    KeyTaken {
        /// The key.
        id: PrincipalId,
        /// Whose it would be.
        name: PrincipalName,
        /// Whose it is.
        holder: PrincipalName,
    },
    /// The key was revoked, and that is for good.
    #[error("{} statement: wanted a key that was never revoked, found {}", .kind.name(), .id.short())]
    KeyRevoked {
        /// The statement's kind.
        kind: StatementKind,
        /// The key.
        id: PrincipalId,
    },
    /// What it revokes is not in the organisation's log.
    #[error("revoke statement of {organisation}: wanted a statement of its log, found {target}")]
    UnknownTarget {
        /// In whose log it was looked for.
        organisation: OrgName,
        /// What was looked for.
        target: Hash,
    },
    /// What it revokes cannot be revoked.
    #[error("revoke statement: wanted a statement that can be revoked, found {}", .target.name())]
    NotRevocable {
        /// The kind of what it would revoke.
        target: StatementKind,
    },
    /// An epoch that does not follow the one before.
    #[error("epoch of {tree}: wanted {field} of at least {wanted}, found {found}")]
    EpochOrder {
        /// The topic tree.
        tree: Filter,
        /// Which number.
        field: &'static str,
        /// The least that would do.
        wanted: Epoch,
        /// What was found.
        found: Epoch,
    },
}

impl StatementError {
    /// The code under which a node refuses the statement.
    #[must_use]
    pub fn code(&self) -> RefusalCode {
        match self {
            Self::Malformed { source, .. } => source.code(),
            Self::UnknownSigner { why, .. } => why.code(),
            Self::BadSignature { .. } => RefusalCode::BadSignature,
            Self::WeakKey { .. } => RefusalCode::WeakKey,
            Self::KeyRevoked { .. } => RefusalCode::Revoked,
            Self::KeyTaken { .. } => RefusalCode::AlreadyExists,
            Self::ClockAhead { .. } => RefusalCode::ClockAhead,
            Self::UnknownTarget { .. } => RefusalCode::NotFound,
            Self::TooManyNotPinned { .. } => RefusalCode::TooMany,
            Self::Threshold { .. }
            | Self::NotAuthorised { .. }
            | Self::Exceeds { .. }
            | Self::SelfGrant { .. }
            | Self::OwnRole { .. }
            | Self::NotOwnReader { .. }
            | Self::GrantorDenied { .. } => RefusalCode::NotPermitted,
            Self::UnknownOrganisation { .. }
            | Self::NotPinned { .. }
            | Self::RootMismatch { .. }
            | Self::MissingSignature { .. }
            | Self::EmptyPeriod { .. }
            | Self::NotRevocable { .. }
            | Self::EpochErased { .. }
            | Self::OtherEpochKey { .. }
            | Self::EpochInUse { .. }
            | Self::EpochOrder { .. } => RefusalCode::BadStatement,
        }
    }
}
