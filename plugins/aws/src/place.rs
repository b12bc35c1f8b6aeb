//! Where the secrets are: region, account, endpoint, and how AWS names what is there. Refuses to ask anybody.

use std::sync::OnceLock;

/// A region of an account.
#[derive(Debug)]
pub(crate) struct Place {
    /// `eu-west-1`.
    pub(crate) region: String,
    /// Where the API answers, when that is not AWS's own address.
    pub(crate) endpoint: Option<String>,
    /// The account's twelve digits, once they are known.
    pub(crate) account: OnceLock<String>,
}

impl Place {
    /// A secret's ARN for a policy; the six characters that AWS adds to a name are `??????`.
    pub(crate) fn arn(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        format!("{}:secret:{name}-??????", self.arn_of("secretsmanager"))
    }

    /// `arn:aws:kms:eu-west-1:123456789012`.
    pub(crate) fn arn_of(&self, service: &str) -> String {
        let partition = match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let account = self.account.get().map_or("*", String::as_str);
        format!("arn:{partition}:{service}:{}:{account}", self.region)
    }
}

/// The host in a URL, without user and port.
pub(crate) fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// True when nothing leaves this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_arns() {
        assert_eq!(host("https://user@vpce-1.amazonaws.com:443/x"), Some("vpce-1.amazonaws.com"));
        assert_eq!(host("http://[::1]:80"), Some("::1"));
        assert_eq!(host("ftp://x"), None);
        assert!(is_loopback("127.0.0.2") && is_loopback("::1") && !is_loopback("10.0.0.1"));
        let place = Place { region: "cn-north-1".into(), endpoint: None, account: OnceLock::new() };
        assert_eq!(place.arn("prod/x"), "arn:aws-cn:secretsmanager:cn-north-1:*:secret:prod/x-??????");
    }
}
