//! AWS's noes in the contract's words, by their codes. Refuses to hand on AWS's own text where a value was sent, since
//! it could be quoted there, and the text of any answer about keys.

use crate::bounded::{self, Oversize};
use crate::login::{Ended, Session};
use crate::network::{Trouble, chain, trouble};
use crate::place::Place;
use crate::plain::sentence;
use crate::remote::Wire;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use quarterdeck_contract::{BackendError, ErrorKind};
use std::error::Error;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// `secretsmanager:GetSecretValue`.
    pub(crate) action: &'static str,
    /// The secret; `None` for all.
    pub(crate) name: Option<&'a str>,
}

const ASSUME: &str = "sts:AssumeRole";
const THROTTLING: [&str; 6] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
];
const DENIED: [&str; 4] = ["AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"];
const ENDED: [&str; 4] = ["ExpiredTokenException", "ExpiredToken", "RequestExpired", "TokenRefreshRequired"];
const UNKNOWN_KEY: [&str; 6] = [
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "MissingAuthenticationTokenException",
    "MissingAuthenticationToken",
    "AuthFailure",
];
const WRONG_SIGNATURE: [&str; 4] =
    ["SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignatureException", "IncompleteSignature"];

/// An operation's error.
pub(crate) fn explain<E>(
    error: &SdkError<E, HttpResponse>,
    asked: &Asked<'_>,
    session: &Session,
    wire: &Wire,
) -> BackendError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if chain(error).any(|cause| cause.is::<Oversize>()) {
        return too_large();
    }
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().map(str::to_owned).or_else(|| code_in(answer.raw()));
            let message = answer.err().message().map(str::to_owned).or_else(|| message_in(answer.raw()));
            by_code(code.as_deref(), &message.unwrap_or_default(), status, asked, &session.place)
        }
        SdkError::ResponseError(answer) => {
            let code = code_in(answer.raw());
            match (code, answer.raw().status().as_u16()) {
                (None, 200..=299) => unreachable("AWS's answer broke off or is none of its own"),
                (code, status) => by_code(code.as_deref(), "", status, asked, &session.place),
            }
        }
        SdkError::TimeoutError(_) if wire.was_throttled() => throttled(),
        SdkError::TimeoutError(_) if session.login().is_none() => no_credentials(),
        SdkError::TimeoutError(_) => too_slow(),
        other => by_chain(other, session, wire),
    }
}

/// The deadline passed.
pub(crate) fn too_slow() -> BackendError {
    BackendError::new(ErrorKind::Timeout, "AWS didn't answer in time")
        .hint("It is tried again at the next poll; a longer 'within' of this backend waits longer.")
}

/// A server that is none of AWS's.
fn too_large() -> BackendError {
    let what = format!("the server's answer has more than {} MiB, as none of AWS's has", bounded::MOST >> 20);
    BackendError::new(ErrorKind::TooLarge, what).hint("Look at what answers there: 'endpoint', and a proxy between.")
}

/// It answered, and what AWS always says is not in it.
pub(crate) fn strange(lacks: &str) -> BackendError {
    let what = format!("the server answered what AWS never answers: {lacks} is missing");
    BackendError::new(ErrorKind::Invalid, what).hint("Look at what answers there: 'endpoint', and a proxy between.")
}

/// A change was sent, and nobody knows what became of it.
pub(crate) fn unknown() -> BackendError {
    BackendError::new(ErrorKind::OutcomeUnknown, "AWS didn't say whether it was done")
        .hint("Read the secret's version before anything else.")
}

/// True when an answer says to come more seldom.
pub(crate) fn is_throttling(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    THROTTLING.iter().any(|code| text.contains(code))
}

