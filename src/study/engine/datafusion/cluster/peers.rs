//! Where a request comes from, in the form that Ballista's scheduler looks for.
//!
//! An executor that names no address of its own is reached at the address that its requests come from.
//! The scheduler takes that address from Axum's record of the connection, and panics without such a
//! record. A server of Tonic's, which knows TLS, has a record of its own form.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::codegen::{Service, http};
use tonic::service::Routes;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

/// The same routes, with the address of the peer in each request.
pub fn with_peers(routes: Routes) -> Routes {
    let inner = routes.into_axum_router();
    let connected = inner.into_make_service_with_connect_info::<SocketAddr>();
    Routes::default().into_axum_router().fallback_service(WithPeer(connected)).into()
}

/// A service for requests of all peers, by one that makes a service for a peer's address.
#[derive(Clone)]
struct WithPeer<M>(M);

impl<M, B> Service<http::Request<B>> for WithPeer<M>
where
    B: Send + 'static,
    M: Service<SocketAddr, Error = Infallible> + Clone + Send + 'static,
    M::Future: Send,
    M::Response: Service<http::Request<B>, Error = Infallible> + Send,
    <M::Response as Service<http::Request<B>>>::Future: Send,
{
    type Response = <M::Response as Service<http::Request<B>>>::Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes always are.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let peer = peer_address(request.extensions());
        let mut make = self.0.clone();
        Box::pin(async move {
            let mut service = make.call(peer).await?;
            service.call(request).await
        })
    }
}

/// The address that a request comes from; an unusable one if the server does not know it.
fn peer_address(extensions: &http::Extensions) -> SocketAddr {
    let plain = extensions.get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    let tls = || {
        let info = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?;
        info.get_ref().remote_addr()
    };
    plain.or_else(tls).unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
}
