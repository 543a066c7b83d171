//! Which hosts are asked for what rows point at.
//!
//! Rows come from many hands: an attachment's URL may name any host, one inside this network or this
//! machine too. So only the server itself is asked, and the hosts that the user has named; and none of
//! these at a private address, unless the server is at one itself.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;
use url::{Host, Url};

use super::HostName;

/// The URLs that may be asked.
#[derive(Debug)]
pub(super) struct Reach {
    base: Url,
    hosts: Vec<HostName>,
    /// Whether the server is at a private address itself.
    private: OnceCell<bool>,
}

impl Reach {
    pub(super) fn new(base: Url, hosts: Vec<HostName>) -> Self {
        Self { base, hosts, private: OnceCell::new() }
    }

    /// Says no to a URL that must not be asked. Names are looked at when they are resolved.
    pub(super) async fn check_host(&self, url: &Url) -> Result<(), String> {
        if url.origin() == self.base.origin() {
            return Ok(());
        }
        if !self.hosts.iter().any(|host| host.covers_host(url)) {
            let host = url.host_str().unwrap_or_default();
            return Err(format!(
                "'{host}' is not the server's own host and port (--note-host {host} lets it be \
                 asked)"
            ));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        match is_private(address) && !self.base_is_private().await {
            true => Err(PrivateAddress.to_string()),
            false => Ok(()),
        }
    }

    async fn base_is_private(&self) -> bool {
        let look = || async {
            match self.base.host() {
                Some(Host::Ipv4(address)) => is_private(address.into()),
                Some(Host::Ipv6(address)) => is_private(address.into()),
                // A name that only a proxy can resolve is nobody's neighbour.
                Some(Host::Domain(name)) => {
                    let found = addresses(name.to_owned()).await.unwrap_or_default();
                    found.iter().any(|address| is_private(address.ip()))
                }
                None => false,
            }
        };
        // Looked up once: another answer of the name server must not widen what is asked amid a
        // run.
        *self.private.get_or_init(look).await
    }
}

/// Resolves names for a client that is limited so.
pub(super) struct Resolver(pub(super) Arc<Reach>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        let name = name.as_str().to_owned();
        Box::pin(async move {
            // The addresses are looked at here, where they are used. A look-up before the request
            // could have another answer than this one (DNS rebinding).
            let mut found = addresses(name.clone()).await?;
            // Others are the server itself, or a proxy.
            let own = reach.base.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&name));
            let foreign = !own && reach.hosts.iter().any(|host| host.is_named(&name));
            if foreign && !reach.base_is_private().await {
                found.retain(|address| !is_private(address.ip()));
                if found.is_empty() {
                    return Err(PrivateAddress.into());
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

async fn addresses(name: String) -> io::Result<Vec<SocketAddr>> {
    // reqwest puts the URL's port in the place of port 0.
    let look = move || (name.as_str(), 0).to_socket_addrs().map(Iterator::collect);
    tokio::task::spawn_blocking(look).await.map_err(io::Error::other)?
}

/// Why a host is not asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its host is at a private address, and the server is not")
    }
}

impl std::error::Error for PrivateAddress {}

/// Whether an address belongs to this machine or a network of its own, rather than to the internet.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match embedded_ipv4(address) {
            Some(inner) => is_private_v4(inner),
            None => {
                let first = address.segments()[0];
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_multicast()
                    || first & 0xfe00 == 0xfc00 // unique local
                    || first & 0xffc0 == 0xfe80 // link-local
                    || first & 0xffc0 == 0xfec0 // site-local
                    || address.segments()[..3] == [0x64, 0xff9b, 1] // a network's own translation
            }
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    // Beyond what the standard library tells: 0/8 (this network), 100.64/10, 192.0.0/24, 198.18/15
    // and 240/4, by IANA's registry of special-purpose addresses (RFC 6890).
    let [one, two, three, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || one == 0
        || one >= 240
        || one == 100 && two & 0xc0 == 64 // shared by a provider's customers
        || (one, two, three) == (192, 0, 0)
        || one == 198 && two & 0xfe == 18 // benchmarks
}

/// The address that one of version 6 stands for: mapped, compatible, translated (NAT64), 6to4.
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // `::` and `::1` look like compatible ones, and are addresses of version 6 themselves.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(of(high, low))
        }
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `future` to its end.
    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn addresses_of_this_machine_and_of_local_networks_are_private() {
        for private in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "ff02::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2001:4860::1",
            "::ffff:8.8.8.8",
            "2002:808:808::",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    fn check(base: &str, hosts: &[&str], url: &str) -> bool {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        let reach = Reach::new(Url::parse(base).unwrap(), hosts);
        block_on(reach.check_host(&Url::parse(url).unwrap())).is_ok()
    }

    #[test]
    fn only_the_server_and_named_hosts_are_asked() {
        let base = "https://8.8.8.8/fhir";
        for (hosts, url, asked) in [
            (&[][..], "https://8.8.8.8/fhir/Binary/1", true),
            (&[], "https://8.8.8.8:444/Binary/1", false),
            (&[], "http://8.8.8.8/Binary/1", false),
            (&[], "https://other/Binary/1", false),
            (&["other"], "https://other/Binary/1", true),
            (&["other"], "https://OTHER.:9/Binary/1", true),
            // However it is spelled.
            (&["127.0.0.1"], "https://2130706433/Binary/1", false),
            (&["127.0.0.1"], "https://0177.1/Binary/1", false),
            (&["[::ffff:10.0.0.1]"], "https://[::ffff:a00:1]/", false),
            (&["169.254.169.254"], "https://169.254.169.254/latest", false),
            (&["9.9.9.9"], "https://9.9.9.9/", true),
        ] {
            assert_eq!(check(base, hosts, url), asked, "{url}");
        }
        // A server inside the network may have its notes beside it.
        assert!(check("http://10.0.0.1/fhir", &["10.0.0.2"], "http://10.0.0.2/Binary/1"));
        assert!(check("http://localhost/fhir", &["10.0.0.2"], "http://10.0.0.2/Binary/1"));
        assert!(!check("http://10.0.0.1/fhir", &[], "http://10.0.0.2/Binary/1"));
    }

    #[test]
    fn names_that_lead_to_private_addresses_are_found_when_they_are_resolved() {
        let resolve = |base: &str| {
            let hosts = vec!["localhost".parse().unwrap()];
            let reach = Reach::new(Url::parse(base).unwrap(), hosts);
            let resolver = Resolver(Arc::new(reach));
            block_on(resolver.resolve("localhost".parse().unwrap())).map(drop)
        };
        let error = resolve("https://8.8.8.8/").unwrap_err();
        assert!(error.is::<PrivateAddress>(), "{error}");
        resolve("https://10.0.0.1/").unwrap();
        // The server itself may be anywhere.
        resolve("https://localhost/").unwrap();
    }
}
