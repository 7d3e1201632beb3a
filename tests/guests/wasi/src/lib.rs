//! Tries what a sandbox must refuse, by the standard library and by WASI's own interfaces, and reports what it got.
//! Or sends a request by `wasi:http`.
//!
//! On `wasm32-unknown-unknown` the standard library refuses by itself; WASI's interfaces are the engine's everywhere.

mod request;

use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};

use wasaga_sdk::prelude::*;
use wasip2::cli::environment;
use wasip2::filesystem::preopens;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

use request::Request;

/// `arguments.request` is sent and its outcome is the result. Without one, everything that must be refused is tried;
/// `arguments.address` is then what to connect to, `127.0.0.1:1` when it is not there.
struct Escape;

#[derive(Default, Deserialize)]
struct Arguments {
    address: Option<SocketAddrV4>,
    request: Option<Request>,
}

impl Action for Escape {
    type Input = Value;
    type Result = Value;

    fn act(call: Call<Value>) -> Result<Completed<Value>, StepError> {
        let arguments: Option<Arguments> = call.arguments()?;
        let arguments = arguments.unwrap_or_default();
        if let Some(request) = arguments.request {
            return Ok(outcome(request.send()).into());
        }
        let address = arguments
            .address
            .unwrap_or(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));
        Ok(json!({ "std": by_std(address), "wasi": by_wasi(address) }).into())
    }
}

fn by_std(address: SocketAddrV4) -> Value {
    // There the standard library panics when it is asked for these.
    let has_environment = !cfg!(target_os = "unknown");
    json!({
        "env": has_environment.then(|| std::env::vars().collect::<Vec<_>>()),
        "args": has_environment.then(|| std::env::args().collect::<Vec<_>>()),
        "read_file": outcome(std::fs::read_to_string("/etc/hostname")),
        "read_dir": outcome(std::fs::read_dir("/").map(Iterator::count)),
        "write_file": outcome(std::fs::write("/tmp/wasaga-was-here", "x")),
        "tcp": outcome(TcpStream::connect(address).map(|_| "connected")),
        "udp": outcome(UdpSocket::bind("0.0.0.0:0").map(|_| "bound")),
    })
}

fn by_wasi(address: SocketAddrV4) -> Value {
    let directories: Vec<String> = preopens::get_directories()
        .into_iter()
        .map(|(_, path)| path)
        .collect();
    json!({
        "env": environment::get_environment(),
        "args": environment::get_arguments(),
        "directories": directories,
        "tcp": outcome(connect(address)),
        "udp": outcome(udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4).and_then(|socket| {
            let any = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 0, address: (0, 0, 0, 0) });
            socket.start_bind(&instance_network::instance_network(), any)
        })),
        "lookup": outcome(resolve("localhost")),
    })
}

fn connect(address: SocketAddrV4) -> Result<&'static str, wasip2::sockets::network::ErrorCode> {
    let [a, b, c, d] = address.ip().octets();
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: address.port(),
        address: (a, b, c, d),
    });
    let socket = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_connect(&instance_network::instance_network(), address)?;
    socket.subscribe().block();
    socket.finish_connect().map(|_| "connected")
}

fn resolve(name: &str) -> Result<String, wasip2::sockets::network::ErrorCode> {
    let addresses = ip_name_lookup::resolve_addresses(&instance_network::instance_network(), name)?;
    addresses.subscribe().block();
    Ok(format!("{:?}", addresses.resolve_next_address()?))
}

/// `{"ok": …}` or `{"error": …}`.
fn outcome<T: Serialize, E: std::fmt::Debug>(result: Result<T, E>) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

wasaga_sdk::export!(Escape);