fn by_code(code: Option<&str>, message: &str, status: u16, asked: &Asked<'_>, place: &Place) -> BackendError {
    let name = asked.name.unwrap_or_default();
    let new = |kind, what: &str| BackendError::new(kind, what);
    let code = code.unwrap_or_default();
    match code {
        _ if THROTTLING.contains(&code) || status == 429 => throttled(),
        _ if DENIED.contains(&code) => denied(message, asked, place),
        _ if ENDED.contains(&code) => ended(),
        _ if UNKNOWN_KEY.contains(&code) => new(ErrorKind::Expired, "AWS doesn't know the access key")
            .hint("It was deleted or switched off, or belongs to another kind of region. Log in with another one."),
        _ if WRONG_SIGNATURE.contains(&code) => new(ErrorKind::Expired, "AWS refuses the signature")
            .hint("The secret access key is another one's, or this machine's clock is wrong by minutes."),
        "ResourceNotFoundException" => BackendError::not_found(name)
            .hint(format!("AWS was asked in {}; look whether it is in another region.", place.region)),
        "ResourceExistsException" => {
            new(ErrorKind::Conflict { current: None }, "it is there already").hint("Read it, and decide anew.")
        }
        "InvalidRequestException" if message.contains("delet") => deleted(name),
        "DecryptionFailure" => kms(asked, place, "kms:Decrypt"),
        "EncryptionFailure" => kms(asked, place, "kms:GenerateDataKey"),
        "LimitExceededException" => new(ErrorKind::TooLarge, "a quota of Secrets Manager is used up")
            .hint("Remove what is not needed, or ask AWS for a higher quota."),
        "InvalidParameterException" | "InvalidRequestException" if message.contains("still has replica") => {
            new(ErrorKind::Invalid, "it still has replicas").hint("Remove them in AWS first.")
        }
        "InvalidParameterException" | "InvalidRequestException" if message.contains("replica") => {
            new(ErrorKind::Invalid, "it is a replica, which can't be changed here")
                .hint("Change it in its primary region.")
        }
        _ if status >= 500 => unreachable(format!("AWS answered with an error of its own ({status})")),
        _ => {
            let said = if asked.sends_a_value() || message.is_empty() {
                String::new()
            } else {
                format!(": {}", sentence(message))
            };
            let code = if code.is_empty() { status.to_string() } else { sentence(code) };
            new(ErrorKind::Invalid, &format!("AWS refused it with {code}{said}"))
                .hint("Look at the name and the settings of this backend.")
        }
    }
}

impl Asked<'_> {
    fn sends_a_value(&self) -> bool {
        self.action.ends_with(":PutSecretValue") || self.action.ends_with(":CreateSecret")
    }
}

/// It was deleted and can be brought back.
pub(crate) fn deleted(name: &str) -> BackendError {
    BackendError::new(ErrorKind::Deleted, format!("'{name}' is scheduled for deletion"))
        .hint("Until then it can be restored; nothing else can be done with it.")
}

fn throttled() -> BackendError {
    BackendError::new(ErrorKind::Throttled, "AWS is asked too often")
        .hint("Ask more seldom, or ask AWS for a higher quota; other programs of the account count too.")
}

fn ended() -> BackendError {
    BackendError::new(ErrorKind::Expired, "the AWS session ended")
        .hint("Log in anew ('aws sso login', or another session token).")
}

fn unreachable(what: impl Into<String>) -> BackendError {
    BackendError::new(ErrorKind::Unreachable, what).hint("It is tried again at the next poll.")
}

fn no_credentials() -> BackendError {
    BackendError::new(ErrorKind::Invalid, "there are no AWS credentials").doing("logging in").hint(
        "Set AWS_PROFILE to a profile of ~/.aws, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is.",
    )
}

/// AWS's own sentence names user, action and reason: `User: ARN is not authorized to perform: ACTION on resource: ARN
/// because …`.
fn denied(message: &str, asked: &Asked<'_>, place: &Place) -> BackendError {
    let after = |mark: &str| Some(message.split_once(mark)?.1.split_whitespace().next()?.trim_end_matches([',', '.']));
    let user = after("User: ").filter(|user| user.starts_with("arn:"));
    if let Some(account) = user.and_then(|user| user.split(':').nth(4)).filter(|account| account.len() == 12) {
        let _ = place.account.set(account.to_owned());
    }
    if message.contains("KMS") || message.contains("kms:") {
        let action = if asked.sends_a_value() { "kms:GenerateDataKey" } else { "kms:Decrypt" };
        return kms(asked, place, action);
    }
    let action = after("to perform: ").filter(|action| action.contains(':')).map_or(asked.action.to_owned(), sentence);
    let who = user.and_then(|user| user.splitn(6, ':').nth(5)).map_or("this identity".into(), sentence);
    let why = message.split_once(" because ").map(|(_, why)| format!(" because {}", sentence(why))).unwrap_or_default();
    let resource = match (action.as_str(), asked.name) {
        (ASSUME, _) => after("on resource: ").filter(|arn| arn.starts_with("arn:")).map_or("*".into(), sentence),
        // AWS grants these for all or not at all.
        (_, None) => "*".to_owned(),
        (_, Some(name)) => place.arn(name),
    };
    BackendError::denied(action.clone(), format!("{who} may not {action}{why}"))
        .granted_by(statement(&action, &resource))
        .hint("Whoever keeps the policies of this account adds the line.")
}

/// One statement of an IAM policy.
fn statement(action: &str, resource: &str) -> String {
    serde_json::json!({ "Effect": "Allow", "Action": action, "Resource": resource }).to_string()
}

fn kms(asked: &Asked<'_>, place: &Place, action: &str) -> BackendError {
    let what = format!("'{}' is encrypted with a KMS key that we may not use", asked.name.unwrap_or_default());
    BackendError::denied(action, what)
        .granted_by(statement(action, &format!("{}:key/*", place.arn_of("kms"))))
        .hint("Put the key's own id for the '*'; the secret's detail tells which it is. The key may also be disabled.")
}

/// An error that is no answer: no connection, or no credentials to sign with.
fn by_chain(error: &(dyn Error + 'static), session: &Session, wire: &Wire) -> BackendError {
    let region = || format!("AWS in {}", session.place.region);
    let at = session.place.endpoint.clone().unwrap_or_else(region);
    let login = chain(error).any(|cause| cause.is::<CredentialsError>());
    let role = chain(error).find_map(|cause| cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>());
    let role =
        role.filter(|refused| !matches!(refused, SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_)));
    let failed = match (role, trouble(error)) {
        (Some(refused), _) => explain(refused, &Asked { action: ASSUME, name: None }, session, wire),
        (None, Some(trouble)) => by_trouble(trouble, if login { "the place to log in" } else { &at }),
        (None, None) if login => by_credentials(error),
        (None, None) if session.login().is_none() => no_credentials(),
        (None, None) => unreachable(format!("the connection to {at} broke")),
    };
    if login { failed.doing("logging in") } else { failed }
}

fn by_trouble(trouble: Trouble, at: &str) -> BackendError {
    match trouble {
        Trouble::Tls(why) => {
            BackendError::new(ErrorKind::Tls, format!("no secure connection to {at}: {}", sentence(&why)))
                .hint("If a proxy or a server of your own signs with its own authority, name that as ca_file.")
        }
        Trouble::Refused => unreachable(format!("{at} refuses the connection")),
        Trouble::Forbidden => unreachable(format!("this plugin may not connect to {at}"))
            .hint("Its confinement allows the ports of its manifest; name the address as 'endpoint'."),
        Trouble::NoName => {
            unreachable(format!("the address of {at} is not known")).hint("Look at region, endpoint and DNS.")
        }
        Trouble::NoRoute => unreachable(format!("there is no way to {at}")).hint("Look at the network."),
        Trouble::Silent => unreachable(format!("{at} doesn't answer")).hint("Look at the network and its firewalls."),
    }
}

fn by_credentials(error: &(dyn Error + 'static)) -> BackendError {
    if let Some(Ended { given: Some(given) }) = chain(error).find_map(|cause| cause.downcast_ref()) {
        return BackendError::new(ErrorKind::Expired, format!("the credentials of {given} have ended"))
            .hint("'r' on this backend starts it anew, which asks for new ones.");
    }
    let said = chain(error).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let new = |what: &str| BackendError::new(ErrorKind::Invalid, what);
    let lower = said.to_lowercase();
    if lower.contains("expired") || lower.contains("cached sso token") || lower.contains("unauthorizedexception") {
        return BackendError::new(ErrorKind::Expired, "the log-in with SSO ended, or was never made")
            .hint("Run 'aws sso login' for this profile.");
    }
    if lower.contains("credentials-process") {
        return new("the profile logs in with a credential_process, which a plugin may not start")
            .hint("The program runs it for the profile that is chosen: set AWS_PROFILE to that profile itself.");
    }
    let loaded = chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>());
    match loaded {
        Some(CredentialsError::InvalidConfiguration(_)) => new("the AWS profile can't be used")
            .hint("Look at it in ~/.aws/config: 'aws sts get-caller-identity' says more."),
        _ => no_credentials(),
    }
}

/// The code in a body that the SDK couldn't read: IAM's noes come as XML from some servers.
fn code_in(answer: &HttpResponse) -> Option<String> {
    let body = answer.body().bytes()?;
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
    let known = [&THROTTLING[..], &DENIED, &ENDED, &UNKNOWN_KEY, &WRONG_SIGNATURE].concat();
    known.into_iter().find(|code| text.contains(code)).map(str::to_owned)
}

/// The sentence in such a body.
fn message_in(answer: &HttpResponse) -> Option<String> {
    let text = String::from_utf8_lossy(answer.body().bytes()?).into_owned();
    let (_, rest) = text.split_once("<Message>")?;
    Some(rest.split_once("</Message>")?.0.to_owned())
}
